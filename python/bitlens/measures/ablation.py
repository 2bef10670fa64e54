"""How well a recorded network performs without some of its neurons: within single layers, and across all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from bitlens.arrays import NDArray, as_class_indices
from bitlens.estimators import NeuronRoles, OneBit, Quantizer, neuron_information, neuron_roles
from bitlens.measures.base import Measure
from bitlens.measures.networks import FORWARD, MODEL, check_forward, network_at, probe_inputs, recorded_modules
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Layer, Run, RunError
from bitlens.runs.layout import OUTPUT
from bitlens.runs.writer import probe_hash

if TYPE_CHECKING:
    import xarray as xr
    from torch import Tensor, nn

    from bitlens.network import AblationCurve
    from bitlens.network.batches import Batch, Forward

NETWORK = "whole network"
"""The scope in which the neurons of all layers are ranked together."""
_ORDERS = ("ascending", "descending", "random")


@dataclass(frozen=True)
class LayerAblationParameters(Parameters):
    """Parameters of `layer_ablation`."""

    layers: tuple[str, ...] | None = parameter(
        None,
        "Recorded layers that are the output of a module. Default: the activation functions; if there are none, all "
        "layers but the output.",
    )
    score: Literal["mutual_information", "entropy", "selectivity"] = parameter(
        "mutual_information", "Quantity of `neuron_information`, on the same data, that ranks the neurons."
    )
    quantizer: Quantizer = parameter(OneBit(), "How values are made discrete: OneBit(threshold) or EqualWidth(bins).")
    mode: Literal["zero", "mean"] = parameter("zero", "Output of a removed neuron: 0, or its mean.")
    repeats: int = parameter(10, "Number of random orders.", minimum=1)
    steps: int | None = parameter(
        None, "Number of removals after which to measure. None, or in a layer of fewer neurons: after each.", minimum=1
    )
    tolerance: float = parameter(0.05, "Share of the accuracy that counts as nothing.")
    seed: int = parameter(0, "Seed of the random orders.", minimum=0)
    data: str | None = parameter(None, "SHA-256 of the inputs and labels. None: the probe.")


class LayerAblation(Measure[LayerAblationParameters]):
    """Information-ordered cumulative ablation within each layer and across the network, by epoch.

    The network is run again, so the epochs are those whose weights the recorder stored (``Recorder(..., weights=...)``)
    (Liu, Amjad and Geiger 2018). Within a layer, neurons of high information are the important ones. Across layers the
    order may mislead, because layers differ in the information of their neurons (Simpson's paradox): compare the scope
    "whole network" with the others. See `cumulative_ablation` and `neuron_roles` for the parameters.

    Returns
    -------
    xarray.Dataset
        By epoch and scope (each layer and, where there are several, "whole network"): ``removed`` [step]; ``accuracy``
        and ``loss`` (bits) [order, step], where random is the mean of its repeats; ``random_accuracy`` and
        ``random_loss`` [repeat, step]; ``ranked_layer`` and ``ranked_channel`` [rank], the neurons from the lowest
        score on, with their ``score`` in bits; and the counts of `neuron_roles` [role], NaN where the network is not
        better than without its neurons. A scope of fewer steps or neurons ends in NaN, "" and -1. There are no standard
        errors; the attribute ``no_error`` says why.

    Raises
    ------
    RunError
        If no weights were stored, they do not fit the model, there is no such layer, or there are no labels.
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    >>> with bitlens.Recorder(model, "ablated", (torch.rand(9, 8), torch.arange(9) % 3), weights=[0]) as recorder:
    ...     recorder.snapshot(0)
    >>> result = bitlens.layer_ablation(bitlens.open_run("ablated"), model)
    >>> result.accuracy.dims, result.scope.values.tolist()
    (('epoch', 'scope', 'order', 'step'), ['1'])
    """

    name = "layer_ablation"
    title = "layer ablation"
    rank = 110
    Parameters = LayerAblationParameters
    requires = frozenset({"weights"})
    arguments: ClassVar = {
        "model": MODEL,
        "data": "(inputs, labels), optional: Tensors that are not training data. The inputs may be a tuple or dict of "
        "tensors. Default: the probe.",
        "forward": FORWARD,
    }
    variables: ClassVar = (
        Variable("removed", ("scope", "step"), "removed neurons", "neurons"),
        Variable("accuracy", ("scope", "order", "step"), "accuracy", "1"),
        Variable("loss", ("scope", "order", "step"), "cross-entropy"),
        Variable("random_accuracy", ("scope", "repeat", "step"), "accuracy", "1"),
        Variable("random_loss", ("scope", "repeat", "step"), "cross-entropy"),
        Variable("ranked_layer", ("scope", "rank"), "layer of the neuron", "1"),
        Variable("ranked_channel", ("scope", "rank"), "channel of the neuron", "1"),
        Variable("score", ("scope", "rank"), "score of the neuron"),
        Variable("roles", ("scope", "role"), "neurons", "neurons"),
    )

    def no_error(self, results: xr.Dataset) -> str:
        return (
            "No error is given, because the samples that the accuracy is measured on also decide the order of the "
            "neurons, and no interval of such a curve was simulated. The range of the random orders is not an error."
        )

    def check(self, run: Run, target: Target, parameters: LayerAblationParameters) -> None:
        super().check(run, target, parameters)
        if not 0 < parameters.tolerance < 0.5:
            raise ValueError(f"tolerance: expected a number between 0 and 0.5, got {parameters.tolerance}")
        if parameters.data is None and run.labels is None:
            raise RunError(
                f"{run.path} was recorded without labels, which layer_ablation needs; give data=(inputs, labels)"
            )

    def resolve(self, run: Run, target: Target, parameters: LayerAblationParameters) -> LayerAblationParameters:
        names = parameters.layers
        if names is None:
            hidden = [layer for layer in run.layers if layer.module and layer.name != OUTPUT]
            names = tuple(layer.name for layer in hidden if layer.kind == "activation") or tuple(
                layer.name for layer in hidden
            )
        return replace(parameters, layers=tuple(layer.name for layer in recorded_modules(run, names)))

    def __call__(  # type: ignore[override]  # this measure needs the network
        self,
        run: Run,
        model: nn.Module,
        layers: Sequence[str] | None = None,
        *,
        data: tuple[Batch, Tensor] | None = None,
        forward: Forward | None = None,
        epochs: Sequence[int] | None = None,
        **settings: Any,
    ) -> xr.Dataset:
        check_forward(run, forward)
        digest = None
        if data is not None:
            data, digest = _checked(data)
        target, parameters = self.arguments_of(run, layers=layers, data=digest, **settings)
        modules = recorded_modules(run, parameters.layers)
        used = _probe(run) if data is None else data

        def compute(epoch: int) -> Result:
            with network_at(run, model, epoch, forward) as network:
                return _result(network, used, modules, parameters, forward)

        return self._over_epochs(run, target, parameters, epochs, compute)


layer_ablation = LayerAblation()


def _checked(data: tuple[Batch, Tensor]) -> tuple[tuple[Batch, Tensor], str]:
    """The data with its labels as class numbers, and its SHA-256."""
    import torch

    from bitlens.network import batches
    from bitlens.network.state import as_storable

    inputs = data[0]
    classes = as_class_indices(data[1], batches.check_batch(inputs, "data"), "data: labels")
    arrays = {name: as_storable(tensor) for name, tensor in batches.tensors(inputs).items()}
    return (inputs, torch.from_numpy(classes)), probe_hash({**arrays, "labels": classes})


def _probe(run: Run) -> tuple[Batch, Tensor]:
    import torch

    return probe_inputs(run), torch.from_numpy(np.array(run.labels))


def _scores(
    network: nn.Module,
    data: tuple[Batch, Tensor],
    layers: Sequence[Layer],
    parameters: LayerAblationParameters,
    forward: Forward | None,
) -> dict[str, NDArray]:
    from bitlens.network.hooks import output_of

    labels = data[1].cpu()
    scores = {}
    for layer in layers:
        output = output_of(network, data[0], layer, forward)
        found = neuron_information(output, labels, parameters.quantizer, permutations=0)
        scores[layer.module] = getattr(found, parameters.score).numpy()
    return scores


def _curves(
    network: nn.Module,
    data: tuple[Batch, Tensor],
    scope: Sequence[Layer],
    scores: dict[str, NDArray],
    settings: dict[str, Any],
) -> dict[str, AblationCurve]:
    from bitlens.network import cumulative_ablation

    modules = [layer.module for layer in scope]
    axes = {layer.module: layer.channel_axis for layer in scope}
    own = {name: scores[name] for name in modules}
    return {
        order: cumulative_ablation(network, data, modules, own, order, channel_axis=axes, **settings)  # type: ignore[arg-type]
        for order in _ORDERS
    }


def _result(
    network: nn.Module,
    data: tuple[Batch, Tensor],
    layers: list[Layer],
    parameters: LayerAblationParameters,
    forward: Forward | None,
) -> Result:
    """The curves of every layer and, where there are several, of the whole network, as arrays with one row a scope."""
    scores = _scores(network, data, layers, parameters, forward)
    settings = {name: getattr(parameters, name) for name in ("mode", "repeats", "seed")} | {"forward": forward}
    scopes = [[layer] for layer in layers] + ([layers] if len(layers) > 1 else [])
    rows = []
    for scope in scopes:
        neurons = sum(len(scores[layer.module]) for layer in scope)
        steps = None if parameters.steps is None else min(parameters.steps, neurons)
        curves = _curves(network, data, scope, scores, {**settings, "steps": steps})
        rows.append(_row(curves, {layer.module: layer.name for layer in scope}, scores, parameters.tolerance))
    values = {name: _padded([row[name] for row in rows]) for name in rows[0]}
    return Result(
        values,
        {
            "scope": [*(layer.name for layer in layers), NETWORK][: len(rows)],
            "order": list(_ORDERS),
            "step": np.arange(values["removed"].shape[1]),
            "repeat": np.arange(values["random_accuracy"].shape[1]),
            "rank": np.arange(values["score"].shape[1]),
            "role": list(NeuronRoles._fields),
        },
    )


def _row(
    curves: dict[str, AblationCurve], names: dict[str, str], scores: dict[str, NDArray], tolerance: float
) -> dict[str, NDArray]:
    """The values of one scope."""
    ranked = curves["ascending"].neurons[0]
    return {
        "removed": curves["ascending"].removed.astype(np.float64),
        "accuracy": np.array([curves[order].accuracy.mean(axis=0) for order in _ORDERS]),
        "loss": np.array([curves[order].loss.mean(axis=0) for order in _ORDERS]),
        "random_accuracy": curves["random"].accuracy,
        "random_loss": curves["random"].loss,
        "ranked_layer": np.array([names[name] for name, _ in ranked]),
        "ranked_channel": np.array([channel for _, channel in ranked]),
        "score": np.array([scores[name][channel] for name, channel in ranked]),
        "roles": _roles(curves, tolerance),
    }


def _padded(rows: list[NDArray]) -> NDArray:
    """Arrays of different lengths in one; the shorter ones end in NaN, "" or -1."""
    missing: Any = {"f": np.nan, "U": "", "i": -1}[rows[0].dtype.kind]
    shape = tuple(np.max([row.shape for row in rows], axis=0))
    table = np.full((len(rows), *shape), missing, np.result_type(*rows))
    for i, row in enumerate(rows):
        table[i][tuple(slice(size) for size in row.shape)] = row
    return table


def _roles(curves: dict[str, AblationCurve], tolerance: float) -> NDArray:
    lowest, highest = curves["ascending"], curves["descending"]
    if not lowest.accuracy[0][0] > lowest.accuracy[0][-1]:
        return np.full(len(NeuronRoles._fields), np.nan)
    roles = neuron_roles(lowest.removed, lowest.accuracy[0], highest.accuracy[0], curves["random"].accuracy, tolerance)
    return np.array([np.nan if count is None else float(count) for count in roles])
