"""The Gram matrix of one or several variables as an operator: its Frobenius norm, and its products with vectors.

The matrix is computed tile by tile. It is kept in memory if it is small enough, and computed again for each product
otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bitlens.arrays import Array, ArrayContext, array_namespace, as_array, check_same_device
from bitlens.estimators.channels.squares import channel_values
from bitlens.estimators.matrix.bandwidths import Bandwidth
from bitlens.estimators.matrix.gram import DIFFERENT_CLASSES, classes_of
from bitlens.estimators.matrix.sample_tiles import Samples, sigma_of, upper_tiles

KEPT_BYTES = 2 << 30
"""The largest matrix, on and above its diagonal, that is kept in memory."""


@dataclass(frozen=True)
class Variable:
    """Samples and the factor 1 / (2 sigma^2) of their squared distances, or classes; a constant has neither."""

    n: int
    context: ArrayContext
    samples: Samples | None = None
    weight: float = 1.0
    classes: Any = None

    @classmethod
    def of(cls, x: Array, name: str, bandwidth: Bandwidth, divisor: int, kept_bytes: int) -> Variable:
        """Convert an argument of a public function, and divide its exponents by `divisor`."""
        x = as_array(x, name)
        classes = classes_of(x, name)
        if classes is not None:
            context = ArrayContext.of(x)
            return cls(len(classes), context, classes=context.to_device(classes))
        values, units, context = channel_values(x, name, as_one=True)
        samples = Samples(values[:, 0], context, kept_bytes)
        if samples.all_equal:
            return cls(len(values), context)
        sigma = sigma_of(samples, bandwidth, float(units.reshape(-1)[0]))
        # With an infinite weight, all distances are computed and checked.
        return cls(len(values), context, samples, weight_of(sigma, divisor))

    def rounding_error(self, dtype: str) -> float:
        """Bound the rounding errors that exponents of this type usually have."""
        return self.weight * self.samples.rounding_error(dtype) if self.samples else 0.0

    def exponents(self, rows: slice, columns: slice, dtype: str) -> Any:
        """Compute a tile of the logarithm of the kernel, in a new array."""
        if self.samples:
            result = self.samples.squares(rows, columns, dtype)
            result *= -self.weight
            return result
        result = self.context.empty((rows.stop - rows.start, columns.stop - columns.start), dtype)
        result[...] = 0
        if self.classes is not None:
            result[self.classes[rows, None] != self.classes[columns]] = -DIFFERENT_CLASSES
        return result


class HasSamples(Protocol):
    """A variable of n samples."""

    @property
    def n(self) -> int:
        """Number of samples."""

    @property
    def context(self) -> ArrayContext:
        """The kind and device of the samples."""


def check_fit(variables: Sequence[HasSamples], name: str) -> None:
    """Check that variables are of the same samples and on one device."""
    for variable in variables:
        if variable.n != variables[0].n:
            raise ValueError(f"{name}: expected the same samples in each, got {variables[0].n} and {variable.n}")
    check_same_device([variable.context for variable in variables], name)


def weight_of(sigma: float, divisor: int) -> float:
    """The factor of squared distances in the exponents of a kernel, which are divided by `divisor`.

    It is infinite where its square is beyond float64: then no type of tiles is accurate enough.
    """
    square = 2 * divisor * sigma * sigma
    return 1 / square if 0 < square < math.inf else math.inf


def sum_of_squares(tile: Any, context: ArrayContext) -> float:
    """The sum of squares of a tile: that of a row has the rounding errors of its type, their sum those of float64."""
    return float(context.astype(array_namespace(tile).einsum("ij,ij->i", tile, tile), "float64").sum())


class GaussianKernel:
    """The product of the variables' kernels, divided by its trace n."""

    def __init__(self, variables: Sequence[Variable], dtype: str, *, keep: bool) -> None:
        self.variables, self.dtype, self.n = variables, dtype, variables[0].n
        self.context = variables[0].context
        keep = keep and self.n**2 * np.dtype(dtype).itemsize // 2 <= KEPT_BYTES
        self._kept: list[tuple[slice, slice, Any]] = []
        self.squared_norm = 0.0
        for rows, columns, tile in self._tiles():
            self.squared_norm += sum_of_squares(tile, self.context) * (1 if rows == columns else 2) / self.n**2
            if keep:
                self._kept.append((rows, columns, tile))

    def _tiles(self) -> Iterator[tuple[slice, slice, Any]]:
        """Yield rows and columns on and above the diagonal with the kernel between them."""
        first, *others = self.variables
        for rows, columns in upper_tiles(self.n):
            tile = first.exponents(rows, columns, self.dtype)
            for other in others:
                tile += other.exponents(rows, columns, self.dtype)
            yield rows, columns, array_namespace(tile).exp(tile, out=tile)

    def times(self, vectors: Any) -> Any:
        """Multiply the matrix with vectors [n, count], float64; products have the kernel's type."""
        block = self.context.astype(vectors, self.dtype)
        result = self.context.empty(vectors.shape, "float64")
        result[...] = 0
        for rows, columns, tile in self._kept or self._tiles():
            result[rows] += tile @ block[columns]
            if rows != columns:
                result[columns] += tile.T @ block[rows]
        result /= self.n
        return result
