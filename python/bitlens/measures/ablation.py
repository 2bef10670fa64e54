"""What a recorded network can without some of its neurons: within single layers, and across all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from bitlens.arrays import NDArray, check_integer
from bitlens.estimators import NeuronRoles, OneBit, Quantizer, neuron_information, neuron_roles
from bitlens.measures.discarding import network_at, recorded_modules
from bitlens.measures.epochs import bits, over_epochs
from bitlens.runs import Layer, Run, RunError
from bitlens.runs.layout import OUTPUT
from bitlens.runs.writer import probe_hash

# Other measures read a run where there is no PyTorch, so it is imported where a network has to be run.
if TYPE_CHECKING:
    from torch import Tensor, nn

    from bitlens.network import AblationCurve

NETWORK = "whole network"
"""The scope in which the neurons of all layers are ranked together."""
_ORDERS = ("ascending", "descending", "random")


def layer_ablation(
    run: Run,
    model: nn.Module,
    layers: Sequence[str] | None = None,
    *,
    data: tuple[Tensor, Tensor] | None = None,
    score: Literal["mutual_information", "entropy", "selectivity"] = "mutual_information",
    quantizer: Quantizer = OneBit(),
    mode: Literal["zero", "mean"] = "zero",
    repeats: int = 10,
    steps: int | None = None,
    tolerance: float = 0.05,
    seed: int = 0,
    epochs: Sequence[int] | None = None,
) -> xr.Dataset:
    """Information-ordered cumulative ablation within each layer and across the network, by epoch.

    For the epochs whose weights the recorder kept (``Recorder(..., weights=...)``), as a network has to be run again
    (Liu, Amjad and Geiger 2018). Within a layer, neurons of high information are the important ones; across layers the
    order may mislead, as layers differ in how much information their neurons have (Simpson's paradox): compare the
    scope "whole network" with the others.

    Parameters
    ----------
    run : Run
        A recorded run.
    model : torch.nn.Module
        The network that was recorded; its own weights do not matter and are left as they are.
    layers : sequence of str, optional
        Recorded layers that a module gave. Default: activation functions, if there are any, else all but the output.
    data : (Tensor, Tensor), optional
        Inputs and labels that the network was not trained on. Default: the probe.
    score : {"mutual_information", "entropy", "selectivity"}
        What neurons are ranked by, of `neuron_information` on the same data.
    quantizer : OneBit or EqualWidth
        How values are made discrete for that.
    mode, repeats, steps, seed
        As in `cumulative_ablation`; `steps` in each layer and in the network.
    tolerance : float
        As in `neuron_roles`.
    epochs : sequence of int, optional
        Default: all whose weights were kept.

    Returns
    -------
    xarray.Dataset
        By epoch and scope (each layer and, of several, "whole network"): ``removed`` [step]; ``accuracy`` and ``loss`` (bits)
        [order, step], where random is the mean of its repeats; ``random_accuracy`` and ``random_loss`` [repeat, step];
        ``ranked_layer`` and ``ranked_channel`` [rank], the neurons from the lowest score on, with their ``score`` in
        bits; and the counts of `neuron_roles` [role], NaN where the network is no better than without its neurons. A
        scope of fewer steps or neurons ends in NaN, "" and -1.

    Raises
    ------
    RunError
        If no weights were kept, they do not fit the model, there is no such layer, or there are no labels.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    >>> with bitlens.Recorder(model, "ablated", (torch.rand(9, 8), torch.arange(9) % 3), weights=[0]) as recorder:
    ...     recorder.snapshot(0)
    >>> found = bitlens.layer_ablation(bitlens.open_run("ablated"), model)
    >>> found.accuracy.dims, found.scope.values.tolist()
    (('epoch', 'scope', 'order', 'step'), ['1'])
    """
    found_layers = _layers(run, layers)
    weighed = run.weight_epochs
    if not weighed:
        raise RunError(f"epochs: no weights were kept in {run.path}; record with weights=[...]")
    if score not in ("mutual_information", "entropy", "selectivity"):
        raise RunError(f"score: expected 'mutual_information', 'entropy' or 'selectivity', got {score!r}")
    if not 0 < tolerance < 0.5:
        raise RunError(f"tolerance: expected a number between 0 and 0.5, got {tolerance}")
    used = _data(run, data)
    settings: dict[str, Any] = {"mode": mode, "repeats": check_integer(repeats, "repeats"), "steps": steps}
    parameters: dict[str, Any] = {
        "layers": [one.name for one in found_layers], "score": score, "quantizer": repr(quantizer), **settings,
        "tolerance": float(tolerance), "seed": check_integer(seed, "seed"),
        "data": None if data is None else probe_hash({"inputs": data[0].cpu().numpy(), "labels": data[1].cpu().numpy()}),
    }  # fmt: skip

    def compute(epoch: int) -> xr.Dataset:
        network = network_at(run, model, epoch)
        scores = _scores(network, used, found_layers, score, quantizer)
        single = [[one] for one in found_layers]
        tables = []
        for scope in [*single, found_layers] if len(single) > 1 else single:
            curves = _curves(network, used, scope, scores, settings | {"seed": seed})
            tables.append(_table(curves, {one.module: one.name for one in scope}, scores, tolerance))
        names = [*(one.name for one in found_layers), NETWORK][: len(tables)]
        combined = xr.concat(tables, dim="scope", join="outer", fill_value=_MISSING)
        return combined.assign_coords(scope=names)

    kept = run.results.epochs("layer_ablation", parameters)
    wanted = sorted({*weighed, *kept}) if epochs is None else epochs
    return over_epochs(run, "layer_ablation", parameters, compute, wanted, weighed)


_MISSING: dict[str, Any] = dict.fromkeys(
    ("removed", "accuracy", "loss", "random_accuracy", "random_loss", "score", "roles"), np.nan
) | {"ranked_layer": "", "ranked_channel": -1}


def _layers(run: Run, names: Sequence[str] | None) -> list[Layer]:
    if names is not None:
        return recorded_modules(run, names)
    hidden = [layer for layer in run.layers if layer.module and layer.name != OUTPUT]
    chosen = [layer for layer in hidden if layer.kind == "activation"] or hidden
    return recorded_modules(run, [layer.name for layer in chosen])


def _data(run: Run, data: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    import torch

    if data is not None:
        return data
    if run.labels is None:
        raise RunError(
            f"{run.path} was recorded without labels, which layer_ablation needs; give data=(inputs, labels)"
        )
    return torch.from_numpy(np.array(run.inputs)), torch.from_numpy(np.array(run.labels))


def _scores(
    network: nn.Module, data: tuple[Tensor, Tensor], layers: Sequence[Layer], score: str, quantizer: Quantizer
) -> dict[str, NDArray]:
    from bitlens.network.hooks import output_of

    labels = data[1].cpu()
    scores = {}
    for layer in layers:
        output = output_of(network, data[0], layer.module)
        found = neuron_information(output, labels, quantizer, channel_axis=layer.channel_axis)
        scores[layer.module] = getattr(found, score).numpy()
    return scores


def _curves(
    network: nn.Module,
    data: tuple[Tensor, Tensor],
    scope: Sequence[Layer],
    scores: dict[str, NDArray],
    settings: dict[str, Any],
) -> dict[str, AblationCurve]:
    from bitlens.network import cumulative_ablation

    modules = [layer.module for layer in scope]
    (axis, *others) = {layer.channel_axis for layer in scope}
    if others:
        raise RunError(f"layers: {[layer.name for layer in scope]} have their channels on different axes; name some")
    own = {name: scores[name] for name in modules}
    return {
        order: cumulative_ablation(network, data, modules, own, order, channel_axis=axis, **settings)  # type: ignore[arg-type]
        for order in _ORDERS
    }


def _table(
    curves: dict[str, AblationCurve], names: dict[str, str], scores: dict[str, NDArray], tolerance: float
) -> xr.Dataset:
    ranked = curves["ascending"].neurons[0]
    random = curves["random"]
    means = {name: [getattr(curves[order], name).mean(axis=0) for order in _ORDERS] for name in ("accuracy", "loss")}
    share = {"units": "1"}
    roles = _roles(curves, tolerance)
    return xr.Dataset(
        {
            "removed": (["step"], curves["ascending"].removed.astype(np.float64), {"long_name": "neurons turned off"}),
            "accuracy": (["order", "step"], means["accuracy"], {"long_name": "accuracy", **share}),
            "loss": bits(means["loss"], ["order", "step"], "cross-entropy"),
            "random_accuracy": (["repeat", "step"], random.accuracy, {"long_name": "accuracy", **share}),
            "random_loss": bits(random.loss, ["repeat", "step"], "cross-entropy"),
            "ranked_layer": (["rank"], np.array([names[name] for name, _ in ranked], dtype=object)),
            "ranked_channel": (["rank"], [channel for _, channel in ranked]),
            "score": bits([scores[name][channel] for name, channel in ranked], ["rank"], "score of the neuron"),
            "roles": (["role"], list(roles.values()), {"long_name": "neurons"}),
        },
        {
            "order": list(_ORDERS),
            "step": np.arange(len(random.removed)),
            "repeat": np.arange(len(random.accuracy)),
            "rank": np.arange(len(ranked)),
            "role": list(roles),
        },
    )


def _roles(curves: dict[str, AblationCurve], tolerance: float) -> dict[str, float]:
    removed, lowest, highest = (
        curves["ascending"].removed,
        curves["ascending"].accuracy[0],
        curves["descending"].accuracy[0],
    )
    if not lowest[0] > lowest[-1]:
        return dict.fromkeys(NeuronRoles._fields, float("nan"))
    found = neuron_roles(removed, lowest, highest, curves["random"].accuracy, tolerance)
    return {name: float("nan") if value is None else float(value) for name, value in found._asdict().items()}
