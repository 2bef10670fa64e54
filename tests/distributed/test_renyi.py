"""The entropy of order 2 of chunked arrays: the bits of the function for one array, whatever the chunks."""

from __future__ import annotations

import dask
import dask.array
import numpy as np
import pytest

import bitlens
from bitlens import Alignment, Dimension, Median, NearestNeighbors, Silverman, distributed


@pytest.fixture(autouse=True)
def this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def normal(n, offset=0.0, scale=1.0, dtype="float64"):
    return (np.random.default_rng(n).normal(size=(n, 6)) * scale + offset).astype(dtype)


CASES = {
    "float32": (normal(3100, dtype="float32"), 2.0),
    "float64": (normal(3100), 0.5),
    "offset": (normal(2500, offset=1e4), 1.0),
    "equal": (np.ones((2100, 3)), 1.0),
    "groups": (np.repeat(np.eye(3), 700, axis=0), 1e-2),
    "enormous": (normal(1100, scale=1e200), 1e200),
    "tiny": (normal(1100, scale=1e-200), 1e-200),
    "few": (normal(1023), 1.0),
    "few enormous": (normal(40, scale=1e200), 1e200),
    "least": (normal(1024), 1.0),
    "Silverman": (normal(1500), Silverman()),
    "Dimension": (normal(1500, dtype="float32"), Dimension()),
    "NearestNeighbors": (normal(1500, dtype="float32"), NearestNeighbors(3)),
    "integers": (np.random.default_rng(0).integers(0, 5, size=(1200, 2, 3)), 1.5),
}


@pytest.mark.parametrize("name", CASES)
def test_every_bit_is_that_of_one_array(name):
    x, bandwidth = CASES[name]
    expected = bitlens.renyi_entropy(x, 2, bandwidth)
    for size in (400, 1024, 1700, len(x)):
        chunked = dask.array.from_array(x, chunks=(min(size, len(x)), *x.shape[1:]))
        assert distributed.renyi_entropy(chunked, 2, bandwidth) == expected


def test_the_tiles_are_in_several_chunks():
    x = dask.array.from_array(normal(3100), chunks=(400, 6))
    from bitlens.distributed.renyi import _aligned_to_tiles

    assert _aligned_to_tiles(x).chunks[0] == (1024, 1024, 1024, 28)


REFUSED = {
    "alpha": (1.01, 1.0, "alpha: expected 2 for chunked samples, got 1.01; pass an array to bitlens.renyi_entropy"),
    "median": (2, Median(), r"bandwidth: expected sigma, Silverman\(\), NearestNeighbors\(\) or Dimension\(\) for"),
    "alignment": (2, Alignment(), r"bandwidth: expected sigma, Silverman\(\), NearestNeighbors\(\) or Dimension\(\)"),
    "default": (2, None, r"bandwidth: expected sigma, Silverman\(\), .* for chunked samples, got None"),
    "negative": (2, -1.0, "bandwidth: expected a finite number above 0, got -1.0"),
    "m": (2, NearestNeighbors(1500), "bandwidth: expected m from 1 to n - 1 = 1499 for 1500 samples, got 1500"),
    "small": (2, 1e-9, "bandwidth: expected a sigma that rounding errors of products do not reach, got 1e-09 for"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    alpha, bandwidth, message = REFUSED[case]
    with pytest.raises(ValueError, match=f"^{message}"):
        distributed.renyi_entropy(dask.array.from_array(normal(1500), chunks=(1024, 6)), alpha, bandwidth)


def test_equal_neighbours_give_no_sigma():
    x = dask.array.from_array(np.repeat(np.eye(2), 600, axis=0), chunks=(600, 2))
    with pytest.raises(ValueError, match=r"^bandwidth: expected samples whose neighbours differ, got a mean distance"):
        distributed.renyi_entropy(x, 2, NearestNeighbors(5))
