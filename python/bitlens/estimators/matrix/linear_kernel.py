"""Entropies of linear kernels of batches of clouds of rows, through the smaller one of the two Gram matrices.

The nonzero eigenvalues of z z^T [n, n] and of z^T z [D, D] are equal. The products of float32 rows are computed in
float32, from rows whose mean is removed to float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import ArrayContext, array_namespace, rescale_for_squares, warn_caller
from bitlens.estimators.matrix.kernels import Clamped, Linear
from bitlens.estimators.matrix.spectra import eigenvalues, entropies_of_spectra, share_of_rounding

_BYTES_OF_ROWS = 1 << 24
"""The rows that are prepared at the same time, so that they stay in the cache."""
_BYTES_OF_MATRICES = 1 << 27
"""The Gram matrices that are decomposed at the same time."""
COLLAPSED = 1e3
"""A cloud is collapsed if its centred norm is at most this number of rounding errors of its norm."""
ROUNDED_ROW = 4.0
"""A centred row is 0 if its norm is at most this number of rounding errors of the norms of the rows."""
# Squares of float32 rows outside this range may have underflowed or overflowed; the cloud is then computed in float64.
_SAFE_SQUARES = 2.0**-90, 2.0**90


class UndefinedWarning(UserWarning):
    """A quantity is not defined for some clouds, such as the entropy of a centred cloud of equal rows; it is NaN."""


class RowNorms(NamedTuple):
    """The norms of prepared rows, and how a linear kernel scales the rows."""

    squares: Any
    """The squared norm of each row, float64 [clouds, n]; 0 for a row that equals the mean but for rounding."""
    scales: Any
    """The factor of each row, float64 [clouds, n]: 1 over its norm for unit rows; 0 for rows that do not count."""
    collapsed: Any
    """Whether all rows are equal but for rounding, or 0, [clouds]."""

    def factors(self) -> Any:
        """The factors of the rows of kernels of trace 1; 0 where a cloud is collapsed."""
        trace = (self.squares * self.scales**2).sum(1) * ~self.collapsed
        return self.scales * ((trace > 0) / (trace + (trace <= 0)) ** 0.5)[:, None]


def linear_entropies(
    x: Any, valid: Any, kernel: Linear, alpha: float, context: ArrayContext, dtype: str | None = None
) -> Any:
    """Compute the Renyi entropy in bits of each cloud, float64 [clouds]; NaN where it is not defined.

    Parameters
    ----------
    x
        float32 or float64 [clouds, n, D].
    valid
        Which rows count, bool [clouds, n], or None for all.
    kernel
        The linear kernel.
    alpha
        Order of the entropy.
    context
        The kind and device of x.
    dtype
        The type of the products; the default is that of x, or float64 for orders below 1.
    """
    if isinstance(kernel, Clamped):
        parts = [_clamped_entropy(cloud, kernel, alpha, context) for cloud in valid_rows(x, valid)]
        return context.to_device(np.array(parts))
    n, width = x.shape[1:]
    side = min(n, width)
    dtype = dtype or ("float64" if alpha < 1 else _dtype(x))
    result = context.empty((len(x),), "float64")
    step = max(1, _BYTES_OF_MATRICES // (side * side * np.dtype(dtype).itemsize))
    for start in range(0, len(x), step):
        chosen = slice(start, start + step)
        matrices, defined, unsafe = _gram_matrices(x[chosen], _part(valid, chosen), kernel, dtype, context)
        bits = entropies_of_matrices(matrices, alpha, context, dtype)
        bits[~defined] = math.nan
        for i in np.flatnonzero(np.asarray(unsafe.tolist())).tolist():
            one = slice(start + i, start + i + 1)
            bits[i] = linear_entropies(x[one], _part(valid, one), kernel, alpha, context, "float64")[0]
        result[chosen] = bits
    return result


def entropies_of_matrices(matrices: Any, alpha: float, context: ArrayContext, dtype: str = "float64") -> Any:
    """Compute the Renyi entropies in bits of positive matrices [batch, m, m] of trace 1, whose precision is `dtype`."""
    if alpha == 2:
        result = context.empty((len(matrices),), "float64")
        for i, matrix in enumerate(matrices):
            result[i] = (context.astype(matrix, "float64") ** 2).sum()
        xp = array_namespace(result)
        return (-xp.log2(result + (result == 0))).clip(0, math.log2(matrices.shape[1]))
    share = share_of_rounding(matrices.shape[1], dtype) if alpha < 1 else 0.0
    return entropies_of_spectra(eigenvalues(matrices, context), alpha, share)[0]


def kernel_rows(x: Any, valid: Any, kernel: Linear, context: ArrayContext) -> tuple[Any, Any]:
    """The float64 rows of clouds [clouds, n, D] as the kernel multiplies them, and which clouds are collapsed."""
    rows, norms = prepare(x, valid, kernel, "float64", context)
    rows *= norms.scales[:, :, None]
    return rows, norms.collapsed


def prepare(x: Any, valid: Any, kernel: Linear, dtype: str, context: ArrayContext) -> tuple[Any, RowNorms]:
    """Centre the rows of clouds [clouds, n, D] in float64, as the kernel asks for, and compute their norms.

    Rows that do not count are 0.
    """
    xp, eps, squared_mean = array_namespace(x), float(np.finfo(_dtype(x)).eps), 0.0
    if dtype == "float64":
        x = rescale_for_squares(context.astype(x, dtype), "x", (1, 2))[0]
    counts = x.shape[1] if valid is None else context.astype(valid, "float64").sum(1)[:, None].clip(1)
    weights = None if valid is None else context.astype(valid, dtype)[:, :, None]
    if kernel.center:
        mean = (x if weights is None else x * weights).sum(1, dtype=xp.float64) / counts
        rows = _without_mean(x, mean, dtype, context)
        squared_mean = (mean**2).sum(1)
    else:
        rows = context.astype(x, dtype)
    if weights is not None:
        rows *= weights
    squares = context.astype(xp.einsum("cnd,cnd->cn", rows, rows), "float64")
    return rows, row_norms(squares, valid, squared_mean, kernel, eps, context)


def row_norms(
    squares: Any, valid: Any, squared_mean: Any, kernel: Linear, eps: float, context: ArrayContext
) -> RowNorms:
    """Set the squares of rows that equal the mean but for rounding to 0, and find collapsed clouds."""
    if valid is not None:
        squares = squares * valid
    if kernel.center:
        counts = (squares * 0 + (1 if valid is None else valid)).sum(1)
        of_rows = squares.sum(1) + counts * squared_mean  # before the mean was subtracted
        squares = squares * (squares > ((ROUNDED_ROW * eps) ** 2 * of_rows / counts.clip(1))[:, None])
        collapsed = squares.sum(1) <= (COLLAPSED * eps) ** 2 * of_rows
    else:
        collapsed = squares.sum(1) <= 0
    present = squares > 0
    scales = present / (squares + ~present) ** 0.5 if kernel.unit else context.astype(present, "float64")
    return RowNorms(squares, scales, collapsed)


def valid_rows(x: Any, valid: Any) -> Iterator[Any]:
    """The rows of each cloud [clouds, n, D] that count."""
    for i, cloud in enumerate(x):
        yield cloud if valid is None else cloud[valid[i]]


def warn_of_undefined(values: Any, name: str, what: str) -> None:
    """Warn if any of the values is NaN, and count these."""
    count, total = int((values != values).sum()), math.prod(values.shape)
    if count:
        warn_caller(
            f"{name}: expected {what}, got {count} of {total} without; their values are nan; leave them out",
            UndefinedWarning,
        )


def _without_mean(x: Any, mean: Any, dtype: str, context: ArrayContext) -> Any:
    """Subtract float64 means [clouds, D]; float32 rows lose as little as if they were subtracted in float64.

    The difference of two float32 numbers is exact but for its own rounding. The mean is therefore subtracted as the sum
    of two float32 numbers.
    """
    high = context.astype(mean, dtype)
    rows = context.empty(x.shape, dtype)
    rows[...] = x
    rows -= high[:, None]
    if dtype == "float32":
        rows -= context.astype(mean - high, dtype)[:, None]
    return rows


def _gram_matrices(x: Any, valid: Any, kernel: Linear, dtype: str, context: ArrayContext) -> tuple[Any, Any, Any]:
    """Compute the smaller Gram matrices of trace 1, which clouds have one, and which need float64, as they overflowed.

    A matrix without a trace is 0.
    """
    clouds, n, width = x.shape
    matrices = context.empty((clouds, min(n, width), min(n, width)), dtype)
    defined, unsafe = context.empty((clouds,), "bool"), context.empty((clouds,), "bool")
    step = max(1, _BYTES_OF_ROWS // (n * width * np.dtype(dtype).itemsize))
    multiply = _multiply_rows if n <= width else _multiply_columns

    def fill(start: int) -> None:
        chosen = slice(start, start + step)
        with np.errstate(over="ignore", invalid="ignore"):
            norms = multiply(x[chosen], _part(valid, chosen), kernel, matrices[chosen], context)
        defined[chosen] = ~norms.collapsed & (norms.scales > 0).any(1)
        unsafe[chosen] = _outside_float32(norms.squares, _part(valid, chosen)) if dtype == "float32" else False

    starts = range(0, clouds, step)
    if context.on_cuda or len(starts) == 1:
        for start in starts:
            fill(start)
    else:
        with ThreadPoolExecutor(_core.num_threads()) as pool:  # one prepares rows while another one multiplies
            list(pool.map(fill, starts))
    matrices[unsafe] = 0
    return matrices, defined, unsafe


def _multiply_rows(x: Any, valid: Any, kernel: Linear, out: Any, context: ArrayContext) -> RowNorms:
    """Compute the matrices z z^T of trace 1 of prepared rows z.

    The mean is subtracted in the type of the product, so that its rounding errors remain as an offset of the rows. This
    offset is small, and centring the rows and the columns of the product removes it.
    """
    dtype, xp, squared_mean = _dtype(out), array_namespace(x), 0.0
    eps = float(np.finfo(_dtype(x)).eps)
    if dtype == "float64":
        x = rescale_for_squares(context.astype(x, dtype), "x", (1, 2))[0]
    counts = x.shape[1] if valid is None else context.astype(valid, "float64").sum(1)[:, None].clip(1)
    weights = None if valid is None else context.astype(valid, dtype)[:, :, None]
    if kernel.center:
        mean = context.astype((x if weights is None else x * weights).sum(1) / counts, dtype)
        squared_mean = (context.astype(mean, "float64") ** 2).sum(1)
    buffer = context.empty(x.shape[1:], dtype)  # one for all clouds, which stays in the cache
    for i, rows in enumerate(x):
        if kernel.center:
            rows = xp.subtract(rows, mean[i], out=buffer)
        if weights is not None:
            rows = xp.multiply(rows, weights[i], out=buffer)
        xp.matmul(rows, rows.swapaxes(0, 1), out=out[i])
    squares = context.astype(out.diagonal(0, 1, 2), "float64")
    if kernel.center:
        offsets = out.sum(2, dtype=xp.float64) / counts
        mean_offset = offsets.sum(1)[:, None] / counts
        squares += mean_offset - 2 * offsets
        out -= context.astype(offsets, dtype)[:, :, None]
        out -= context.astype(offsets - mean_offset, dtype)[:, None, :]
    norms = row_norms(squares, valid, squared_mean, kernel, eps, context)
    factors = context.astype(norms.factors(), dtype)
    out *= factors[:, :, None]
    out *= factors[:, None, :]
    return norms


def _multiply_columns(x: Any, valid: Any, kernel: Linear, out: Any, context: ArrayContext) -> RowNorms:
    """Compute the matrices z^T z of trace 1 of prepared rows z."""
    rows, norms = prepare(x, valid, kernel, _dtype(out), context)
    rows *= context.astype(norms.factors(), _dtype(out))[:, :, None]
    for i, of_cloud in enumerate(rows):
        out[i] = of_cloud.swapaxes(0, 1) @ of_cloud
    return norms


def _outside_float32(squares: Any, valid: Any) -> Any:
    """Whether any square of a row that counts may have underflowed or overflowed in float32, [clouds]."""
    low, high = _SAFE_SQUARES
    outside = ~((squares > low) & (squares < high))
    return (outside if valid is None else outside & valid).any(1)


def _clamped_entropy(rows: Any, kernel: Linear, alpha: float, context: ArrayContext) -> float:
    """The entropy of one cloud [n, D] whose Gram matrix has its negative elements replaced by 0."""
    if not len(rows):
        return math.nan
    scaled, collapsed = kernel_rows(rows[None], None, kernel, context)
    n, width = rows.shape
    matrices = scaled @ scaled.swapaxes(1, 2) if n <= width else scaled.swapaxes(1, 2) @ scaled
    matrices = matrices.clip(0)
    trace = float(sum(matrices[0].diagonal().tolist()))
    if bool(collapsed[0]) or not trace > 0:
        return math.nan
    return float(entropies_of_matrices(matrices / trace, alpha, context)[0])


def _part(valid: Any, chosen: slice) -> Any:
    return None if valid is None else valid[chosen]


def _dtype(x: Any) -> str:
    return "float64" if str(x.dtype).endswith("float64") else "float32"
