"""Refused arguments other than invalid arrays: numbers, ranges, arrays that do not match each other."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import bitlens

MAPS = np.random.default_rng(0).normal(size=(8, 3, 4, 4))
CODES = bitlens.distance_codes(MAPS)
CONFUSION = np.arange(9.0).reshape(3, 3)
FAR_APART = np.array([[-1.7e308], [0.0], [1.7e308]])


def mutual_information(a, b, **options):
    return bitlens.channel_mutual_information(a, b, **options)


# id: (call with a number of neighbours, the smallest that is accepted)
NEIGHBORS = {
    "nearest_neighbors": (lambda k: bitlens.nearest_neighbors(MAPS, k), 1),
    "neighbor_probabilities": (lambda k: bitlens.neighbor_probabilities(MAPS, k), 2),
    "inter_sample_entropy": (lambda k: bitlens.inter_sample_entropy(MAPS, k), 2),
}


@pytest.mark.parametrize("function", NEIGHBORS)
def test_refused_numbers_of_neighbors(function):
    call, at_least = NEIGHBORS[function]
    call(at_least)
    call(np.int32(7))
    for k in (at_least - 1, 8, -1, 10**30):
        message = f"k: expected {at_least} to n - 1 = 7 for 8 samples, got {k}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            call(k)


# id: call with a number of bins
BINNED = {
    "intra_sample_entropy": lambda bins: bitlens.intra_sample_entropy(MAPS, bins),
    "channel_entropy": lambda bins: bitlens.channel_entropy(MAPS, None, bins),
    "distance_codes": lambda bins: bitlens.distance_codes(MAPS, bins),
    "joint_histogram": lambda bins: bitlens.joint_histogram(MAPS, MAPS, bins),
    "channel_mutual_information": lambda bins: bitlens.channel_mutual_information(MAPS, MAPS, bins),
}


@pytest.mark.parametrize("function", BINNED)
def test_refused_numbers_of_bins(function):
    for bins in (2, 256, np.uint8(20)):
        BINNED[function](bins)
    for bins in (-1, 0, 1, 257, 10**30):
        with pytest.raises(ValueError, match=f"^bins: expected 2 to 256, got {bins}$"):
            BINNED[function](bins)


# id: (argument, call with it)
INTEGERS = {
    **{f"{function}(k)": ("k", call) for function, (call, _) in NEIGHBORS.items()},
    **{f"{function}(bins)": ("bins", call) for function, call in BINNED.items()},
    "intra_sample_entropy(channel_axis)": (
        "channel_axis",
        lambda axis: bitlens.intra_sample_entropy(MAPS, channel_axis=axis),
    ),
    "channel_entropy(channel_axis)": ("channel_axis", lambda axis: bitlens.channel_entropy(MAPS, channel_axis=axis)),
    "distance_codes(channel_axis)": ("channel_axis", lambda axis: bitlens.distance_codes(MAPS, channel_axis=axis)),
    "permutation_test(permutations)": (
        "permutations",
        lambda count: bitlens.permutation_test(mutual_information, MAPS, MAPS, count),
    ),
    "permutation_test(seed)": (
        "seed",
        lambda seed: bitlens.permutation_test(mutual_information, MAPS, MAPS, 2, seed),
    ),
    "set_num_threads(threads)": ("threads", bitlens.set_num_threads),
}


@pytest.mark.parametrize("value", [2.5, 2.0, True, "2", None, [2], np.array([2, 2])], ids=repr)
@pytest.mark.parametrize("argument", INTEGERS)
def test_refused_integers(argument, value):
    name, call = INTEGERS[argument]
    with pytest.raises(TypeError, match=f"^{name}: expected an integer, got {re.escape(repr(value))}$"):
        call(value)


@pytest.mark.parametrize("function", ["intra_sample_entropy", "channel_entropy", "distance_codes"])
@pytest.mark.parametrize("axis", [0, -4, 4, -5, 10**30])
def test_refused_channel_axes(function, axis):
    message = f"channel_axis: expected an axis of maps other than 0, got {axis} for 4 axes"
    with pytest.raises(ValueError, match=f"^{message}$"):
        getattr(bitlens, function)(MAPS, channel_axis=axis)


LOW, HIGH = float(MAPS.min()), float(MAPS.max())

# id: (value_range, error, message)
RANGES = {
    "reversed": ((HIGH, LOW), ValueError, r"^value_range: expected finite low < high, got \("),
    "empty": ((0.0, 0.0), ValueError, r"^value_range: expected finite low < high, got \(0.0, 0.0\)$"),
    "NaN": ((np.nan, 9.0), ValueError, r"^value_range: expected finite low < high, got \(nan, 9.0\)$"),
    "too high": (
        (LOW + 1e-9, HIGH),
        ValueError,
        r"^value_range: expected a range that includes all values of maps, \[.*\], got \(.*\)$",
    ),
    "too low": (
        (LOW, HIGH - 1e-9),
        ValueError,
        r"^value_range: expected a range that includes all values of maps, \[.*\], got \(.*\)$",
    ),
    "infinite": ((-np.inf, np.inf), ValueError, r"^value_range: "),
    "three numbers": ((0, 1, 2), TypeError, r"^value_range: expected two numbers \(low, high\), got \(0, 1, 2\)$"),
    "one number": (3.0, TypeError, r"^value_range: expected two numbers \(low, high\), got 3.0$"),
    "a string": ("ab", TypeError, r"^value_range: expected two numbers \(low, high\), got 'ab'$"),
    "None and a number": ((None, 9.0), TypeError, r"^value_range: expected two numbers"),
}


@pytest.mark.parametrize("function", ["intra_sample_entropy", "channel_entropy"])
@pytest.mark.parametrize("row", RANGES)
def test_refused_value_ranges(function, row):
    given, error, message = RANGES[row]
    getattr(bitlens, function)(MAPS, value_range=(LOW, HIGH))
    with pytest.raises(error, match=message):
        getattr(bitlens, function)(MAPS, value_range=given)


PERMUTED = "expected a NumPy array or a PyTorch tensor, got"

# id: (call, error, message)
OTHERS = {
    "one sample has no neighbors": (
        lambda: bitlens.nearest_neighbors(MAPS[:1], 1),
        ValueError,
        "^x: expected at least 2 samples, got 1$",
    ),
    "two samples have no probabilities": (
        lambda: bitlens.neighbor_probabilities(MAPS[:2], 2),
        ValueError,
        "^x: expected at least 3 samples, got 2$",
    ),
    "two samples have no inter-sample entropy": (
        lambda: bitlens.inter_sample_entropy(MAPS[:2], 2),
        ValueError,
        "^x: expected at least 3 samples, got 2$",
    ),
    "one sample has no pair": (
        lambda: bitlens.distance_codes(MAPS[:1]),
        ValueError,
        "^maps: expected at least 2 samples, got 1$",
    ),
    "b has other samples": (
        lambda: mutual_information(MAPS, MAPS[:7]),
        ValueError,
        "^b: expected the samples of a, got 21 sample pairs where a has 28$",
    ),
    "joint histogram: b has other samples": (
        lambda: bitlens.joint_histogram(MAPS, MAPS[:7]),
        ValueError,
        "^b: expected the samples of a, got 21 sample pairs where a has 28$",
    ),
    "codes beyond the bins": (
        lambda: mutual_information(CODES, np.full((3, 28), 32, np.uint8), codes=True),
        ValueError,
        "^b: found code 32, expected codes below bins = 32$",
    ),
    "images as codes": (
        lambda: bitlens.joint_histogram(np.zeros((8, 3, 4, 4), np.uint8), CODES, codes=True),
        ValueError,
        r"^a: expected uint8 distance codes of shape \(channels, pairs\), got uint8 of shape \(8, 3, 4, 4\); pass",
    ),
    "codes of one channel": (
        lambda: mutual_information(torch.zeros(28, dtype=torch.uint8), CODES, codes=True),
        ValueError,
        r"^a: expected uint8 distance codes .*, got torch.uint8 of shape \(28,\)",
    ),
    "maps as codes": (
        lambda: mutual_information(MAPS, MAPS, codes=True),
        ValueError,
        r"^a: expected uint8 distance codes .*, got float64 of shape \(8, 3, 4, 4\); pass feature maps",
    ),
    "no codes": (
        lambda: mutual_information(CODES[:0], CODES, codes=True),
        ValueError,
        r"^a: expected uint8 distance codes .*, got uint8 of shape \(0, 28\)",
    ),
    "sparse codes": (
        lambda: mutual_information(torch.from_numpy(CODES).to_sparse(), CODES, codes=True),
        TypeError,
        "^a: expected a dense real tensor, got torch.sparse_coo torch.uint8",
    ),
    "values too far apart": (
        lambda: bitlens.intra_sample_entropy(np.array([[[-1.7e308, 1.7e308]]])),
        ValueError,
        r"^maps: expected values whose differences are within .*, got \[-1.7e\+308, 1.7e\+308\]; scale the values$",
    ),
    "distances beyond a float64": (
        lambda: bitlens.nearest_neighbors(FAR_APART, 2),
        ValueError,
        "^x: expected distances within the range of float64, got larger ones; scale the values$",
    ),
    "scales beyond a float64": (lambda: bitlens.neighbor_probabilities(FAR_APART, 2), ValueError, "^x: "),
    "oblong confusion": (
        lambda: bitlens.label_entropies(CONFUSION[:2]),
        ValueError,
        r"^confusion: expected a square table \[label, predicted\], got shape \(2, 3\)$",
    ),
    "confusion of three axes": (
        lambda: bitlens.label_entropies(np.ones((3, 3, 3))),
        ValueError,
        r"^confusion: expected a square table \[label, predicted\], got shape \(3, 3, 3\)$",
    ),
    "negative counts": (
        lambda: bitlens.label_entropies(CONFUSION - 2),
        ValueError,
        "^confusion: expected counts from 0 on, got -2.0$",
    ),
    "one permutation": (
        lambda: bitlens.permutation_test(mutual_information, MAPS, MAPS, 1),
        ValueError,
        "^permutations: expected at least 2, got 1$",
    ),
    "negative seed": (
        lambda: bitlens.permutation_test(mutual_information, MAPS, MAPS, seed=-1),
        ValueError,
        "^seed: ",
    ),
    "permutations of other samples": (
        lambda: bitlens.permutation_test(mutual_information, MAPS, MAPS[:7]),
        ValueError,
        "^b: expected the 8 samples of a, got 7$",
    ),
    "permutations of a set": (
        lambda: bitlens.permutation_test(mutual_information, {1, 2}, MAPS),
        TypeError,
        f"^a: {PERMUTED} set$",
    ),
    "permutations of nothing": (
        lambda: bitlens.permutation_test(mutual_information, MAPS, None),
        TypeError,
        f"^b: {PERMUTED} NoneType$",
    ),
    "permutations of a number": (
        lambda: bitlens.permutation_test(mutual_information, MAPS, np.array(1.0)),
        TypeError,
        r"^b: expected samples along the first axis, got float64 of shape \(\)$",
    ),
    "no threads": (lambda: bitlens.set_num_threads(0), ValueError, "^threads: expected 1 to 1024, got 0$"),
    "more threads than count": (lambda: bitlens.set_num_threads(10**12), ValueError, "^threads: "),
}


@pytest.mark.parametrize("row", OTHERS)
def test_refused(row):
    call, error, message = OTHERS[row]
    with pytest.raises(error, match=message):
        call()
