"""How much more of the background than of the object is discarded."""

from __future__ import annotations

from typing import Any

import numpy as np

from bitlens.arrays import Array, array_namespace, describe, is_tensor


def concentration(entropies: Array, masks: Array) -> Any:
    """Concentration of information discarding, image by image.

    The mean entropy of the units outside of the object less that of those inside (Ma et al. 2019, eq. 7). A network that
    looks at the object discards the background, so it is positive.

    Parameters
    ----------
    entropies : array of shape (n, ..., height, width)
        Of each unit, as `information_discarding` gives them.
    masks : boolean array of shape (n, height, width) or as entropies
        True in the object: its outline or its box.

    Returns
    -------
    array of shape (n,), of the same kind
        In the unit of the entropies. NaN for an image that is all object or all background.

    Raises
    ------
    TypeError, ValueError
        If the masks are not boolean, or do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> bitlens.concentration(np.array([[[1.0, 1.0], [0.0, 2.0]]]), np.array([[[False, False], [True, False]]]))
    array([1.33333333])
    """
    for name, array in (("entropies", entropies), ("masks", masks)):
        if not (isinstance(array, np.ndarray) or is_tensor(array)):
            raise TypeError(f"{name}: expected an array, got {describe(array)}")
    if is_tensor(entropies) != is_tensor(masks):
        raise TypeError(f"masks: expected an array of the same kind as entropies, got {describe(masks)}")
    if str(masks.dtype) not in ("bool", "torch.bool"):
        raise TypeError(f"masks: expected booleans, got {describe(masks)}; compare them with a threshold")
    shape = tuple(entropies.shape)
    if len(shape) < 3 or tuple(masks.shape) not in (shape, (shape[0], *shape[-2:])):
        raise ValueError(
            f"masks: expected shape (n, height, width) of entropies of shape {shape}, got {describe(masks)}"
        )
    module = array_namespace(entropies)
    inside = masks.reshape(shape[0], *[1] * (len(shape) - masks.ndim), *masks.shape[1:])
    inside = module.broadcast_to(inside, shape).reshape(shape[0], -1)
    flat = entropies.reshape(shape[0], -1)
    zero = module.zeros_like(flat)

    def mean(where: Any) -> Any:
        counts = where.sum(1)
        total = module.where(where, flat, zero).sum(1)
        return module.where(counts > 0, total / module.where(counts > 0, counts, counts + 1), module.nan)

    return mean(~inside) - mean(inside)
