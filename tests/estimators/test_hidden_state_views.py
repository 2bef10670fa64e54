"""DiME, the contrastive bound, LiDAR and effective ranks: published numbers, closed forms, degenerate input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Cosine, Gaussian, Linear, UndefinedWarning, contrastive_bound, dime, effective_rank, lidar
from tests.support.hidden_state_arrays import CLOUDS, MASK, SHIFTS, STATES, VIEW_A, VIEW_B, VIEWS, A, grid

PREPARED = Linear(center=True, unit=True)


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_the_arrays_are_those_of_the_tables():
    close([VIEW_A.sum(), VIEW_B.sum(), VIEWS.sum()], [-2.4102282240, -0.8358774921, 3.7151657813])


# cloud: (Diff-eRank; RankMe at epsilon 0, 1e-7, 1e-5; centred, singular; centred, variance; bits of RankMe at 0)
RANKS = {
    "A": (11.5912516036, 19.6200308238, 19.6201429526, 19.6312460280, 18.7825112997, 10.6209419821, 4.2942554030),
    "B": (11.5912516036, 3.9354796257, 3.9355124260, 3.9387604315, 18.7825112997, 10.6209419821, 1.9765394709),
    "C": (10.7303694552, 3.9850747559, 3.9850926121, 3.9868605840, 14.1471428611, 9.9394048699, 1.9946067880),
}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_ranks(cloud):
    x, centered = CLOUDS[cloud], Linear(center=True)
    found = [effective_rank(x)]
    found += [effective_rank(x, kernel=Linear(), spectrum="singular", epsilon=e) for e in (0, 1e-7, 1e-5)]
    found += [effective_rank(x, kernel=centered, spectrum="singular"), effective_rank(x, kernel=centered)]
    close([*found, math.log2(found[1])], RANKS[cloud])


def test_the_rank_of_a_data_set_is_that_of_the_mean_entropy():
    bits = [bitlens.hidden_state_entropy(x) for x in (A, grid(60, 16, 1))]
    close(2 ** np.mean(bits), 11.1525069897)
    close(np.mean([effective_rank(x) for x in (A, grid(60, 16, 1))]), 11.1608105294)


@pytest.mark.parametrize(("epsilon", "expected"), [(0, 4), (1e-7, 4.0000779857), (1e-5, 4.0055919132)])
def test_rank_of_repeated_orthonormal_rows(epsilon, expected):
    rows = np.eye(16)[[0, 1, 2, 3] * 5]
    close(effective_rank(rows, kernel=Linear(), spectrum="singular", epsilon=epsilon), expected)
    if not epsilon:
        close(effective_rank(rows, kernel=Linear()), 4)


def test_rank_of_two_clusters():
    rows = np.eye(3)[[0] * 9 + [1]]
    close(math.log2(effective_rank(rows, kernel=Linear())), 0.4689955936)
    close(math.log2(effective_rank(rows, kernel=Linear(), spectrum="singular")), 0.8112781245)


@pytest.mark.parametrize("settings", [{}, {"spectrum": "singular"}, {"spectrum": "singular", "epsilon": 1e-3},
                                      {"epsilon": 1e-3}], ids=str)  # fmt: skip
def test_ranks_of_a_ragged_batch(settings):
    for width in (3, 20):
        states = STATES[..., :width]
        expected = [[effective_rank(states[i, j, MASK[j]], **settings) for j in range(3)] for i in range(2)]
        close(effective_rank(states, MASK, **settings), expected)
        tensor = effective_rank(torch.from_numpy(states), MASK, **settings)
        close(tensor.numpy(), expected)
    singular = effective_rank(A, spectrum="singular")
    close(effective_rank(torch.from_numpy(A).float(), spectrum="singular"), singular, 1e-4)


def test_rank_of_large_offsets():
    x = np.random.default_rng(0).normal(size=(50, 4)) @ np.random.default_rng(1).normal(size=(4, 80)) + 100
    values = np.linalg.svd(x, compute_uv=False)[:5]
    shares = values / values.sum()
    found = effective_rank(x, kernel=Linear(), spectrum="singular")
    close(found, 2 ** -(shares * np.log2(shares)).sum())


# kernel: (DiME, joint entropy, DiME of order 1.01)
DIME = {
    Cosine(): (0.0895042991, 4.0754005618, 0.0905309397),
    PREPARED: (0.0979696224, 4.0583602399, 0.0991043476),
    Linear(): (0.3045184595, 3.6477927296, 0.3077212083),
}


@pytest.mark.parametrize("kernel", DIME, ids=str)
def test_dime(kernel):
    result = dime(VIEW_A, VIEW_B, kernel=kernel, permutations=SHIFTS)
    order = dime(VIEW_A, VIEW_B, kernel=kernel, permutations=SHIFTS, alpha=1.01)
    close([result.information, result.joint_entropy, order.information], DIME[kernel])
    close(result.null_mean - result.joint_entropy, result.information)
    two = dime(VIEW_A, VIEW_B, kernel=kernel, permutations=SHIFTS, alpha=2)
    close(two.information, dime(VIEW_A, VIEW_B, kernel=kernel, permutations=SHIFTS, alpha=2 + 1e-9).information, 1e-7)


def test_dime_of_gaussian_kernels():
    """Twice the square of sigma is twice the median of the squares, which here is not the square of the median."""
    scaled = []
    for x in (VIEW_A, VIEW_B):
        squares = ((x[:, None] - x) ** 2).sum(axis=2)
        scaled.append(x / np.sqrt(np.median(squares[squares > 0])))
    close(dime(*scaled, kernel=Gaussian(1.0), permutations=SHIFTS).information, 0.1401820250)
    close(dime(*scaled, kernel=Gaussian(1.0), permutations=SHIFTS, alpha=1.01).information, 0.1409837487)
    close(dime(VIEW_A, VIEW_B, kernel=Gaussian(), permutations=SHIFTS).information, 0.1401820250, 1e-8)


def test_dime_never_changes_the_side():
    a, b = (grid(40, 12, 3) + 0.3 * grid(40, 12, seed) for seed in (11, 12))
    result = dime(a, b, permutations=[(np.arange(40) + s) % 40 for s in range(1, 11)])
    close([result.information, result.joint_entropy], [0.2023125629, 4.7059152624])
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    of_columns = [x.T @ x for x in unit]
    shifts = [np.arange(12)] + [(np.arange(12) + s) % 12 for s in range(1, 11)]

    def entropy(matrix):
        values = np.linalg.eigvalsh(matrix / np.trace(matrix))
        values = values[values > 0]
        return -(values * np.log2(values)).sum()

    joint, *shuffled = (entropy(of_columns[0] * of_columns[1][s][:, s]) for s in shifts)
    close([np.mean(shuffled) - joint, joint], [0.6288768923, 2.4312888601])


def test_dime_of_a_grid_of_labels():
    cells = np.arange(16)
    a, b = cells // 4, cells // 4
    result = dime(np.eye(4)[a], np.eye(4)[b], permutations=np.tile(cells.reshape(4, 4).T.ravel(), (2, 1)))
    close(result, [2, 2, 4, 0])
    close(dime(np.eye(6), np.eye(6), permutations=3).information, 0)


def test_dime_of_seeds_and_tensors():
    first, again, other = (dime(VIEW_A, VIEW_B, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert dime(torch.from_numpy(VIEW_A), torch.from_numpy(VIEW_B), seed=1) == first
    assert {type(part) for part in first} == {float}
    expected = dime(VIEW_A, VIEW_B, permutations=SHIFTS)
    assert dime(VIEW_A, VIEW_B, permutations=torch.from_numpy(SHIFTS)) == expected


def test_dime_without_a_trace():
    with pytest.warns(UndefinedWarning, match="^a and b: expected kernels whose product has a diagonal above 0"):
        result = dime(np.ones((4, 3)), VIEW_B[:4], kernel=PREPARED)
    assert np.isnan(result.information)


# (kernel, temperature): (loss in nats, bound in bits, share of log n, symmetric loss in nats)
BOUNDS = {
    (PREPARED, 0.1): (0.0625931178, 4.2316253142, 0.9791059040, 0.0617614329),
    (PREPARED, 0.3): (0.8843234936, 3.0461189761, 0.7048055658, 0.8867724623),
    (Cosine(), 0.1): (0.0736879691, 4.2156188273, 0.9754023516, 0.0734998739),
    (Linear(), 0.1): (0.8843787978, 3.0460391890, 0.7047871048, 0.8771658401),
}


@pytest.mark.parametrize(("kernel", "temperature"), BOUNDS, ids=str)
def test_contrastive_bounds(kernel, temperature):
    forth, back = (
        contrastive_bound(*views, kernel=kernel, temperature=temperature)
        for views in ((VIEW_A, VIEW_B), (VIEW_B, VIEW_A))
    )
    nats = forth.loss * math.log(2)
    share = forth.information / math.log2(20)
    close([nats, forth.information, share, (nats + back.loss * math.log(2)) / 2], BOUNDS[kernel, temperature])
    assert forth.information < forth.ceiling <= math.log2(20)


@pytest.mark.parametrize(("temperature", "expected"), [(0.1, 4.3206841645), (0.3, 3.5753522929), (1, 1.3237850674)])
def test_contrastive_bound_of_identical_rows(temperature, expected):
    rows = np.eye(20)
    close(contrastive_bound(rows, rows, kernel=Cosine(), temperature=temperature).information, expected)
    simplex = contrastive_bound(rows, rows, temperature=temperature)
    close(simplex.information, simplex.ceiling)
    assert simplex.ceiling > expected


def test_contrastive_bound_of_extreme_scores():
    close(contrastive_bound(np.ones((4, 3)), VIEW_B[:4, :3]).information, 0)
    close(contrastive_bound(np.ones((4, 3)), np.ones((4, 3)), kernel=Cosine()).information, 0)
    close(contrastive_bound(1e3 * np.eye(8), 1e3 * np.eye(8), kernel=Linear()).information, 3)
    assert contrastive_bound(np.eye(8), -np.eye(8), kernel=Linear()).information < 0
    tiny = contrastive_bound(np.eye(8), np.eye(8), temperature=1e-9)
    close([tiny.information, tiny.ceiling], 3)


def test_lidar():
    expected = {(1e-4, True): 3.0470136746, (1e-4, False): 3.0476673317, (1e-6, False): 3.0407433860,
                (0, True): 3.0405986016, (0, False): 3.0405986016}  # fmt: skip
    close([lidar(VIEWS, delta=delta, unbiased=unbiased) for delta, unbiased in expected], list(expected.values()))
    close(2 ** lidar(VIEWS), 8.2649934412)
    layers = lidar(np.stack([VIEWS, VIEWS[::-1] * 2 + 5]), delta=0)
    close(layers, 3.0405986016)
    tensor = lidar(torch.from_numpy(np.stack([VIEWS, VIEWS])).float())
    assert isinstance(tensor, torch.Tensor)
    close(tensor.numpy(), 3.0470136746, 1e-6)
    close(lidar(VIEWS * 1e200, delta=0), 3.0405986016)
    close(lidar(VIEWS * 1e-200), lidar(VIEWS, delta=1e9))


@pytest.mark.parametrize("delta", [0, 1e-6, 1.0])
def test_lidar_of_orthonormal_means(delta):
    views = 3 * np.eye(6)[:, None] + np.concatenate([np.eye(6), -np.eye(6)])
    close(lidar(views, delta=delta), 2.3219280949)
    wide = np.concatenate([views, np.zeros((6, 12, 30))], axis=2)
    if delta:
        close(lidar(wide, delta=delta), 2.3219280949)


@pytest.mark.parametrize(
    ("views", "delta"),
    [
        (VIEWS[:, :1], 0),  # one view
        (VIEWS[:2], 0),  # fewer views than directions
        (np.ones((5, 4, 3)) / 3, 1e-4),  # items that are equal
        (VIEWS[..., [0, 0]], 0),  # a direction twice
    ],
)
def test_lidar_is_nan_without_scatter(views, delta):
    with pytest.warns(UndefinedWarning, match="^views: expected items with different means"):
        assert math.isnan(lidar(views, delta=delta))


# id: (call, error, message)
REFUSED = {
    "views": (lambda: lidar(A), ValueError, r"views: expected shape \(items, views, D\) or"),
    "delta": (lambda: lidar(VIEWS, delta=-1), ValueError, "delta: expected a finite number from 0 on, got -1"),
    "items": (lambda: dime(VIEW_A, VIEW_B[:5]), ValueError, "b: expected the 20 samples of a, got 5"),
    "permutations": (
        lambda: dime(VIEW_A, VIEW_B, permutations=1),
        ValueError,
        "permutations: expected at least 2, got 1",
    ),
    "orders": (
        lambda: dime(VIEW_A, VIEW_B, permutations=SHIFTS * 0),
        ValueError,
        "permutations: expected their number, or at least 2 orders of 0 to 19 in an integer array, got int64",
    ),
    "half orders": (
        lambda: dime(VIEW_A, VIEW_B, permutations=SHIFTS[:, :10]),
        ValueError,
        "permutations: expected their number, or",
    ),
    "temperature": (
        lambda: contrastive_bound(VIEW_A, VIEW_B, temperature=0),
        ValueError,
        "temperature: expected a finite number above 0, got 0",
    ),
    "width": (
        lambda: contrastive_bound(VIEW_A, VIEW_B[:, :5]),
        ValueError,
        "b: expected the 30 values of an item of a, got 5",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_arguments(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=f"^{message}"):
        call()
