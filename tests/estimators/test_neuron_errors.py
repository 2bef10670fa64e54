"""Standard errors and nulls of neurons against a short twin that counts every set of samples again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bitlens import EqualWidth, OneBit, neuron_information, reference
from bitlens.arrays import NDArray
from bitlens.estimators.contingency import expected_information
from bitlens.estimators.intervals import HALVES, QUARTER_RANGE_FACTOR, SHUFFLES
from bitlens.estimators.verdicts import NOT_ABOVE_CHANCE, NOT_MEASURABLE

RANDOM = np.random.default_rng(21)
LABELS = RANDOM.integers(0, 3, 90)
# id: activations [n, channels] or [n, channels, positions]
ACTIVATIONS = {
    "values": RANDOM.normal(size=(90, 5)) + LABELS[:, None] * [0, 0, 0.5, 1, 4],
    "maps": RANDOM.normal(size=(90, 4, 3)) + LABELS[:, None, None] * np.array([0, 0.3, 1, 4])[:, None],
}


def information(codes: NDArray, labels: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Entropy, information and selectivity of codes [n, channels, positions]."""
    flat = np.moveaxis(codes, 1, -1).reshape(-1, codes.shape[1])
    return reference.neuron_information(flat, np.repeat(labels, codes.shape[2]))[:3]


def codes_of(x: NDArray, quantizer: OneBit | EqualWidth, part: NDArray | None = None) -> NDArray:
    """The bins of the values, which lie between the smallest and the largest value of a part of the samples."""
    maps = x.reshape(*x.shape[:2], -1)
    if isinstance(quantizer, OneBit):
        return (maps > quantizer.threshold).astype(int)
    ends = maps if part is None else part.reshape(len(part), *maps.shape[1:])
    edges = [np.histogram_bin_edges(ends[:, channel], quantizer.bins)[1:-1] for channel in range(maps.shape[1])]
    return np.stack([np.searchsorted(e, maps[:, c], side="right") for c, e in enumerate(edges)], axis=1)


def by_chance(codes: NDArray, labels: NDArray, shuffled: list[NDArray]) -> NDArray:
    """The mean information by chance: of the shuffled labels for maps, of all permutations for single values."""
    if codes.shape[2] > 1:
        return np.mean([information(codes, other)[1] for other in shuffled], axis=0)
    columns = np.array([np.bincount(code, minlength=codes.max() + 1) for code in codes[..., 0].T])
    return expected_information(np.bincount(labels), columns)


