"""How much the channels of one layer tell about those of another (layer view of CNNSlicer)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bitlens.arrays import MAX_BINS, NDArray
from bitlens.estimators import PermutationResult, channel_mutual_information
from bitlens.estimators.intervals import GROUPS, LEAST_SAMPLES, SHUFFLES, excess_error
from bitlens.estimators.matrix.gram import shuffle_orders
from bitlens.estimators.permutation import compared
from bitlens.estimators.verdicts import adjusted_information, q_values, verdicts
from bitlens.measures.base import Measure
from bitlens.measures.channel_pairs import (
    drawn_channels,
    number_of_pairs,
    require_storable,
    seconds_of_pair_counts,
    time_announcement,
)
from bitlens.measures.costs import seconds_of_pairs, seconds_of_shuffles, seconds_of_task, values_of
from bitlens.measures.minibatches import require_pairs_of_samples
from bitlens.measures.pair_codes import PairCodes, shuffled_information
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable, verdict_variable
from bitlens.runs import Run

if TYPE_CHECKING:
    pass

_PAIR = ("channel_a", "channel_b")
_MOST_CHANNELS_WITH_ERRORS = 16
"""A layer has errors of this number of channels. The error of the mean over more is that of the mean over these."""

_TIME_OF_ERRORS = 2.0
"""What the errors of pairs of channels take, as a multiple of the time without."""

_OF_LIVING, _OF_THOSE_WITH_ERRORS = -2, -1
"""The places of the means over living channels, and over those that have errors, in the permutation test."""


@dataclass(frozen=True)
class LayerPairInformationParameters(Parameters):
    """Parameters of `layer_pair_information`."""

    bins: int = parameter(32, "Number of equal-width bins of the distances.", minimum=2, maximum=MAX_BINS)
    permutations: int = parameter(20, "Number of shuffles of the permutation baseline.", minimum=2)
    samples: int = parameter(
        256, "Number of samples, evenly spaced through the probe; all if the probe has fewer.", minimum=2
    )
    seed: int = parameter(0, "Seed of the shuffles and of the groups of samples.", minimum=0)
    intervals: bool = parameter(
        True,
        "Compute the standard errors of at most 16 x 16 pairs, from 64 samples on; takes up to 3 times as long.",
    )
    pairs: int | None = parameter(
        None,
        "Number of pairs of channels, drawn at random; all if None or the layers have fewer.",
        minimum=1,
        absent=None,
    )


class LayerPairInformation(Measure[LayerPairInformationParameters]):
    """Mutual information of every pair of channels of two layers, with its permutation baseline, by epoch.

    CNNSlicer (Shen and Shen 2021, section 5.3.1): between the binned distances of all pairs of samples. The estimate is
    biased upward; ``null_mean`` is its mean when the samples of b are shuffled, and ``excess`` is the difference.
    ``standard_error`` is that of the excess, from the delete-a-group jackknife (see `jackknife`). It is NaN for fewer
    than 64 samples. It is computed for at most 16 living channels of a layer, evenly spaced, and NaN for the others;
    ``mean_standard_error`` is that of the mean over these, which is slightly too large. ``adjusted`` is the information
    adjusted for chance (see `adjusted_information`). Values of different numbers of samples must not be compared.

    The means are those over pairs of channels of which neither is dead: a dead channel has the same map for every
    sample. The cost of an epoch is (permutations + 1) x pairs of channels x samples^2 / 2 counts. ``pairs`` limits it:
    channels of both layers are drawn at random, the same ones at every epoch, and all their pairs are measured, at most
    this number. The coordinates are the numbers of these channels, and means and dead channels are those of the drawn
    ones. Standard errors do not contain what another draw would change.

    Returns
    -------
    xarray.Dataset
        By epoch, in bits: ``mutual_information``, ``null_mean``, ``null_std``, ``excess``, ``standard_error``,
        ``adjusted`` and ``joint_entropy`` [channel_a, channel_b], ``entropy_a`` [channel_a], ``entropy_b`` [channel_b];
        ``p_value``, ``q_value`` (adjusted for the number of pairs) and ``verdict`` [channel_a, channel_b]. For the
        mean over living pairs: ``mean_excess``, ``mean_null``, ``mean_null_std``, ``mean_standard_error`` and
        ``mean_adjusted`` in bits, ``mean_p_value`` and ``mean_verdict``; ``dead_a`` and ``dead_b``, numbers of dead
        channels. With ``pairs`` also ``measured_pairs`` and ``all_pairs``, their numbers.

    Raises
    ------
    RunError
        If there is no such layer, if its activations are not finite, or if the run has one sample. Also if a result
        cannot hold all pairs of channels.

    Examples
    --------
    >>> import bitlens
    >>> information = bitlens.layer_pair_information(bitlens.open_run("demo-run"), "input", "conv1")
    >>> information.mutual_information.dims
    ('epoch', 'channel_a', 'channel_b')
    """

    name = "layer_pair_information"
    title = "layer pair information"
    rank = 60
    version = 4
    Parameters = LayerPairInformationParameters
    target_names = ("a", "b")
    variables: ClassVar = (
        Variable("mutual_information", _PAIR, "mutual information"),
        Variable("null_mean", _PAIR, "mean of the permutation baseline"),
        Variable("null_std", _PAIR, "standard deviation of the permutation baseline"),
        Variable("excess", _PAIR, "mutual information minus the mean of the baseline"),
        Variable("p_value", _PAIR, "p-value of the permutation test", "1"),
        Variable("q_value", _PAIR, "p-value adjusted for the number of pairs", "1"),
        Variable("standard_error", _PAIR, "standard error of the excess"),
        Variable("adjusted", _PAIR, "information adjusted for chance"),
        verdict_variable("verdict", _PAIR, "how far the information can be trusted"),
        Variable("mean_excess", (), "mean of the excess over living pairs"),
        Variable("mean_null", (), "mean of the permutation baseline over living pairs"),
        Variable("mean_null_std", (), "standard deviation of the mean of the permutation baseline"),
        Variable("mean_standard_error", (), "standard error of the mean excess"),
        Variable("mean_adjusted", (), "mean information adjusted for chance"),
        Variable("mean_p_value", (), "p-value of the mean", "1"),
        verdict_variable("mean_verdict", (), "how far the mean can be trusted"),
        Variable("dead_a", (), "number of dead channels of a", "1"),
        Variable("dead_b", (), "number of dead channels of b", "1"),
        Variable("measured_pairs", (), "number of measured pairs of channels", "1"),
        Variable("all_pairs", (), "number of all pairs of channels", "1"),
        Variable("joint_entropy", _PAIR, "joint entropy"),
        Variable("entropy_a", ("channel_a",), "entropy of the channels of a"),
        Variable("entropy_b", ("channel_b",), "entropy of the channels of b"),
    )

    def targets(self, run: Run) -> list[Target]:
        return [(a.name, b.name) for a, b in zip(run.layers, run.layers[1:], strict=False)]

    def check(self, run: Run, target: Target, parameters: LayerPairInformationParameters) -> None:
        super().check(run, target, parameters)
        require_pairs_of_samples(run, self.name)
        require_storable(run, target, parameters.pairs)

    def resolve(
        self, run: Run, target: Target, parameters: LayerPairInformationParameters
    ) -> LayerPairInformationParameters:
        everything = parameters.pairs is None or parameters.pairs >= number_of_pairs(run, target)
        samples = max(2, min(parameters.samples, run.manifest.samples))
        return replace(parameters, samples=samples, pairs=None if everything else parameters.pairs)

    def announcement(
        self, run: Run, target: Target, parameters: LayerPairInformationParameters, epochs: int
    ) -> str | None:
        channels = drawn_channels(run, target, parameters.pairs, parameters.seed)
        settings = parameters.samples, parameters.bins, parameters.permutations
        sentence = time_announcement(math.prod(map(len, channels)), *settings, epochs)
        return sentence and f"{self.title} of {' and '.join(target)}: {sentence}"

    def seconds(self, run: Run, target: Target, parameters: LayerPairInformationParameters) -> float:
        n = min(parameters.samples, run.manifest.samples)
        pairs = math.prod(map(len, drawn_channels(run, target, parameters.pairs, parameters.seed)))
        of_codes = sum(seconds_of_pairs(n, values_of(run, name)) for name in target)
        of_counts = seconds_of_pair_counts(pairs, n, parameters.bins, parameters.permutations)
        with_errors = min(pairs, _MOST_CHANNELS_WITH_ERRORS**2) / pairs if parameters.intervals else 0
        rounds = 1 + parameters.permutations + (GROUPS * (1 + SHUFFLES) if parameters.intervals else 0)
        return seconds_of_task(of_codes + of_counts * (1 + _TIME_OF_ERRORS * with_errors) + seconds_of_shuffles(rounds))

    def compute(self, run: Run, epoch: int, target: Target, parameters: LayerPairInformationParameters) -> Result:
        chosen, bins = run.evenly_spaced_samples(parameters.samples), parameters.bins
        channels = drawn_channels(run, target, parameters.pairs, parameters.seed)
        a, b = (
            PairCodes(run, name, run.activations(name, epoch)[chosen][:, of_layer], bins)
            for name, of_layer in zip(target, channels, strict=True)
        )
        everyone = np.arange(len(chosen))
        full = channel_mutual_information(a.of(everyone), b.of(everyone), bins, codes=True, full_output=True)
        living = [np.flatnonzero(entropies > 0) for entropies in (full.entropy_a, full.entropy_b)]
        few = max(map(len, living)) <= _MOST_CHANNELS_WITH_ERRORS
        with_errors = living if few else [_evenly(channels) for channels in living]
        orders = shuffle_orders(len(chosen), parameters.permutations, parameters.seed)
        null = _tested(a, b, full.mutual_information, [living, with_errors], orders, parameters.seed)
        limit = np.minimum.outer(full.entropy_a, full.entropy_b)
        values = _of_pairs(null, full.mutual_information, limit)
        values |= _of_mean(null, limit[np.ix_(*living)])
        if parameters.intervals and len(chosen) >= LEAST_SAMPLES:
            place = np.ix_(*with_errors)
            null_std = np.append(values["null_std"][place], null.null_std[_OF_THOSE_WITH_ERRORS])
            errors = _errors(a.part(with_errors[0]), b.part(with_errors[1]), orders, null_std, parameters.seed)
            if few:
                values["standard_error"][:] = 0  # the information of a dead channel is 0 for any samples
            values["standard_error"][place] = errors[:-1].reshape(len(with_errors[0]), len(with_errors[1]))
            values["mean_standard_error"] = errors[-1]
        values |= {"dead_a": limit.shape[0] - len(living[0]), "dead_b": limit.shape[1] - len(living[1])}
        values |= {name: getattr(full, name) for name in ("joint_entropy", "entropy_a", "entropy_b")}
        if parameters.pairs is not None:
            values |= {"measured_pairs": limit.size, "all_pairs": number_of_pairs(run, target)}
        return Result(values, dict(zip(_PAIR, channels, strict=True)))


def _tested(
    a: PairCodes,
    b: PairCodes,
    information: NDArray,
    averaged: list[list[NDArray]],
    orders: list[NDArray],
    seed: int,
) -> PermutationResult:
    """The permutation test of all pairs of channels, and, as its last values, of means over `averaged` channels.

    The first of these are the living channels. A dead channel has no information in any order.
    """
    (living_a, living_b), everyone = averaged[0], np.arange(len(orders[0]))

    def with_means(of_pairs: NDArray) -> NDArray:
        parts = [of_pairs[np.ix_(*channels)] for channels in averaged]
        return np.append(of_pairs, [part.mean() if part.size else np.nan for part in parts])

    def of_all(of_living: NDArray) -> NDArray:
        of_pairs = np.zeros(information.shape)
        of_pairs[np.ix_(living_a, living_b)] = of_living
        return with_means(of_pairs)

    shuffled = shuffled_information(a.part(living_a), b.part(living_b), everyone, orders)
    return compared(with_means(information), map(of_all, shuffled), seed)


def _errors(a: PairCodes, b: PairCodes, orders: list[NDArray], null_std: NDArray, seed: int) -> NDArray:
    """The standard errors of the excesses of all pairs of channels, and, as the last value, of their mean."""

    def excess(kept: NDArray, induced: Sequence[NDArray]) -> NDArray:
        observed, *null = shuffled_information(a, b, kept, [np.arange(len(kept)), *induced])
        of_pairs = observed - sum(null) / len(null)
        return np.append(of_pairs, of_pairs.mean() if of_pairs.size else np.nan)

    return np.asarray(excess_error(excess, orders, null_std, seed))


def _evenly(channels: NDArray) -> NDArray:
    """At most `_MOST_CHANNELS_WITH_ERRORS` of the channels, evenly spaced."""
    count = min(len(channels), _MOST_CHANNELS_WITH_ERRORS)
    return channels[np.linspace(0, len(channels) - 1, count).round().astype(np.int64)]


def _of_pairs(null: PermutationResult, information: NDArray, limit: NDArray) -> dict[str, Any]:
    """The variables of single pairs; all but the last two values of the test are those of pairs."""
    names = ("null_mean", "null_std", "excess", "p_value", "standard_error")
    values = {name: getattr(null, name)[:_OF_LIVING].reshape(information.shape) for name in names}
    return values | {
        "mutual_information": information,
        "q_value": q_values(values["p_value"]),
        "adjusted": adjusted_information(information, values["null_mean"], limit),
        "verdict": verdicts(values["null_mean"], limit, values["p_value"], reached=_share(information, limit)),
    }


def _of_mean(null: PermutationResult, limit: NDArray) -> dict[str, Any]:
    """The variables of the mean over living pairs; NaN without living pairs."""
    observed, null_mean, p_value = (
        float(values[_OF_LIVING]) for values in (null.observed, null.null_mean, null.p_value)
    )
    possible = float(limit.mean()) if limit.size else 0.0
    tested = (null_mean, possible, p_value) if limit.size else (0.0, 0.0, 1.0)
    return {
        "mean_excess": null.excess[_OF_LIVING],
        "mean_null": null_mean,
        "mean_null_std": null.null_std[_OF_LIVING],
        "mean_standard_error": np.nan,
        "mean_adjusted": adjusted_information(observed, null_mean, possible) if limit.size else np.nan,
        "mean_p_value": p_value if limit.size else np.nan,
        "mean_verdict": verdicts(*tested, reached=observed / possible if possible else 0.0),
    }


def _share(information: NDArray, limit: NDArray) -> NDArray:
    """Information as a share of what the bins can show; 0 for dead channels."""
    return np.divide(information, limit, out=np.zeros(np.shape(limit)), where=limit > 0)


layer_pair_information = LayerPairInformation()
