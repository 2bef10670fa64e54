"""The laws that are simulated: samples whose information is known to be large, small or nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

import bitlens
from bench import data
from bench.coverage.simulation import Estimates, Law, Random
from bench.data import NDArray
from bitlens.estimators import EqualWidth, Interval, OneBit, excess_interval
from bitlens.estimators.intervals import interval

Draw = Callable[[Random, int], tuple[NDArray, ...]]


def gauss(random: Random, n: int, correlation: float, values: int = 1, channels: int = 1) -> tuple[NDArray, NDArray]:
    """Two Gaussian variables [n, channels, values] with this correlation of each value."""
    a, noise = random.normal(size=(2, n, channels, values))
    return a, correlation * a + math.sqrt(1 - correlation**2) * noise


def lognormal(random: Random, n: int) -> tuple[NDArray, NDArray]:
    """Skewed variables: exponentials of Gaussian ones with correlation 0.6."""
    a, b = gauss(random, n, 0.6)
    return np.exp(a), np.exp(b)


def cauchy(random: Random, n: int, dependence: float) -> tuple[NDArray, NDArray]:
    """Variables with heavy tails; b is a times `dependence` plus noise."""
    a, noise = random.standard_cauchy((2, n, 1, 1))
    return a, dependence * a + noise


def copies(random: Random, n: int, probability: float) -> tuple[NDArray, NDArray]:
    """Ten classes as values, copied with this probability and drawn again otherwise."""
    a, other = random.integers(0, 10, size=(2, n))
    b = np.where(random.random(n) < probability, a, other)
    return a[:, None, None].astype(float), b[:, None, None].astype(float)


def layers(random: Random, n: int, dependence: float, channels: int = 4) -> tuple[NDArray, NDArray]:
    """Two layers of correlated channels with 4 values, tanh of mixtures of three hidden variables."""
    hidden, other = random.normal(size=(2, n, 3))
    fixed = np.random.default_rng(5)
    results = []
    for source in (hidden, dependence * hidden + math.sqrt(1 - dependence**2) * other):
        mixed = source @ fixed.normal(size=(3, channels * 4)) + 0.5 * random.normal(size=(n, channels * 4))
        results.append(np.tanh(mixed).reshape(n, channels, 4))
    return results[0], results[1]


@cache
def _pool() -> NDArray:
    return data.mnist().train_images


def mnist(random: Random, n: int, channels: int) -> tuple[NDArray, NDArray]:
    """Random images of MNIST, and rectified convolutions of them with fixed random filters of 5 x 5."""
    images = _pool()[np.sort(random.choice(len(_pool()), n, replace=False))]
    filters = np.random.default_rng(3).normal(size=(channels, 5, 5))
    windows = np.lib.stride_tricks.sliding_window_view(images, (5, 5), axis=(1, 2))
    maps = np.maximum(np.einsum("nijkl,ckl->ncij", windows, filters, optimize=True), 0)
    return images[:, None], maps


def neuron(random: Random, n: int, shift: float, classes: int = 2, offset: float = 0.0) -> tuple[NDArray, NDArray]:
    """Labels of equal probability, and Gaussian values whose means are `shift` apart for neighbouring classes."""
    labels = random.integers(0, classes, n)
    return random.normal(size=(n, 1)) + shift * (labels[:, None] - (classes - 1) / 2) + offset, labels


def rectified(random: Random, n: int) -> tuple[NDArray, NDArray]:
    """A rectified neuron of two classes, which is 0 for about half of the samples."""
    values, labels = neuron(random, n, 1.0)
    return np.maximum(values, 0), labels


def skewed(random: Random, n: int, power: int) -> tuple[NDArray, NDArray]:
    """Values with a long upper tail, powers of exponential ones, and unrelated labels of two classes."""
    return random.exponential(size=(n, 1)) ** power, random.integers(0, 2, n)


def determined(random: Random, n: int) -> tuple[NDArray, NDArray]:
    """A neuron that is a function of the label."""
    labels = random.integers(0, 2, n)
    return labels[:, None] - 0.5, labels


def positions(random: Random, n: int, shift: float) -> tuple[NDArray, NDArray]:
    """Maps with 16 positions, which have half of their variance in common."""
    common, labels = neuron(random, n, shift)
    return (common[:, :, None] + random.normal(size=(n, 1, 16))) / math.sqrt(2), labels


def units(random: Random, n: int, shift: float) -> tuple[NDArray, NDArray]:
    """A layer of two tanh units and the labels of four classes, two of which each unit separates."""
    labels = random.integers(0, 4, n)
    signs = np.stack([labels % 2, labels // 2], axis=1) - 0.5
    return np.tanh(shift * signs + 0.7 * random.normal(size=(n, 2))), labels


def clusters(random: Random, n: int) -> tuple[NDArray]:
    """Eight clusters of 10 values, 5 standard deviations apart."""
    centres = 5 * np.random.default_rng(2).normal(size=(8, 10))
    return (centres[random.integers(0, 8, n)] + random.normal(size=(n, 10)),)


def with_interval(estimate: Any, error: Any) -> Interval:
    """An estimate with its 95 % interval."""
    return Interval(estimate, error, *interval(estimate, error))


def excess_with_interval(estimate: Any, error: Any) -> Interval:
    """An excess, or another estimate that is near 0 for unrelated samples, with its 95 % interval."""
    return Interval(estimate, error, *excess_interval(estimate, error))


def excess(statistic: Callable[[Any, Any], Any], arrays: tuple[NDArray, ...], seed: int, errors: bool) -> Estimates:
    """The excess of a statistic over its permutation baseline."""
    a, b = arrays
    found = bitlens.permutation_test(statistic, a, b, seed=seed, intervals=errors)
    columns = found.excess, found.standard_error, found.low, found.high
    return {"excess": Interval(*(float(np.squeeze(column)) for column in columns))}


def mean_information(a: NDArray, b: NDArray) -> float:
    """The mean information of all pairs of channels."""
    return float(bitlens.channel_mutual_information(a, b).mean())


def of_layer(arrays: tuple[NDArray, ...], seed: int, errors: bool) -> Estimates:
    """The excess of `multivariate_information`."""
    x, maps = arrays
    found = bitlens.multivariate_information(x, maps, seed=seed, intervals=errors)
    return {"excess": excess_with_interval(found.excess, found.standard_error)}


def of_neuron(
    quantizer: Any, arrays: tuple[NDArray, ...], seed: int, errors: bool, permutations: int = 20
) -> Estimates:
    """Entropy, excess and selectivity of a neuron."""
    values, labels = arrays
    found = bitlens.neuron_information(
        values, labels, quantizer, permutations=permutations, seed=seed, intervals=errors
    )
    return {
        "entropy": with_interval(found.entropy[0], found.entropy_error[0]),
        "excess": excess_with_interval(found.excess[0], found.excess_error[0]),
        "selectivity": excess_with_interval(found.selectivity[0], found.selectivity_error[0]),
    }


def of_samples(arrays: tuple[NDArray, ...], seed: int, errors: bool) -> Estimates:
    """The inter-sample entropy with 15 neighbours."""

    def entropy(x: NDArray) -> float:
        return float(bitlens.inter_sample_entropy(x, 15))

    if not errors:
        return {"entropy": with_interval(entropy(*arrays), math.nan)}
    return {"entropy": bitlens.jackknife(entropy, *arrays, seed=seed)}


def of_plane(function: Callable[..., Any], arrays: tuple[NDArray, ...], seed: int, errors: bool) -> Estimates:
    """I(X; T) and the excess of I(T; Y) of a layer, by bins or as upper bound by distances."""
    found = function(*arrays, seed=seed, intervals=errors)
    found = getattr(found, "upper", found)
    about_labels = excess_with_interval(found.labels - found.labels_null_mean, found.labels_error)
    return {"about the input": with_interval(found.input, found.input_error), "about labels, excess": about_labels}


def _channels() -> list[Law]:
    family, estimate = "channel_mutual_information", partial(excess, bitlens.channel_mutual_information)
    draws: dict[str, tuple[Draw, tuple[int, ...]]] = {
        "gauss .3": (partial(gauss, correlation=0.3), (64, 128)),
        "gauss .6": (partial(gauss, correlation=0.6), (64, 128, 256)),
        "gauss .9": (partial(gauss, correlation=0.9), (64,)),
        "gauss .3, 10 values": (partial(gauss, correlation=0.3, values=10), (64,)),
        "gauss .6, 10 values": (partial(gauss, correlation=0.6, values=10), (64, 128)),
        "gauss .9, 10 values": (partial(gauss, correlation=0.9, values=10), (64,)),
        "lognormal .6": (lognormal, (64, 128)),
        "Cauchy": (partial(cauchy, dependence=1.0), (64, 128)),
        "10 classes, half copied": (partial(copies, probability=0.5), (64, 128)),
        "exact copy": (partial(gauss, correlation=1.0), (64, 128, 256)),
        "unrelated gauss": (partial(gauss, correlation=0.0), (64, 128)),
        "unrelated gauss, 10 values": (partial(gauss, correlation=0.0, values=10), (64,)),
        "unrelated Cauchy": (partial(cauchy, dependence=0.0), (64,)),
    }
    laws = [Law(family, title, n, draw, estimate) for title, (draw, sizes) in draws.items() for n in sizes]
    title = "MNIST and a random convolution"
    laws.append(Law(family, title, 128, partial(mnist, channels=1), estimate, needs_mnist=True))
    family, estimate = f"{family}, mean of 4 x 4 channels", partial(excess, mean_information)
    return [
        *laws,
        Law(family, "correlated layers", 64, partial(layers, dependence=0.8), estimate),
        Law(family, "correlated layers", 128, partial(layers, dependence=0.8), estimate),
        Law(family, "unrelated layers", 64, partial(layers, dependence=0.0), estimate),
    ]


def _matrices() -> list[Law]:
    renyi = partial(excess, bitlens.renyi_mutual_information)
    draws: dict[str, Draw] = {
        "gauss .6": partial(gauss, correlation=0.6),
        "10 classes, half copied": partial(copies, probability=0.5),
        "unrelated gauss": partial(gauss, correlation=0.0),
    }
    laws = [Law("renyi_mutual_information", title, 64, draw, renyi) for title, draw in draws.items()]
    family = "multivariate_information"
    for n in (64, 128):
        laws += [
            Law(family, "4 channels, correlated layers", n, partial(layers, dependence=0.8), of_layer),
            Law(family, "4 channels, unrelated layers", n, partial(layers, dependence=0.0), of_layer),
        ]
    title = "MNIST and 4 random convolutions"
    return [*laws, Law(family, title, 64, partial(mnist, channels=4), of_layer, needs_mnist=True)]


def _neurons() -> list[Law]:
    draws: dict[str, Draw] = {
        "2 classes, informative": partial(neuron, shift=1.5),
        "2 classes, weak": partial(neuron, shift=0.5),
        "unrelated": partial(neuron, shift=0.0),
        "on for 1 in 20": partial(neuron, shift=0.6, offset=-1.75),
        "10 classes": partial(neuron, shift=0.5, classes=10),
        "10 classes, unrelated": partial(neuron, shift=0.0, classes=10),
        "rectified": rectified,
        "function of the label": determined,
    }
    maps: dict[str, Draw] = {"maps, informative": partial(positions, shift=1.5)}
    maps["maps, unrelated"] = partial(positions, shift=0.0)
    # The largest value sets the bins. One bit of such values is constant.
    tails: dict[str, Draw] = {
        "exponential": partial(skewed, power=1),
        "square of exponential": partial(skewed, power=2),
    }
    laws = []
    for quantizer, name in ((OneBit(), "OneBit"), (EqualWidth(), "EqualWidth")):
        family, of_maps = f"neuron_information, {name}", partial(of_neuron, quantizer)
        # The null mean of single values has a closed form. Two shuffles are the fewest with which it is given.
        of_values = partial(of_maps, permutations=2)
        values = draws if name == "OneBit" else draws | tails
        laws += [Law(family, title, n, draw, of_values, 4) for title, draw in values.items() for n in (64, 256)]
        laws += [Law(family, title, n, draw, of_maps, 2) for title, draw in maps.items() for n in (64, 256)]
    return laws


def _diversity() -> list[Law]:
    draws: dict[str, Draw] = {
        "clusters": clusters,
        "gauss, 10 values": lambda random, n: (random.normal(size=(n, 10)),),
        "gauss, 1 value": lambda random, n: (random.normal(size=(n, 1)),),
    }
    return [
        Law("inter_sample_entropy, k = 15", title, n, draw, of_samples, 4)
        for title, draw in draws.items()
        for n in (64, 256)
    ]


def _planes() -> list[Law]:
    functions: dict[str, Callable[..., Any]] = {
        "binned_information, 8 bins": partial(bitlens.binned_information, bins=8, value_range=(-1, 1)),
        "pairwise_distance_information": bitlens.pairwise_distance_information,
    }
    return [
        Law(family, title, 64, partial(units, shift=shift), partial(of_plane, function))
        for family, function in functions.items()
        for title, shift in (("4 classes, informative", 2.0), ("4 classes, unrelated", 0.0))
    ]


LAWS: dict[str, Law] = {
    law.name: law for family in (_neurons, _diversity, _channels, _matrices, _planes) for law in family()
}
"""By name; those that take the least time are first."""
