"""Lists, and objects that have `__array__` or `__dlpack__`, are arrays in every public estimator."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import estimators
from tests.support.array_calls import ACCURACIES, CALLS, CODES, LABELS, MAPS

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


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
    "tuple": nested_tuples,
    "list of arrays": list,
    "__array__": WithArray,
    "__dlpack__": WithDlpack,
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
    for kind in KINDS:
        assert type(bitlens.distance_codes(KINDS[kind](MAPS))) is np.ndarray


@pytest.mark.parametrize("make", [WithArray, WithDlpack, torch.from_numpy])
def test_bytes_are_codes_only_if_the_caller_says_so(make):
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
