"""The data-processing inequalities: whether information only falls from layer to layer, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from bitlens.arrays import NDArray
from bitlens.measures.base import Measure
from bitlens.measures.costs import seconds_of_task
from bitlens.measures.minibatches import (
    MatrixInformationConfig,
    RunBandwidth,
    as_variable,
    mean_information,
    prepared_batches,
    require_pairs_of_samples,
    seconds_of_batches,
)
from bitlens.measures.parameters import parameter
from bitlens.measures.plane import InformationPlaneParameters, information_plane
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run
from bitlens.runs.layout import INPUT

_PRECISION = 4e-6
"""Bits by which two estimates may differ by rounding alone."""


@dataclass(frozen=True)
class ProcessingInequalitiesParameters(MatrixInformationConfig):
    """Parameters of `processing_inequalities`."""

    bandwidth_errors: RunBandwidth | None = parameter(
        None, "Bandwidth of all kernels of the loss gradients. None: those of the activations and the input."
    )


class ProcessingInequalities(Measure[ProcessingInequalitiesParameters]):
    """Whether information about the input only falls from layer to layer, and about the last error on the way back.

    I(X; T_1) >= I(X; T_2) >= ... and, where loss gradients were recorded, I(d_K; d_K-1) >= ... >= I(d_K; d_1) (Yu et
    al. 2018, section III-A). A rise is a violation where it exceeds two standard deviations of the permutation
    baselines of both layers, and rounding (4e-6 bits). The layers are in the order in which the network computes them.

    Returns
    -------
    xarray.Dataset
        By epoch and layer, in bits: ``forward``, ``forward_null_mean`` and ``forward_null_std``; ``forward_rise``, the
        increase from the layer before, and ``forward_allowed``, the largest increase that is not a violation;
        ``forward_violations``, their number by epoch. With gradients the same for ``backward``, where a layer is
        compared with the layer behind it.

    Raises
    ------
    RunError
        If the activations of no layer or the gradients of any layer are not finite, or the run has one sample.

    Examples
    --------
    >>> import bitlens
    >>> chains = bitlens.processing_inequalities(bitlens.open_run("demo-run"), permutations=2)
    >>> chains.forward.dims
    ('epoch', 'layer')
    """

    name = "processing_inequalities"
    title = "processing inequalities"
    rank = 90
    reads = ("information_plane",)
    version = 3
    Parameters = ProcessingInequalitiesParameters
    requires = frozenset({"inputs"})
    variables: ClassVar = tuple(
        variable
        for chain in ("forward", "backward")
        for variable in (
            Variable(chain, ("layer",), f"information along the {chain} chain"),
            Variable(f"{chain}_null_mean", ("layer",), "mean of the permutation baseline"),
            Variable(f"{chain}_null_std", ("layer",), "standard deviation of the permutation baseline"),
            Variable(f"{chain}_rise", ("layer",), "increase from the step before"),
            Variable(f"{chain}_allowed", ("layer",), "largest increase that is not a violation"),
            Variable(f"{chain}_violations", (), "number of violations", "1"),
        )
    )

    def check(self, run: Run, target: Target, parameters: ProcessingInequalitiesParameters) -> None:
        super().check(run, target, parameters)
        require_pairs_of_samples(run, self.name)

    def resolve(
        self, run: Run, target: Target, parameters: ProcessingInequalitiesParameters
    ) -> ProcessingInequalitiesParameters:
        return parameters if run.manifest.gradients else replace(parameters, bandwidth_errors=None)

    def seconds(self, run: Run, target: Target, parameters: ProcessingInequalitiesParameters) -> float:
        """Without the information plane, which is stored before."""
        layers = [layer for layer in run.layers if layer.name != INPUT][:-1] if run.manifest.gradients else []
        entropies = 3 + parameters.permutations
        return seconds_of_task(sum(seconds_of_batches(run, parameters, layer.name, entropies) for layer in layers))

    def compute(self, run: Run, epoch: int, target: Target, parameters: ProcessingInequalitiesParameters) -> Result:
        layers = [layer.name for layer in run.layers if layer.name != INPUT]
        shared = {field.name: getattr(parameters, field.name) for field in MatrixInformationConfig.fields()}
        plane = information_plane.at(run, epoch, (), InformationPlaneParameters(**shared)).sel(about="input")
        forward = np.array(
            [plane[name].sel(layer=layers).to_numpy() for name in ("information", "null_mean", "null_std")]
        )
        values = _chain("forward", layers, forward, layers)
        if run.manifest.gradients:
            backward = layers[-2::-1]
            values |= _chain("backward", backward, _of_errors(run, epoch, layers[-1], backward, parameters), layers)
        return Result(values, {"layer": layers})


processing_inequalities = ProcessingInequalities()


def _of_errors(
    run: Run, epoch: int, last: str, layers: list[str], parameters: ProcessingInequalitiesParameters
) -> NDArray:
    """Information about the last error in the errors of each layer, mean and deviation of its baseline [3, layer]."""
    config: MatrixInformationConfig = parameters
    if parameters.bandwidth_errors is not None:
        rule = parameters.bandwidth_errors
        config = replace(parameters, bandwidth=rule, bandwidth_x=rule)
    errors = as_variable(run.activations(last, epoch, gradients=True))
    prepared = prepared_batches(run, {"error at the output": errors}, config)
    informations = [
        mean_information(
            prepared, run.activations(name, epoch, gradients=True), config, f"errors at {name}, epoch {epoch}"
        )[0]
        for name in layers
    ]
    return np.array([(i.information, i.null_mean, i.null_std) for i in informations]).reshape(-1, 3).T


def _chain(name: str, order: list[str], rows: NDArray, layers: list[str]) -> dict[str, Any]:
    """The variables of one chain by layer from its values, null means and deviations; NaN where it has no layer."""
    values, null, spread = rows
    rise = np.concatenate([[0.0], np.diff(values)])[: len(values)]
    allowed = np.maximum(2 * np.hypot(spread, np.concatenate([spread[:1], spread[:-1]])), _PRECISION)

    def by_layer(row: NDArray) -> NDArray:
        known = dict(zip(order, row.tolist(), strict=True))
        return np.array([known.get(layer, np.nan) for layer in layers])

    return {
        name: by_layer(values),
        f"{name}_null_mean": by_layer(null),
        f"{name}_null_std": by_layer(spread),
        f"{name}_rise": by_layer(rise),
        f"{name}_allowed": by_layer(allowed),
        f"{name}_violations": int((rise > allowed).sum()),
    }
