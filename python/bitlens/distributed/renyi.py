"""The matrix-based entropy of chunked samples; that of order 2 of a Gaussian kernel is a sum over tiles."""

from __future__ import annotations

import math
from numbers import Real
from typing import NamedTuple

import dask.array
import numpy as np
from dask.delayed import Delayed

from bitlens.arrays import NDArray, check_integer, check_positive
from bitlens.distributed.chunks import Chunks, Scale, as_chunks, task
from bitlens.distributed.linear_kernel import linear_entropy
from bitlens.distributed.median import median_of
from bitlens.distributed.neighbors import Nearest, search
from bitlens.distributed.tiles import CONTEXT, mean_of, tiles_between
from bitlens.estimators.matrix.bandwidths import Bandwidth, Dimension, Median, NearestNeighbors, Silverman
from bitlens.estimators.matrix.entropy_sums import MANY, type_of_tiles
from bitlens.estimators.matrix.gaussian_kernel import Variable, sum_of_squares, weight_of
from bitlens.estimators.matrix.kernels import Clamped, Kernel, Linear, kernel_or_bandwidth
from bitlens.estimators.matrix.renyi import renyi_entropy as entropy_of_array
from bitlens.estimators.matrix.sample_tiles import TILE, Samples, rounding_error, sigma_of_shape


class _Kernel(NamedTuple):
    """What all tiles of the kernel need."""

    mean: NDArray
    weight: float | None
    """The factor of squared distances in exponents; None where all samples are equal."""
    dtype: str
    """The type of the tiles."""


class _Tile(NamedTuple):
    """The sum of the squares of a tile."""

    first_row: int
    first_column: int
    sum: float


def renyi_entropy(
    x: dask.array.Array, alpha: float = 2.0, bandwidth: Bandwidth | None = None, *, kernel: Kernel | None = None
) -> float:
    """Compute the matrix-based Renyi entropy of a chunked array, in bits.

    A Gaussian kernel has order 2. The result is then that of `bitlens.renyi_entropy`, bit for bit, if NumPy's products
    of matrices do not depend on the number of threads. Chunks are joined or cut such that each has a multiple of 1024
    samples. A task holds two of them.

    A linear kernel has any order. Its entropy is that of the smaller of two matrices: the sum over chunks of the
    products of values, or the products of samples. The result differs by less than 1e-9 bits from that of
    `bitlens.renyi_entropy` for the same samples as float64 numbers; below order 1, only if no eigenvalue is close to
    the rounding errors of the largest one.

    Parameters
    ----------
    x : dask array of shape (n, ...)
        Samples along the first axis, in chunks of any sizes; the other axes are flattened. Labels are not taken: pass
        their one-hot rows with ``kernel=Linear()``, which is 1 within a class and 0 between classes.
    alpha : float
        Order of the entropy. Other orders than 2 of a Gaussian kernel need the spectrum of a matrix [n, n].
    bandwidth : float, Median, Silverman, NearestNeighbors or Dimension, optional
        Sigma in the unit of x, or a rule for it: short for ``kernel=Gaussian(bandwidth)``. The default is Median(),
        which is exact and takes three more passes over all pairs of chunks.
    kernel : Gaussian, Linear or Cosine, optional
        The kernel, instead of a bandwidth.

    Returns
    -------
    float
        Bits, from 0 (all samples are equal) to log2(n) (all samples are far apart).

    Raises
    ------
    TypeError, ValueError
        As in `bitlens.renyi_entropy`; also for another order, kernel or rule. With a Gaussian kernel, if rounding
        errors of float64 products change the entropy by more than 1e-9 bits, as they do for an offset that is far
        larger than sigma. With a linear kernel of another order than 2, if there are more than 16384 samples of more
        than 16384 values.

    Warns
    -----
    UndefinedWarning
        If a linear kernel is 0 everywhere, as a centred one of equal samples is; the result is NaN.

    Examples
    --------
    >>> import dask.array
    >>> import numpy as np
    >>> import bitlens
    >>> from bitlens.distributed import renyi_entropy
    >>> x = dask.array.from_array(np.repeat(np.eye(4), 500, axis=0), chunks=(700, 4))
    >>> round(renyi_entropy(x, 2, bandwidth=0.1), 9)
    2.0
    >>> round(renyi_entropy(x, 1, kernel=bitlens.Linear()), 9)
    2.0
    """
    chosen = kernel_or_bandwidth(kernel, bandwidth)
    alpha = check_positive(alpha, "alpha")
    if isinstance(chosen, Clamped):
        raise ValueError(f"kernel: expected Gaussian(), Linear() or Cosine() for chunked samples, got {chosen!r}")
    if isinstance(chosen, Linear):
        return linear_entropy(as_chunks(x, at_least=2), chosen, alpha)
    if alpha != 2:
        raise ValueError(
            f"alpha: expected 2 for a Gaussian kernel of chunked samples, got {alpha}; pass an array to "
            "bitlens.renyi_entropy, or kernel=Linear()"
        )
    _check_rule(chosen.bandwidth)
    return _collision_entropy(as_chunks(_aligned_to_tiles(x), at_least=2), chosen.bandwidth)


