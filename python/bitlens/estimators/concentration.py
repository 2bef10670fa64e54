"""Concentration: whether a network discards more information of the background than of the object."""

from __future__ import annotations

from typing import Any, overload

from bitlens.arrays import (
    Array,
    ArrayLike,
    Foreign,
    NDArray,
    array_namespace,
    as_array,
    as_numpy,
    describe,
    in_callers_library,
    is_tensor,
)


@overload
def concentration(entropies: ArrayLike, masks: Array) -> NDArray: ...
@overload
def concentration(entropies: Foreign, masks: Array) -> Foreign: ...
@in_callers_library
def concentration(entropies: Array, masks: Array) -> Any:
    """Compute the concentration of information discarding, for each image.

    The mean entropy of the units outside of the object minus the mean entropy of those inside (Ma et al. 2019, eq. 7).
    It is positive for a network that discards more information of the background than of the object.

    Parameters
    ----------
    entropies : array of shape (n, ..., height, width)
        The entropy of each input unit, as returned by `information_discarding`.
    masks : boolean array of shape (n, height, width) or of the shape of entropies
        True inside of the object: its outline or its bounding box.

    Returns
    -------
    array of shape (n,)
        In the unit of the entropies, and of the same kind as they are. NaN for an image that contains only the object
        or only background.

    Raises
    ------
    TypeError, ValueError
        If the masks are not boolean, or their shape does not match that of the entropies.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> bitlens.concentration(np.array([[[1.0, 1.0], [0.0, 2.0]]]), np.array([[[False, False], [True, False]]]))
    array([1.33333333])
    """
    values, inside = as_array(entropies, "entropies"), as_array(masks, "masks")
    xp: Any = array_namespace(values)
    if is_tensor(inside) != is_tensor(values):
        inside = xp.as_tensor(inside, device=values.device) if is_tensor(values) else as_numpy(inside)
    if str(inside.dtype) not in ("bool", "torch.bool"):
        raise TypeError(f"masks: expected booleans, got {describe(inside)}; compare them with a threshold")
    shape = tuple(values.shape)
    if len(shape) < 3 or tuple(inside.shape) not in (shape, (shape[0], *shape[-2:])):
        raise ValueError(
            f"masks: expected shape (n, height, width) of entropies of shape {shape}, got {describe(inside)}"
        )
    if not str(values.dtype).removeprefix("torch.").startswith(("float", "bfloat")):
        raise TypeError(f"entropies: expected floats, got {describe(values)}")
    inside = inside.reshape(shape[0], *[1] * (len(shape) - inside.ndim), *inside.shape[1:])
    inside = xp.broadcast_to(inside, shape).reshape(shape[0], -1)
    flat = values.reshape(shape[0], -1)
    zero = xp.zeros_like(flat)

    def mean(where: Any) -> Any:
        counts = where.sum(1)
        total = xp.where(where, flat, zero).sum(1)
        return xp.where(counts > 0, total / xp.where(counts > 0, counts, counts + 1), xp.nan)

    return mean(~inside) - mean(inside)
