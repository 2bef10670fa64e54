"""All eigenvalues of symmetric matrices: closed forms, NumPy's results, difficult matrices, every instruction set."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bitlens import _core, reference
from tests.support.operands import call

each_dtype = pytest.mark.parametrize("dtype", ["float64", "float32"])


def spectrum(matrices):
    spectra = np.full(matrices.shape[:2], np.nan)
    _core.gram_spectrum(matrices, spectra, np.empty((0, 0)), 0)
    return spectra


def rotated(eigenvalues):
    """A full matrix of the given eigenvalues."""
    n = len(eigenvalues)
    q, _ = np.linalg.qr(np.random.default_rng(n).normal(size=(n, n)))
    return (q * eigenvalues) @ q.T


def path(n):
    """The adjacency matrix of a path, whose diagonal is 0: every pivot starts there."""
    return np.eye(n, k=1) + np.eye(n, k=-1)


def blocks(*sizes):
    return np.equal.outer(*[np.repeat(np.arange(len(sizes)), sizes)] * 2).astype(np.float64)


# id: (matrix, its eigenvalues)
CLOSED_FORMS = {
    "one number": (np.array([[-3.5]]), [-3.5]),
    "two by two": (np.array([[2.0, 1.0], [1.0, 2.0]]), [1, 3]),
    "exchange": (np.array([[0.0, 1.0], [1.0, 0.0]]), [-1, 1]),
    "zero": (np.zeros((20, 20)), np.zeros(20)),
    "identity": (np.eye(37), np.ones(37)),
    "diagonal": (np.diag(np.arange(40.0)[::-1]), np.arange(40)),
    "all equal": (np.full((50, 50), 0.25), [*np.zeros(49), 12.5]),
    "negative": (np.full((33, 33), -1.0), [-33, *np.zeros(32)]),
    "blocks": (blocks(20, 7, 40, 1), [*np.zeros(64), 1, 7, 20, 40]),
    "rank one": (np.outer(np.arange(1.0, 31), np.arange(1.0, 31)), [*np.zeros(29), 30 * 31 * 61 / 6]),
    "path": (path(63), 2 * np.cos(np.pi * np.arange(63, 0, -1) / 64)),
    "anti-diagonal": (np.eye(64)[::-1], [-1] * 32 + [1] * 32),
    "signs": (np.diag([1.0, -1.0] * 9), [-1] * 9 + [1] * 9),
    "clusters": (rotated(np.repeat([1.0, 1.0 + 1e-9, 2.0, 5.0], 25)), np.repeat([1.0, 1.0 + 1e-9, 2.0, 5.0], 25)),
    "graded": (rotated(10.0 ** -np.arange(40.0)), 10.0 ** -np.arange(39.0, -1, -1)),
}


def assert_same_spectrum(result, expected, dtype):
    """Equal to a few rounding errors of the largest eigenvalue, which grow with the square root of the size.

    OpenBLAS and MKL differ from each other by up to 3.2 rounding errors on random matrices; 8 are allowed here.
    """
    expected = np.asarray(expected, np.float64)
    tolerance = 8 * np.finfo(dtype).eps * np.sqrt(len(expected)) * abs(expected).max()
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


@each_dtype
@pytest.mark.parametrize("scale", [1, 1e-30, 1e30])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_spectra_in_closed_form(name, scale, dtype):
    matrix, expected = CLOSED_FORMS[name]
    result = spectrum((matrix * scale).astype(dtype)[None])[0]
    assert_same_spectrum(result / scale, expected, dtype)


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e200, 1e300])
def test_spectra_at_the_ends_of_float64(scale):
    result = spectrum((path(9) * scale)[None])[0] / scale
    np.testing.assert_allclose(result, 2 * np.cos(np.pi * np.arange(9, 0, -1) / 10), rtol=0, atol=1e-12)


def test_matrices_that_are_blocks_except_for_an_underflow():
    """The first shift is the lower block's eigenvalue, and the coupling of the blocks is far below rounding."""
    for tiny in 10.0 ** np.arange(-146, -70, 0.25):
        matrix = np.diag([0.0, 0.0, 2.0, -1.0])
        for i, coupling in enumerate([1.0, 0.5, tiny]):
            matrix[i, i + 1] = matrix[i + 1, i] = coupling
        expected = np.sort([-1, *np.linalg.eigvalsh(matrix[:3, :3])])
        np.testing.assert_allclose(spectrum(matrix[None])[0], expected, rtol=0, atol=1e-14, err_msg=tiny)


@each_dtype
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 128, 129, 256, 512])
def test_spectra_against_their_twin(n, dtype):
    matrices = np.random.default_rng(n).normal(size=(3, n, n)).astype(dtype)
    matrices += matrices.swapaxes(1, 2)
    for result, expected in zip(spectrum(matrices), reference.gram_spectrum(matrices), strict=True):
        assert_same_spectrum(result, expected, dtype)


@each_dtype
def test_spectra_read_the_lower_triangle_of_any_rows(dtype):
    whole = np.random.default_rng(0).normal(size=(40, 30, 60)).astype(dtype)
    part = whole[::2, :, :30]
    lower = np.tril(part)
    whole[:, :, :30] = np.where(np.tri(30, dtype=bool), whole[:, :, :30], np.nan)
    expected = reference.gram_spectrum(lower + np.tril(lower, -1).swapaxes(1, 2))
    for result, row in zip(spectrum(part), expected, strict=True):
        assert_same_spectrum(result, row, dtype)


def test_spectra_do_not_depend_on_other_matrices():
    """Matrices are computed in lockstep and finish at different times."""
    matrices = np.stack([rotated(np.linspace(0, 1, 30) ** power) for power in range(37)])
    matrices[5] = 0
    matrices[6] = np.eye(30)
    together = spectrum(matrices)
    alone = np.concatenate([spectrum(matrix[None]) for matrix in matrices])
    np.testing.assert_array_equal(together, alone)


def test_spectra_do_not_depend_on_the_number_of_threads(threads):
    matrices = np.stack([rotated(np.linspace(0, 1, 30) ** power) for power in range(37)])
    results = []
    for count in (1, 2, 5):
        threads(count)
        results.append(spectrum(matrices).tobytes())
    assert results[0] == results[1] == results[2]


def spoiled(values, place, value):
    array = np.array(values)
    array[place] = value
    return array


# (operands that do not fit, message)
REFUSED = [
    ({"matrices": np.ones((3, 0, 0))}, "matrices: rows: expected 1 to 1048576, got 0"),
    ({"matrices": np.ones((3, 5, 4))}, "matrices: columns: expected 5, got 4"),
    (
        {"matrices": spoiled(np.ones((3, 5, 5)), (2, 4, 1), np.nan)},
        "matrices: contains NaN or infinity; every value must be finite",
    ),
    (
        {"matrices": spoiled(np.ones((3, 5, 5)), (1, 0, 0), np.inf)},
        "matrices: contains NaN or infinity; every value must be finite",
    ),
    ({"spectra": np.ones((2, 5))}, "spectra: matrices: expected 3, got 2"),
    ({"spectra": np.ones((3, 6))}, "spectra: eigenvalues: expected 5, got 6"),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED, ids=[row[1] for row in REFUSED])
def test_refused_operands(changed, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call("gram_spectrum", **changed)
