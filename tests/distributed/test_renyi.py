"""Matrix-based entropies of chunked arrays: those of the function for one array, whatever the chunks."""

from __future__ import annotations

import dask
import dask.array
import numpy as np
import pytest
from distributed import Client

import bitlens
from bitlens import Alignment, Cosine, Dimension, Linear, Median, NearestNeighbors, Silverman, distributed
from bitlens.distributed import linear_kernel
from bitlens.estimators.matrix.kernels import Clamped


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
    "median": (normal(2100), Median()),
    "median of float32": (normal(1500, offset=50.0, dtype="float32"), None),
    "median of pairs": (np.repeat(normal(600), 2, axis=0), Median()),
    "median of ties": (np.random.default_rng(0).integers(0, 3, size=(1500, 4)).astype(float), Median()),
    "median of two groups": (np.eye(2)[np.arange(1201) % 2], Median()),
    "median beside one far": (np.concatenate([normal(1199), np.full((1, 6), 1e2)]), Median()),
    "median of enormous": (normal(1100, scale=1e200), Median()),
    "median of few": (normal(300), Median()),
    "median of equal": (np.ones((1100, 2)), Median()),
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
    "alpha": (
        1.01,
        {"bandwidth": 1.0},
        "alpha: expected 2 for a Gaussian kernel of chunked samples, got 1.01; pass an",
    ),
    "alpha 0": (0, {"kernel": Linear()}, "alpha: expected a finite number above 0, got 0"),
    "alignment": (
        2,
        {"bandwidth": Alignment()},
        r"bandwidth: expected sigma, Median\(\), Silverman\(\), .*, got Align",
    ),
    "list": (
        2,
        {"bandwidth": [1.0]},
        r"bandwidth: expected sigma, .* for chunked samples, got \[1.0\]; choose sigma by",
    ),
    "negative": (2, {"bandwidth": -1.0}, "bandwidth: expected a finite number above 0, got -1.0"),
    "m": (
        2,
        {"bandwidth": NearestNeighbors(1500)},
        "bandwidth: expected m from 1 to n - 1 = 1499 for 1500 samples, got",
    ),
    "small": (2, {"bandwidth": 1e-9}, "bandwidth: expected a sigma that rounding errors of products do not reach, got"),
    "both": (2, {"bandwidth": 1.0, "kernel": Linear()}, "bandwidth: expected none together with a kernel, got 1.0"),
    "clamped": (
        2,
        {"kernel": Clamped()},
        r"kernel: expected Gaussian\(\), Linear\(\) or Cosine\(\) for chunked samples",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    alpha, options, message = REFUSED[case]
    with pytest.raises(ValueError, match=f"^{message}"):
        distributed.renyi_entropy(dask.array.from_array(normal(1500), chunks=(1024, 6)), alpha, **options)


def test_equal_neighbours_give_no_sigma():
    x = dask.array.from_array(np.repeat(np.eye(2), 600, axis=0), chunks=(600, 2))
    with pytest.raises(
        ValueError, match=r"^bandwidth: expected samples whose neighbours differ, .* sigma or Median\(\)$"
    ):
        distributed.renyi_entropy(x, 2, NearestNeighbors(5))


def scaled(n, values, dtype="float64"):
    """Samples whose values have different variances and means."""
    x = np.random.default_rng(n).normal(size=(n, values)) / np.arange(1, values + 1) + 3
    return x.astype(dtype)


LINEAR = {
    "more samples": scaled(500, 9),
    "more values": scaled(60, 90),
    "float32": scaled(300, 40, "float32"),
    "axes": scaled(200, 24).reshape(200, 2, 3, 4),
    "rank": scaled(300, 3) @ np.ones((3, 20)),
    "equal rows": np.repeat(np.eye(3), 70, axis=0),
    "zero rows": np.repeat([[0.0, 0.0], [1.0, 2.0]], 70, axis=0),
    "enormous": scaled(150, 4) * 1e200,
    "tiny": scaled(150, 4) * 1e-200,
    "offset": scaled(150, 4) + 1e6,
}
KERNELS = [Linear(), Linear(center=True), Cosine(), Cosine(center=True)]


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("name", LINEAR)
def test_linear_kernels_of_any_order(name, kernel):
    """Below order 1, rounding errors of the largest eigenvalue matter to eigenvalues that are 1e-12 of it."""
    x = LINEAR[name]
    for alpha in (1, 2, 3.5, *(() if name == "offset" else (0.5,))):
        expected = bitlens.renyi_entropy(x.astype("float64"), alpha, kernel=kernel)
        for size in (len(x) // 4 + 1, len(x)):
            chunked = dask.array.from_array(x, chunks=(size, *x.shape[1:]))
            assert abs(distributed.renyi_entropy(chunked, alpha, kernel=kernel) - expected) < 1e-9


def test_linear_kernels_in_closed_form():
    """Of 8 directions, 4 have the fourfold share of the others: 4 times 0.2 and 4 times 0.05 of the trace."""
    x = dask.array.from_array(np.repeat(np.diag([2.0] * 4 + [1.0] * 4), 3, axis=0), chunks=(5, 8))
    assert abs(distributed.renyi_entropy(x, 1, kernel=Linear()) + 0.8 * np.log2(0.2) + 0.2 * np.log2(0.05)) < 1e-12
    assert abs(distributed.renyi_entropy(x, 2, kernel=Linear()) + np.log2(4 * 0.04 + 4 * 0.0025)) < 1e-12
    assert abs(distributed.renyi_entropy(x, 3, kernel=Cosine()) - 3) < 1e-12


def test_samples_of_many_values_have_order_2_alone_where_no_matrix_is_small(monkeypatch):
    monkeypatch.setattr(linear_kernel, "_MOST_ROWS", 50)
    x = scaled(70, 60)
    chunked = dask.array.from_array(x, chunks=(30, 60))
    expected = bitlens.renyi_entropy(x, 2, kernel=Linear())
    assert abs(distributed.renyi_entropy(chunked, 2, kernel=Linear()) - expected) < 1e-9
    message = "^x: expected at most 50 samples, or values of a sample, for an order other than 2, got 70 samples of 60"
    with pytest.raises(ValueError, match=message):
        distributed.renyi_entropy(chunked, 1.01, kernel=Linear())


@pytest.mark.parametrize("alpha", [1, 2])
@pytest.mark.parametrize("shape", [(20, 3), (3, 20)])
def test_a_kernel_that_is_0_everywhere_has_no_entropy(shape, alpha):
    x = dask.array.from_array(np.full(shape, 7.25), chunks=(2, shape[1]))
    with pytest.warns(bitlens.UndefinedWarning, match="^x: expected a kernel that is not 0 everywhere") as caught:
        assert np.isnan(distributed.renyi_entropy(x, alpha, kernel=Linear(center=True)))
    assert caught[0].filename == __file__


def test_worker_processes_change_nothing(client: Client):
    x = normal(3100)
    with client.as_current(), dask.config.set(scheduler=None):
        chunked = dask.array.from_array(x, chunks=(700, 6))
        gaussian = [
            distributed.renyi_entropy(chunked, 2, bandwidth) for bandwidth in (1.0, Median(), NearestNeighbors(5))
        ]
        linear = [distributed.renyi_entropy(chunked, alpha, kernel=Linear(center=True)) for alpha in (1.01, 2)]
    assert gaussian == [bitlens.renyi_entropy(x, 2, bandwidth) for bandwidth in (1.0, Median(), NearestNeighbors(5))]
    expected = [bitlens.renyi_entropy(x, alpha, kernel=Linear(center=True)) for alpha in (1.01, 2)]
    np.testing.assert_allclose(linear, expected, rtol=0, atol=1e-9)
