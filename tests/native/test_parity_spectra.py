"""Spectra and Renyi entropies on every back-end."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest
import torch

from bitlens import _core, reference
from bitlens.arrays import ArrayContext, call_kernel

BITS = {"float64": 1e-9, "float32": 2e-6}

each_dtype = pytest.mark.parametrize("dtype", BITS)


def spectrum(backend, matrices):
    with backend.active():
        tensor = backend.put(matrices)
        context = ArrayContext(tensor.device)
        count, n, _ = matrices.shape
        spectra = torch.full((count, n), torch.nan, dtype=torch.float64, device=tensor.device)
        workspace = context.spectrum_workspace(count, n, str(matrices.dtype))
        call_kernel(context, _core.gram_spectrum, tensor, spectra, workspace)
        return spectra.cpu().numpy()


def entropies(backend, distances, sets, weights, alpha):
    """One entropy for each set of channels; `weights` are one list for each set."""
    with backend.active():
        context, operands, result = prepared(backend, distances, sets, weights, alpha)
        call_kernel(context, _core.renyi_entropies, *operands)
        return result.cpu().numpy()


def prepared(backend, distances, sets, weights, alpha):
    """The operands of the kernel, and the one among them that has the result."""
    tensor = backend.put(distances)
    starts = backend.put(np.cumsum([0, *map(len, sets)]))
    members = backend.put(np.concatenate([np.asarray(s) for s in sets]))
    flat = backend.put(np.concatenate(weights))
    context = ArrayContext(tensor.device)
    result, kept = torch.full((2, len(sets)), torch.nan, dtype=torch.float64, device=tensor.device)
    workspace = context.spectrum_workspace(0 if alpha == 2 else len(sets), distances.shape[1])
    return context, (tensor, starts, members, flat, float(alpha), result, kept, workspace), result


def symmetric(count, n, seed=0):
    values = np.random.default_rng([count, n, seed]).normal(size=(count, n, n))
    return values + values.transpose(0, 2, 1)


def rotated(eigenvalues):
    """A full matrix of the given eigenvalues."""
    n = len(eigenvalues)
    q, _ = np.linalg.qr(np.random.default_rng(n).normal(size=(n, n)))
    return (q * eigenvalues) @ q.T


def between(x, dtype):
    return ((x[:, :, None] - x[:, None]) ** 2).mean(axis=3).astype(dtype)


def points(n, channels, length=20):
    return np.random.default_rng([n, channels]).normal(size=(channels, n, length))


def squared_distances(n, channels, dtype):
    return between(points(n, channels), dtype)


def assert_close(result, expected, dtype):
    """Equal to a few rounding errors of the largest eigenvalue, which grow with the square root of the size."""
    tolerance = 8 * np.finfo(dtype).eps * np.sqrt(expected.shape[-1]) * abs(expected).max()
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


@pytest.mark.each_kernel
@each_dtype
@pytest.mark.parametrize(("n", "length"), [(1, 1), (2, 9), (31, 31), (32, 32), (33, 33), (65, 8), (100, 70)])
def test_squared_distances(backend, n, length, dtype):
    """By differences, for any offset; 0 between equal samples."""
    x = (np.random.default_rng(n).normal(size=(n, 3, length)) + 1e3).astype(dtype)
    x[-1, 1] = x[0, 1]
    wide = x.astype(np.float64).transpose(1, 0, 2)
    expected = ((wide[:, :, None] - wide[:, None]) ** 2).sum(axis=3)
    with backend.active():
        maps = backend.put(x)
        squares = torch.full((3, n, n), torch.nan, dtype=torch.float64, device=maps.device)
        call_kernel(ArrayContext(maps.device), _core.squared_distances, maps, squares)
        squares = squares.cpu().numpy()
    np.testing.assert_allclose(squares, expected, rtol=1e-13)
    np.testing.assert_array_equal(squares, squares.transpose(0, 2, 1))
    assert squares[1, 0, -1] == 0


@pytest.mark.each_kernel
@each_dtype
@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33, 64, 65, 96, 97, 128, 129, 257])
def test_spectra_of_random_matrices(backend, n, dtype):
    """Sizes around those at which threads are grouped differently; the last two do not fit into 64 KB."""
    matrices = symmetric(3, n).astype(dtype)
    assert_close(spectrum(backend, matrices), np.linalg.eigvalsh(matrices.astype(np.float64)), dtype)


MATRICES = {
    "zero": np.zeros((20, 20)),
    "identity": np.eye(37),
    "diagonal": np.diag(np.arange(40.0)[::-1]),
    "all equal": np.full((50, 50), 0.25),
    "path": np.eye(63, k=1) + np.eye(63, k=-1),
    "anti-diagonal": np.eye(64)[::-1],
    "signs": np.diag([1.0, -1.0] * 9),
    "clusters": rotated(np.repeat([1.0, 1.0 + 1e-9, 2.0, 5.0], 25)),
    "graded": rotated(10.0 ** -np.arange(40.0)),
}


@each_dtype
@pytest.mark.parametrize("scale", [1, 1e-30, 1e30])
@pytest.mark.parametrize("name", MATRICES)
def test_spectra_of_difficult_matrices(backend, name, scale, dtype):
    matrices = (MATRICES[name] * scale).astype(dtype)[None]
    assert_close(spectrum(backend, matrices), np.linalg.eigvalsh(matrices.astype(np.float64)), dtype)


@pytest.mark.each_kernel
@each_dtype
def test_more_matrices_than_workspaces(backend, dtype):
    """In the workspace, which blocks reuse."""
    matrices = symmetric(9, 190).astype(dtype)
    assert_close(spectrum(backend, matrices), np.linalg.eigvalsh(matrices.astype(np.float64)), dtype)


@pytest.mark.each_kernel
@each_dtype
def test_workspaces_are_for_matrices_beyond_shared_memory(backend, dtype):
    """On the CPU there are none."""
    with backend.active():
        context = ArrayContext(backend.put(np.zeros(1)).device)
        small, large = (context.spectrum_workspace(3, n, dtype) for n in (60, 900))
        expected = (min(3, 2 * context.multiprocessors), 900 * 901 // 2) if context.on_cuda else (0, 0)
    assert small.shape == (0, 0)
    assert large.shape == expected


@each_dtype
@pytest.mark.parametrize("alpha", [0.5, 1, 1.01, 1.5, 1.99, 2, 3, 50])
@pytest.mark.parametrize("n", [1, 2, 17, 33, 100, 128])
def test_entropies_against_their_twin(backend, n, alpha, dtype):
    distances = squared_distances(n, 3, dtype)
    sets, weights = [[0], [2, 1], [1, 0, 2]], [[0.5], [1.0, 0.1], [0.3, 0.2, 0.1]]
    expected = [reference.renyi_entropy(distances[s], w, alpha) for s, w in zip(sets, weights, strict=True)]
    result = entropies(backend, distances, sets, weights, alpha)
    np.testing.assert_allclose(result, expected, rtol=0, atol=BITS[dtype])


@pytest.mark.each_kernel
@each_dtype
@pytest.mark.parametrize("alpha", [1.01, 2])
def test_entropies_of_matrices_beyond_shared_memory(backend, alpha, dtype):
    distances = squared_distances(200, 2, dtype)
    expected = reference.renyi_entropy(distances, [0.5, 0.2], alpha)
    result = entropies(backend, distances, [[0, 1]] * 5, [[0.5, 0.2]] * 5, alpha)
    np.testing.assert_allclose(result, np.full(5, expected), rtol=0, atol=BITS[dtype])


SINGULAR = {
    "random": lambda n: points(n, 1),
    "line": lambda n: np.linspace(0, 3, n)[None, :, None],
    "duplicates": lambda n: np.repeat(points(-(-n // 4), 1), 4, axis=1)[:, :n],
    "relu": lambda n: np.maximum(points(n, 1, 49), 0),
    "two groups": lambda n: points(n, 1) * 1e-3 + np.where(np.arange(n) % 2, 30, -30)[:, None],
}


@each_dtype
@pytest.mark.parametrize("alpha", [1, 1.01, 1.99, 50])
@pytest.mark.parametrize("name", SINGULAR)
def test_kernels_that_are_nearly_singular(backend, name, alpha, dtype):
    """Small eigenvalues are noise in float32; rounded distances make some negative."""
    distances = between(SINGULAR[name](90), dtype)
    weights = [[weight] for weight in (1e-12, 1e-6, 1e-3, 0.3, 30, 1e12)]
    expected = [reference.renyi_entropy(distances, weight, alpha) for weight in weights]
    result = entropies(backend, distances, [[0]] * len(weights), weights, alpha)
    np.testing.assert_allclose(result, expected, rtol=0, atol=BITS[dtype])


@pytest.mark.each_kernel
@each_dtype
@pytest.mark.parametrize("alpha", [0.5, 1, 1.01, 2, 3])
def test_entropies_in_closed_form(backend, alpha, dtype):
    """Samples all alike, all different, in two halves; and weight 0, for which all are alike."""
    n = 64
    apart = np.where(np.eye(n), 0.0, 1e30)
    halves = np.where(np.equal.outer(np.arange(n) % 2, np.arange(n) % 2), 0.0, 1e30)
    distances = np.stack([np.zeros((n, n)), apart, halves]).astype(dtype)
    sets = [[0], [1], [2], [0, 2], [1, 2], [1]]
    weights = [[1.0], [1.0], [1.0], [1.0, 1.0], [1.0, 1.0], [0.0]]
    result = entropies(backend, distances, sets, weights, alpha)
    np.testing.assert_allclose(result, [0, 6, 1, 1, 6, 0], rtol=0, atol=1e-6 if alpha == 0.5 else 1e-9)


@each_dtype
@pytest.mark.parametrize("alpha", [0.5, 1.01, 2])
def test_nan_spoils_its_set_alone(backend, alpha, dtype):
    distances = squared_distances(30, 2, dtype)
    distances[1, 20, 4] = np.nan
    result = entropies(backend, distances, [[0], [1], [0]], [[0.5], [0.5], [0.5]], alpha)
    assert np.isnan(result).tolist() == [False, True, False]


@pytest.mark.each_kernel
@each_dtype
@pytest.mark.parametrize("alpha", [0.5, 1.01, 2, 3])
def test_nan_stays_nan_whatever_its_bits(backend, alpha, dtype):
    """A NaN that a GPU computes has all bits but the sign."""
    distances = squared_distances(30, 2, dtype)
    bits = distances[1].view(distances.dtype.str.replace("f", "i"))
    bits[20, 4] = np.iinfo(bits.dtype).max
    assert np.isnan(distances).sum() == 1
    if not ArrayContext(backend.put(distances).device).on_cuda:
        pytest.skip("no estimator passes NaN to the kernels of the CPU")
    result = entropies(backend, distances, [[0], [1], [0, 1]], [[0.5], [0.5], [0.5, 0.5]], alpha)
    assert np.isnan(result).tolist() == [False, True, True]


@each_dtype
def test_spectra_and_entropies_have_the_same_bits_each_time(backend, dtype):
    matrices = symmetric(5, 70).astype(dtype)
    distances = squared_distances(70, 2, dtype)
    results = [
        np.append(spectrum(backend, matrices), entropies(backend, distances, [[0], [0, 1]], [[0.5], [1e-5, 1]], 1.01))
        for _ in range(3)
    ]
    for again in results[1:]:
        np.testing.assert_array_equal(again, results[0])


@pytest.mark.each_kernel
def test_two_threads_with_matrices_of_different_sizes(backend):
    """Both sizes need more shared memory than kernels have without a request, and not the same amount."""
    given = [squared_distances(n, 1, "float64") for n in (105, 110)]
    expected = [entropies(backend, distances, [[0]], [[0.5]], 1.01) for distances in given]
    finished = []

    def repeat(context, operands):
        for _ in range(20):
            call_kernel(context, _core.renyi_entropies, *operands)
        finished.append(True)

    with backend.active():
        calls = [prepared(backend, distances, [[0]], [[0.5]], 1.01) for distances in given]
        for _, operands, _ in calls:
            operands[0].cpu()  # waits until the operands are there, because other threads have another stream
        threads = [Thread(target=repeat, args=call[:2]) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        found = [result.cpu().numpy() for *_, result in calls]
    assert len(finished) == 2
    np.testing.assert_array_equal(found, expected)


@pytest.mark.each_kernel
def test_a_captured_graph_computes_anew(backend):
    """With other values in the same tensor. A kernel's first call asks for shared memory, so it is not captured."""
    first = squared_distances(105, 1, "float64")
    second = 3 * first
    expected = entropies(backend, second, [[0]], [[0.5]], 1.01)
    with backend.active():
        context, operands, result = prepared(backend, first, [[0]], [[0.5]], 1.01)
        if not (torch.cuda.is_available() and result.is_cuda):
            pytest.skip("only a GPU has graphs")
        call_kernel(context, _core.renyi_entropies, *operands)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call_kernel(context, _core.renyi_entropies, *operands)
        operands[0].copy_(backend.put(second))
        result.fill_(torch.nan)
        graph.replay()
        found = result.cpu().numpy()
    np.testing.assert_array_equal(found, expected)
