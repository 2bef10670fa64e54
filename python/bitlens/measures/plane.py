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
    binned_information,
    pairwise_distance_information,
)
from bitlens.measures.base import Measure
from bitlens.measures.finite import of_finite_layers
from bitlens.measures.minibatches import (
    MatrixInformationConfig,
    check_targets,
    information_targets,
    mean_information,
    prepared_batches,
    require_pairs_of_samples,
)
from bitlens.measures.parameters import parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run
from bitlens.runs.layout import INPUT

_BOTH = ("about", "layer")
_UNKNOWN = LayerInformation(math.nan, math.nan)
"""What is known of a layer with NaN or infinity."""


@dataclass(frozen=True)
class InformationPlaneParameters(MatrixInformationConfig):
    """Parameters of `information_plane`; those of an estimator that is not chosen are not part of the result's key."""

    estimator: Literal["renyi", "binning", "kde"] = parameter("renyi", "How information is estimated.")
    bins: int = parameter(30, "Number of equal-width bins, for binning.", minimum=2, maximum=MAX_BINS)
    noise_variance: float = parameter(0.1, "Variance of the noise, for kde.")


_USED = {"binning": ("bins",), "kde": ("noise_variance",)}


class InformationPlane(Measure[InformationPlaneParameters]):
    """How much every layer tells about the input and about the labels, by epoch: the information plane.

    There are three estimators because they disagree. "renyi" is `multivariate_information` of all channels of a layer
    (of the units as one variable where a layer has no maps), averaged over mini-batches, with the permutation baseline
    (Yu et al. 2018). "binning" is `binned_information` of the whole probe (Shwartz-Ziv and Tishby 2017), "kde" is
    `pairwise_distance_information` of the whole probe (Kolchinsky and Tracey 2017). `published_settings` has the
    settings of other authors.

    Returns
    -------
    xarray.Dataset
        By epoch and layer, in bits: ``information`` [about], about the input and, where the run has labels, the labels;
        NaN for a layer with NaN or infinity.
        With "renyi" also ``null_mean`` and ``null_std`` [about], ``entropy`` and ``saturation``; with "kde"
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
    version = 2
    Parameters = InformationPlaneParameters
    variables: ClassVar = (
        Variable("information", _BOTH, "information; the upper bound for kde"),
        Variable("information_lower", _BOTH, "lower bound of the information"),
        Variable("null_mean", _BOTH, "mean of the permutation baseline"),
        Variable("null_std", _BOTH, "standard deviation of the permutation baseline"),
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
        estimator = parameters.estimator
        if estimator == "renyi":
            unused = {field.name: field.default for field in parameters.fields() if field.name in _all_used()}
            return InformationPlaneParameters(**{**vars(parameters), **unused})
        used = {name: getattr(parameters, name) for name in _USED[estimator]}
        return InformationPlaneParameters(estimator=estimator, **used)

    def compute(self, run: Run, epoch: int, target: Target, parameters: InformationPlaneParameters) -> Result:
        layers = [layer.name for layer in run.layers if layer.name != INPUT]
        about = ["input"] if run.labels is None else ["input", "labels"]
        if parameters.estimator == "renyi" and not run.has_inputs:
            about.remove("input")  # the other estimators take the number of the sample as the input
        estimate = {"renyi": _renyi, "binning": _binning, "kde": _kde}[parameters.estimator]
        return Result(estimate(run, epoch, layers, parameters), {"about": about, "layer": layers})


information_plane = InformationPlane()


def _all_used() -> set[str]:
    return {name for names in _USED.values() for name in names}


def _binning(run: Run, epoch: int, layers: list[str], parameters: InformationPlaneParameters) -> dict[str, Any]:

    def estimate(_: str, maps: NDArray) -> LayerInformation:
        return binned_information(maps, run.labels, parameters.bins)

    by_layer = of_finite_layers(run, epoch, layers, information_plane.title, estimate, _UNKNOWN)
    return {"information": _about_by_layer(run, by_layer)}


def _kde(run: Run, epoch: int, layers: list[str], parameters: InformationPlaneParameters) -> dict[str, Any]:

    def estimate(_: str, maps: NDArray) -> LayerInformationBounds:
        return pairwise_distance_information(maps, run.labels, parameters.noise_variance)

    unknown = LayerInformationBounds(_UNKNOWN, _UNKNOWN)
    bounds = of_finite_layers(run, epoch, layers, information_plane.title, estimate, unknown)
    return {
        "information": _about_by_layer(run, [bound.upper for bound in bounds]),
        "information_lower": _about_by_layer(run, [bound.lower for bound in bounds]),
    }


def _about_by_layer(run: Run, by_layer: Sequence[Sequence[float]]) -> list[list[float]]:
    """[about, layer] from the pairs (about the input, about the labels) of every layer."""
    count = 1 if run.labels is None else 2
    return [[pair[i] for pair in by_layer] for i in range(count)]


def _renyi(run: Run, epoch: int, layers: list[str], parameters: InformationPlaneParameters) -> dict[str, Any]:
    targets = information_targets(run, epoch)
    prepared = prepared_batches(run, targets, parameters)

    def estimate(name: str, maps: NDArray) -> list[MultivariateInformation]:
        return mean_information(prepared, maps, parameters, f"{name}, epoch {epoch}")

    unknown = [MultivariateInformation(*[math.nan] * len(MultivariateInformation._fields))] * len(targets)
    by_layer = of_finite_layers(run, epoch, layers, information_plane.title, estimate, unknown)
    by_target = list(zip(*by_layer, strict=True))
    values = {
        name: [[getattr(information, name) for information in of_target] for of_target in by_target]
        for name in ("information", "null_mean", "null_std")
    }
    return values | {
        "entropy": [information.entropy_maps for information in by_target[0]],
        "entropy_about": [np.nanmax([information.entropy_x for information in row]) for row in by_target],
        "saturation": [information.saturation for information in by_target[0]],
    }
