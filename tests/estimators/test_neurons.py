"""Neurons and labels: closed forms, the definition, scikit-learn, identities, biases, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import bitlens
from bitlens import EqualWidth, OneBit, _core, neuron_information, reference

LN2 = math.log(2)


def binary_entropy(p):
    return -(p * math.log2(p) + (1 - p) * math.log2(1 - p))


def quantities(found):
    return found.entropy, found.mutual_information, found.selectivity


def codes_of(x, quantizer):
    """Quantised values [n, channels] by NumPy's histogram edges; the positions of maps are samples."""
    if isinstance(quantizer, OneBit):
        return (x > quantizer.threshold).astype(int)
    edges = [np.histogram_bin_edges(one.astype(np.float64), quantizer.bins) for one in x.T]
    return np.array([np.searchsorted(e[1:-1], one, side="right") for e, one in zip(edges, x.T, strict=True)]).T


def test_a_deterministic_an_unrelated_and_a_constant_neuron():
    labels = np.arange(80) % 4
    x = np.array([labels == 2, labels >= 2, np.arange(80) // 4 % 2, np.full(80, 7), np.zeros(80)]).T.astype(float)
    found = neuron_information(x, labels)
    np.testing.assert_allclose(found.entropy, [binary_entropy(0.25), 1, 1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found.mutual_information, [binary_entropy(0.25), 1, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found.selectivity, [2, 1, 0, 0, 0], atol=1e-12)
    assert found.preferred_class.tolist() == [2, 0, 0, 0, 0]
    assert [column[3:].tolist() for column in quantities(found)] == [[0, 0]] * 3
    bits = neuron_information(labels[:, None] * 1.0, labels, EqualWidth(4))
    assert quantities(bits) == (2, 2, 2)


@pytest.mark.parametrize("flips", [0.1, 0.25, 0.4])
def test_a_noisy_neuron_is_a_binary_symmetric_channel(flips):
    labels = np.arange(2000) % 2
    off = int(flips * 1000)
    x = labels.copy()
    for label in (0, 1):
        x[np.flatnonzero(labels == label)[:off]] ^= 1
    found = neuron_information(x[:, None].astype(np.float32), labels, OneBit(0.5))
    np.testing.assert_allclose(found.mutual_information, 1 - binary_entropy(flips), atol=1e-12)
    np.testing.assert_allclose(found.selectivity, 1 - binary_entropy(flips), atol=1e-12)


def test_a_gaussian_neuron_tends_to_its_integral():
    """Classes at -1 and 1 with a threshold at 0 are confused with probability Phi(-1); within 4 standard errors."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 200_000)
    found = neuron_information((generator.normal(size=200_000) + 2 * labels - 1)[:, None], labels)
    error = 0.5 * math.erfc(1 / math.sqrt(2))
    spread = math.log2((1 - error) / error) * math.sqrt(error * (1 - error) / 200_000)
    np.testing.assert_allclose(found.mutual_information, 1 - binary_entropy(error), atol=4 * spread)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, np.uint8])
@pytest.mark.parametrize("quantizer", [OneBit(), OneBit(3.0), EqualWidth(), EqualWidth(256)], ids=str)
@pytest.mark.parametrize("shape", [(90, 37), (40, 3, 5, 4)])
def test_against_the_definition_and_scikit_learn(kind, quantizer, shape):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is an extra")
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 6, shape[0]) * 2
    x = np.maximum(generator.normal(size=shape) * 4 + labels.reshape(-1, *[1] * (len(shape) - 1)) - 4, 0).astype(kind)
    flat = np.moveaxis(x, 1, -1).reshape(-1, shape[1])
    repeated = np.repeat(labels, len(flat) // len(labels))
    codes = codes_of(flat, quantizer)
    found = neuron_information(x, labels, quantizer)
    for ours, theirs in zip(quantities(found), reference.neuron_information(codes, repeated), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
    theirs = [metrics.mutual_info_score(repeated, code) / LN2 for code in codes.T]
    np.testing.assert_allclose(found.mutual_information, theirs, rtol=0, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n=st.integers(1, 40), channels=st.integers(1, 35), classes=st.integers(1, 5))
def test_identities(data, n, channels, classes):
    values = st.floats(-1e30, 1e30, allow_subnormal=False)
    x = data.draw(arrays.arrays(np.float64, (n, channels), elements=values))
    labels = data.draw(arrays.arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    for quantizer in (OneBit(), EqualWidth(5)):
        found = neuron_information(x, labels, quantizer)
        shares = np.bincount(labels) / n
        assert (found.mutual_information <= found.entropy + 1e-9).all()
        assert (found.mutual_information <= reference.entropy(shares) + 1e-9).all()
        assert (found.mutual_information <= found.selectivity + 1e-9).all()
        assert min(part.min() for part in quantities(found)) >= 0
        order = np.random.default_rng(0).permutation(n)
        other = neuron_information(x[order][:, ::-1] * 4.0, (classes - labels)[order], quantizer)
        for ours, theirs in zip(quantities(found), quantities(other), strict=True):
            np.testing.assert_allclose(ours, theirs[::-1], atol=1e-9)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("edges", [1, 2, 7, 300])
@pytest.mark.parametrize("size", [1, 3])
def test_the_compiled_count_takes_any_ascending_edges(kind, edges, size):
    """The kernel is fast for equal bins but accepts others: repeated edges, infinite edges, edges equal to values."""
    generator = np.random.default_rng(edges)
    x, labels = (generator.normal(size=(50, 18, size)) ** 3).astype(kind), generator.integers(0, 4, 50)
    chosen = np.sort(generator.normal(size=(18, edges)) ** 5, axis=1)
    chosen[3] = np.sort(x[:, 3].ravel()[generator.integers(0, 50 * size, edges)])
    chosen[5] = chosen[5, 0]
    chosen[7] = np.inf
    chosen[9, -1] = np.inf
    counts = np.full((18, 4, edges + 1), -1)
    _core.label_counts(x, chosen, labels, counts)
    for channel in range(18):
        codes = np.searchsorted(chosen[channel], x[:, channel].astype(np.float64), side="right")
        for label in range(4):
            expected = np.bincount(codes[labels == label].ravel(), minlength=edges + 1)
            np.testing.assert_array_equal(counts[channel, label], expected)


def test_biases_are_the_mean_of_independent_neurons():
    """The mean over 400 neurons that are independent of the labels."""
    generator = np.random.default_rng(1)
    labels = np.arange(200) % 4
    found = neuron_information(generator.normal(size=(200, 400)), labels, EqualWidth(4))
    corrected = found.mutual_information - found.mutual_information_bias
    assert found.mutual_information.mean() > 0.02
    assert abs(corrected.mean()) < 4 * corrected.std() / 20
    on = neuron_information(generator.normal(size=(200, 400)), labels)
    np.testing.assert_allclose(on.entropy_bias, -1 / (400 * LN2))
    assert abs((1 - on.entropy + on.entropy_bias).mean()) < 4 * on.entropy.std() / 20
    np.testing.assert_allclose(on.mutual_information_bias, 3 / (400 * LN2), rtol=0.02)
    corrected = on.selectivity - on.selectivity_bias
    assert on.selectivity.mean() > 0.01
    assert abs(corrected.mean()) < 4 * corrected.std() / 20
    maps = neuron_information(generator.normal(size=(200, 40, 7)), labels)
    assert abs(maps.excess.mean()) < 4 * maps.excess.std() / 40**0.5
    np.testing.assert_array_equal(maps.excess, maps.mutual_information - maps.mutual_information_bias)


def test_the_bias_does_not_hide_where_classes_have_few_samples():
    """With two samples in each class most information is by chance."""
    generator = np.random.default_rng(4)
    labels = np.arange(200) // 2
    found = neuron_information(generator.normal(size=(200, 100)), labels)
    assert found.mutual_information.mean() > 0.4
    assert abs(found.excess.mean()) < 4 * found.excess.std() / 10
    assert set(found.verdict) == {"not measurable with these samples"}
    sparse = neuron_information(generator.normal(size=(300, 20)), generator.integers(0, 100, 300), EqualWidth(32))
    assert (sparse.selectivity_bias <= np.log2(300)).all()  # of a class with a single sample
    difference = sparse.selectivity - sparse.selectivity_bias
    assert abs(difference.mean()) < 4 * difference.std() / 20**0.5
    unknown = neuron_information(generator.normal(size=(200, 5)), labels, permutations=0)
    assert np.isnan(unknown.selectivity_bias).all()
    null = bitlens.permutation_test(
        lambda x, y: neuron_information(x, y, permutations=0).mutual_information,
        generator.normal(size=(200, 5)),
        labels,
        permutations=50,
    )
    assert (abs(null.excess) < 0.1).all()


def test_many_classes_and_bins_are_counted_in_blocks_of_channels(monkeypatch):
    generator = np.random.default_rng(5)
    x, labels = generator.normal(size=(60, 37, 2)), generator.integers(0, 9, 60)
    for quantizer in (OneBit(), EqualWidth(20)):
        whole = neuron_information(x, labels, quantizer)
        for block_bytes in (1, 8 * 9 * 20 * 5):
            monkeypatch.setattr("bitlens.estimators.neurons.information._BLOCK_BYTES", block_bytes)
            for ours, theirs in zip(neuron_information(x, labels, quantizer), whole, strict=True):
                np.testing.assert_array_equal(ours, theirs)
        monkeypatch.undo()


def test_the_preferred_class_is_one_of_the_labels():
    labels = np.array([7, 7, 3, 3, 11, 11])
    found = neuron_information(np.eye(6), labels)
    assert found.preferred_class.tolist() == [7, 7, 3, 3, 11, 11]


def test_values_at_the_threshold_are_off_and_at_an_edge_in_the_next_bin():
    labels = np.array([0, 0, 1, 1])
    at = np.array([0.0, 0.0, np.nextafter(0, 1), 1.0])[:, None]
    assert neuron_information(at, labels).mutual_information == 1
    assert neuron_information(np.array([0.0, 0.4, 0.5, 1.0])[:, None], labels, EqualWidth(2)).mutual_information == 1
    tenth = np.array([0.0, 0.1, 0.1, 0.2], np.float32)[:, None]
    assert neuron_information(tenth, np.array([0, 0, 0, 1]), OneBit(float(np.float32(0.1)))).mutual_information == (
        pytest.approx(binary_entropy(0.25))
    )


@pytest.mark.parametrize("threshold", [1e300, -1e300, float(np.finfo(np.float32).max), 0.1, -0.1, 1e-320])
def test_thresholds_that_float32_cannot_represent(threshold):
    x = np.array([-3.4e38, -0.1, 0.0, 1e-45, 0.1, np.finfo(np.float32).max], np.float32)[:, None]
    expected = x.astype(np.float64) > threshold
    found = neuron_information(x, expected[:, 0].astype(int), OneBit(threshold))
    np.testing.assert_allclose(quantities(found)[:2], reference.entropy(np.bincount(expected[:, 0])), rtol=1e-12)
    np.testing.assert_array_equal(
        found, neuron_information(x.astype(float), expected[:, 0].astype(int), OneBit(threshold))
    )


def test_ranges_beyond_a_float64():
    x = np.array([-1.7e308, 1.7e308, -1.7e308, 1.7e308])[:, None]
    assert neuron_information(x, np.array([0, 1, 0, 1]), EqualWidth(2)).mutual_information == 1


def test_tensors_and_other_channel_axes():
    torch = pytest.importorskip("torch", reason="PyTorch is an extra")
    generator = np.random.default_rng(2)
    x, labels = generator.normal(size=(30, 4, 6)), generator.integers(0, 3, 30)
    plain = neuron_information(x, labels)
    last = neuron_information(torch.from_numpy(x).movedim(1, -1), torch.from_numpy(labels), channel_axis=-1)
    for ours, theirs in zip(plain[:-1], last[:-1], strict=True):
        assert isinstance(theirs, torch.Tensor)
        np.testing.assert_array_equal(ours, theirs.numpy())
    assert plain.verdict.tolist() == last.verdict.tolist()
    assert last.preferred_class.dtype == torch.int64


def test_threads_do_not_matter():
    generator = np.random.default_rng(2)
    x, labels = generator.normal(size=(300, 70, 2)), generator.integers(0, 3, 300)
    before = bitlens.get_num_threads()
    try:
        bitlens.set_num_threads(1)
        one = neuron_information(x, labels, EqualWidth())
        bitlens.set_num_threads(4)
        for ours, theirs in zip(one, neuron_information(x, labels, EqualWidth()), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    finally:
        bitlens.set_num_threads(before)


GOOD = {"activations": np.ones((4, 2)), "labels": np.arange(4)}
# (changes, error, message)
BAD = [
    ({"activations": 1.0}, TypeError, "activations: expected a NumPy array or a PyTorch tensor"),
    ({"activations": [1.0]}, ValueError, r"activations: expected shape \(samples, channels, ...\), got \(1,\)"),
    ({"activations": np.ones(4)}, ValueError, r"activations: expected shape \(samples, channels, ...\), got \(4,\)"),
    ({"activations": np.ones((0, 2))}, ValueError, "activations: is empty"),
    ({"activations": np.full((4, 2), np.nan)}, ValueError, "activations: contains NaN or infinity"),
    ({"labels": np.arange(3)}, ValueError, r"labels: expected shape \(4,\) to match the samples, got \(3,\)"),
    ({"labels": np.ones(4)}, TypeError, "labels: expected integers, got float64"),
    ({"labels": np.arange(4) - 1}, ValueError, "labels: expected classes from 0 on, got -1"),
    ({"quantizer": OneBit(math.nan)}, ValueError, "quantizer: expected a finite threshold, got nan"),
    ({"quantizer": OneBit("half")}, TypeError, "quantizer: threshold: expected a number, got 'half'"),
    ({"quantizer": EqualWidth(1)}, ValueError, "quantizer: bins: expected 2 to 256, got 1"),
    ({"quantizer": EqualWidth(257)}, ValueError, "quantizer: bins: expected 2 to 256, got 257"),
    ({"quantizer": EqualWidth(2.5)}, TypeError, "quantizer: bins: expected an integer, got 2.5"),
    ({"quantizer": 0.5}, TypeError, "quantizer: expected OneBit or EqualWidth, got 0.5"),
    ({"channel_axis": 0}, ValueError, "channel_axis: expected an axis of activations other than 0"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD)
def test_bad_input(changes, error, message):
    with pytest.raises(error, match=f"^{message}"):
        neuron_information(**GOOD | changes)
