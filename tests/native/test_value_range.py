"""The range of values, on which every check for NaN and infinity relies: at every place, for every size."""

from __future__ import annotations

import numpy as np
import pytest

from bitlens import _core

CHUNK = 65536  # values that one task reads

SIZES = [1, 2, 31, 32, 33, 63, 64, 65, 257, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 77, 5 * CHUNK]

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
each_size = pytest.mark.parametrize("size", SIZES)


def value_range(values):
    ends = np.zeros(2)
    _core.value_range(values, ends)
    return ends.tolist()


def places(size):
    """The ends of the array, of its chunks and of vectors, and places in between."""
    around = [place + step for place in range(0, size + 1, CHUNK) for step in (-65, -64, -1, 0, 1, 31, 32, 63, 64)]
    return sorted({place for place in [0, 1, size // 3, size // 2, size - 2, size - 1, *around] if 0 <= place < size})


@each_dtype
@each_size
def test_one_value_that_is_not_finite(threads, size, dtype):
    values = np.random.default_rng(size).normal(size=size).astype(dtype)
    for count in (1, 3) if size > CHUNK else (1,):
        threads(count)
        for place in places(size):
            finite = values[place]
            for value in (np.nan, np.inf, -np.inf):
                values[place] = value
                assert np.isnan(value_range(values)).all(), (place, value)
            values[place] = finite
        assert np.isfinite(value_range(values)).all()


@each_dtype
@each_size
def test_the_smallest_and_the_largest_value(threads, size, dtype):
    values = np.random.default_rng(size).normal(size=size).astype(dtype)
    assert value_range(values) == [values.min(), values.max()]
    for count in (1, 3) if size > CHUNK else (1,):
        threads(count)
        for place in places(size):
            middle = values[place]
            for extreme, end in ((-100, 0), (100, 1)):
                values[place] = extreme
                assert value_range(values)[end] == extreme, place
            values[place] = middle
