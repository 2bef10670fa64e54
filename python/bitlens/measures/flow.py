"""Information flow through a run: what layers keep of the input and of the labels, and whether it only ever falls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import xarray as xr

from bitlens.arrays import NDArray
from bitlens.estimators import Median, MultivariateInformation, binned_information, pairwise_distance_information
from bitlens.measures.epochs import bits, over_epochs
from bitlens.measures.minibatches import MatrixInformationConfig, RunBandwidth, as_variable, kept_rule, targets
from bitlens.runs import Run, RunError
from bitlens.runs.layout import INPUT

_PRECISION = 4e-6
"""Bits by which two estimates may differ by rounding alone."""


def information_plane(
    run: Run,
    estimator: Literal["renyi", "binning", "kde"] = "renyi",
    *,
    batch: int = 128,
    alpha: float = 1.01,
    bandwidth: RunBandwidth = Median(),  # noqa: B008
    bandwidth_x: RunBandwidth = Median(),  # noqa: B008
    scale_bandwidth: bool = True,
    tensor: bool = False,
    permutations: int = 10,
    bins: int = 30,
    noise_variance: float = 0.1,
    seed: int = 0,
    epochs: Sequence[int] | None = None,
) -> xr.Dataset:
    """What every layer carries about the input and about the labels, by epoch: the information plane.

    Estimators disagree on what they show, which is why there are three. "renyi" is `multivariate_information` of all
    channels of a layer (of a layer without maps: of its units as one variable), averaged over mini-batches, with the
    permutation null (Yu et al. 2018). "binning" is `binned_information` of the whole probe (Shwartz-Ziv and Tishby
    2017), "kde" `pairwise_distance_information` of it (Kolchinsky and Tracey 2017).

    Parameters
    ----------
    run : Run
        A recorded run.
    estimator : {"renyi", "binning", "kde"}
        How information is estimated.
    batch : int
        Samples of a mini-batch, for "renyi"; of all, if the probe has fewer. Those that fill no batch are left out.
    alpha, bandwidth, bandwidth_x, scale_bandwidth, tensor, permutations
        As in `multivariate_information`, for "renyi"; `published_settings` has those of published work.
    bins : int
        For "binning".
    noise_variance : float
        For "kde".
    seed : int
        Of the mini-batches and the shuffles.
    epochs : sequence of int, optional
        Default: all.

    Returns
    -------
    xarray.Dataset
        By epoch and layer, in bits: ``information`` [about], about the input and, where the run has labels, the labels.
        With "renyi" also ``null_mean`` and ``null_std`` [about], ``entropy`` and ``saturation``; with "kde" it is the
        upper bound, and ``information_lower`` the other.

    Raises
    ------
    RunError
        If the estimator is unknown, or activations are not finite.

    Examples
    --------
    >>> import bitlens
    >>> plane = bitlens.information_plane(bitlens.open_run("demo-run"), "binning")
    >>> plane.information.dims
    ('epoch', 'about', 'layer')
    """
    about = ["input", "labels"] if run.labels is not None else ["input"]
    layers = [layer.name for layer in run.layers if layer.name != INPUT]
    coordinates = {"about": about, "layer": layers}
    settings = MatrixInformationConfig(
        batch, seed, alpha, bandwidth, bandwidth_x, scale_bandwidth, tensor, permutations
    )

    def binning(epoch: int) -> xr.Dataset:
        found = [binned_information(run.activations(name, epoch), run.labels, bins) for name in layers]
        return xr.Dataset({"information": _about(found, len(about), "information")}, coordinates)

    def kde(epoch: int) -> xr.Dataset:
        found = [
            pairwise_distance_information(run.activations(name, epoch), run.labels, noise_variance) for name in layers
        ]
        upper = _about([bounds.upper for bounds in found], len(about), "information, at most")
        lower = _about([bounds.lower for bounds in found], len(about), "information, at least")
        return xr.Dataset({"information": upper, "information_lower": lower}, coordinates)

    def renyi(epoch: int) -> xr.Dataset:
        kernels = settings.about(run, targets(run, epoch))
        of_layers = [
            settings.information(kernels, run.activations(name, epoch), f"{name}, epoch {epoch}") for name in layers
        ]
        found = [list(row) for row in zip(*of_layers, strict=True)]
        return _renyi_dataset(found, coordinates)

    known: dict[str, tuple[Callable[[int], xr.Dataset], dict[str, Any]]] = {
        "renyi": (renyi, settings.kept()),
        "binning": (binning, {"bins": bins}),
        "kde": (kde, {"noise_variance": noise_variance}),
    }
    if estimator not in known:
        raise RunError(f"estimator: expected 'renyi', 'binning' or 'kde', got {estimator!r}")
    compute, parameters = known[estimator]
    return over_epochs(run, "information_plane", {"estimator": estimator} | parameters, compute, epochs)


def processing_inequalities(
    run: Run,
    *,
    batch: int = 128,
    alpha: float = 1.01,
    bandwidth: RunBandwidth = Median(),  # noqa: B008
    bandwidth_x: RunBandwidth = Median(),  # noqa: B008
    bandwidth_errors: RunBandwidth | None = None,
    scale_bandwidth: bool = True,
    tensor: bool = False,
    permutations: int = 10,
    seed: int = 0,
    epochs: Sequence[int] | None = None,
) -> xr.Dataset:
    """Whether information about the input falls from layer to layer, and about the last error from layer to layer back.

    I(X; T_1) >= I(X; T_2) >= ... and, where loss gradients were recorded, I(d_K; d_K-1) >= ... >= I(d_K; d_1) (Yu et
    al. 2018, section III-A). A step up is a violation where it is more than two standard deviations of the permutation
    nulls of both its ends, and more than rounding (4e-6 bits). Layers count in the order in which the network computes
    them.

    Parameters
    ----------
    run : Run
        A recorded run.
    batch, alpha, bandwidth, bandwidth_x, scale_bandwidth, tensor, permutations, seed, epochs
        As in `information_plane`.
    bandwidth_errors : float or rule, optional
        Of the loss gradients, all of them. Default: as of activations and input.

    Returns
    -------
    xarray.Dataset
        By epoch and layer, in bits: ``forward``, ``forward_null_mean`` and ``forward_null_std``; ``forward_rise``, by how
        much a layer has more than the one before, and ``forward_allowed``, beyond which that is a violation;
        ``forward_violations``, their number by epoch. With gradients also ``backward`` and its like, where a layer is
        held against the one behind it.

    Raises
    ------
    RunError
        If activations are not finite.

    Examples
    --------
    >>> import bitlens
    >>> chains = bitlens.processing_inequalities(bitlens.open_run("demo-run"), permutations=2)
    >>> chains.forward.dims
    ('epoch', 'layer')
    """
    layers = [layer.name for layer in run.layers if layer.name != INPUT]
    settings = MatrixInformationConfig(
        batch, seed, alpha, bandwidth, bandwidth_x, scale_bandwidth, tensor, permutations
    )
    of_errors = settings
    if bandwidth_errors is not None:
        of_errors = replace(settings, bandwidth=bandwidth_errors, bandwidth_x=bandwidth_errors)

    def compute(epoch: int) -> xr.Dataset:
        # The plane is kept in the run, so that nothing is computed twice.
        plane = information_plane(
            run, batch=batch, alpha=alpha, bandwidth=bandwidth, bandwidth_x=bandwidth_x, scale_bandwidth=scale_bandwidth,
            tensor=tensor, permutations=permutations, seed=seed, epochs=[epoch],
        ).sel(epoch=epoch, about="input")  # fmt: skip
        values, null, spread = (
            plane[name].sel(layer=layers).to_numpy() for name in ("information", "null_mean", "null_std")
        )
        data = _chain("forward", layers, values, null, spread, layers)
        if run.manifest.gradients:
            last = as_variable(run.activations(layers[-1], epoch, gradients=True))
            back = layers[-2::-1]
            kernels = of_errors.about(run, {"error at the output": last})
            found = [
                of_errors.information(
                    kernels, run.activations(name, epoch, gradients=True), f"errors at {name}, epoch {epoch}"
                )[0]
                for name in back
            ]
            values, null, spread = (
                np.array([getattr(one, name) for one in found]) for name in ("information", "null_mean", "null_std")
            )
            data |= _chain("backward", back, values, null, spread, layers)
        return xr.Dataset(data, {"layer": layers})

    parameters = settings.kept() | {
        "bandwidth_errors": None if bandwidth_errors is None else kept_rule(bandwidth_errors)
    }
    return over_epochs(run, "processing_inequalities", parameters, compute, epochs)


def _chain(
    name: str, order: list[str], values: NDArray, null: NDArray, spread: NDArray, layers: list[str]
) -> dict[str, Any]:
    """Variables by layer of one chain, given in its own order; NaN where it has no layer."""
    rise = np.concatenate([[0.0], np.diff(values)])[: len(values)]
    allowed = np.maximum(2 * np.hypot(spread, np.concatenate([spread[:1], spread[:-1]])), _PRECISION)

    def by_layer(row: NDArray) -> NDArray:
        known = dict(zip(order, row.tolist(), strict=True))
        return np.array([known.get(layer, np.nan) for layer in layers])

    return {
        name: bits(by_layer(values), ["layer"], f"information along the {name} chain"),
        f"{name}_null_mean": bits(by_layer(null), ["layer"], "mean of its permutation null"),
        f"{name}_null_std": bits(by_layer(spread), ["layer"], "standard deviation of its null"),
        f"{name}_rise": bits(by_layer(rise), ["layer"], "by how much it is more than the step before"),
        f"{name}_allowed": bits(by_layer(allowed), ["layer"], "the largest rise that is no violation"),
        f"{name}_violations": ((), int((rise > allowed).sum()), {"long_name": "steps up beyond the null"}),
    }


def _about(found: Sequence[Sequence[float]], count: int, long_name: str) -> xr.Variable:
    """What is found of each layer, about the input and perhaps about the labels, the other way round."""
    return bits([[row[i] for row in found] for i in range(count)], ["about", "layer"], long_name)


def _renyi_dataset(found: list[list[MultivariateInformation]], coordinates: dict[str, Any]) -> xr.Dataset:
    def table(name: str) -> list[list[float]]:
        return [[getattr(layer, name) for layer in row] for row in found]

    both = ["about", "layer"]
    return xr.Dataset(
        {
            "information": bits(table("information"), both, "information"),
            "null_mean": bits(table("null_mean"), both, "mean of the permutation null"),
            "null_std": bits(table("null_std"), both, "standard deviation of the permutation null"),
            "entropy": bits(table("entropy_maps")[0], ["layer"], "entropy of the layer"),
            "entropy_about": bits([row[0].entropy_x for row in found], ["about"], "entropy of input and labels"),
            "saturation": (["layer"], table("saturation")[0], {"long_name": "entropy / log2 n", "units": "1"}),
        },
        coordinates,
    )
