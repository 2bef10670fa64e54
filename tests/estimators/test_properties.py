"""Properties of every input, tested for inputs that hypothesis generates."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
from hypothesis import assume, example, given

import bitlens
from bitlens import _core, reference

ANY_FLOAT = st.floats(-4e307, 4e307)  # for larger values, NumPy's edges overflow
WHOLE = st.integers(-100, 100).map(float)
SMALL = st.floats(-100, 100, width=32)
SHARP = st.sampled_from([0.0, -0.0, 1.0, 5e-324, -5e-324, 2.2e-308, 1e-16, 1 + 2**-52, 1 - 2**-53, 0.1, 1 / 3, 2.0**53])


def maps_of(elements, at_least=2):
    shapes = st.tuples(st.integers(at_least, 12), st.integers(1, 4), st.integers(1, 9))
    return shapes.flatmap(lambda shape: arrays.arrays(np.float64, shape, elements=elements))


@given(maps_of(SMALL, at_least=3), st.data())
def test_inter_sample_entropy_is_bounded(maps, data):
    n = len(maps)
    entropy = bitlens.inter_sample_entropy(maps, data.draw(st.integers(2, n - 1), "k"))
    assert 0 <= entropy <= math.log2(n * (n - 1)) + 1e-12


@given(maps_of(WHOLE, at_least=3), st.data())
def test_inter_sample_entropy_is_that_of_the_reference(maps, data):
    """The squares of whole numbers are added without rounding, so that both have the same ties."""
    k = data.draw(st.integers(2, len(maps) - 1), "k")
    expected = reference.inter_sample_entropy(maps, k)
    assert abs(bitlens.inter_sample_entropy(maps, k) - expected) < 1e-9


@given(maps_of(SMALL), st.integers(2, 256))
def test_intra_sample_entropy_is_bounded(maps, bins):
    entropies = bitlens.intra_sample_entropy(maps, bins)
    assert entropies.shape == maps.shape[:2]
    assert (entropies >= 0).all()
    assert (entropies <= math.log2(min(bins, maps.shape[2])) + 1e-12).all()


@given(maps_of(SMALL), st.integers(2, 256), st.randoms(use_true_random=False))
def test_mutual_information_is_bounded(maps, bins, random):
    other = maps[random.sample(range(len(maps)), len(maps))]
    result = bitlens.channel_mutual_information(maps, other, bins, full_output=True)
    least = np.minimum(result.entropy_a[:, None], result.entropy_b)
    most = result.entropy_a[:, None] + result.entropy_b
    assert (result.mutual_information >= 0).all()
    assert (result.mutual_information <= least + 1e-12).all()
    assert (result.entropy_a <= math.log2(bins) + 1e-12).all()
    assert (result.joint_entropy <= most + 1e-12).all()
    assert (result.joint_entropy >= np.maximum(result.entropy_a[:, None], result.entropy_b) - 1e-12).all()
    assert (result.conditional_entropy >= 0).all()
    assert (result.conditional_entropy <= result.entropy_a[:, None] + 1e-12).all()


@given(maps_of(SMALL), st.integers(2, 256), st.randoms(use_true_random=False))
def test_the_order_of_samples_and_of_channels_does_not_matter(maps, bins, random):
    samples = random.sample(range(len(maps)), len(maps))
    channels = random.sample(range(maps.shape[1]), maps.shape[1])
    shuffled = maps[samples][:, channels]
    expected = bitlens.channel_mutual_information(maps, maps, bins)[np.ix_(channels, channels)]
    np.testing.assert_allclose(
        bitlens.channel_mutual_information(shuffled, shuffled, bins), expected, rtol=0, atol=1e-12
    )
    expected = bitlens.intra_sample_entropy(maps, bins)[np.ix_(samples, channels)]
    np.testing.assert_array_equal(bitlens.intra_sample_entropy(shuffled, bins), expected)


def numpy_counts(values, bins, low, high):
    """None where NumPy raises an error because its edges would not all differ."""
    try:
        return np.histogram(values, bins, (low, high))[0]
    except ValueError as error:
        assert "Too many bins for data range" in str(error)  # noqa: PT017
        return None


@given(
    st.lists(ANY_FLOAT | SMALL | SHARP, min_size=2, max_size=30).map(np.array),
    st.integers(2, 256),
)
@example(np.arange(11.0) / 10, 10)
@example(np.linspace(-1, 1, 257), 256)
@example(np.array([0.0, 1e-308, 2e-308, 3e-308]), 32)
@example(np.array([0.0, 5e-324, 1e-322, 2.5e-321]), 4)
@example(np.array([-4e307, 0.0, 1.0, 4e307]), 256)
def test_bins_are_those_of_numpy(values, bins):
    """Tests the values, all edges, and the floats on both sides of every edge."""
    low, high = values.min(), values.max()
    assume(low < high)
    edges = np.linspace(low, high, bins + 1)
    around = np.concatenate([np.nextafter(edges, -np.inf), edges, np.nextafter(edges, np.inf)])
    values = np.concatenate([values, around[(low <= around) & (around <= high)]])
    expected = numpy_counts(values, bins, low, high)
    assume(expected is not None)
    counts = np.empty((1, 1, bins), np.int32)
    _core.value_histograms(values[None, None], low, high, counts, 0)
    np.testing.assert_array_equal(counts[0, 0], expected)


@given(
    ANY_FLOAT | st.floats(-1e6, 1e6) | st.floats(0, 1),
    st.floats(1e-3, 1e3) | st.floats(2.0**-300, 2.0**300),
    st.integers(2, 256),
    st.integers(0, 2**32 - 1),
)
@example(0.0, 1.0, 256, 0)
@example(0.1, 0.8, 32, 0)
@example(1e3, 1e-3, 32, 0)
@example(-1e6, 1.0, 7, 0)
@example(2.0**99, 2.0**99, 256, 0)
@example(-(2.0**-100), 2.0**-99, 256, 0)
@example(1e300, 1e300, 32, 0)
def test_bins_of_float32_are_those_of_numpy(low, span, bins, seed):
    assume((np.diff(np.linspace(low, low + span, bins + 1)) > 0).all())
    assert_float32_bins(low, span, bins, seed)


def test_bins_of_float32_in_many_common_ranges():
    random = np.random.default_rng(0)
    for seed in range(1000):
        assert_float32_bins(random.uniform(-2, 2), random.uniform(0.5, 8), int(random.integers(2, 257)), seed)


def assert_float32_bins(low, span, bins, seed):
    """Tests random values and the float32 values around every edge, in bins whose ends are arbitrary float64."""
    high = low + span
    edges = np.linspace(low, high, bins + 1)
    with np.errstate(over="ignore"):
        nearest = edges.astype(np.float32)
        anywhere = np.random.default_rng(seed).uniform(low, high, 200).astype(np.float32)
        around = [np.nextafter(nearest, np.float32(end)) for end in (-np.inf, np.inf)]
    values = np.concatenate([anywhere, nearest, *around])
    exact = values.astype(np.float64)
    values = values[(low <= exact) & (exact <= high)]
    counts = np.empty((1, 1, bins), np.int32)
    _core.value_histograms(values[None, None], low, high, counts, 0)
    np.testing.assert_array_equal(counts[0, 0], numpy_counts(values.astype(np.float64), bins, low, high))


@given(
    st.integers(1, 12).flatmap(lambda m: arrays.arrays(np.int64, (m, m), elements=st.integers(0, 1000))),
)
def test_label_entropies_are_bounded(confusion):
    m = len(confusion)
    for axis, entropies in enumerate(bitlens.label_entropies(confusion)):
        empty = confusion.sum(axis=axis) == 0
        np.testing.assert_array_equal(np.isnan(entropies), empty)
        classes = (confusion > 0).sum(axis=axis)[~empty]
        assert (entropies[~empty] >= 0).all()
        assert (entropies[~empty] <= np.log2(classes) + 1e-12).all()
        assert classes.max(initial=0) <= m
        assert not entropies[~empty][classes == 1].any()


@given(
    st.tuples(st.integers(2, 90), st.integers(1, 4)).flatmap(
        lambda shape: arrays.arrays(np.int64, shape, elements=st.integers(-2, 2))
    ),
    st.data(),
)
def test_neighbors_on_a_grid_are_those_of_the_reference(points, data):
    """Up to 90 samples and few neighbours, with and without the filter; nearly all distances are tied."""
    k = data.draw(st.integers(1, len(points) - 1) | st.integers(1, min(3, len(points) - 1)), "k")
    distances, indices = bitlens.nearest_neighbors(points, k)
    expected_distances, expected_indices = reference.nearest_neighbors(points, k)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_array_equal(distances, expected_distances)


@given(maps_of(SMALL), st.integers(2, 256))
def test_codes_reach_from_the_first_bin_to_the_last(maps, bins):
    codes = bitlens.distance_codes(maps, bins)
    assert codes.shape == (maps.shape[1], len(maps) * (len(maps) - 1) // 2)
    varied = (codes > 0).any(axis=1)
    assert (codes[varied].min(axis=1) == 0).all()
    assert (codes[varied].max(axis=1) == bins - 1).all()