@pytest.mark.parametrize("quantizer", [OneBit(), EqualWidth(4)], ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_against_a_short_twin(name, quantizer):
    x, permutations, seed = ACTIVATIONS[name], 6, 3
    found = neuron_information(x, LABELS, quantizer, permutations=permutations, seed=seed, intervals=True)
    codes, random = codes_of(x, quantizer), np.random.default_rng(seed)
    shuffled = [LABELS[random.permutation(90)] for _ in range(permutations)]
    null = np.array([information(codes, other)[1] for other in shuffled])
    chance = by_chance(codes, LABELS, shuffled)
    np.testing.assert_allclose(found.mutual_information_bias, chance, atol=1e-12)
    np.testing.assert_allclose(found.excess, information(codes, LABELS)[1] - chance, atol=1e-12)
    np.testing.assert_allclose(found.null_std, null.std(axis=0, ddof=1), atol=1e-12)
    at_least = (null >= information(codes, LABELS)[1] - 1e-9).sum(axis=0)
    np.testing.assert_allclose(found.p_value, (1 + at_least) / (1 + permutations))
    halves, in_bins_of_all, random = [], [], np.random.default_rng([seed, 1])
    for _ in range(HALVES):
        half = np.sort(random.permutation(90)[:45])
        of_half = LABELS[half]
        others = [of_half[random.permutation(45)] for _ in range(SHUFFLES)] if name == "maps" else []
        own = codes_of(x[half], quantizer)
        entropy, bits, selectivity = information(own, of_half)
        halves.append((entropy, bits - by_chance(own, of_half, others), selectivity))
        in_bins_of_all.append(information(codes[half], of_half)[0])
    errors = np.std(halves, axis=0, ddof=1)
    of_fixed_bins, random = np.std(in_bins_of_all, axis=0, ddof=1), np.random.default_rng([seed, 2])
    quarters = [x[np.sort(random.permutation(90)[:22])] for _ in range(HALVES)]
    in_their_bins = [information(codes_of(x, quantizer, quarter), LABELS)[0] for quarter in quarters]
    errors[0] = np.hypot(of_fixed_bins, QUARTER_RANGE_FACTOR * np.std(in_their_bins, axis=0, ddof=1))
    np.testing.assert_array_equal(found.range_decides, errors[0] > 3 * of_fixed_bins)
    for ours, expected in zip((found.entropy_error, found.excess_error, found.selectivity_error), errors, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_closed_form_of_chance_is_of_single_values_alone(name):
    few, many = (neuron_information(ACTIVATIONS[name], LABELS, permutations=count) for count in (2, 30))
    equal = few.mutual_information_bias == many.mutual_information_bias
    assert equal.tolist() == [name == "values"] * len(equal)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_without_shuffles_nothing_is_known_about_chance(name):
    found = neuron_information(ACTIVATIONS[name], LABELS, permutations=0, intervals=True)
    by_chance = found.mutual_information_bias, found.excess, found.null_std, found.p_value, found.adjusted
    assert np.isnan([*by_chance, found.excess_error]).all()
    assert set(found.verdict.tolist()) == {""}
    assert np.isfinite([found.entropy, found.mutual_information, found.selectivity, found.entropy_error]).all()


@pytest.mark.parametrize(("n", "intervals", "known"), [(63, True, False), (64, True, True), (64, False, False)])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_standard_errors_need_64_samples(name, n, intervals, known):
    found = neuron_information(ACTIVATIONS[name][:n], LABELS[:n], intervals=intervals)
    for column in (found.entropy_error, found.excess_error):
        assert np.isfinite(column).tolist() == [known] * len(column)
    enough = np.bincount(LABELS[:n])[found.preferred_class] >= 20  # samples of the preferred class
    np.testing.assert_array_equal(np.isfinite(found.selectivity_error), enough & known)


def test_a_constant_neuron_has_no_error():
    found = neuron_information(np.ones((80, 1)), np.arange(80) % 4, EqualWidth(), intervals=True)
    assert (found.mutual_information_bias, found.excess, found.adjusted) == (0, 0, 0)
    assert (found.entropy_error, found.excess_error, found.selectivity_error) == (0, 0, 0)


@pytest.mark.parametrize("on", [0, 1, 2, 79])
def test_a_side_of_the_threshold_with_one_sample_or_none_gives_no_error(on):
    values = np.where(np.arange(80) < on, 1.0, -1.0)[:, None]
    found = neuron_information(values, np.arange(80) % 4, intervals=True)
    errors = found.entropy_error[0], found.excess_error[0], found.selectivity_error[0]
    assert np.isfinite(errors).tolist() == [on == 2] * 3
    assert found.verdict.tolist() == [NOT_MEASURABLE]


@pytest.mark.parametrize(
    ("quantizer", "verdict"),
    [(OneBit(), NOT_MEASURABLE), (OneBit(1.5), NOT_MEASURABLE), (EqualWidth(), NOT_ABOVE_CHANCE)],
)
def test_a_neuron_that_is_always_on_or_always_off_says_nothing_about_others(quantizer, verdict):
    """It may be on for 1 in 50 of other samples; a value that is the same for all samples has no information."""
    assert neuron_information(np.ones((80, 1)), np.arange(80) % 4, quantizer).verdict.tolist() == [verdict]


def test_the_error_is_the_spread_over_fresh_samples():
    """Two classes at -1 and 1 and a threshold at 0; 200 neurons are 200 sets of samples."""
    random = np.random.default_rng(5)
    labels = np.arange(200) % 2
    found = neuron_information(random.normal(size=(200, 200)) + (2 * labels - 1)[:, None], labels, intervals=True)
    spread = found.excess.std(ddof=1)
    assert 0.85 < math.sqrt((found.excess_error**2).mean()) / spread < 1.15


def test_the_error_of_the_entropy_sees_the_ends_of_the_bins():
    """300 neurons are 300 sets of samples. Halves with their own bins give 0.8 of the spread."""
    values = np.random.default_rng(6).normal(size=(256, 300))
    found = neuron_information(values, np.arange(256) % 2, EqualWidth(), permutations=0, intervals=True)
    spread = found.entropy.std(ddof=1)
    assert 0.95 < math.sqrt((found.entropy_error**2).mean()) / spread < 1.3


@pytest.mark.parametrize("quantizer", [EqualWidth(), OneBit()], ids=str)
def test_an_entropy_that_extreme_values_decide_is_marked(quantizer):
    """Columns of normal values, of the same with one that is 40 deviations off, and of Cauchy values."""
    random = np.random.default_rng(9)
    normal = random.normal(size=(300, 1))
    far = np.where(np.arange(300)[:, None] == 7, 40.0, normal)
    values = np.hstack([normal, far, random.standard_cauchy((300, 1))])
    found = neuron_information(values, np.arange(300) % 2, quantizer, intervals=True)
    assert found.range_decides.tolist() == ([False, True, True] if quantizer == EqualWidth() else [False] * 3)
    assert not neuron_information(values, np.arange(300) % 2, quantizer).range_decides.any()


def test_the_end_of_a_range_varies_by_this_factor_more_over_samples_than_over_quarters():
    """The largest of 128 values of an exponential law; 2000 sets of samples with 20 quarters each."""
    random = np.random.default_rng(8)
    values = random.exponential(size=(2000, 128))
    quarters = random.permuted(np.repeat(values[:, None], HALVES, axis=1), axis=2)[..., :32].max(axis=2)
    ratio = values.max(axis=1).var(ddof=1) / quarters.var(axis=1, ddof=1).mean()
    assert math.sqrt(ratio) == pytest.approx(QUARTER_RANGE_FACTOR, abs=0.05)


@pytest.mark.parametrize("permutations", [-1, 1])
def test_refused_numbers_of_permutations(permutations):
    with pytest.raises(ValueError, match=f"^permutations: expected 0 or at least 2, got {permutations}$"):
        neuron_information(ACTIVATIONS["values"], LABELS, permutations=permutations)
