"""LiDAR: the rank by which several views of each item tell the items apart."""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    ArrayLike,
    Foreign,
    NDArray,
    array_namespace,
    as_real_array,
    check_number,
    in_callers_library,
    rescale_for_squares,
)
from bitlens.estimators.matrix.linear_kernel import warn_of_undefined
from bitlens.estimators.matrix.spectra import entropies_of_spectra


@overload
def lidar(views: ArrayLike, *, delta: float = ..., unbiased: bool = ...) -> float | NDArray: ...
@overload
def lidar(views: Foreign, *, delta: float = ..., unbiased: bool = ...) -> float | Foreign: ...
@in_callers_library
def lidar(views: Array, *, delta: float = 1e-4, unbiased: bool = True) -> Any:
    """Compute the entropy in bits of the spectrum of linear discriminant analysis of several views of the same items.

    It is the entropy of the eigenvalues of S_w^(-1/2) S_b S_w^(-1/2), where S_b is the scatter of the items' mean views
    and S_w that of the views about them, plus delta on the diagonal (Thilak et al. 2024, arXiv 2312.04000, eq. 1 to 4).
    LiDAR is 2 to this entropy, a rank.

    Parameters
    ----------
    views : array of shape (n, q, D) or (layers, n, q, D)
        q views of n items, q at least 2 unless delta is above 0.
    delta : float
        The number that is added to the diagonal of S_w, 0 or more, in the squared unit of the views.
    unbiased : bool
        Whether S_b and S_w are divided by n - 1 and n (q - 1) as in the paper, or by n and n q. It makes no difference
        for delta = 0.

    Returns
    -------
    float or float64 array of shape (layers,)
        Bits, from 0 to log2 min(n - 1, D); NaN if all items have the same mean, or if S_w is singular.

    Raises
    ------
    TypeError, ValueError
        If views is not a finite array of at least two items, or delta is below 0.

    Warns
    -----
    UndefinedWarning
        If any value is NaN; it counts them.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> views = np.eye(6)[:, None] + np.concatenate([np.eye(6), -np.eye(6)])  # views around each item in all directions
    >>> round(2 ** bitlens.lidar(views), 9)
    5.0
    """
    values, context, _ = as_real_array(views, "views", cuda=True)
    if values.ndim not in (3, 4) or values.shape[-3] < 2:
        raise ValueError(
            f"views: expected shape (items, views, D) or (layers, items, views, D) of at least 2 items, got "
            f"{tuple(values.shape)}"
        )
    added = check_number(delta, "delta")
    if not 0 <= added < math.inf:
        raise ValueError(f"delta: expected a finite number from 0 on, got {delta}")
    layers = values.reshape(-1, *values.shape[-3:])
    result = context.empty((len(layers),), "float64")
    for i, layer in enumerate(layers):
        result[i] = _lidar(context.astype(layer, "float64"), added, unbiased, context)
    warn_of_undefined(result, "views", "items with different means and views that span all directions")
    return result if values.ndim == 4 else float(result[0])


def _lidar(views: Any, delta: float, unbiased: bool, context: ArrayContext) -> float:
    """The entropy of one layer of float64 views [n, q, D]."""
    scaled, unit = rescale_for_squares(views, "views", (0, 1, 2))
    xp, (n, count, width) = array_namespace(scaled), scaled.shape
    centers = scaled.mean(1)
    within = (scaled - centers[:, None]).reshape(-1, width)
    between = centers - centers.mean(0)
    size = float((centers**2).sum())
    if float((between**2).sum()) <= (1e3 * float(np.finfo(np.float64).eps)) ** 2 * size:
        return math.nan
    items, all_views = (n - 1, n * (count - 1)) if unbiased else (n, n * count)
    scatter = within.swapaxes(0, 1) @ within / max(all_views, 1)
    scale = float(unit.reshape(-1)[0])
    # A delta far above the scatter makes S_w a multiple of the identity, however large it is.
    diagonal = scatter.diagonal() + min(delta / scale / scale, 2.0**500)
    if not delta and (n * (count - 1) < width or not bool((diagonal > 0).all())):
        return math.nan
    places = list(range(width))
    scatter[places, places] = diagonal
    try:
        root = xp.linalg.cholesky(scatter)
    except xp.linalg.LinAlgError:
        return math.nan  # S_w is singular but for rounding
    whitened = xp.linalg.solve(root, between.swapaxes(0, 1)) / items**0.5
    square = whitened @ whitened.swapaxes(0, 1) if width <= n else whitened.swapaxes(0, 1) @ whitened
    spectrum = xp.linalg.eigvalsh(square)
    return float(entropies_of_spectra(spectrum[None], 1.0, 0.0)[0][0])