def _check_rule(bandwidth: Bandwidth) -> None:
    is_number = isinstance(bandwidth, Real) or getattr(bandwidth, "ndim", None) == 0
    if not is_number and not isinstance(bandwidth, Median | Silverman | NearestNeighbors | Dimension):
        raise ValueError(
            "bandwidth: expected sigma, Median(), Silverman(), NearestNeighbors() or Dimension() for chunked samples, "
            f"got {bandwidth!r}; choose sigma by some of the samples"
        )


def _collision_entropy(chunks: Chunks, bandwidth: Bandwidth) -> float:
    """The entropy of order 2 of a Gaussian kernel."""
    n = chunks.samples
    if n < MANY:
        return float(task(_of_few, chunks.blocks, chunks.scale, bandwidth).compute())
    mean = mean_of(chunks)
    first = task(_first_row, chunks.blocks[0])
    described = task(_described, [task(_norm_and_equality, block, mean, first) for block in chunks.blocks])
    sigma = _sigma(chunks, bandwidth, mean, described)
    kernel = task(_kernel, n, mean, described, sigma)
    tiles = [
        task(_tiles, rows, None if i == j else chunks.blocks[j], chunks.starts[i], chunks.starts[j], kernel)
        for i, rows in enumerate(chunks.blocks)
        for j in range(i, len(chunks.blocks))
    ]
    return float(task(_entropy, tiles, n).compute())


def _aligned_to_tiles(x: dask.array.Array) -> dask.array.Array:
    """The array in chunks of about the same sizes, which are multiples of a tile's."""
    if not isinstance(x, dask.array.Array) or not x.ndim or math.isnan(x.shape[0]):
        return x  # as_chunks refuses it
    largest = max(x.chunks[0], default=0)
    return x.rechunk({0: max(1, round(largest / TILE)) * TILE})


def _of_few(blocks: list[NDArray], scale: Scale, bandwidth: Bandwidth) -> float:
    if scale.unit != 1:
        blocks = [block * scale.unit for block in blocks]
    return entropy_of_array(np.concatenate(blocks), 2, bandwidth)


def _first_row(block: NDArray) -> NDArray:
    return block[:1].copy()


def _norm_and_equality(block: NDArray, mean: NDArray, first: NDArray) -> tuple[float, bool]:
    """The largest |x|^2 of centred samples, and whether all samples are equal to the first one."""
    return float(Samples(block, CONTEXT, mean=mean).norms.max()), bool((block == first).all())


def _described(parts: list[tuple[float, bool]]) -> tuple[float, bool]:
    return max(norm for norm, _ in parts), all(equal for _, equal in parts)


def _sigma(chunks: Chunks, bandwidth: Bandwidth, mean: Delayed, described: Delayed) -> Delayed:
    """Sigma in the unit of the scaled samples."""
    if isinstance(bandwidth, Median):
        return median_of(chunks, mean, described[0])
    if not isinstance(bandwidth, NearestNeighbors):
        return task(_sigma_of_shape, bandwidth, chunks.samples, chunks.values, chunks.scale)
    m = check_integer(bandwidth.m, "bandwidth: m")
    if not 1 <= m < chunks.samples:
        raise ValueError(
            f"bandwidth: expected m from 1 to n - 1 = {chunks.samples - 1} for {chunks.samples} samples, got {m}"
        )
    return task(_mean_distance, search(chunks, m))


def _sigma_of_shape(bandwidth: Bandwidth, n: int, values: int, scale: Scale) -> float:
    return sigma_of_shape(bandwidth, n, values, scale.unit, CONTEXT)


def _mean_distance(found: list[Nearest]) -> float:
    return float(np.concatenate([nearest.distances for nearest in found]).mean())


def _kernel(n: int, mean: NDArray, described: tuple[float, bool], sigma: float) -> _Kernel:
    largest, all_equal = described
    if all_equal:
        return _Kernel(mean, None, "float32")
    if not sigma > 0:
        raise ValueError(
            "bandwidth: expected samples whose neighbours differ, got a mean distance of 0; pass sigma or Median()"
        )
    weight = weight_of(sigma, 1)
    dtype, _ = type_of_tiles(n, lambda kind: weight * rounding_error(largest, kind), 2.0, math.inf)
    if dtype is None:
        raise ValueError(
            f"bandwidth: expected a sigma that rounding errors of products do not reach, got {sigma:.3g} for samples "
            f"up to {math.sqrt(largest):.3g} from their mean; use a larger sigma, or pass an array to bitlens"
        )
    return _Kernel(mean, weight, dtype)


def _tiles(rows: NDArray, columns: NDArray | None, row: int, column: int, kernel: _Kernel) -> list[_Tile]:
    """The tiles between two chunks, whose first samples are `row` and `column`."""
    values, tiles = tiles_between(rows, columns)
    if kernel.weight is None:
        variable = Variable(len(values), CONTEXT)
    else:
        variable = Variable(len(values), CONTEXT, Samples(values, CONTEXT, mean=kernel.mean), kernel.weight)
    offset = column - (0 if columns is None else len(rows))
    result = []
    for r, c in tiles:
        tile = variable.exponents(r, c, kernel.dtype)
        np.exp(tile, out=tile)
        result.append(_Tile(row + r.start, offset + c.start, sum_of_squares(tile, CONTEXT)))
    return result


def _entropy(parts: list[list[_Tile]], n: int) -> float:
    squared_norm = 0.0
    for tile in sorted(tile for tiles in parts for tile in tiles):
        squared_norm += tile.sum * (1 if tile.first_row == tile.first_column else 2) / n**2
    return -math.log2(squared_norm)
