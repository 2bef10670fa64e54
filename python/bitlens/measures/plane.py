"""The information plane: how much every layer tells about the input and about the labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from bitlens.arrays import MAX_BINS, NDArray
from bitlens.estimators import (
    LayerInformation,
    LayerInformationBounds,
    MultivariateInformation,
    adjusted_information,
    binned_information,
    pairwise_distance_information,
)
from bitlens.estimators.intervals import GROUPS, SHUFFLES
from bitlens.estimators.verdicts import verdicts
from bitlens.measures.base import Measure
from bitlens.measures.costs import seconds_of_pairs, seconds_of_task, values_of
from bitlens.measures.finite import of_finite_layers
from bitlens.measures.minibatches import (
    MatrixInformationConfig,
    check_targets,
    information_targets,
    mean_information,
    number_of_targets,
    prepared_batches,
    require_pairs_of_samples,
    seconds_of_batches,
)
from bitlens.measures.parameters import parameter
from bitlens.measures.schema import Result, Target, Variable, verdict_variable
from bitlens.runs import Run
from bitlens.runs.layout import INPUT

_BOTH = ("about", "layer")
_UNKNOWN = LayerInformation(*[math.nan] * len(LayerInformation._fields))
"""What is known of a layer with NaN or infinity."""


@dataclass(frozen=True)
class InformationPlaneParameters(MatrixInformationConfig):
    """Parameters of `information_plane`; those of an estimator that is not chosen are not part of the result's key."""

    estimator: Literal["renyi", "binning", "kde"] = parameter("renyi", "How information is estimated.")
    bins: int = parameter(30, "Number of equal-width bins, for binning.", minimum=2, maximum=MAX_BINS)
    noise_variance: float = parameter(0.1, "Variance of the noise, for kde.")
    intervals: bool = parameter(
        True, "Compute standard errors, from 64 samples on; with renyi this takes about four times as long."
    )


_OWN = {"renyi": frozenset(), "binning": frozenset({"bins"}), "kde": frozenset({"noise_variance"})}
_SHARED = frozenset({"permutations", "seed", "intervals"})


_OF_BOTH = ("information", "null_mean", "null_std", "excess", "standard_error", "adjusted", "p_value", "verdict")


class InformationPlane(Measure[InformationPlaneParameters]):
    """How much every layer tells about the input and about the labels, by epoch: the information plane.

    There are three estimators because they disagree. "renyi" is `multivariate_information` of all channels of a layer
    (of the units as one variable where a layer has no maps), averaged over mini-batches, with the permutation baseline
    (Yu et al. 2018). "binning" is `binned_information` of the whole probe (Shwartz-Ziv and Tishby 2017), "kde" is
    `pairwise_distance_information` of the whole probe (Kolchinsky and Tracey 2017). `published_settings` has the
    settings of other authors.

    ``excess`` is the information minus ``null_mean``, its mean when samples are shuffled, and ``standard_error`` that
    of the excess, from the jackknife. Information about the input by "binning" and "kde" is an entropy of the layer,
    for which there is nothing to shuffle: ``null_mean`` is NaN, ``excess`` is the information itself, and only
    ``saturation`` tells how far it can be trusted. Values of different numbers of samples must not be compared: with
    "renyi" the number is that of a mini-batch.

    Returns
    -------
    xarray.Dataset
        By epoch and layer, in bits: ``information`` [about], about the input and, where the run has labels, the labels;
        NaN for a layer with NaN or infinity; ``null_mean``, ``null_std``, ``excess``, ``standard_error`` and
        ``adjusted`` (see `adjusted_information`) [about]. ``p_value`` and ``verdict`` [about], ``saturation``, the
        entropy of the layer divided by log2 n. With "renyi" also ``entropy`` and ``entropy_about``; with "kde"
        ``information`` is the upper bound and ``information_lower`` the lower bound.

    Raises
    ------
    RunError
        If the activations of no layer are finite, or the run has one sample, which "renyi" compares with no other.

    Examples
    --------
    >>> import bitlens
    >>> plane = bitlens.information_plane(bitlens.open_run("demo-run"), estimator="binning")
    >>> plane.information.dims
    ('epoch', 'about', 'layer')
    """

    name = "information_plane"
    title = "information plane"
    rank = 70
    version = 4
    Parameters = InformationPlaneParameters
    variables: ClassVar = (
        Variable("information", _BOTH, "information; the upper bound for kde"),
        Variable("information_lower", _BOTH, "lower bound of the information"),
        Variable("null_mean", _BOTH, "mean of the permutation baseline"),
        Variable("null_std", _BOTH, "standard deviation of the permutation baseline"),
        Variable("excess", _BOTH, "information minus the mean of the baseline"),
        Variable("standard_error", _BOTH, "standard error of the excess"),
        Variable("adjusted", _BOTH, "information adjusted for chance"),
        Variable("p_value", _BOTH, "p-value of the permutation test", "1"),
        verdict_variable("verdict", _BOTH, "how far the information can be trusted"),
        Variable("entropy", ("layer",), "entropy of the layer"),
        Variable("entropy_about", ("about",), "entropy of the input and of the labels"),
        Variable("saturation", ("layer",), "entropy / log2 n", "1"),
    )

    def check(self, run: Run, target: Target, parameters: InformationPlaneParameters) -> None:
        super().check(run, target, parameters)
        if parameters.estimator == "renyi":
            check_targets(run, self.name)
            require_pairs_of_samples(run, self.name)

    def resolve(self, run: Run, target: Target, parameters: InformationPlaneParameters) -> InformationPlaneParameters:
        used = {field.name for field in MatrixInformationConfig.fields()} if parameters.estimator == "renyi" else set()
        used |= _SHARED | _OWN[parameters.estimator] | {"estimator"}
        return InformationPlaneParameters(**{name: getattr(parameters, name) for name in used})

    def seconds(self, run: Run, target: Target, parameters: InformationPlaneParameters) -> float:
        layers = [layer for layer in run.layers if layer.name != INPUT]
        n, targets = run.manifest.samples, number_of_targets(run)
        if parameters.estimator != "renyi":
            return seconds_of_task(sum(seconds_of_pairs(n, values_of(run, layer.name)) for layer in layers))
        entropies = 1 + targets * (2 + parameters.permutations)
        groups = GROUPS * (1 + targets * (2 + SHUFFLES)) if parameters.intervals else 0
        return seconds_of_task(
            sum(seconds_of_batches(run, parameters, layer.name, entropies, groups) for layer in layers)
        )

    def compute(self, run: Run, epoch: int, target: Target, parameters: InformationPlaneParameters) -> Result:
        layers = [layer.name for layer in run.layers if layer.name != INPUT]
        about = ["input"] if run.labels is None else ["input", "labels"]
        if parameters.estimator == "renyi" and not run.has_inputs:
            about.remove("input")  # the other estimators take the number of the sample as the input
        estimate = {"renyi": _renyi, "binning": _binning, "kde": _kde}[parameters.estimator]
        return Result(estimate(run, epoch, layers, parameters), {"about": about, "layer": layers})


