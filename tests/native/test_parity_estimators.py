"""Estimators of tensors on every back-end, and how often they wait for a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Alignment, Median, NearestNeighbors, Silverman
from bitlens.arrays import ArrayContext, as_numpy
from bitlens.estimators.matrix.bandwidths import sigmas
from bitlens.estimators.matrix.gram import type_of_kernels
from tests.support.cuda_tensors import WAITS
from tests.support.other_arrays import OtherArray

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
LABELS = np.arange(40) % 4


def normal(dtype, *shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@each_dtype
@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize(
    "rule",
    [Median(), Silverman(2.0), NearestNeighbors(3), 1.5, [1.0, 2.0, 3.0]],
    ids=["median", "silverman", "neighbors", "number", "list"],
)
def test_matrix_based_information(backend, rule, dtype):
    x, maps, labels = normal(dtype, 40, 5), normal(dtype, 40, 3, 4, seed=1), np.arange(40) % 4
    expected = bitlens.channel_decomposition(x, maps, bandwidth=rule)
    information = bitlens.multivariate_information(labels, maps, bandwidth=rule)
    with backend.active():
        a, b, c = backend.put(x), backend.put(maps), backend.put(labels)
        found = bitlens.channel_decomposition(a, b, bandwidth=rule)
        assert found.pair.device == b.device
        np.testing.assert_allclose(found.pair.cpu().numpy(), expected.pair, rtol=0, atol=1e-9)
        assert found[3:-1] == pytest.approx(expected[3:-1], abs=1e-9)
        of_labels = bitlens.multivariate_information(c, b, bandwidth=rule)
    assert of_labels == pytest.approx(information, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 40])
def test_medians_of_distances(backend, n):
    """Of many equal distances and zeros, and of even and odd numbers of others; the first channel is constant."""
    x = np.random.default_rng(n).integers(0, 3, size=(50, n, 2)).astype(float)
    x[0] = 1
    squares = ((x[:, :, None] - x[:, None]) ** 2).sum(3)
    expected = sigmas(Median(), squares, np.ones(50), 2, ArrayContext())
    with backend.active():
        tensor = backend.put(squares)
        units = backend.put(np.ones(50))
        found = sigmas(Median(), tensor, units, 2, ArrayContext.of(tensor))
        found = as_numpy(found)
    np.testing.assert_array_equal(found, expected)


@each_dtype
@pytest.mark.parametrize("smallest", [None, 0.1])
def test_aligned_bandwidths(backend, smallest, dtype):
    x, labels = normal(dtype, 40, 5), np.arange(40) % 4
    expected = bitlens.renyi_entropy(x, bandwidth=Alignment(labels, smallest))
    with backend.active():
        aligned = bitlens.renyi_entropy(backend.put(x), bandwidth=Alignment(backend.put(labels), smallest))
    assert aligned == pytest.approx(expected, abs=1e-9)


@each_dtype
def test_binned_and_pairwise_information(backend, dtype):
    x, labels = normal(dtype, 40, 3, 4), np.arange(40) % 4
    binned = bitlens.binned_information(x, labels, 5)
    pairwise = bitlens.pairwise_distance_information(x, labels)
    with backend.active():
        tensors = backend.put(x), backend.put(labels)
        assert bitlens.binned_information(*tensors, 5) == pytest.approx(binned, abs=1e-9, nan_ok=True)
        found = bitlens.pairwise_distance_information(*tensors)
    assert found.lower == pytest.approx(pairwise.lower, abs=1e-9, nan_ok=True)
    assert found.upper == pytest.approx(pairwise.upper, abs=1e-9, nan_ok=True)


PRECISE = {
    "renyi_entropy": lambda x, maps: [bitlens.renyi_entropy(x), bitlens.renyi_entropy(maps, 1.0, 2.0)],
    "renyi_mutual_information": lambda x, maps: [bitlens.renyi_mutual_information(x, maps, 1.5)],
    "channel_decomposition": lambda x, maps: list(bitlens.channel_decomposition(x, maps, permutations=0)[3:5]),
    "multivariate_information": lambda x, maps: list(bitlens.multivariate_information(x, maps, permutations=2)[:5]),
}


@each_dtype
@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize("name", PRECISE)
def test_entropies_of_float32_samples_are_precise_to_a_millionth(backend, name, dtype):
    """A kernel in float32 changes an entropy by at most 2e-6 bits; results are sums of up to 6 entropies."""
    x, maps = normal(dtype, 70, 12), normal(dtype, 70, 2, 5, seed=1)
    expected = PRECISE[name](x, maps)
    with backend.active():
        found = PRECISE[name](backend.put(x), backend.put(maps))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 if dtype == "float64" else 1e-5)


def with_value(value, place=(3, 2)):
    x = normal("float64", 70, 5)
    x[place] = value
    return x


def first_class(number):
    return np.arange(70) % 5 + number


# id: (call, start of the message). A GPU defers these checks of kernels until their entropies are known.
REFUSED = {
    "nan": (lambda put: bitlens.renyi_entropy(put(with_value(np.nan))), "x: contains NaN"),
    "infinity": (lambda put: bitlens.renyi_entropy(put(with_value(np.inf)), 2), "x: contains NaN or infinity"),
    "float32": (
        lambda put: bitlens.renyi_entropy(put(with_value(-np.inf).astype("float32")), bandwidth=1.5),
        "x: contains NaN or infinity",
    ),
    "order below 1": (lambda put: bitlens.renyi_entropy(put(with_value(np.nan)), 0.5), "x: contains NaN"),
    "second variable": (
        lambda put: bitlens.renyi_mutual_information(put(with_value(0)), put(with_value(np.nan))),
        "y: contains NaN",
    ),
    "classes": (
        lambda put: bitlens.renyi_mutual_information(put(with_value(0)), put(first_class(-1))),
        "y: expected classes from 0 on, got -1",
    ),
    "classes alone": (lambda put: bitlens.renyi_entropy(put(first_class(-2))), "x: expected classes from 0 on, got -2"),
    "aligned": (
        lambda put: bitlens.renyi_entropy(put(with_value(0)), bandwidth=Alignment(put(first_class(-1)))),
        "bandwidth: labels: expected classes from 0 on, got -1",
    ),
    "aligned, equal samples": (
        lambda put: bitlens.renyi_entropy(put(np.ones((70, 2))), bandwidth=Alignment(put(first_class(-1)))),
        "bandwidth: labels: expected classes from 0 on, got -1",
    ),
    "smallest": (
        lambda put: bitlens.renyi_entropy(put(with_value(0)), bandwidth=Alignment(put(first_class(0)), 1e-200)),
        "bandwidth: smallest: expected a sigma within a factor of about 1e150",
    ),
    "sigma": (
        lambda put: bitlens.renyi_entropy(put(with_value(0)), bandwidth=1e-200),
        "bandwidth: expected a sigma within a factor of about 1e150",
    ),
    "sigma of one channel": (
        lambda put: bitlens.channel_decomposition(
            put(with_value(0)), put(with_value(0)), bandwidth=[1, 1, 1, 1, 1e200]
        ),
        "bandwidth: expected a sigma within a factor of about 1e150",
    ),
    "decomposition": (
        lambda put: bitlens.channel_decomposition(put(with_value(np.nan)), put(with_value(0))),
        "x: contains NaN",
    ),
    "layer": (
        lambda put: bitlens.multivariate_information(put(first_class(0)), put(with_value(np.inf))),
        "maps: contains NaN or infinity",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_deferred_checks_refuse(backend, name):
    call, message = REFUSED[name]
    with backend.active(), pytest.raises(ValueError, match=message):
        call(backend.put)


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize("factor", [2.0**-600, 2.0**600])
def test_deferred_checks_scale_extreme_values(backend, factor):
    x, maps, classes = with_value(0), normal("float64", 70, 2, 5), first_class(0)
    with backend.active():
        a, b, c = backend.put(x * factor), backend.put(maps * factor), backend.put(classes)
        found = [
            bitlens.renyi_entropy(a, bandwidth=factor),
            bitlens.channel_decomposition(a, b).multivariate,
            bitlens.multivariate_information(c, b).information,
        ]
    expected = [
        bitlens.renyi_entropy(x, bandwidth=1),
        bitlens.channel_decomposition(x, maps).multivariate,
        bitlens.multivariate_information(classes, maps).information,
    ]
    assert found == pytest.approx(expected, abs=1e-9)


@each_dtype
def test_the_type_of_kernels(backend, dtype):
    """float32 suffices for float32 samples and classes on a GPU, but not for classes alone."""
    x, few, classes = normal(dtype, 70, 3), normal(dtype, 40, 3), np.arange(70) % 4
    with backend.active():
        tensors = [backend.put(array) for array in (x, few, classes)]
        context = ArrayContext.of(tensors[0])
        found = {
            alpha: type_of_kernels([tensors[0], tensors[2]], alpha, context) for alpha in (0.99, 1, 1.01, 1.99, 2, 3)
        }
        others = [type_of_kernels([tensor], 1.01, context) for tensor in tensors[1:]]
    narrow = "float32" if context.on_cuda else "float64"
    expected = narrow if dtype == "float32" else "float64"
    assert found == {0.99: "float64", 1: expected, 1.01: expected, 1.99: expected, 2: "float64", 3: "float64"}
    assert others == ["float64", "float64"]


STATES = {
    "hidden_state_entropy": lambda x: bitlens.hidden_state_entropy(x),
    "gaussian": lambda x: bitlens.hidden_state_entropy(x, kernel=bitlens.Gaussian()),
    "with its null": lambda x: bitlens.hidden_state_entropy(x, full_output=True, permutations=2).null_mean,
    "effective_rank": lambda x: bitlens.effective_rank(x),
    "lidar": lambda x: bitlens.lidar(x),
    "trajectory_curvature": lambda x: bitlens.trajectory_curvature(x),
    "dime": lambda x: bitlens.dime(x[0], x[1]).information,
    "contrastive_bound": lambda x: bitlens.contrastive_bound(x[0], x[1]).information,
    "renyi_entropy": lambda x: bitlens.renyi_entropy(x[0], kernel=bitlens.Cosine()),
    "renyi_mutual_information": lambda x: bitlens.renyi_mutual_information(x[0], x[1], kernel=bitlens.Linear()),
}


@each_dtype
@pytest.mark.parametrize("name", STATES)
def test_hidden_states(backend, name, dtype):
    x = normal(dtype, 3, 12, 20)
    expected = STATES[name](x)
    with backend.active():
        found = STATES[name](backend.put(x))
        found = found.cpu().numpy() if isinstance(found, torch.Tensor) else found
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 if dtype == "float32" else 1e-9)


# id: (call of x [40, 6], maps [40, 3, 4, 4] and labels [40]; the most waits for float32 and for float64)
CALLS = {
    "nearest_neighbors": (lambda x, maps, labels: bitlens.nearest_neighbors(x, 5), 1, 1),
    "neighbor_probabilities": (lambda x, maps, labels: bitlens.neighbor_probabilities(x, 5), 1, 1),
    "inter_sample_entropy": (lambda x, maps, labels: bitlens.inter_sample_entropy(x, 5), 2, 2),
    "intra_sample_entropy": (lambda x, maps, labels: bitlens.intra_sample_entropy(maps), 1, 1),
    "channel_entropy": (lambda x, maps, labels: bitlens.channel_entropy(maps, labels), 2, 2),
    "distance_codes": (lambda x, maps, labels: bitlens.distance_codes(maps), 1, 2),
    "channel_mutual_information": (lambda x, maps, labels: bitlens.channel_mutual_information(maps, maps), 1, 2),
    "renyi_entropy": (lambda x, maps, labels: bitlens.renyi_entropy(x), 1, 1),
    "renyi_entropy, order 0.5": (lambda x, maps, labels: bitlens.renyi_entropy(x, 0.5), 2, 2),
    "renyi_entropy, a number": (lambda x, maps, labels: bitlens.renyi_entropy(x, bandwidth=1.5), 1, 1),
    "renyi_entropy, neighbors": (lambda x, maps, labels: bitlens.renyi_entropy(x, bandwidth=NearestNeighbors(3)), 1, 1),
    "renyi_entropy, alignment": (lambda x, maps, labels: bitlens.renyi_entropy(x, bandwidth=Alignment(labels)), 1, 1),
    "renyi_joint_entropy": (lambda x, maps, labels: bitlens.renyi_joint_entropy([x, maps, labels]), 1, 1),
    "renyi_mutual_information": (lambda x, maps, labels: bitlens.renyi_mutual_information(x, labels), 1, 1),
    "multivariate_information": (lambda x, maps, labels: bitlens.multivariate_information(labels, maps), 1, 1),
    "channel_decomposition": (lambda x, maps, labels: bitlens.channel_decomposition(x, maps), 1, 1),
    "binned_information": (lambda x, maps, labels: bitlens.binned_information(x, labels), 2, 2),
}


@pytest.mark.skipif(bitlens.build_info()["cuda"] != "emulated", reason="tensors of the emulation count waits")
@each_dtype
@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize("name", CALLS)
def test_waits_for_the_gpu(backend, name, dtype):
    """The number of times that the host waits does not depend on channels, pairs, shuffles or candidates."""
    call, *most = CALLS[name]
    with backend.active():
        operands = backend.put(normal(dtype, 40, 6)), backend.put(normal(dtype, 40, 3, 4, 4)), backend.put(LABELS)
        WAITS.clear()
        call(*operands)
        waits = list(WAITS)
    assert len(waits) <= most[dtype == "float64"], waits


@pytest.mark.skipif(
    bitlens.build_info()["cuda"] == "emulated", reason="DLPack says that emulated tensors are on the CPU"
)
def test_arrays_that_only_speak_dlpack(backend):
    x = normal("float64", 40, 3, 4)
    differences = (x[:, None] - x).reshape(40, 40, -1)
    nearest = np.sort(np.sqrt((differences**2).sum(-1)), axis=1)[:, 1:6]
    expected = bitlens.channel_mutual_information(x, x), nearest
    with backend.active():
        lent = OtherArray(backend.put(x))
        found = bitlens.channel_mutual_information(lent, lent), bitlens.nearest_neighbors(lent, 5)[0]
        for array, right in zip(found, expected, strict=True):
            assert array.place == lent.place
            np.testing.assert_allclose(array.tensor.cpu().numpy(), right, rtol=0, atol=1e-9)
