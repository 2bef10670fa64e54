"""Dot products of centred samples in float32, and bounds of their errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from bitlens import _core
from bitlens.arrays import ArrayContext, call_kernel

UNIT_ROUNDOFF = 2.0**-24

# Values of a sample whose products are summed in float32, and values of all samples that are centred at a time (16 MB).
_DEPTH = 768
_BLOCK_VALUES = 2**22


def relative_error(length: int) -> float:
    """A bound of the error of a float32 squared distance, as a share of |x|^2 + |y|^2.

    The share of the dot product is the probabilistic bound of Higham and Mary (2019) with lambda = 8. The rest is the
    rounding of the points, of the norms and of the final sum.
    """
    return (min(length, 8 * math.sqrt(length)) + 16) * UNIT_ROUNDOFF


def panel_size(context: ArrayContext) -> int:
    """Number of samples whose values lie next to each other in memory."""
    return _core.CUDA_PANEL if context.on_cuda else _core.CPU_PANEL


def in_panels(x: Any, context: ArrayContext, mean: Any, width: float) -> tuple[Any, Any]:
    """Samples [n, d] less their mean [d], in units of width, as panels of the kernels, and their squared norms [n]."""
    n, length = x.shape
    panel = panel_size(context)
    panels, norms = context.empty((-(-n // panel), length, panel), "float32"), context.empty((n,), "float64")
    call_kernel(context, _core.center_samples, x, mean, width, panels, norms)
    return panels, norms


def product_error(length: int) -> float:
    """A bound of the error of a product from `products_with`, as a share of the product of both norms."""
    return relative_error(min(length, _DEPTH))


def products_with(
    vectors: Any, x: Any, context: ArrayContext, mean: Any, width: float
) -> Iterator[tuple[slice, Any, Any]]:
    """Yield runs of samples with their products with a few vectors.

    Long samples are multiplied in parts, whose sum is in float64, so that the error is small for every length.

    Parameters
    ----------
    vectors : float array of shape (m, d)
    x : float array of shape (n, d)
    context : ArrayContext
    mean : float64 array of shape (d,)
        It is subtracted from the samples.
    width : float
        The unit of the samples, at least the largest difference of a value from its mean.

    Yields
    ------
    rows : slice
        The samples of the run.
    products : float64 array of shape (m, rows)
    norms : float64 array of shape (rows,)
        The squared norms of the samples.
    """
    n, length = x.shape
    panel = panel_size(context)
    none = context.empty((length,), "float64")
    none[...] = 0
    columns = [slice(start, start + _DEPTH) for start in range(0, length, _DEPTH)]
    parts = [in_panels(vectors[:, values], context, none[values], 1.0)[0] for values in columns]
    step = max(panel, _BLOCK_VALUES // min(length, _DEPTH) // panel * panel)
    for first in range(0, n, step):
        rows = slice(first, min(n, first + step))
        count = rows.stop - first
        dots = context.empty((panel * len(parts[0]), panel * -(-count // panel)), "float32")
        products, norms = context.empty((len(vectors), count), "float64"), context.empty((count,), "float64")
        products[...] = 0
        norms[...] = 0
        for values, part in zip(columns, parts, strict=True):
            panels, squares = in_panels(x[rows, values], context, mean[values], width)
            call_kernel(context, _core.dot_products, part, panels, dots)
            products += dots[: len(vectors), :count]
            norms += squares
        yield rows, products, norms
