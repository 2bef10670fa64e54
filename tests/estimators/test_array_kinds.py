"""Lists, and objects that have `__array__` or `__dlpack__`, are arrays in every public estimator."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import estimators

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")

MAPS = np.random.default_rng(0).normal(size=(8, 3, 4))
LABELS = np.array([0, 1, 1, 0, 1, 0, 0, 1])
CODES = bitlens.distance_codes(MAPS)
ACCURACIES = np.array([[1, 1, 1, 0.5, 0], [1, 1, 0.5, 0, 0], [1, 1, 0.8, 0.5, 0]])
ORDERS = np.array([[1, 2, 3, 4, 5, 6, 7, 0], [2, 3, 4, 5, 6, 7, 0, 1]])
MASKS = np.random.default_rng(1).random((8, 3, 4)) > 0.5


class WithArray:
    """What pandas, xarray and PIL return."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class WithDlpack:
    """An array of another library in the memory of the CPU."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)


def nested_tuples(array):
    return tuple(map(nested_tuples, array)) if array.ndim else array.item()


KINDS = {
    "list": lambda array: array.tolist(),
    "tuple": nested_tuples,
    "list of arrays": list,
    "__array__": WithArray,
    "__dlpack__": WithDlpack,
    "tensor": torch.from_numpy,
}

# name of the function: call of it, whose arrays are converted to a kind
CALLS = {
    "adjusted_information": lambda kind: bitlens.adjusted_information(kind(LABELS * 0.5), kind(LABELS * 0.1), 1.0),
    "binned_information": lambda kind: bitlens.binned_information(kind(MAPS), kind(LABELS), 4),
    "channel_decomposition": lambda kind: bitlens.channel_decomposition(kind(MAPS), kind(MAPS))[:2],
    "channel_entropy": lambda kind: bitlens.channel_entropy(kind(MAPS), kind(LABELS)),
    "channel_mutual_information": lambda kind: bitlens.channel_mutual_information(kind(MAPS), kind(MAPS)),
    "concentration": lambda kind: bitlens.concentration(kind(MAPS[:, None]), kind(MASKS)),
    "contrastive_bound": lambda kind: bitlens.contrastive_bound(kind(MAPS), kind(MAPS + 1)),
    "dime": lambda kind: bitlens.dime(kind(MAPS), kind(MAPS + 1), permutations=kind(ORDERS)),
    "distance_codes": lambda kind: bitlens.distance_codes(kind(MAPS)),
    "effective_rank": lambda kind: bitlens.effective_rank(kind(MAPS), kind(MASKS[:, :, 0] | (MAPS[:, :, 0] > -2))),
    "excess_interval": lambda kind: bitlens.excess_interval(kind(LABELS * 0.5), kind(LABELS * 0.1)),
    "generalization_bounds": lambda kind: (
        bitlens.generalization_bounds(None, 8, sample_information=kind(np.arange(8.0)))[0].value
    ),
    "hidden_state_entropy": lambda kind: bitlens.hidden_state_entropy(kind(MAPS), kind(LABELS[:3] < 2)),
    "hidden_state_settings": lambda kind: bitlens.effective_rank(kind(MAPS), **bitlens.hidden_state_settings("rankme")),
    "inter_sample_entropy": lambda kind: bitlens.inter_sample_entropy(kind(MAPS), 3),
    "intrinsic_dimension": lambda kind: bitlens.intrinsic_dimension(kind(MAPS)),
    "intra_sample_entropy": lambda kind: bitlens.intra_sample_entropy(kind(MAPS), value_range=kind(np.array([-9, 9]))),
    "jackknife": lambda kind: bitlens.jackknife(lambda x: x.mean(), kind(np.arange(70.0)))[:2],
    "joint_histogram": lambda kind: bitlens.joint_histogram(kind(MAPS), kind(MAPS)),
    "label_entropies": lambda kind: bitlens.label_entropies(kind(np.arange(9.0).reshape(3, 3))),
    "lidar": lambda kind: bitlens.lidar(kind(MAPS)),
    "multivariate_information": lambda kind: bitlens.multivariate_information(
        kind(LABELS), kind(MAPS), bandwidth=kind(np.array([1.0, 2, 3]))
    ),
    "nearest_neighbors": lambda kind: bitlens.nearest_neighbors(kind(MAPS), 3),
    "neighbor_probabilities": lambda kind: bitlens.neighbor_probabilities(kind(MAPS), 3),
    "neuron_information": lambda kind: bitlens.neuron_information(kind(MAPS), kind(LABELS))[:-1],
    "neuron_roles": lambda kind: bitlens.neuron_roles(kind(np.arange(5)), *map(kind, ACCURACIES[:2]), kind(ACCURACIES))[
        :6
    ],
    "pairwise_distance_information": lambda kind: sum(
        bitlens.pairwise_distance_information(kind(MAPS), kind(LABELS)), ()
    ),
    "permutation_test": lambda kind: (
        bitlens.permutation_test(bitlens.channel_mutual_information, kind(MAPS), kind(MAPS)).null_mean
    ),
    "pool_tokens": lambda kind: bitlens.pool_tokens(kind(MAPS), kind(LABELS[:3] < 2)),
    "published_settings": lambda kind: bitlens.multivariate_information(
        kind(MAPS), kind(MAPS), **bitlens.published_settings("tensor-kernel", kind(LABELS))
    ),
    "q_values": lambda kind: bitlens.q_values(kind(np.array([0.1, 0.02, 1.0]))),
    "renyi_entropy": lambda kind: bitlens.renyi_entropy(kind(MAPS)),
    "renyi_entropy of labels": lambda kind: bitlens.renyi_entropy(kind(LABELS)),
    "renyi_joint_entropy": lambda kind: bitlens.renyi_joint_entropy([kind(MAPS), kind(LABELS)]),
    "renyi_mutual_information": lambda kind: bitlens.renyi_mutual_information(kind(MAPS), kind(LABELS)),
    "renyi_entropy of a linear kernel": lambda kind: bitlens.renyi_entropy(kind(MAPS), kernel=bitlens.Linear()),
    "shannon_invariants": lambda kind: bitlens.shannon_invariants(kind(LABELS), kind(MAPS)),
    "trajectory_curvature": lambda kind: bitlens.trajectory_curvature(kind(MAPS), kind(LABELS[:3] < 2)),
}


def test_every_function_is_called():
    functions = {name for name in estimators.__all__ if inspect.isfunction(getattr(estimators, name))}
    assert functions == {name.split()[0] for name in CALLS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CALLS)
def test_every_kind_of_array_gives_the_same(name, kind):
    expected, result = CALLS[name](np.asarray), CALLS[name](KINDS[kind])
    pairs = zip(expected, result, strict=True) if isinstance(expected, tuple) else [(expected, result)]
    for of_array, of_kind in pairs:
        np.testing.assert_allclose(np.asarray(of_kind), np.asarray(of_array), rtol=1e-13)


def test_results_of_other_kinds_are_numpy_arrays():
    for kind in ("list", "tuple", "__array__", "__dlpack__"):
        assert type(bitlens.distance_codes(KINDS[kind](MAPS))) is np.ndarray


@pytest.mark.parametrize("kind", ["__array__", "__dlpack__", "tensor"])
def test_bytes_are_codes_only_if_the_caller_says_so(kind):
    make = KINDS[kind]
    expected = bitlens.channel_mutual_information(CODES, CODES + 0, codes=True)
    found = bitlens.channel_mutual_information(make(CODES), make(CODES), codes=True)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-14)
    as_maps = bitlens.channel_mutual_information(CODES.astype(np.float32), CODES.astype(np.float32))
    np.testing.assert_allclose(np.asarray(bitlens.channel_mutual_information(make(CODES), make(CODES))), as_maps)
    with pytest.raises(ValueError, match=r"^a: expected uint8 distance codes of shape"):
        bitlens.channel_mutual_information(CODES.tolist(), CODES.tolist(), codes=True)


# id: a number of this type
WHOLE = {
    "int8": np.int8,
    "uint8": np.uint8,
    "int64": np.int64,
    "uint64": np.uint64,
    "array": np.array,
    "tensor": torch.tensor,
}
REAL = {"float16": np.float16, "float32": np.float32, "float64": np.float64, "array": np.array, "tensor": torch.tensor}

X, FLAT = MAPS, MAPS.reshape(8, -1)

# id: (call, its whole number)
WHOLE_CALLS = {
    "nearest_neighbors(k)": (lambda k: bitlens.nearest_neighbors(X, k)[0].sum(), 3),
    "neighbor_probabilities(k)": (lambda k: bitlens.neighbor_probabilities(X, k)[2].sum(), 3),
    "inter_sample_entropy(k)": (lambda k: bitlens.inter_sample_entropy(X, k), 3),
    "intra_sample_entropy(bins)": (lambda bins: bitlens.intra_sample_entropy(X, bins).sum(), 127),
    "channel_entropy(bins)": (lambda bins: bitlens.channel_entropy(X, None, bins).sum(), 127),
    "distance_codes(bins)": (lambda bins: bitlens.distance_codes(X, bins).sum(), 127),
    "joint_histogram(bins)": (lambda bins: bitlens.joint_histogram(X, X, bins).argmax(), 12),
    "channel_mutual_information(bins)": (lambda bins: bitlens.channel_mutual_information(X, X, bins).sum(), 12),
    "binned_information(bins)": (lambda bins: bitlens.binned_information(X, bins=bins).input, 2),
    "EqualWidth(bins)": (
        lambda bins: bitlens.neuron_information(X, LABELS, bitlens.EqualWidth(bins)).entropy.sum(),
        127,
    ),
    "channel_axis": (lambda axis: bitlens.channel_entropy(X, channel_axis=axis).sum(), 2),
    "permutation_test(permutations)": (
        lambda count: bitlens.permutation_test(bitlens.renyi_mutual_information, X, X, count).null_mean,
        3,
    ),
    "permutation_test(seed)": (
        lambda seed: bitlens.permutation_test(bitlens.renyi_mutual_information, X, X, 2, seed).null_mean,
        3,
    ),
    "the seed of a result": (
        lambda seed: type(bitlens.permutation_test(bitlens.renyi_mutual_information, X, X, 2, seed).seed) is int,
        3,
    ),
    "multivariate_information(permutations)": (
        lambda count: bitlens.multivariate_information(X, X, permutations=count).null_mean,
        3,
    ),
    "multivariate_information(seed)": (lambda seed: bitlens.multivariate_information(X, X, seed=seed).null_mean, 3),
    "channel_decomposition(pairs)": (lambda pairs: bitlens.channel_decomposition(X, X, pairs).pair.sum(), 2),
    "NearestNeighbors(m)": (lambda m: bitlens.renyi_entropy(X, bandwidth=bitlens.NearestNeighbors(m)), 3),
    "hidden_state_entropy(skip_first)": (lambda n: bitlens.hidden_state_entropy(FLAT, skip_first=n), 3),
    "hidden_state_entropy(permutations)": (
        lambda count: bitlens.hidden_state_entropy(FLAT, full_output=True, permutations=count).null_mean,
        3,
    ),
    "dime(permutations)": (lambda count: bitlens.dime(FLAT, FLAT, permutations=count).null_mean, 3),
    "trajectory_curvature(step)": (lambda step: bitlens.trajectory_curvature(FLAT, step=step), 2),
    "generalization_bounds(n_samples)": (lambda m: bitlens.generalization_bounds(2.0, m)[0].value, 100),
}
# id: (call, its number, which float16 holds exactly)
REAL_CALLS = {
    "alpha": (lambda alpha: bitlens.renyi_entropy(X, alpha), 1.5),
    "alpha of a layer": (lambda alpha: bitlens.multivariate_information(X, X, alpha).information, 0.75),
    "bandwidth": (lambda sigma: bitlens.renyi_entropy(X, 1.01, sigma), 2.5),
    "bandwidth of channels": (lambda sigma: bitlens.channel_decomposition(X, X, bandwidth=sigma).multivariate, 2.5),
    "bandwidth_x": (lambda sigma: bitlens.multivariate_information(X, X, bandwidth_x=sigma).information, 2.5),
    "Silverman(h)": (lambda h: bitlens.renyi_entropy(X, 1.01, bitlens.Silverman(h)), 2.5),
    "Alignment(smallest)": (
        lambda sigma: bitlens.renyi_entropy(X, 1.01, bitlens.Alignment(LABELS, smallest=sigma)),
        0.125,
    ),
    "base": (lambda base: bitlens.hidden_state_entropy(FLAT, base=base), 2.5),
    "epsilon": (lambda epsilon: bitlens.effective_rank(FLAT, epsilon=epsilon), 0.125),
    "temperature": (lambda t: bitlens.contrastive_bound(FLAT, FLAT, temperature=t).information, 0.25),
    "delta of LiDAR": (lambda delta: bitlens.lidar(X, delta=delta), 0.125),
    "keep": (lambda keep: bitlens.intrinsic_dimension(FLAT, keep=keep).dimension, 0.75),
    "noise_variance": (lambda s: bitlens.pairwise_distance_information(X, noise_variance=s).upper.input, 0.5),
    "value_range": (lambda high: bitlens.intra_sample_entropy(X, 8, (-high, high)).sum(), 8.5),
    "OneBit(threshold)": (
        lambda threshold: bitlens.neuron_information(X, LABELS, bitlens.OneBit(threshold)).entropy.sum(),
        0.25,
    ),
    "neuron_roles(tolerance)": (
        lambda t: bitlens.neuron_roles(np.arange(5), *ACCURACIES[:2], ACCURACIES, t).needed,
        0.125,
    ),
    "delta": (lambda delta: bitlens.generalization_bounds(2.0, 50, delta)[1].value, 0.125),
    "information": (lambda bits: bitlens.generalization_bounds(bits, 50)[0].value, 2.5),
    "algorithm_information": (
        lambda bits: bitlens.generalization_bounds(None, 50, algorithm_information=bits)[0].value,
        2.5,
    ),
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("name", WHOLE_CALLS)
def test_whole_numbers_may_be_of_any_type(name, kind):
    call, number = WHOLE_CALLS[name]
    assert call(WHOLE[kind](number)) == call(number)


@pytest.mark.parametrize("kind", REAL)
@pytest.mark.parametrize("name", REAL_CALLS)
def test_numbers_may_be_of_any_type(name, kind):
    call, number = REAL_CALLS[name]
    assert math.isclose(call(REAL[kind](number)), call(number), rel_tol=1e-13)


@pytest.mark.parametrize("value", ["2", [0.5], None, True, 1j], ids=repr)
@pytest.mark.parametrize("name", ["alpha", "noise_variance", "delta", "neuron_roles(tolerance)", "OneBit(threshold)"])
def test_refused_numbers(name, value):
    with pytest.raises(TypeError, match=r"^[\w: ]+: expected a number, got "):
        REAL_CALLS[name][0](value)