information_plane = InformationPlane()


def _binning(run: Run, epoch: int, layers: list[str], parameters: InformationPlaneParameters) -> dict[str, Any]:

    def estimate(_: str, maps: NDArray) -> LayerInformation:
        return binned_information(maps, run.labels, parameters.bins, **_resampling(parameters))

    by_layer = of_finite_layers(run, epoch, layers, information_plane.title, estimate, _UNKNOWN)
    return _of_layers(run, by_layer)


def _kde(run: Run, epoch: int, layers: list[str], parameters: InformationPlaneParameters) -> dict[str, Any]:

    def estimate(_: str, maps: NDArray) -> LayerInformationBounds:
        return pairwise_distance_information(maps, run.labels, parameters.noise_variance, **_resampling(parameters))

    unknown = LayerInformationBounds(_UNKNOWN, _UNKNOWN)
    bounds = of_finite_layers(run, epoch, layers, information_plane.title, estimate, unknown)
    lower = _of_layers(run, [bound.lower for bound in bounds])["information"]
    return _of_layers(run, [bound.upper for bound in bounds]) | {"information_lower": lower}


def _resampling(parameters: InformationPlaneParameters) -> dict[str, Any]:
    return {name: getattr(parameters, name) for name in ("permutations", "seed", "intervals")}


def _of_layers(run: Run, by_layer: Sequence[LayerInformation]) -> dict[str, Any]:
    """The variables of estimates of the whole probe, [about, layer]: about the input, and about the labels if any."""
    unknown = np.full(len(by_layer), math.nan)
    columns = dict(zip(LayerInformation._fields, np.array(by_layer).T, strict=True))
    classes = np.unique(run.labels, return_counts=True)[1] / len(run.labels) if run.labels is not None else np.ones(1)
    limit = np.minimum(columns["input"], -(classes * np.log2(classes)).sum())
    saturation = columns["saturation"]
    about_input = {
        "information": columns["input"],
        "null_mean": unknown,
        "null_std": unknown,
        "excess": columns["input"],
        "standard_error": columns["input_error"],
        "adjusted": columns["input"],
        "p_value": unknown,
        # An entropy has no null distribution, so the verdict depends on its saturation alone.
        "verdict": verdicts(0.0, columns["input"], 0.0, saturation=saturation),
    }
    null_mean, p_value = columns["labels_null_mean"], columns["labels_p_value"]
    about_labels = {
        "information": columns["labels"],
        "null_mean": null_mean,
        "null_std": columns["labels_null_std"],
        "excess": columns["labels"] - null_mean,
        "standard_error": columns["labels_error"],
        "adjusted": adjusted_information(columns["labels"], null_mean, limit),
        "p_value": p_value,
        "verdict": verdicts(null_mean, limit, p_value, saturation=saturation),
    }
    rows = [about_input] if run.labels is None else [about_input, about_labels]
    return {name: np.array([row[name] for row in rows]) for name in about_input} | {"saturation": saturation}


def _renyi(run: Run, epoch: int, layers: list[str], parameters: InformationPlaneParameters) -> dict[str, Any]:
    targets = information_targets(run, epoch)
    prepared = prepared_batches(run, targets, parameters, intervals=parameters.intervals)

    def estimate(name: str, maps: NDArray) -> list[MultivariateInformation]:
        return mean_information(prepared, maps, parameters, f"{name}, epoch {epoch}")

    unknown = [MultivariateInformation(*[math.nan] * len(MultivariateInformation._fields))] * len(targets)
    by_layer = of_finite_layers(run, epoch, layers, information_plane.title, estimate, unknown)
    by_target = list(zip(*by_layer, strict=True))
    values = {
        name: [[getattr(information, name) for information in of_target] for of_target in by_target]
        for name in _OF_BOTH
    }
    return values | {
        "entropy": [information.entropy_maps for information in by_target[0]],
        "entropy_about": [np.nanmax([information.entropy_x for information in row]) for row in by_target],
        "saturation": [information.saturation for information in by_target[0]],
    }
