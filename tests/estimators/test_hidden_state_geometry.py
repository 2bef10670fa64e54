"""Intrinsic dimension and curvature of hidden states: published numbers, closed forms, degenerate input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Linear, UndefinedWarning, intrinsic_dimension, trajectory_curvature
from bitlens.estimators.hidden_states.geometry import _linear_variance
from tests.support.hidden_state_arrays import MASK, SOLID, STATES, B

PREPARED = Linear(center=True, unit=True)
LINE = np.array([[0.0], [1.0], [3.0]])


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def polygon(corners):
    angles = 2 * math.pi / corners * np.arange(corners + 2)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.mark.parametrize(
    ("estimator", "expected"), [("linear", 3.0909573144), ("likelihood", 2.9948263108), ("censored", 3.1383256454)]
)
def test_dimension(estimator, expected):
    assert SOLID.sum() == pytest.approx(9.1631300333, abs=1e-9)
    result = intrinsic_dimension(SOLID, estimator=estimator)
    close(result.dimension, expected)
    assert result.distinct == 200
    assert abs(expected - 3) < 3 * result.standard_error < 1
    assert intrinsic_dimension(torch.from_numpy(SOLID), estimator=estimator) == result
    close(intrinsic_dimension(SOLID * 1e200 + 1e199, estimator=estimator).dimension, expected)


def test_older_forms_of_the_estimators():
    """The number of samples instead of one less, and quantiles that begin at 0."""
    close(intrinsic_dimension(SOLID, estimator="likelihood").dimension * 200 / 199, 3.0098756892)
    distances = bitlens.nearest_neighbors(SOLID, 2)[0]
    y = np.sort(np.log(distances[:, 1] / distances[:, 0]))[:180]
    quantiles = -np.log(1 - np.arange(180) / 200)
    close(y @ quantiles / (y @ y), 3.0404671697)


def test_dimension_of_three_points():
    likelihood = intrinsic_dimension(LINE, estimator="likelihood")
    close([likelihood.dimension, likelihood.standard_error], [0.9102392266, 0.9102392266 / math.sqrt(2)])
    close(intrinsic_dimension(LINE).dimension, 1.4358297765)


def test_duplicates_count_once():
    twice = np.concatenate([SOLID, SOLID[:5]])
    assert intrinsic_dimension(twice) == intrinsic_dimension(SOLID)
    zeros = np.concatenate([LINE, [[-0.0]]])
    assert intrinsic_dimension(zeros) == intrinsic_dimension(LINE)
    distances = bitlens.nearest_neighbors(twice, 2)[0]
    apart = distances[distances[:, 0] > 0]
    y = np.sort(np.log(apart[:, 1] / apart[:, 0]))
    kept = int(0.9 * len(y))
    quantiles = -np.log(1 - np.arange(1, kept + 1) / len(y))
    close(y[:kept] @ quantiles / (y[:kept] @ y[:kept]), 3.0478491602)


@pytest.mark.parametrize("estimator", ["linear", "likelihood", "censored"])
def test_standard_errors_are_slightly_below_those_of_many_samples(estimator):
    random = np.random.default_rng(0)
    results = [intrinsic_dimension(random.random((300, 2)), estimator=estimator) for _ in range(200)]
    spread = np.std([result.dimension for result in results])
    assert 1 < spread / np.mean([result.standard_error for result in results]) < 1.5


def test_the_variance_of_a_line_through_all_quantiles():
    close(_linear_variance(60.0), 1.25, 1e-6)


@pytest.mark.parametrize(
    "x", [LINE[:2], LINE[:1], np.ones((9, 2)), polygon(10)[:10], [[0, 0], [0, 1], [1, 0], [1, 1]]], ids=repr
)
def test_dimension_is_nan_without_different_distances(x):
    with pytest.warns(UndefinedWarning, match="^x: expected 3 distinct samples whose two neighbours are not equally"):
        result = intrinsic_dimension(x)
    assert np.isnan(result[:2]).all()
    assert result.distinct == len(np.unique(x, axis=0))


def test_dimension_of_prepared_rows():
    rows = SOLID - SOLID.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    close(intrinsic_dimension(SOLID, kernel=PREPARED).dimension, intrinsic_dimension(rows).dimension, 1e-6)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 2.0550647608),
        ({"folded": True}, 1.0777901836),
        ({"step": 2}, 2.1141264000),
        ({"kernel": PREPARED}, 2.0715975266),
        ({"kernel": PREPARED, "folded": True}, 1.0699951269),
    ],
    ids=str,
)
def test_curvature(settings, expected):
    close(trajectory_curvature(B, **settings), expected)
    close(math.degrees(trajectory_curvature(B)), 117.7465374, 1e-7)
    close(trajectory_curvature(B.astype(np.float32), **settings), expected, 1e-6)


def test_angles_between_states_are_another_number():
    rows = B - B.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    close(np.arccos((rows[:-1] * rows[1:]).sum(axis=1)).mean(), 1.6225388192)


# id: (path, signed, folded)
PATHS = {
    "line": (np.outer(np.arange(6), np.arange(1, 9)) * 0.1, 0, 0),
    "back and forth": (np.array([[0.0], [1.0], [0.0], [1.0]]), math.pi, 0),
    "triangle": (polygon(3), 2 * math.pi / 3, math.pi / 3),
    "pentagon": (polygon(5), 2 * math.pi / 5, 2 * math.pi / 5),
    "a step of length 0": (np.array([[0, 0], [1, 0], [1, 0], [1, 1], [2, 1]]), math.pi / 2, math.pi / 2),
}


@pytest.mark.parametrize("name", PATHS)
def test_paths(name):
    path, signed, folded = PATHS[name]
    close([trajectory_curvature(path), trajectory_curvature(path, folded=True)], [signed, folded], 1e-12)
    close(trajectory_curvature(path * 1e200), signed, 1e-12)
    close(trajectory_curvature(path + 100.0), signed, 1e-10)


def test_independent_states_and_random_walks():
    steps = np.random.default_rng(0).normal(size=(300, 2000))
    close(trajectory_curvature(steps), 2 * math.pi / 3, 0.01)
    close(trajectory_curvature(steps.cumsum(axis=0)), math.pi / 2, 0.01)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("kernel", [Linear(), PREPARED], ids=str)
def test_masked_paths(step, kernel):
    settings = {"step": step, "kernel": kernel}
    lengths = (12, 9, 7)
    mask = np.arange(12) < np.array(lengths)[:, None]
    expected = [[trajectory_curvature(layer[j, :n], **settings) for j, n in enumerate(lengths)] for layer in STATES]
    close(trajectory_curvature(STATES, mask, **settings), expected)
    moved = np.stack([[np.roll(layer[j], 12 - n, axis=0) for j, n in enumerate(lengths)] for layer in STATES])
    close(trajectory_curvature(moved, mask[:, ::-1], **settings), expected)
    found = trajectory_curvature(tuple(torch.from_numpy(STATES)), mask, **settings)
    assert isinstance(found, torch.Tensor)
    close(found.numpy(), expected)


def test_curvature_of_short_and_resting_paths_is_nan():
    states = STATES.copy()
    states[1, 0] = 1
    with pytest.warns(UndefinedWarning, match=r"^states: expected paths of 3 tokens or more that move, got 3 of 6"):
        found = trajectory_curvature(states, MASK, skip_first=2)
    assert np.isnan(found).tolist() == [[False, False, True], [True, False, True]]


# id: (call, message)
REFUSED = {
    "estimator": (
        lambda: intrinsic_dimension(SOLID, estimator="ml"),
        "estimator: expected 'linear', 'likelihood' or 'censored', got 'ml'",
    ),
    "keep": (lambda: intrinsic_dimension(SOLID, keep=1), "keep: expected a number above 0 and below 1, got 1"),
    "step": (lambda: trajectory_curvature(B, step=0), "step: expected at least 1, got 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_arguments(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
