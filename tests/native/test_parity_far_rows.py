"""Rows that are more than 2^31 elements apart, on every back-end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens
from bitlens import _core, reference
from bitlens.arrays import ArrayContext, call_kernel

APART = 2**31 + 8


@pytest.fixture
def far_apart(backend):
    """Places rows [2, ...] 2^31 + 8 elements apart; the pages of CPU memory between them are not touched."""

    def put(rows):
        with backend.active():
            near = backend.put(rows.reshape(2, -1))
            size = near.element_size() * (APART + near.shape[1])
            try:
                memory = torch.empty(size, dtype=torch.uint8, device=near.device).view(near.dtype)
            except (RuntimeError, torch.OutOfMemoryError):
                pytest.skip(f"no {size / 1e9:.1f} GB in one piece")
            far = memory.as_strided((2, near.shape[1]), (APART, 1))
            far.copy_(near)
            return far.as_strided(rows.shape, (APART, *near.reshape(rows.shape).stride()[1:]))

    return put


def test_maps(backend, far_apart):
    x = np.random.default_rng(0).normal(size=(2, 2, 50)).astype(np.float32)
    maps = far_apart(x)
    with backend.active():
        entropies = bitlens.intra_sample_entropy(maps).cpu()
        counts = torch.full((2, 2, 16), -1, dtype=torch.int32, device=maps.device)
        call_kernel(ArrayContext(maps.device), _core.value_histograms, maps, -9.0, 9.0, counts)
        codes = torch.full((2, 1), 255, dtype=torch.uint8, device=maps.device)
        ranges = torch.full((2, 2), torch.nan, dtype=torch.float64, device=maps.device)
        workspace = torch.empty((0, 0), dtype=torch.float64, device=maps.device)
        call_kernel(ArrayContext(maps.device), _core.distance_codes, maps, 4, codes, ranges, workspace)
        counts, ranges = counts.cpu().numpy(), ranges.cpu().numpy()
    expected = [[np.histogram(row.astype(np.float64), 16, (-9, 9))[0] for row in sample] for sample in x]
    np.testing.assert_array_equal(counts, expected)
    distances = reference.channel_distances(x)
    np.testing.assert_allclose(ranges, np.repeat(distances, 2, axis=1), rtol=1e-14)
    np.testing.assert_allclose(entropies.numpy(), reference.intra_sample_entropy(x), rtol=0, atol=1e-6)


def test_samples(backend, far_apart):
    x = np.random.default_rng(0).normal(size=(2, 9))
    points = far_apart(x)
    with backend.active():
        context = ArrayContext(points.device)

        def output(*shape, dtype=torch.float64):
            return torch.zeros(shape, dtype=dtype, device=points.device)

        lists = output(2, 0, dtype=torch.float32), output(2, 0, dtype=torch.int32)
        ends = output(2, dtype=torch.int32), output(2, dtype=torch.float32)
        distances, indices = output(2, 300), output(2, 300, dtype=torch.int32)
        kth_estimates = output(2, 2)
        kth_estimates[:, 1] = torch.inf
        call_kernel(
            context,
            _core.exact_neighbors,
            points,
            *lists,
            *ends,
            1.0,
            output(2),
            1.0,
            kth_estimates,
            1,
            distances,
            indices,
            output(2, dtype=torch.uint8),
        )
        distances, indices = distances[:, 0].cpu().numpy(), indices[:, 0].tolist()
    np.testing.assert_allclose(distances, np.linalg.norm(x[0] - x[1]), rtol=1e-14)
    assert indices == [1, 0]


def test_codes(backend, far_apart):
    a = np.random.default_rng(0).integers(0, 4, (2, 45)).astype(np.uint8)
    codes = far_apart(a)
    with backend.active():
        counts = torch.full((2, 2, 16), -1, dtype=torch.int64, device=codes.device)
        call_kernel(ArrayContext(codes.device), _core.joint_counts, codes, codes, 4, counts)
        counts = counts.cpu().numpy()
    expected = [[np.histogram2d(x, y, 4, ((0, 4), (0, 4)))[0].ravel() for y in a] for x in a]
    np.testing.assert_array_equal(counts, expected)


def test_matrices(backend, far_apart):
    x = np.random.default_rng(0).normal(size=(2, 30, 30)).astype(np.float32)
    matrices = far_apart(x + x.transpose(0, 2, 1))
    with backend.active():
        context = ArrayContext(matrices.device)
        spectra = torch.full((2, 30), torch.nan, dtype=torch.float64, device=matrices.device)
        call_kernel(context, _core.gram_spectrum, matrices, spectra, context.spectrum_workspace(2, 30))
        spectra = spectra.cpu().numpy()
    np.testing.assert_allclose(spectra, np.linalg.eigvalsh((x + x.transpose(0, 2, 1)).astype(float)), atol=1e-4)
