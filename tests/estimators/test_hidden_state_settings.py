"""The published settings of hidden states against plain restatements of public codes, and their printed numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import hidden_state_entropy, hidden_state_settings
from tests.support import published_hidden_states as published
from tests.support.hidden_state_arrays import CLOUDS, PROMPTS, SHIFTS, SOLID, VIEW_A, VIEW_B, VIEWS, A, B, C, grid


def nats(bits):
    return bits * math.log(2)


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("clamp", [True, False])
def test_prompt_entropy(cloud, clamp):
    x = CLOUDS[cloud]
    settings = hidden_state_settings("skean2025" if clamp else "skean2025-unclamped")
    expected = published.information_flow_entropy(published.centered_unit_rows(x), clamp)
    close(hidden_state_entropy(x, **settings), expected)
    shares = expected / math.log(min(x.shape))
    close(hidden_state_entropy(x, **settings, normalization="max_entropy"), shares)


def test_printed_prompt_entropies():
    settings = hidden_state_settings("skean2025")
    close([hidden_state_entropy(x, **settings) for x in (A, C)], [2.8092029842, 2.4285959547])
    close(hidden_state_entropy(A, **settings, normalization="max_entropy"), 0.8839381377)
    two = np.random.default_rng(0).normal(size=(2, 9))
    close(hidden_state_entropy(two, **settings, normalization="max_entropy"), 1.0)
    close(hidden_state_entropy(two), 0)


def test_order_2_of_a_kernel_of_trace_1():
    """A library divides the squared norm by the square of the side, which is off by twice the logarithm of n."""
    exact = hidden_state_entropy(A, alpha=2, base=math.e)
    close([exact, exact + 2 * math.log(24)], [1.9662488309, 8.3223564916])


@pytest.mark.parametrize("clamp", [True, False])
def test_dataset_entropy(clamp):
    name = "skean2025" if clamp else "skean2025-unclamped"
    pooled = bitlens.pool_tokens(PROMPTS, **hidden_state_settings(name, "pooling"))
    rows = np.stack([published.centered_unit_rows(prompt).mean(axis=0) for prompt in PROMPTS])
    close(pooled, rows)
    found = hidden_state_entropy(pooled, **hidden_state_settings(name, "dataset-entropy"))
    close(found, published.information_flow_entropy(rows, clamp))
    close(found / math.log(2), 3.0186347579 if clamp else 2.9002248963)


def test_dime():
    settings = hidden_state_settings("skean2025", "dime")
    assert settings["permutations"] == 10
    found = bitlens.dime(VIEW_A, VIEW_B, **settings | {"permutations": SHIFTS})
    close(nats(found.information), published.dime(VIEW_A, VIEW_B, SHIFTS))
    torch.manual_seed(0)
    orders = torch.stack([torch.randperm(20) for _ in range(10)])
    close(nats(bitlens.dime(VIEW_A, VIEW_B, **settings | {"permutations": orders}).information), 0.2243146519, 1e-6)


def test_infonce():
    found = bitlens.contrastive_bound(VIEW_A, VIEW_B, **hidden_state_settings("skean2025", "infonce"))
    close(nats(found.loss), published.infonce(VIEW_A, VIEW_B))
    close(found.information / math.log2(20), 1 - published.infonce(VIEW_A, VIEW_B) / math.log(20))


def test_lidar():
    found = nats(bitlens.lidar(VIEWS, **hidden_state_settings("skean2025", "lidar")))
    close(found, published.lidar(VIEWS))
    close([found, found / math.log(10)], [2.1124820183, 0.9174392836])


def test_intrinsic_dimension():
    found = bitlens.intrinsic_dimension(SOLID, **hidden_state_settings("skean2025", "intrinsic-dimension"))
    close(found.dimension, published.two_nn(published.centered_unit_rows(SOLID)), 1e-6)
    close(published.two_nn(SOLID), 3.0909573144)


def test_curvature():
    found = bitlens.trajectory_curvature(B, **hidden_state_settings("skean2025", "curvature"))
    close(found, published.curvature(published.centered_unit_rows(B)), 1e-7)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_ranks(cloud):
    x = CLOUDS[cloud]
    close(bitlens.effective_rank(x, **hidden_state_settings("diff-erank")), published.diff_erank(x))
    close(bitlens.effective_rank(x, **hidden_state_settings("rankme")), published.rankme(x))
    close(bitlens.effective_rank(x, **hidden_state_settings("rankme") | {"epsilon": 1e-5}), published.rankme(x, 1e-5))


def test_the_difference_of_two_models():
    untrained, trained = grid(24, 40, 9), A
    settings = hidden_state_settings("diff-erank")
    found = bitlens.effective_rank(untrained, **settings) - bitlens.effective_rank(trained, **settings)
    close(found, published.diff_erank(untrained) - published.diff_erank(trained))


def test_settings_are_copies():
    hidden_state_settings("skean2025")["alpha"] = 2
    assert hidden_state_settings("skean2025")["alpha"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mine",), "name: expected one of diff-erank, rankme, skean2025, skean2025-unclamped, got 'mine'"),
        (("rankme", "dime"), "quantity: expected one of effective-rank for 'rankme', got 'dime'"),
    ],
)
def test_refused_names(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        hidden_state_settings(*arguments)
