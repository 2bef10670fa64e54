"""Matrix-based information over the mini-batches of a probe: its parameters, and its means over mini-batches."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators import (
    Alignment,
    ChannelDecomposition,
    Dimension,
    Median,
    MultivariateInformation,
    NearestNeighbors,
    SaturationWarning,
    ShannonInvariants,
    Silverman,
)
from bitlens.estimators.categories import category_exponents
from bitlens.estimators.channels.squares import channel_squares
from bitlens.estimators.intervals import (
    GROUPS,
    LEAST_SAMPLES,
    SHUFFLES,
    error_of_excesses,
    induced_order,
    kept_samples,
)
from bitlens.estimators.matrix.decomposition import decompose
from bitlens.estimators.matrix.gram import channel_exponents, shuffle_orders, variable_exponents, with_shuffles
from bitlens.estimators.matrix.invariants import degrees, group_information
from bitlens.estimators.matrix.multivariate import informations
from bitlens.estimators.permutation import p_value_of
from bitlens.measures.costs import seconds_of_entropies, seconds_of_medians, seconds_of_pairs
from bitlens.measures.inputs import has_categories
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.part_kernels import joint_exponents
from bitlens.runs import Run, RunError
from bitlens.runs.layout import INPUT

RunBandwidth: TypeAlias = float | Median | Silverman | NearestNeighbors | Dimension | Alignment
"""A bandwidth that can be stored with a result; an `Alignment` uses the labels of the run."""


@dataclass(frozen=True)
class MatrixInformationConfig(Parameters):
    """Parameters of matrix-based information of a run, as `multivariate_information` takes them."""

    batch: int = parameter(
        128, "Samples in a mini-batch; all if the probe has fewer. Samples that fill no batch are left out.", minimum=3
    )
    alpha: float = parameter(1.01, "Order of the Renyi entropy.")
    bandwidth: RunBandwidth = parameter(Median(), "Bandwidth of the kernels of the channels: sigma or a rule.")
    bandwidth_x: RunBandwidth = parameter(Median(), "Bandwidth of the kernel of the input.")
    scale_bandwidth: bool = parameter(True, "Multiply sigma by sqrt(C) in a joint of C channels.")
    tensor: bool = parameter(False, "Use one kernel of all values of a layer instead of one kernel per channel.")
    permutations: int = parameter(20, "Number of shuffles of the permutation baseline.", minimum=2)
    seed: int = parameter(0, "Seed of the mini-batches and of the shuffles.", minimum=0)


@dataclass(frozen=True)
class Batch:
    """A mini-batch: its samples, the bandwidth of its channels, and the kernels of every target with their shuffles."""

    samples: NDArray
    kept: NDArray
    """The positions of the samples in the mini-batch; a group of the jackknife does not have all of them."""
    bandwidth: RunBandwidth
    targets: list[Any]
    groups: list[Batch]
    """The batch without each of the groups of the jackknife; empty where standard errors come from elsewhere."""


def prepared_batches(
    run: Run, targets: Mapping[str, NDArray], config: MatrixInformationConfig, *, intervals: bool = False
) -> list[Batch]:
    """The kernels of the targets in every mini-batch, computed once for all layers.

    A target of integers is one of categories: of labels [n], or of the input's category numbers [n, values].
    """
    every = batches(run.manifest.samples, config.batch, config.seed)
    # Mini-batches are groups themselves if there are enough of them.
    grouped = intervals and len(every) < GROUPS and len(every[0]) >= LEAST_SAMPLES
    prepared = []
    for samples in every:
        orders = shuffle_orders(len(samples), config.permutations, config.seed)
        groups = [
            _prepared(run, targets, config, samples, kept, [induced_order(o, kept) for o in orders[:SHUFFLES]], [])
            for kept in (kept_samples(len(samples), config.seed) if grouped else [])
        ]
        prepared.append(_prepared(run, targets, config, samples, np.arange(len(samples)), orders, groups))
    return prepared


def _prepared(
    run: Run,
    targets: Mapping[str, NDArray],
    config: MatrixInformationConfig,
    batch: NDArray,
    kept: NDArray,
    orders: list[NDArray],
    groups: list[Batch],
) -> Batch:
    samples = batch[kept]
    rule = _rule_for(run, config.bandwidth_x, samples)
    of_targets = [
        category_exponents(target[samples], rule, "bandwidth_x")
        if target.ndim == 2 and target.dtype.kind in "iu"
        else variable_exponents(target[samples], "x", rule, "bandwidth_x")
        for target in targets.values()
    ]
    shuffled = [with_shuffles(of_x, context, orders) for of_x, context in of_targets]
    return Batch(samples, kept, _rule_for(run, config.bandwidth, samples), shuffled, groups)


def mean_information(
    prepared: list[Batch], maps: NDArray, config: MatrixInformationConfig, where: str
) -> list[MultivariateInformation]:
    """The mean over mini-batches for each target; null deviation, p-value and standard error are those of the mean.

    It warns where the entropy of the layer is saturated.
    """
    rows, excesses = [], []
    for batch in prepared:
        # The units of a layer without maps are one variable. The distances of a group are among those of its batch.
        squares = channel_squares(maps[batch.samples], as_one=config.tensor or maps.ndim == 2)
        parts = [batch, *batch.groups]
        positions, rules = [part.kept for part in parts], [part.bandwidth for part in parts]
        joints = joint_exponents(squares, positions, rules, scale_bandwidth=config.scale_bandwidth)
        whole, *groups = (
            informations(part.targets, joint, squares.context, config.alpha, config.scale_bandwidth)
            for part, joint in zip(parts, joints, strict=True)
        )
        rows.append(whole)
        excesses.append([[information.excess for information, _ in group] for group in groups])
    errors = _errors_of_batches(rows, excesses, len(prepared[0].samples))
    results = []
    for target, by_batch in enumerate(zip(*rows, strict=True)):
        each = [information for information, _ in by_batch]
        mean = MultivariateInformation._make(np.array(each).mean(axis=0).tolist())
        null = np.mean([shuffles for _, shuffles in by_batch], axis=0)
        results.append(
            mean._replace(
                null_std=math.sqrt(sum(information.null_std**2 for information in each)) / len(each),
                p_value=float(p_value_of(mean.information, null)),
                standard_error=float(errors[target]),
            )
        )
    if results[0].saturation > SaturationWarning.limit:
        warnings.warn(
            f"{where}: the entropy is {results[0].saturation:.1%} of log2 n; its information is that of the input",
            SaturationWarning,
            stacklevel=2,
        )
    return results


def _errors_of_batches(
    rows: list[list[tuple[MultivariateInformation, NDArray]]], groups: list[list[list[float]]], samples: int
) -> NDArray:
    """The standard error of the mean excess over mini-batches, which have `samples` samples, for each target; or NaN.

    With 16 mini-batches or more, leaving out each in turn is the jackknife of their mean. Fewer are divided themselves:
    `groups` are the excesses of each mini-batch without each group, [mini-batch][group][target].
    """
    excesses = np.array([[information.excess for information, _ in row] for row in rows])
    if len(rows) >= GROUPS:
        return np.asarray(excesses.std(axis=0, ddof=1) / math.sqrt(len(rows)))
    if not groups[0]:
        return np.full(excesses.shape[1], math.nan)
    squares = [
        error_of_excesses(
            np.array(without), np.array([information.null_std for information, _ in row]), len(row[0][1]), samples
        )
        ** 2
        for without, row in zip(groups, rows, strict=True)
    ]
    return np.asarray(np.sqrt(np.sum(squares, axis=0)) / len(rows))


def decompositions(
    prepared: list[Batch], maps: NDArray, config: MatrixInformationConfig, pairs: int
) -> tuple[list[list[ChannelDecomposition]], list[ShannonInvariants]]:
    """For each target one decomposition per mini-batch, of at most `pairs` pairs of channels; and its invariants."""
    channels = maps.shape[1]
    drawn = pairs if pairs < channels * (channels - 1) // 2 else None
    rows, groups = [], []
    for batch in prepared:
        of_maps, context = channel_exponents(maps[batch.samples], "maps", batch.bandwidth, 1, as_one=False)
        rows.append(
            decompose(batch.targets, of_maps, context, drawn, config.seed, config.alpha, config.scale_bandwidth)
        )
        groups.append(group_information(batch.targets, of_maps, context, config.alpha, config.scale_bandwidth))
    of_targets = [degrees(np.mean(by_batch, axis=0)) for by_batch in zip(*groups, strict=True)]
    return [list(by_batch) for by_batch in zip(*rows, strict=True)], of_targets


def batches(samples: int, size: int, seed: int) -> list[NDArray]:
    """Mini-batches of the probe; a single one of all samples if the probe has no more."""
    order = np.random.default_rng(seed).permutation(samples)
    count = max(1, samples // size)
    return [np.sort(part) for part in np.split(order[: count * min(size, samples)], count)]


def seconds_of_batches(
    run: Run, config: MatrixInformationConfig, layer: str, entropies: float, groups: float = 0
) -> float:
    """About how long matrix-based information of a layer takes in all mini-batches.

    `entropies` is the number of entropies in a mini-batch, and `groups` that in the groups of the jackknife.
    """
    n, recorded = min(config.batch, run.manifest.samples), run.layer(layer)
    kernels = 1 if config.tensor or len(recorded.shape) == 1 else recorded.channels
    of_kernels = seconds_of_pairs(n, math.prod(recorded.shape)) + seconds_of_medians(n, kernels)
    grouped = len(batches(run.manifest.samples, config.batch, config.seed)) < GROUPS and n >= LEAST_SAMPLES
    count = entropies + (groups if grouped else 0)
    return max(1, run.manifest.samples // config.batch) * (of_kernels + seconds_of_entropies(n, count))


def number_of_targets(run: Run) -> int:
    """The number of `information_targets`."""
    return run.has_inputs + (run.labels is not None)


def as_variable(values: NDArray) -> NDArray:
    """All values of a sample as one row."""
    return values.reshape(len(values), -1)


def information_targets(run: Run, epoch: int) -> dict[str, NDArray]:
    """The variables that information is measured about: the input and the labels, where they were recorded."""
    targets: dict[str, NDArray] = {}
    if run.has_inputs:
        targets["input"] = as_variable(run.inputs if has_categories(run, INPUT) else run.activations(INPUT, epoch))
    return targets if run.labels is None else targets | {"labels": run.labels}


def check_targets(run: Run, name: str) -> None:
    """Raise RunError if there is nothing that a measure could measure information about."""
    if not run.has_inputs and run.labels is None:
        raise RunError(f"{run.path} was recorded without inputs and without labels, of which {name} needs one")


def require_pairs_of_samples(run: Run, what: str) -> None:
    """Raise RunError if the run has one sample, for what is computed from the distances of samples."""
    if run.manifest.samples < 2:
        raise RunError(f"{run.path}: expected at least 2 samples for {what}, got {run.manifest.samples}")


def _rule_for(run: Run, rule: RunBandwidth, samples: NDArray) -> RunBandwidth:
    """A rule for some samples: an alignment uses their labels."""
    if not isinstance(rule, Alignment):
        return rule
    if run.labels is None:
        raise RunError(f"bandwidth: an Alignment needs labels, and {run.path} has none")
    return replace(rule, labels=run.labels[samples])
