"""Roles of neurons by curves of ablation, and the bounds of the generalization gap."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bitlens import generalization_bounds, neuron_roles

STEPS = np.arange(11)


def falls_after(count, whole=1.0, nothing=0.1, width=0):
    """Accuracy over ten removals: `whole` up to `count` of them, `nothing` from `width` more on."""
    return np.interp(STEPS, [count, count + max(width, 1e-9)], [whole, nothing])


# (removals after which accuracy falls: lowest first, highest first; (needed, redundant, synergistic, inactive))
READ = {
    "every neuron is needed": (0, 9, (10, 0, 0, 0)),
    "four suffice, and the rest is inactive": (6, 3, (4, 0, 0, 6)),
    "four suffice, four more could do it": (6, 7, (4, 4, 0, 2)),
    "seven are needed, three of them decide": (3, 2, (3, 0, 4, 3)),
    "the first removal destroys, and one suffices": (9, 0, (1, 0, 0, 9)),
}


@pytest.mark.parametrize(("lowest", "highest", "counts"), READ.values(), ids=READ)
def test_the_slides_reading(lowest, highest, counts):
    found = neuron_roles(STEPS, falls_after(lowest), falls_after(highest), falls_after(4)[None])
    assert found[:4] == counts
    assert sum(found[:4]) == 10
    assert (found.sufficient, found.decisive) == (10 - lowest, highest + 1)


def test_a_curve_that_recovers_counts_where_it_stays():
    lowest = np.array([1, 1, 0.8, 1, 1, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    highest = np.array([1, 0.1, 0.1, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    found = neuron_roles(STEPS, lowest, highest, falls_after(4)[None])
    assert (found.sufficient, found.decisive) == (9, 4)


def test_the_tolerance_is_a_share_of_what_can_be_lost():
    curves = falls_after(0, 0.5, 0.1, 10), falls_after(0, 0.5, 0.1, 10), falls_after(5)[None]
    assert neuron_roles(STEPS, *curves, tolerance=0.11).sufficient == 9
    assert neuron_roles(STEPS, *curves, tolerance=0.09).sufficient == 10
    assert neuron_roles(STEPS, *curves, tolerance=0.31).sufficient == 7
    assert neuron_roles(STEPS, *curves, tolerance=0.31).decisive == 7


def test_where_the_random_band_is_left():
    random = np.array([falls_after(5), falls_after(6), falls_after(7)])
    found = neuron_roles(STEPS, falls_after(8), falls_after(6), random)
    assert (found.apart_ascending, found.apart_descending) == (8, None)
    found = neuron_roles(STEPS, falls_after(6), falls_after(2), random)
    assert (found.apart_ascending, found.apart_descending) == (None, 3)


def test_coarse_steps_count_neurons():
    removed = np.array([0, 25, 50, 75, 100])
    found = neuron_roles(removed, np.array([1, 1, 1, 0.5, 0]), np.array([1, 0.5, 0, 0, 0]), np.zeros((1, 5)))
    assert found[:6] == (50, 0, 0, 50, 50, 50)


GOOD = {"removed": STEPS, "ascending": falls_after(5), "descending": falls_after(5), "random": falls_after(5)[None]}
# (changes, error, message)
BAD = [
    ({"removed": STEPS[::-1].copy()}, ValueError, r"removed: expected ascending counts from 0 on, got \[10, 9"),
    ({"removed": STEPS + 1}, ValueError, "removed: expected ascending counts from 0 on"),
    ({"removed": np.zeros(1)}, ValueError, r"removed: expected ascending counts from 0 on, got \[0\]"),
    ({"ascending": np.ones(3)}, ValueError, r"ascending: expected shape \(11,\) to match removed, got \(3,\)"),
    ({"descending": np.ones(3)}, ValueError, r"descending: expected shape \(11,\) to match removed, got \(3,\)"),
    ({"random": np.ones(11)}, ValueError, r"random: expected shape \(repeats, 11\), got \(11,\)"),
    ({"random": np.full((1, 11), np.nan)}, ValueError, "random: contains NaN or infinity"),
    (
        {"ascending": np.full(11, 0.1)},
        ValueError,
        "ascending: expected a higher accuracy with all neurons than without any, got 0.100",
    ),
    (
        {"descending": np.ones(11)},
        ValueError,
        "descending: expected the accuracy of ascending with all neurons off, 0.100, got 1.0",
    ),
    ({"tolerance": 0.5}, ValueError, "tolerance: expected a number between 0 and 0.5, got 0.5"),
    ({"tolerance": 0}, ValueError, "tolerance: expected a number between 0 and 0.5, got 0"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD)
def test_bad_curves(changes, error, message):
    with pytest.raises(error, match=f"^{message}"):
        neuron_roles(**GOOD | changes)


def test_the_bounds_are_those_of_their_theorems():
    m, bits = 1000, 5.0
    bottleneck, compression = generalization_bounds(bits, m, 0.1)
    assert bottleneck.value == pytest.approx(math.sqrt(5) * math.log(1000) / math.sqrt(1000))
    assert compression.value == pytest.approx(math.sqrt((32 + math.log(20)) / 2000))
    assert (bottleneck.known_constant, compression.known_constant) == (False, True)
    assert "probability 0.9" in compression.conditions
    algorithm, single = generalization_bounds(None, m, algorithm_information=m * 0.3, sample_information=[0.3] * m)
    assert algorithm.value == pytest.approx(math.sqrt(2 * 0.25 * 300 * math.log(2) / 1000))
    assert single.value == pytest.approx(algorithm.value)
    uneven = generalization_bounds(None, 4, algorithm_information=1.2, sample_information=[1.2, 0, 0, 0])
    assert uneven[1].value < uneven[0].value


def test_a_hash_of_the_samples_is_bounded_by_the_compression():
    """A layer with 8 distinct outputs: the share of trainings in which the gap exceeds the bound is at most delta."""
    generator = np.random.default_rng(0)
    m, delta = 400, 0.1
    limit = generalization_bounds(3.0, m, delta)[1].value
    exceeded = 0
    for _ in range(300):
        cells, labels = generator.integers(0, 8, m), generator.integers(0, 2, m)
        wrong = sum(min(np.bincount(labels[cells == cell], minlength=2)) for cell in range(8)) / m
        exceeded += 0.5 - wrong > limit
    assert exceeded <= delta * 300


def test_a_bound_beyond_float64_is_infinite():
    assert generalization_bounds(1e6, 100)[1].value == math.inf


# (changes, error, message)
BAD_BOUNDS = [
    ({"information": -0.1}, ValueError, "information: expected finite bits from 0 on, got -0.1"),
    ({"information": math.inf}, ValueError, "information: expected finite bits from 0 on, got inf; the information"),
    ({"information": "much"}, TypeError, "information: expected a number, got 'much'"),
    ({"information": None}, ValueError, "information: expected at least one of information, algorithm_information"),
    ({"n_samples": 1}, ValueError, "n_samples: expected at least 2, got 1"),
    ({"n_samples": 2.5}, TypeError, "n_samples: expected an integer, got 2.5"),
    ({"delta": 0}, ValueError, "delta: expected a number between 0 and 1, got 0"),
    ({"delta": "half"}, TypeError, "delta: expected a number, got 'half'"),
    ({"delta": 1}, ValueError, "delta: expected a number between 0 and 1, got 1"),
    ({"algorithm_information": math.nan}, ValueError, "algorithm_information: expected finite bits from 0 on, got nan"),
    ({"sample_information": [0.1]}, ValueError, "sample_information: expected 50 numbers, one for each training"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD_BOUNDS)
def test_bad_bounds(changes, error, message):
    with pytest.raises(error, match=f"^{message}"):
        generalization_bounds(**{"information": 1.0, "n_samples": 50} | changes)
