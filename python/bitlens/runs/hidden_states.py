"""Hidden states of a language model as arrays of a run, whose samples are tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bitlens.arrays import NDArray, describe
from bitlens.runs.array_writer import as_host_array


def from_hidden_states(
    hidden_states: Any, attention_mask: Any = None, *, texts: Sequence[Sequence[str]] | None = None
) -> dict[str, Any]:
    """Turn hidden states into arguments of `record_arrays`, so that every token that is not padding is a sample.

    Parameters
    ----------
    hidden_states : sequence or mapping of arrays of shape (prompts, tokens, D), or array (layers, prompts, tokens, D)
        Such as ``outputs.hidden_states`` of transformers with ``output_hidden_states=True``. Without names, the first
        layer is "embeddings" and the others are "block1", "block2" and so on, as transformers orders them.
    attention_mask : array of shape (prompts, tokens), optional
        1 for tokens that count, 0 for padding. The default counts all.
    texts : sequence of sequences of str, optional
        The texts of all tokens of each prompt, with a text for padding: ``[tokenizer.convert_ids_to_tokens(ids) for
        ids in input_ids]``.

    Returns
    -------
    dict
        "arrays", the layers [token, D] by name; "prompts", the number of the prompt of each token; and "texts".

    Raises
    ------
    TypeError, ValueError
        If the layers are not arrays of the same prompts and tokens, or mask or texts do not belong to them.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import bitlens
    >>> states = tuple(np.random.default_rng(0).normal(size=(3, 5, 12, 8)))  # as a model of two blocks returns them
    >>> mask = np.arange(12) < np.array([[12], [9], [7], [12], [4]])
    >>> with tempfile.TemporaryDirectory() as store:
    ...     bitlens.record_arrays(store, 0, **bitlens.from_hidden_states(states, mask))
    ...     run = bitlens.open_run(store)
    ...     [(layer.name, layer.shape) for layer in run.layers], np.bincount(run.prompts)
    ([('embeddings', (8,)), ('block1', (8,)), ('block2', (8,))], array([12,  9,  7, 12,  4]))
    """
    layers = {name: as_host_array(states, f"hidden_states[{name!r}]") for name, states in _named(hidden_states).items()}
    if not layers:
        raise ValueError("hidden_states: expected at least one layer, got none")
    shape = next(iter(layers.values())).shape[:2]
    for name, states in layers.items():
        if states.ndim != 3 or states.shape[:2] != shape:
            raise ValueError(
                f"hidden_states[{name!r}]: expected shape (prompts, tokens, D), with the prompts and tokens of the "
                f"first layer, {shape}, got {states.shape}"
            )
    counts = _valid(attention_mask, shape)
    result: dict[str, Any] = {
        "arrays": {name: states[counts] for name, states in layers.items()},
        "prompts": np.nonzero(counts)[0],
    }
    if texts is not None:
        result["texts"] = _texts(texts, counts)
    return result


def _named(hidden_states: Any) -> dict[str, Any]:
    if isinstance(hidden_states, Mapping):
        return {str(name): states for name, states in hidden_states.items()}
    if not isinstance(hidden_states, tuple | list) and getattr(hidden_states, "ndim", 0) != 4:
        raise TypeError(
            "hidden_states: expected a sequence or a mapping of arrays (prompts, tokens, D), or an array (layers, "
            f"prompts, tokens, D), got {describe(hidden_states)}"
        )
    return {f"block{i}" if i else "embeddings": states for i, states in enumerate(hidden_states)}


def _valid(mask: Any, shape: tuple[int, ...]) -> NDArray:
    """Which tokens count, bool [prompts, tokens]."""
    if mask is None:
        return np.ones(shape, bool)
    values = as_host_array(mask, "attention_mask")
    if values.shape != shape:
        raise ValueError(f"attention_mask: expected shape {shape}, prompts and tokens, got {values.shape}")
    if not np.isin(values, (0, 1)).all():
        raise ValueError("attention_mask: expected 1 for tokens that count and 0 for padding, got other numbers")
    if not values.any():
        raise ValueError("attention_mask: expected at least one token that counts, got none")
    return values.astype(bool)


def _texts(texts: Sequence[Sequence[str]], counts: NDArray) -> list[str]:
    given = [list(of_prompt) for of_prompt in texts]
    lengths = [len(of_prompt) for of_prompt in given]
    if lengths != [counts.shape[1]] * len(counts):
        raise ValueError(
            f"texts: expected a text for each of {counts.shape[1]} tokens of {len(counts)} prompts, got the lengths "
            f"{lengths[:5]} of {len(lengths)} prompts; pass '' for padding"
        )
    return [given[prompt][token] for prompt, token in zip(*np.nonzero(counts), strict=True)]
