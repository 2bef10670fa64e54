"""Hidden states as clouds of rows: shapes, masks of tokens, and the pooling of tokens into one vector a prompt."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, overload

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    ArrayLike,
    Foreign,
    NDArray,
    array_namespace,
    as_array,
    as_host_array,
    as_numpy,
    as_real_array,
    check_integer,
    check_same_device,
    describe,
    in_callers_library,
    is_tensor,
)
from bitlens.estimators.matrix.kernels import Linear, as_linear_kernel
from bitlens.estimators.matrix.linear_kernel import kernel_rows, warn_of_undefined

States: TypeAlias = ArrayLike | Sequence[ArrayLike]
"""One array of hidden states, or one for each layer, whose results are NumPy arrays."""
ForeignStates: TypeAlias = Foreign | Sequence[Foreign]
"""The same of another library."""
AnyStates: TypeAlias = Array | Sequence[Array]
"""Hidden states [..., tokens, D], or a sequence of such arrays, one for each layer."""


@dataclass(frozen=True)
class Clouds:
    """Hidden states as batches of clouds, one batch for each array that was given."""

    batches: list[Any]
    """float32 or float64 [clouds, tokens, D]."""
    valid: list[Any]
    """Which tokens count, bool [clouds, tokens] for each batch, or None for all."""
    shape: tuple[int, ...]
    """The shape of a result that has one value for each cloud."""
    context: ArrayContext

    @property
    def token_counts(self) -> NDArray:
        """Number of tokens that count in each cloud, int64 of `shape`."""
        counts = [
            np.full(len(batch), batch.shape[1]) if valid is None else as_numpy(valid.sum(1))
            for batch, valid in zip(self.batches, self.valid, strict=True)
        ]
        return np.concatenate(counts).reshape(self.shape)

    @property
    def widths(self) -> NDArray:
        """Number of values of a token in each cloud, int64 of `shape`."""
        return np.concatenate([np.full(len(batch), batch.shape[2]) for batch in self.batches]).reshape(self.shape)

    def each(self, function: Callable[[Any, Any], Any]) -> Any:
        """Compute a function of every batch and its valid tokens, float64 [clouds], and return float64 of `shape`."""
        results = [function(batch, valid) for batch, valid in zip(self.batches, self.valid, strict=True)]
        return array_namespace(results[0]).concatenate(results).reshape(self.shape)

    def numbers(self, result: Any) -> Any:
        """A float for a single cloud, else the array."""
        return result if self.shape else float(result)


def as_clouds(states: AnyStates, mask: Array | None, *, name: str = "states", skip_first: object = 0) -> Clouds:
    """Convert hidden states [..., tokens, D], or one such array for each layer, and the mask of their tokens.

    The mask has the last axes of the states but for D; layers before these share it. The first
    `skip_first` tokens that count in each cloud are left out.
    """
    skipped = check_integer(skip_first, "skip_first")
    if skipped < 0:
        raise ValueError(f"skip_first: expected 0 or more, got {skipped}")
    layers = _layers(states)
    names = [name] if layers is None else [f"{name}[{i}]" for i in range(len(layers))]
    given = [as_array(x, argument) for argument, x in zip(names, [states] if layers is None else layers, strict=True)]
    for argument, array in zip(names, given, strict=True):
        if array.ndim < 2:
            raise ValueError(f"{argument}: expected shape (..., tokens, values), got {tuple(array.shape)}")
        if array.shape[:-1] != given[0].shape[:-1]:
            raise ValueError(
                f"{argument}: expected the prompts and tokens of {names[0]}, {tuple(given[0].shape[:-1])}, got "
                f"{tuple(array.shape[:-1])}; pad them to the same length and pass a mask"
            )
    *leading, tokens = given[0].shape[:-1]
    shape = tuple(leading) if layers is None else (len(given), *leading)
    valid = _valid_tokens(mask, (*shape, tokens), skipped)
    of_layers = [None] * len(given) if valid is None else list(valid.reshape(len(given), *leading, tokens))
    batches, contexts = [], []
    for argument, array, counted in zip(names, given, of_layers, strict=True):
        real, context, _ = as_real_array(_without_padding(array, counted), argument, cuda=True)
        batches.append(real.reshape(math.prod(leading), *real.shape[-2:]))
        contexts.append(context)
    check_same_device(contexts, name)
    of_batches = [None if of is None else contexts[0].to_device(of.reshape(-1, tokens)) for of in of_layers]
    return Clouds(batches, of_batches, shape, contexts[0])


def _without_padding(array: Any, valid: NDArray | None) -> Any:
    """States whose padding is 0: a network may leave anything there, such as NaN."""
    if valid is None or valid.all():
        return array
    filled = array.detach().clone() if is_tensor(array) else array.copy()
    filled[ArrayContext.of(array).to_device(~valid)] = 0
    return filled


def _layers(states: AnyStates) -> list[Any] | None:
    """The arrays of a sequence of layers; None if the states are one array."""
    if isinstance(states, (list, tuple)) and len(states):
        first = states[0]
        if (hasattr(first, "__dlpack__") or hasattr(first, "__array__")) and as_array(first, "states[0]").ndim >= 2:
            return list(states)
    return None


def _valid_tokens(mask: Array | None, shape: tuple[int, ...], skipped: int) -> NDArray | None:
    """Which tokens count, bool of `shape`; None if all do."""
    if mask is None:
        if not skipped:
            return None
        valid = np.ones(shape, bool)
    else:
        values = as_host_array(mask, "mask")
        others = values.dtype.kind not in "biuf" or ~np.isin(values, (0, 1))
        if np.any(others):
            got = describe(values) if values.dtype.kind not in "biuf" else values[others][0]
            raise ValueError(f"mask: expected True or 1 for tokens that count, False or 0 for padding, got {got}")
        if not 1 <= values.ndim <= len(shape) or values.shape != shape[len(shape) - values.ndim :]:
            raise ValueError(f"mask: expected the shape of the last axes of {shape}, got {describe(values)}")
        valid = np.broadcast_to(values.astype(bool), shape)
    return valid & (valid.cumsum(-1) > skipped)


@overload
def pool_tokens(
    states: States,
    mask: Array | None = ...,
    how: Literal["mean", "last", "first"] = ...,
    *,
    kernel: Linear = ...,
    skip_first: int = ...,
) -> NDArray: ...
@overload
def pool_tokens(
    states: ForeignStates[Foreign],
    mask: Array | None = ...,
    how: Literal["mean", "last", "first"] = ...,
    *,
    kernel: Linear = ...,
    skip_first: int = ...,
) -> Foreign: ...
@in_callers_library
def pool_tokens(
    states: AnyStates,
    mask: Array | None = None,
    how: Literal["mean", "last", "first"] = "mean",
    *,
    kernel: Linear = Linear(),  # noqa: B008
    skip_first: int = 0,
) -> Any:
    """Pool the tokens of each prompt into one vector.

    The pooled vectors of many prompts are one cloud a layer, whose `hidden_state_entropy` is the dataset entropy.

    Parameters
    ----------
    states : array of shape (..., tokens, D), or a sequence of such arrays
        Hidden states, such as [layers, prompts, tokens, D], or the tuple of arrays [prompts, tokens, D] that
        transformers returns.
    mask : array of shape (prompts, tokens), optional
        1 for tokens that count, 0 for padding on either side. The default counts all.
    how : {"mean", "last", "first"}
        The mean over the tokens, or the last or the first one that counts.
    kernel : Linear or Cosine
        How the tokens of each prompt are prepared before. The default leaves them as they are. Centring removes the
        mean over the tokens of each prompt, which one public code does; see `published_settings`.
    skip_first : int
        Number of tokens at the start of each prompt that are left out.

    Returns
    -------
    float64 array of shape (..., D)
        Pooled vectors; NaN for a prompt without tokens.

    Raises
    ------
    TypeError, ValueError
        If the states are not finite arrays of the same tokens, or another argument is invalid.

    Warns
    -----
    UndefinedWarning
        If a prompt has no tokens that count.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> states = np.arange(12.0).reshape(1, 2, 3, 2)  # [layers, prompts, tokens, D]
    >>> mask = np.array([[1, 1, 1], [1, 1, 0]])
    >>> bitlens.pool_tokens(states, mask)
    array([[[2., 3.],
            [7., 8.]]])
    """
    if how not in ("mean", "last", "first"):
        raise ValueError(f"how: expected 'mean', 'last' or 'first', got {how!r}")
    prepared = as_linear_kernel(kernel)
    clouds = as_clouds(states, mask, skip_first=skip_first)
    widths = {batch.shape[2] for batch in clouds.batches}
    if len(widths) > 1:
        raise ValueError(f"states: expected layers of one width, got widths {sorted(widths)}; pool each by itself")
    pooled = []
    for batch, valid in zip(clouds.batches, clouds.valid, strict=True):
        if prepared == Linear():
            rows = clouds.context.astype(batch, "float64")
        else:
            rows = kernel_rows(batch, valid, prepared, clouds.context)[0]
        pooled.append(_pooled(rows, valid, how))
    result = array_namespace(pooled[0]).concatenate(pooled)
    warn_of_undefined(result[:, 0], "states", "at least one token that counts in each prompt")
    return result.reshape(*clouds.shape, *widths)


def _pooled(rows: Any, valid: Any, how: str) -> Any:
    """Pool float64 rows [clouds, n, D] into [clouds, D]."""
    if valid is None:
        return rows.mean(1) if how == "mean" else rows[:, 0 if how == "first" else -1]
    ranks, counts = valid.cumsum(1), valid.sum(1)
    if how != "mean":
        valid = valid & (ranks == (1 if how == "first" else counts[:, None]))
    pooled = (rows * valid[:, :, None]).sum(1) / valid.sum(1).clip(1)[:, None]
    pooled[counts == 0] = math.nan
    return pooled
