"""Neighbours and entropies of chunked arrays: the bits of the functions for one array, whatever the chunks."""

from __future__ import annotations

import subprocess
import sys
import warnings

import dask
import dask.array
import numpy as np
import pytest
from distributed import Client

import bitlens
from bitlens import distributed
from tests.support.adversarial_points import DATA, normal

CHUNKS = [(75, 75), (1, 100, 1, 48), (30, 0, 20, 70, 30)]


@pytest.fixture(autouse=True)
def this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def same_root(n, length):
    """Squared distances to sample 0 are 1 + 2^-52 and 1 by turns; their roots are equal."""
    x = np.zeros((n, max(length, 2)))
    x[1:, 0] = 1
    x[1::2, 1] = 2.0**-26
    return x


def enormous(n, length):
    return np.random.default_rng(n).normal(size=(n, length)) * 1e200


def tiny(n, length):
    return np.random.default_rng(n).normal(size=(n, length)) * 1e-200


def one_chunk_is_tiny(n, length):
    """The largest values, which decide how all are scaled, are in the last chunk alone."""
    x = np.random.default_rng(n).normal(size=(n, length)) * 2.0**401
    x[: n // 2] *= 2.0**-300
    return x


def two_values(n, length):
    return np.random.default_rng(n).integers(2, size=(n, length)).astype(float)


CASES = {**DATA, **{f.__name__: f for f in (same_root, enormous, tiny, one_chunk_is_tiny, two_values)}}


def samples(name, n, length, dtype):
    x = CASES[name](n, length)
    if dtype == "float32" and (np.abs(x).max() > 1e30 or 0 < np.abs(x).max() < 1e-30):
        x = x / np.abs(x).max()
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_every_bit_is_that_of_one_array(name, dtype):
    for length, k in ((1, 15), (7, 2), (7, 149)):
        x = samples(name, 150, length, dtype)
        with warnings.catch_warnings(record=True) as expected_warnings:
            warnings.simplefilter("always")
            expected = bitlens.inter_sample_entropy(x, k)
        distances, indices = bitlens.nearest_neighbors(x, k)
        for chunks in CHUNKS:
            chunked = dask.array.from_array(x, chunks=(chunks, -1))
            found = dask.compute(*distributed.nearest_neighbors(chunked, k))
            np.testing.assert_array_equal(found[0], distances)
            np.testing.assert_array_equal(found[1], indices)
            with warnings.catch_warnings(record=True) as given:
                warnings.simplefilter("always")
                assert distributed.inter_sample_entropy(chunked, k) == expected
            assert [str(w.message) for w in given] == [str(w.message) for w in expected_warnings]
            assert all(w.filename == __file__ for w in given)


def test_samples_of_equal_root_are_ordered_by_their_squares():
    """A merge of rounded distances would return sample 1, whose index is smaller."""
    x = same_root(3, 2)
    for chunks in ((1, 1, 1), (2, 1), (1, 2)):
        indices = distributed.nearest_neighbors(dask.array.from_array(x, chunks=(chunks, 1)), 1)[1].compute()
        assert indices[0, 0] == bitlens.nearest_neighbors(x, 1)[1][0, 0] == 2


def test_types_and_axes_are_those_of_one_array():
    x = np.random.default_rng(0).integers(-9, 9, size=(60, 2, 5))
    for dtype in ("int8", "int64", "float16", "bool", "float32"):
        chunked = dask.array.from_array(x.astype(dtype), chunks=(13, 1, 2))
        distances, indices = distributed.nearest_neighbors(chunked, 4)
        assert (distances.dtype, indices.dtype, distances.chunks[0]) == (np.float64, np.int64, (13, 13, 13, 13, 8))
        expected = bitlens.nearest_neighbors(x.astype(dtype), 4)
        np.testing.assert_array_equal(distances.compute(), expected[0])
        np.testing.assert_array_equal(indices.compute(), expected[1])


def test_projections_in_a_task_change_nothing(monkeypatch):
    """Large chunks are searched along principal directions."""
    from bitlens.estimators.neighbors import projection

    monkeypatch.setattr(projection, "_LEAST_PRODUCTS", 0)
    monkeypatch.setattr(projection, "_LEAST_SAMPLES", 0)
    monkeypatch.setattr(projection, "_DIRECTION_ROWS", 64)
    monkeypatch.setattr(projection, "_QUERIES", 8)
    monkeypatch.setattr(projection, "_COLUMNS", 100)
    random = np.random.default_rng(0)
    x = random.normal(size=(1000, 16)) @ random.normal(size=(16, 400)) + 1e-3 * random.normal(size=(1000, 400))
    with monkeypatch.context() as unused:
        unused.setattr(projection, "_LEAST_SAMPLES", 10**9)
        expected = bitlens.nearest_neighbors(x, 5)
    found = dask.compute(*distributed.nearest_neighbors(dask.array.from_array(x, chunks=(400, -1)), 5))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_workers_and_their_threads_change_no_bit(client: Client):
    x = normal(500, 20)
    expected = bitlens.nearest_neighbors(x, 9), bitlens.inter_sample_entropy(x, 9)
    with client.as_current(), dask.config.set(scheduler=None):
        chunked = dask.array.from_array(x, chunks=(130, -1))
        found = client.gather(client.compute(distributed.nearest_neighbors(chunked, 9)))
        entropy = distributed.inter_sample_entropy(chunked, 9)
    np.testing.assert_array_equal(found[0], expected[0][0])
    np.testing.assert_array_equal(found[1], expected[0][1])
    assert entropy == expected[1]


def test_threads_of_this_process_are_left_as_they_were(threads):
    threads(3)
    with dask.config.set(scheduler="threads"):
        distributed.inter_sample_entropy(dask.array.from_array(normal(60, 3), chunks=(20, -1)), 5)
    assert bitlens.get_num_threads() == 3


def test_a_missing_library_is_named():
    program = "import sys; sys.modules['dask'] = None; import bitlens.distributed"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("ModuleNotFoundError: bitlens.distributed needs dask: pip install 'bitlens[cluster]'\n")


def chunked(x, chunks=4):
    return dask.array.from_array(np.asarray(x), chunks=chunks)


FINITE = normal(12, 2)
NAN = np.where(np.arange(24).reshape(12, 2) == 23, np.nan, FINITE)
REFUSED = {
    "numpy": (lambda: FINITE, TypeError, "x: expected a dask array, got ndarray; pass it to the function of the same"),
    "axes": (lambda: chunked(FINITE[:, 0]), ValueError, r"x: expected shape \(samples, ...\), got \(12,\)"),
    "sizes": (lambda: chunked(FINITE)[chunked(FINITE[:, 0]) > 0], ValueError, "x: expected known sizes of the chunks"),
    "few": (lambda: chunked(FINITE[:2]), ValueError, "x: expected at least 3 samples, got 2"),
    "empty": (lambda: chunked(FINITE[:, :0]), ValueError, r"x: is empty, got shape \(12, 0\)"),
    "complex": (lambda: chunked(FINITE * 1j), TypeError, "x: expected an array of real numbers, got complex128"),
    "nan": (lambda: chunked(NAN), ValueError, "x: contains NaN or infinity; every value must be finite"),
    "k": (lambda: chunked(FINITE[:5]), ValueError, "k: expected 2 to n - 1 = 4 for 5 samples, got 5"),
    "span": (
        lambda: chunked(np.where(np.arange(24).reshape(12, 2) == 23, 1e200, FINITE)),
        ValueError,
        r"x: expected nonzero magnitudes within a factor of 2\^400 of the largest, 1e\+200, got smaller ones; ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=f"^{message}"):
        distributed.inter_sample_entropy(make(), 5)


def test_distances_beyond_float64_are_refused():
    x = np.array([[-1.5e308], [1.5e308], [1.4e308]])
    message = "^x: expected distances within the range of float64, got larger ones; scale the values$"
    with pytest.raises(ValueError, match=message):
        bitlens.nearest_neighbors(x, 2)
    with pytest.raises(ValueError, match=message):
        dask.compute(*distributed.nearest_neighbors(chunked(x, 1), 2))
