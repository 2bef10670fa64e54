"""Dask arrays as runs of samples: checks, one conversion and one scale for all chunks, and tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import uuid4

import dask.array
import numpy as np
from dask.delayed import Delayed, delayed
from distributed import get_worker

from bitlens.arrays import NDArray, as_real_array, as_samples, have_finite_squares, scale_to_peak
from bitlens.execution.work import one_at_a_time

_MOST_SAMPLES = 2**31 - 1  # kernels have indices of 32 bits


class Scale(NamedTuple):
    """How the values of all chunks are scaled, so that the squares of their differences are finite and not 0."""

    low: float
    high: float
    """The smallest and the largest value."""
    unit: float
    """The power of two by which the scaled values are to be multiplied."""

    @property
    def width(self) -> float:
        """The largest difference of two scaled values; 1 where all are equal."""
        return self.high / self.unit - self.low / self.unit or 1.0


class Chunks(NamedTuple):
    """Runs of samples, none of which is empty."""

    blocks: list[Delayed]
    """The scaled samples [samples, values] of each chunk, float32 or float64."""
    sizes: list[int]
    scale: Delayed
    values: int
    """The number of values of a sample."""
    dtype: str

    @property
    def samples(self) -> int:
        """The number of all samples."""
        return sum(self.sizes)

    @property
    def starts(self) -> list[int]:
        """The index of the first sample of each chunk."""
        return list(accumulate(self.sizes[:-1], initial=0))


def task(function: Callable[..., Any], *arguments: Any) -> Delayed:
    """A call that a worker makes while it makes no other one, with the threads that the worker has."""
    return delayed(_alone)(function, *arguments, dask_key_name=f"{function.__name__.strip('_')}-{uuid4().hex}")


def _alone(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        threads = get_worker().state.nthreads
    except ValueError:  # a scheduler of Dask in this process
        threads = None
    with one_at_a_time(threads):
        return function(*map(_aligned, arguments))


def _aligned(value: Any) -> Any:
    """A value whose arrays kernels can read: those that come from another worker begin at any byte."""
    if isinstance(value, np.ndarray):
        return np.require(value, requirements="A")
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_aligned, value))
    return value


def as_chunks(x: Any, *, at_least: int) -> Chunks:
    """Check a dask array [n, ...] and convert its chunks as `as_samples` converts an array.

    Values are checked and scaled by tasks.

    Raises
    ------
    TypeError, ValueError
        If x is not a dask array of real numbers with known chunks, or has fewer samples.
    """
    if not isinstance(x, dask.array.Array):
        raise TypeError(
            f"x: expected a dask array, got {type(x).__name__}; pass it to the function of the same name in bitlens, "
            "or use dask.array.from_array"
        )
    if x.ndim < 2:
        raise ValueError(f"x: expected shape (samples, ...), got {x.shape}; a single feature is (n, 1)")
    if any(map(math.isnan, x.shape)):
        raise ValueError(f"x: expected known sizes of the chunks, got shape {x.shape}; call x.compute_chunk_sizes()")
    if not at_least <= x.shape[0] <= _MOST_SAMPLES:
        raise ValueError(f"x: expected at least {at_least} samples, got {x.shape[0]}")
    if 0 in x.shape:
        raise ValueError(f"x: is empty, got shape {x.shape}")
    if not isinstance(x._meta, np.ndarray):
        raise TypeError(f"x: expected chunks that are NumPy arrays, got {type(x._meta).__name__}; use x.map_blocks")
    converted = as_real_array(np.zeros((1,), x.dtype), "x")[0]  # refuses types without real numbers
    x = x.rechunk(dict.fromkeys(range(1, x.ndim), -1))
    sizes = x.chunks[0]
    given = [task(_samples_and_ends, block) for block, size in zip(x.to_delayed().ravel(), sizes, strict=True) if size]
    scale = task(_scale_of, [pair[1] for pair in given])
    blocks = [task(_scaled, pair[0], scale) for pair in given]
    return Chunks(blocks, [s for s in sizes if s], scale, math.prod(x.shape[1:]), str(converted.dtype))


def _samples_and_ends(block: NDArray) -> tuple[NDArray, tuple[float, float]]:
    samples, _, ends = as_samples(block, "x", at_least=1)
    return samples, ends


def _scale_of(ends: Sequence[tuple[float, float]]) -> Scale:
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    peak = max(-low, high)
    unit = 1.0 if have_finite_squares((low, high)) else float(scale_to_peak(np.zeros(1), np.full(1, peak), "x")[1][0])
    return Scale(low, high, unit)


def _scaled(samples: NDArray, scale: Scale) -> NDArray:
    if scale.unit == 1:
        return samples
    scaled: NDArray = scale_to_peak(samples, np.full((1, 1), max(-scale.low, scale.high)), "x")[0]
    return scaled
