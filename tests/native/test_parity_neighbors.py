"""The neighbour search on every back-end: its steps, and the estimators that use them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens
from bitlens import _core, reference
from bitlens.arrays import ArrayContext, call_kernel
from bitlens.estimators.neighbors import nearest
from tests.support.adversarial_points import DATA, exact_duplicates, normal

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def output(context, *shape, dtype="float64"):
    """An output filled with NaN or -1, which shows elements that were not written."""
    result = torch.empty(shape, dtype=getattr(torch, dtype), device=context.device)
    return result.fill_(torch.nan if result.is_floating_point() else -1)


@pytest.mark.each_kernel
@each_dtype
@pytest.mark.parametrize(
    ("n", "length"), [(1, 1), (47, 7), (48, 8), (49, 9), (127, 33), (129, 384), (200, 1000), (33, 2100)]
)
def test_samples_in_panels(backend, n, length, dtype):
    """Whole numbers around whole numbers, so that every value is exact but for the width."""
    x = np.random.default_rng(n).integers(-9, 10, (n, length)).astype(dtype)
    mean = np.arange(length) % 5 - 2.0
    with backend.active():
        points = backend.put(x)
        context = ArrayContext(points.device)
        panel = nearest._tiles_for(context).panel
        panels = output(context, -(-n // panel), length, panel, dtype="float32")
        norms = output(context, n)
        call_kernel(context, _core.center_samples, points, backend.put(mean), 13.0, panels, norms)
        values = panels.transpose(1, 2).reshape(-1, length).cpu().numpy()
        norms = norms.cpu().numpy()
    np.testing.assert_array_equal(values[:n], ((x - mean) / 13).astype(np.float32))
    assert (values[n:] == 0).all()
    np.testing.assert_allclose(norms, (values[:n].astype(np.float64) ** 2).sum(axis=1), rtol=1e-13)


@pytest.fixture
def small_tiles(monkeypatch):
    """Many tiles and short lists for few samples."""
    monkeypatch.setattr(nearest, "_CPU_TILES", nearest._Tiles(_core.CPU_PANEL, 2, 1))
    monkeypatch.setattr(nearest, "_CUDA_TILES", nearest._Tiles(_core.CUDA_PANEL, 1, 1))
    monkeypatch.setattr(nearest, "_LIST_SLACK", 64)


def assert_exact(backend, x, k):
    expected_distances, expected_indices = reference.nearest_neighbors(x, k)
    with backend.active():
        tensor = backend.put(x)
        distances, indices = bitlens.nearest_neighbors(tensor, k)
        assert (distances.device, distances.dtype) == (tensor.device, torch.float64)
        assert (indices.device, indices.dtype) == (tensor.device, torch.int64)
        distances, indices = distances.cpu().numpy(), indices.cpu().numpy()
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-13)


@each_dtype
@pytest.mark.parametrize("length", [1, 40])
@pytest.mark.parametrize("name", DATA)
def test_many_small_tiles(backend, small_tiles, name, length, dtype):
    x = DATA[name](270, length)
    if dtype == "float32" and np.abs(x).max() > np.finfo(np.float32).max:
        x = x * 1e-70  # 1e30: beyond it, float32 has no values
    assert_exact(backend, x.astype(dtype), 7)


@pytest.mark.each_kernel
@pytest.mark.parametrize("n", [127, 128, 129, 255, 256, 257, 385])
def test_sizes_around_the_seams(backend, small_tiles, n):
    assert_exact(backend, normal(n, 5), 3)


@pytest.mark.parametrize("k", [1, 10, 62, 63, 64, 65, 138, 139])
def test_numbers_of_neighbors_up_to_all(backend, small_tiles, k):
    """From k = 63 on the filter would keep every sample and is skipped."""
    assert_exact(backend, normal(140, 5), k)


@pytest.mark.parametrize("k", [1, 15, 199, 200, 399])
def test_groups_of_equal_samples_that_no_list_holds(backend, k):
    """Two groups of 200 samples, and one sample that differs by little."""
    x = np.zeros((400, 40))
    x[1::2] = 1.0
    x[100, 39] = 1e-30
    assert_exact(backend, x, k)


@pytest.mark.each_kernel
@pytest.mark.parametrize("candidates", [0, 60])
@pytest.mark.parametrize("width", [267, 300, 3000])
def test_rows_that_are_wider_than_they_need_to_be(backend, width, candidates):
    """Rows that are too wide for shared memory are sorted in place of the results.

    Distances are below 1, so that a thread which reads the root of a square before its time takes it for a larger one.
    """
    x = normal(300, 2, 0.01)
    expected_distances, expected_indices = reference.nearest_neighbors(x, 10)
    nearest, order = reference.nearest_neighbors(x, candidates + 1)
    bounds = (nearest**2 * (1 - 1e-6)).astype(np.float32)
    with backend.active():
        points = backend.put(x)
        context = ArrayContext(points.device)
        error_bounds, kth_estimates = backend.put(np.zeros(300)), backend.put(np.tile([0, np.inf], (300, 1)))
        distances, indices = output(context, 300, width), output(context, 300, width, dtype="int32")
        lists = (
            backend.put(bounds[:, :candidates].copy()),
            backend.put(order[:, :candidates].astype(np.int32)),
            backend.put(np.full(300, candidates, np.int32)),
            backend.put(bounds[:, candidates].copy() if candidates else np.full(300, np.inf, np.float32)),
        )
        operands = points, *lists, 1.0, error_bounds, 1.0, kth_estimates, 10, distances, indices
        call_kernel(context, _core.exact_neighbors, *operands, output(context, 300, dtype="uint8"))
        distances, indices = distances[:, :10].cpu(), indices[:, :10].cpu()
    np.testing.assert_array_equal(indices.numpy(), expected_indices)
    np.testing.assert_allclose(distances.numpy(), expected_distances, rtol=1e-13)


@each_dtype
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("k", "length"), [(2, 64), (15, 64), (115, 64), (125, 1100)])
def test_entropies(backend, small_tiles, name, k, length, dtype):
    """With k = 125, a list has places for all samples."""
    x = DATA[name](200, length)
    if dtype == "float32" and np.abs(x).max() > np.finfo(np.float32).max:
        x = x * 1e-70
    x = x.astype(dtype)
    with backend.active():
        entropy = bitlens.inter_sample_entropy(backend.put(x), k)
    assert abs(entropy - reference.inter_sample_entropy(x, k)) < {"float64": 1e-9, "float32": 1e-5}[dtype]


@pytest.mark.each_kernel
def test_probabilities_of_maps(backend):
    """Feature maps with strides, of a type that is converted."""
    x = np.random.default_rng(0).integers(-40, 40, (90, 3, 6, 5)).astype(np.float32)
    view = x.transpose(0, 2, 1, 3)[:, ::2]
    expected_indices, expected, expected_scales = reference.neighbor_probabilities(view.reshape(90, -1), 12)
    with backend.active():
        tensor = backend.put(x).to(torch.float16).permute(0, 2, 1, 3)[:, ::2]
        indices, probabilities, scales = (part.cpu() for part in bitlens.neighbor_probabilities(tensor, 12))
    np.testing.assert_array_equal(indices.numpy(), expected_indices)
    np.testing.assert_allclose(probabilities.numpy(), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scales.numpy(), expected_scales, rtol=1e-9)


def test_neighbors_have_the_same_bits_each_time(backend):
    x = (exact_duplicates(300, 20) + normal(300, 20, 1e-3)).astype(np.float32)
    with backend.active():
        tensor = backend.put(x)
        runs = [
            [*bitlens.neighbor_probabilities(tensor, 9), torch.tensor(bitlens.inter_sample_entropy(tensor, 9))]
            for _ in range(3)
        ]
        runs = [[part.cpu().numpy() for part in run] for run in runs]
    for run in runs[1:]:
        for part, again in zip(runs[0], run, strict=True):
            np.testing.assert_array_equal(part, again)


NEIGHBOR_DATA = {
    "normal": lambda random, n: random.normal(size=(n, 4)),
    "duplicates": lambda random, n: random.normal(size=(n // 9 + 1, 4))[np.arange(n) % (n // 9 + 1)],
    "grid": lambda random, n: random.integers(0, 3, (n, 3)).astype(np.float64),
    "tiny": lambda random, n: random.normal(size=(n, 4)) * 1e-50,
}


@pytest.mark.each_kernel
@pytest.mark.parametrize(("n", "k"), [(3, 2), (40, 31), (40, 32), (70, 33), (300, 15), (9, 8)])
@pytest.mark.parametrize("data", NEIGHBOR_DATA)
def test_from_distances_to_entropy(backend, data, n, k):
    x = NEIGHBOR_DATA[data](np.random.default_rng(n), n)
    distances, indices = reference.nearest_neighbors(x, k)
    _, expected_weights, expected_scales = reference.neighbor_probabilities(x, k)
    with backend.active():
        d, i = backend.put(distances), backend.put(indices.astype(np.int32))
        context = ArrayContext(d.device)
        scales, weights, sums, entropy = (
            torch.full(shape, np.nan, dtype=torch.float64, device=d.device) for shape in ((n,), (n, k), (n, 2), (1,))
        )
        call_kernel(context, _core.neighbor_scales, d, scales)
        call_kernel(context, _core.neighbor_weights, d, scales, weights)
        for first in range(0, n, 23):
            rows = slice(first, first + 23)
            vectors = scales, d[:, -1].clone(), i[:, -1].clone()
            call_kernel(context, _core.edge_sums, d[rows], i[rows], first, *vectors, sums[rows])
        call_kernel(context, _core.edge_entropy, sums, entropy)
        scales, weights, entropy = scales.cpu(), weights.cpu(), entropy.item()
    np.testing.assert_allclose(scales.numpy(), expected_scales, rtol=1e-9)
    np.testing.assert_allclose(weights.numpy(), expected_weights, rtol=0, atol=1e-9)
    assert abs(entropy - reference.inter_sample_entropy(x, k)) < 1e-9
