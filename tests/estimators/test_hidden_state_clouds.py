"""Hidden states as clouds of rows: masks, ragged batches, pooling, layers, degenerate clouds, refused arguments."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from bitlens import (
    Cosine,
    Gaussian,
    Linear,
    UndefinedWarning,
    effective_rank,
    hidden_state_entropy,
    pool_tokens,
    trajectory_curvature,
)
from bitlens.estimators.matrix.kernels import Clamped
from tests.support.hidden_state_arrays import MASK, STATES, A, grid

KERNELS = [Linear(), Cosine(), Linear(center=True), Linear(center=True, unit=True)]


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_masks_and_skipped_tokens():
    masked = [[3.0113436646, 2.4511989898, 1.5337612369], [2.8325188925, 2.5540773835, 1.3630648489]]
    padded = [[3.0113436646, 2.8158726024, 2.8172893319], [2.8325188925, 2.8629288171, 2.7635628362]]
    skipped = [[2.9456199210, 2.2293746571, 0.9783148477], [2.7344676047, 2.4608625350, 0.9557077507]]
    shares = [[0.8399930722, 0.7732671873, 0.7668806185], [0.7901111635, 0.8057217071, 0.6815324244]]
    close(hidden_state_entropy(STATES, MASK), masked)
    close(hidden_state_entropy(STATES), padded)
    close(hidden_state_entropy(STATES, MASK, skip_first=1), skipped)
    close(hidden_state_entropy(STATES, MASK, normalization="max_entropy"), shares)
    close(hidden_state_entropy(tuple(STATES), MASK), masked)
    close(hidden_state_entropy(STATES[:, 2], MASK[2].astype(int)), [row[2] for row in masked])
    close(hidden_state_entropy(STATES[0], MASK.astype(float)), masked[0])
    close(hidden_state_entropy(STATES[1, 1], MASK[1]), masked[1][1])
    close(hidden_state_entropy(STATES, np.stack([MASK, MASK])), masked)
    close(hidden_state_entropy(tuple(STATES), np.stack([MASK, MASK])), masked)
    close(hidden_state_entropy(STATES[:, :, ::-1], MASK[:, ::-1], skip_first=0), masked)
    close(hidden_state_entropy(STATES, MASK, full_output=True, permutations=0).mean, [2.3321012971, 2.2498870416])


@pytest.mark.parametrize("alpha", [0.5, 1, 1.01, 2, 3])
@pytest.mark.parametrize("kernel", [*KERNELS, Clamped(True, True), Gaussian()], ids=str)
@pytest.mark.parametrize("width", [3, 20])
def test_a_ragged_batch_is_each_prompt_alone(kernel, alpha, width):
    states = STATES[..., :width]
    expected = [
        [hidden_state_entropy(states[i, j, MASK[j]], kernel=kernel, alpha=alpha) for j in range(3)] for i in range(2)
    ]
    close(hidden_state_entropy(states, MASK, kernel=kernel, alpha=alpha), expected)


@pytest.mark.parametrize("kind", ["array", "tensor", "layers"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])
@pytest.mark.parametrize("function", [hidden_state_entropy, effective_rank, pool_tokens, trajectory_curvature])
def test_padding_may_hold_anything(function, value, kind):
    padded = np.where(MASK[..., None], STATES, value)
    given = {"array": padded, "tensor": torch.from_numpy(padded), "layers": tuple(padded)}[kind]
    close(function(given, MASK), function(STATES, MASK))
    np.testing.assert_array_equal(np.asarray(given), padded)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_tokens_that_count_are_finite(value):
    with pytest.raises(ValueError, match="states: contains NaN or infinity; every value must be finite"):
        hidden_state_entropy(np.where(MASK[..., None], value, STATES), MASK)


def test_pooling_by_hand():
    for how, pick in (("mean", lambda x: x.mean(axis=0)), ("last", lambda x: x[-1]), ("first", lambda x: x[0])):
        expected = [[pick(STATES[i, j, MASK[j]]) for j in range(3)] for i in range(2)]
        close(pool_tokens(STATES, MASK, how), expected)
        close(pool_tokens(tuple(STATES), MASK, how), expected)
        close(pool_tokens(STATES, None, how), [[pick(x) for x in layer] for layer in STATES])
    close(pool_tokens(STATES, MASK, "first", skip_first=2), STATES[:, :, 2])
    with pytest.warns(UndefinedWarning, match="expected at least one token that counts in each prompt, got 2 of 6"):
        assert np.isnan(pool_tokens(STATES, MASK, "first", skip_first=4)[:, 2]).all()


def test_layers_of_different_widths():
    layers = (grid(24, 40, 0).reshape(2, 12, 40), grid(24, 8, 3).reshape(2, 12, 8))
    close(hidden_state_entropy(layers), [[hidden_state_entropy(x) for x in layer] for layer in layers])
    with pytest.raises(ValueError, match="states: expected layers of one width, got widths "):
        pool_tokens(layers)


def test_the_examples_of_the_documentation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "hidden-states.md").read_text("utf-8")
    first, second = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(first, {})
    exec(second, {})


DEGENERATE = {
    "identical rows": np.full((4, 3), 0.1),
    "identical float32 rows": np.full((4, 3), 0.1, np.float32),
    "identical large rows": np.tile(np.random.default_rng(0).normal(size=(1, 50)) * 1e6, (30, 1)),
    "zeros": np.zeros((4, 3)),
    "one row": np.ones((1, 3)),
    "one value": np.ones((1, 1)),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_clouds_without_spread_are_nan(name):
    x = DEGENERATE[name]
    for call in (hidden_state_entropy, effective_rank):
        with pytest.warns(UndefinedWarning, match=r"^states: expected clouds with spread, got 1 of 1 without"):
            assert math.isnan(call(x))
    if name == "zeros":
        with pytest.warns(UndefinedWarning):
            assert math.isnan(hidden_state_entropy(x, kernel=Cosine()))
    else:
        close(hidden_state_entropy(x, kernel=Cosine()), 0, 1e-6)


def test_one_warning_counts_the_clouds_without_spread(recwarn):
    states = STATES.copy()
    states[0, 1] = 3
    found = hidden_state_entropy(states, MASK & (np.arange(3) != 2)[:, None])
    assert np.isnan(found).tolist() == [[False, True, True], [False, False, True]]
    (warning,) = recwarn
    assert warning.category is UndefinedWarning
    assert str(warning.message).startswith("states: expected clouds with spread, got 3 of 6 without")
    assert warning.filename == __file__


def test_rows_that_equal_the_mean_stay_zero():
    rows = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 0]]) + 0.1
    close(hidden_state_entropy(rows), 1.0)
    close(hidden_state_entropy(rows.astype(np.float32)), 1.0, 1e-6)


def test_one_token_has_no_normalized_entropy():
    assert math.isnan(hidden_state_entropy(np.ones((1, 3)), kernel=Linear(), normalization="log_n"))
    assert hidden_state_entropy(np.ones((1, 3)), kernel=Linear(), normalization="log_d") == 0


# id: (call, error, message)
REFUSED = {
    "a vector": (lambda: hidden_state_entropy(np.ones(3)), ValueError, r"states: expected shape \(..., tokens, val"),
    "a layer of other tokens": (
        lambda: hidden_state_entropy((STATES[0], STATES[1, :, :5])),
        ValueError,
        r"states\[1\]: expected the prompts and tokens of states\[0\], \(3, 12\), got \(3, 5\); pad them",
    ),
    "NaN": (lambda: hidden_state_entropy(A * np.nan), ValueError, "states: contains NaN"),
    "a mask of another shape": (
        lambda: hidden_state_entropy(STATES, MASK[:, :5]),
        ValueError,
        r"mask: expected the shape of the last axes of \(2, 3, 12\), got bool of shape \(3, 5\)",
    ),
    "a mask of numbers": (
        lambda: hidden_state_entropy(STATES, MASK * 2),
        ValueError,
        r"mask: expected True or 1 for tokens that count, False or 0 for padding, got \S+$",
    ),
    "a kernel": (
        lambda: hidden_state_entropy(A, kernel="linear"),
        TypeError,
        r"kernel: expected Gaussian\(\), Linear\(\) or Cosine\(\), got 'linear'",
    ),
    "a linear kernel": (
        lambda: effective_rank(A, kernel=Gaussian()),
        TypeError,
        r"kernel: expected Linear\(\) or Cosine\(\), got Gaussian",
    ),
    "a clamped kernel": (lambda: effective_rank(A, kernel=Clamped()), ValueError, "kernel: expected Linear"),
    "normalization": (
        lambda: hidden_state_entropy(A, normalization="n"),
        ValueError,
        "normalization: expected None or one of log_n, log_d, max_entropy, got 'n'",
    ),
    "base": (lambda: hidden_state_entropy(A, base=1), ValueError, "base: expected a finite number above 1, got 1"),
    "alpha": (lambda: hidden_state_entropy(A, alpha=0), ValueError, "alpha: expected a finite number above 0, got 0"),
    "skip_first": (lambda: hidden_state_entropy(A, skip_first=-1), ValueError, "skip_first: expected 0 or more"),
    "permutations": (
        lambda: hidden_state_entropy(A, permutations=1, full_output=True),
        ValueError,
        "permutations: expected 0 or at least 2, got 1",
    ),
    "how": (lambda: pool_tokens(A, how="max"), ValueError, "how: expected 'mean', 'last' or 'first', got 'max'"),
    "spectrum": (lambda: effective_rank(A, spectrum="s"), ValueError, "spectrum: expected 'variance' or 'singular'"),
    "epsilon": (lambda: effective_rank(A, epsilon=-1), ValueError, "epsilon: expected a finite number from 0 on"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_arguments(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=f"^{message}"):
        call()
