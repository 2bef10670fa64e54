"""The filter of the neighbour search on every back-end: which pairs it keeps, and which products it stores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bitlens import _core
from bitlens.arrays import ArrayContext, call_kernel
from bitlens.estimators.neighbors.products import in_panels, panel_size
from tests.native.test_parity_neighbors import output


def candidate_lists(context, n, capacity):
    """Lists in their initial state: empty, with infinite limits."""
    return [
        output(context, n, capacity, dtype="float32"),
        output(context, n, capacity, dtype="int32"),
        output(context, n, dtype="int32").fill_(0),
        output(context, n, dtype="float32").fill_(torch.inf),
    ]


def workspace(context, rows, columns):
    """The products of two sets of panels, filled with NaN, and the marks of their pairs."""
    panel = panel_size(context)
    pairs = panel**2 * len(rows) * len(columns)
    dots = output(context, panel * len(rows), panel * len(columns), dtype="float32")
    return dots, output(context, pairs // 32 * _core.CUDA_PAIR_MARKS * context.on_cuda, dtype="int32")


def in_whole_numbers(backend, n, most):
    """Panels of samples of whole numbers up to `most`, norms that are not theirs, and the exact bounds of all pairs."""
    random = np.random.default_rng(0)
    x = random.integers(-most, most + 1, (n, 9)).astype(np.float32)
    norms = random.integers(0, 4, n).astype(np.float32)
    points = backend.put(x)
    context = ArrayContext(points.device)
    panels, _ = in_panels(points, context, backend.put(np.zeros(9)), 1.0)
    bounds = norms[:, None] + norms - 2 * x.astype(np.float64) @ x.T
    return context, panels, backend.put(norms), bounds


@pytest.mark.each_kernel
@pytest.mark.parametrize("most", [1, 30, 900])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (3, 2)])
def test_no_pair_is_lost_below_the_limit(backend, most, rows, columns):
    """Lists contain all pairs below their limits, at least `kept`, in order.

    With values up to 1 nearly all bounds are tied, also at the limit; with 900 few are. A tile with more rows
    than columns overlaps the diagonal twice.
    """
    n, kept, k = 400, 12, 9
    with backend.active():
        context, panels, norms, expected = in_whole_numbers(backend, n, most)
        error_bounds = backend.put(np.full(n, 0.25))
        panel = panel_size(context)
        lists = candidate_lists(context, n, kept + 90)
        for i in range(0, len(panels), rows):
            for j in range(i, len(panels), columns):
                tile = panels[i : i + rows], panels[j : j + columns]
                operands = norms, panel * i, panel * j, kept, *workspace(context, *tile)
                call_kernel(context, _core.keep_nearest, *tile, *operands, *lists)
        filled = [part.cpu().numpy().copy() for part in lists]
        kth_estimates = output(context, n, 2)
        call_kernel(context, _core.cut_candidates, kept, *lists, 4.0, error_bounds, k, kth_estimates)
        cut = [part.cpu().numpy() for part in lists]
        kth_estimates = kth_estimates.cpu().numpy()

    np.fill_diagonal(expected, np.inf)  # itself
    for bounds, candidates, counts, limits in (filled, cut):
        for i in range(n):
            held = candidates[i, : counts[i]]
            assert (np.diff(held) > 0).all()
            np.testing.assert_array_equal(bounds[i, : len(held)], expected[i, held])
            assert set(np.flatnonzero(expected[i] < limits[i])) <= set(held)
            smallest = np.argsort(expected[i], kind="stable")[:kept]
            assert set(smallest) <= set(held)
    np.testing.assert_array_equal(kth_estimates[:, 0], 4 * np.sort(expected, axis=1)[:, k - 1] + 0.5)
    np.testing.assert_array_equal(kth_estimates[:, 1], 0.5)


@pytest.mark.each_kernel
@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (2, 4)])
def test_products_below_the_diagonal_are_left_out(backend, rows, columns):
    """Where both sets of panels begin with the same one; blocks of the diagonal are whole."""
    with backend.active():
        panel = panel_size(ArrayContext(backend.put(np.zeros(1)).device))
        context, panels, norms, bounds = in_whole_numbers(backend, columns * panel, 9)
        dots, marks = workspace(context, panels[:rows], panels)
        lists = candidate_lists(context, columns * panel, 100)
        call_kernel(context, _core.keep_nearest, panels[:rows], panels, norms, 0, 0, 5, dots, marks, *lists)
        dots, norms = dots.cpu().numpy(), norms.cpu().numpy()
    expected = (norms[:, None] + norms - bounds)[: rows * panel] / 2
    earlier = np.arange(rows * panel)[:, None] // panel > np.arange(columns * panel) // panel
    np.testing.assert_array_equal(dots, np.where(earlier, np.nan, expected))


@pytest.mark.each_kernel
def test_products_above_every_limit_are_not_stored(backend):
    """On a GPU, four products are stored together if one of them is below the limit of its row or of its column."""
    with backend.active():
        context = ArrayContext(backend.put(np.zeros(1)).device)
        panel = panel_size(context)
        n = 3 * panel - 5
        context, panels, norms, bounds = in_whole_numbers(backend, n, 900)
        lists = candidate_lists(context, n, 100)
        for first, second in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2)):
            tile = panels[first : first + 1], panels[second : second + 1]
            dots, marks = workspace(context, *tile)
            limits = lists[3].cpu().numpy().copy()
            operands = norms, panel * first, panel * second, 5, dots, marks, *lists
            call_kernel(context, _core.keep_nearest, *tile, *operands)
        stored = np.isfinite(dots.cpu().numpy())
        on_cuda = context.on_cuda
    assert np.isfinite(limits).all()
    rows, columns = slice(panel, 2 * panel), slice(2 * panel, n)
    below = np.zeros((panel, panel), dtype=bool)
    below[:, : n - 2 * panel] = bounds[rows, columns] < np.maximum(limits[rows, None], limits[columns])
    assert 0 < below.mean() < 0.5
    expected = np.repeat(below.reshape(panel, -1, 4).any(axis=2), 4, axis=1) if on_cuda else np.ones_like(below)
    np.testing.assert_array_equal(stored, expected)


def test_a_gpu_needs_marks_of_two_bits_a_pair(backend):
    with backend.active():
        context, panels, norms, _ = in_whole_numbers(backend, 100, 9)
        tile = panels[:1], panels[:1]
        dots, marks = workspace(context, *tile)
        operands = norms, 0, 0, 5, dots
        lists = candidate_lists(context, 100, 100)
        if context.on_cuda:
            with pytest.raises(ValueError, match=r"^marks: expected at least 1024, got 1023$"):
                call_kernel(context, _core.keep_nearest, *tile, *operands, marks[1:], *lists)
        else:
            call_kernel(context, _core.keep_nearest, *tile, *operands, marks, *lists)
            assert len(marks) == 0


@pytest.mark.each_kernel
def test_lists_of_fewer_than_k_have_no_estimate(backend):
    with backend.active():
        error_bounds = backend.put(np.zeros(5))
        context = ArrayContext(error_bounds.device)
        kth_estimates = output(context, 5, 2)
        call_kernel(
            context, _core.cut_candidates, 0, *candidate_lists(context, 5, 0), 1.0, error_bounds, 3, kth_estimates
        )
        kth_estimates = kth_estimates.cpu()
    assert (kth_estimates == torch.tensor([0, torch.inf])).all()
