"""How much of its input the layers of a recorded network discard, image by image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators import concentration
from bitlens.measures.base import Measure
from bitlens.measures.networks import (
    FORWARD,
    MODEL,
    check_forward,
    chosen_samples,
    network_at,
    probe_images,
    recorded_modules,
    require_one_input,
    run_on_images,
)
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Layer, Run
from bitlens.runs.writer import probe_hash

if TYPE_CHECKING:
    import xarray as xr
    from torch import Tensor, nn

    from bitlens.network import InformationDiscarding
    from bitlens.network.batches import Forward

_IMAGE = ("layer", "sample")


@dataclass(frozen=True)
class LayerDiscardingParameters(Parameters):
    """Parameters of `layer_discarding`."""

    layers: tuple[str, ...] | None = parameter(
        None, "Recorded layers that are the output of a module. Default: all of them."
    )
    samples: int | tuple[int, ...] = parameter(
        10, "Number of images, evenly spaced through the probe, or a list of them."
    )
    alpha: float = parameter(1.5, "Allowed change of the features, in units of delta_f^2.")
    tau: float = parameter(0.01, "Variance of the constant perturbation that defines delta_f^2.")
    cells: int | None = parameter(None, "Side of the grid of units that share one sigma. None: one sigma per unit.")
    sigma_max: float | None = parameter(None, "Upper limit of sigma. None: 10 times the square root of tau.")
    seed: int = parameter(0, "Seed of the noise.", minimum=0)
    masks: str | None = parameter(None, "SHA-256 of the masks.")
    training: str | None = parameter(None, "SHA-256 of the images that the decoders were trained with.")


class LayerDiscarding(Measure[LayerDiscardingParameters]):
    """How much of some images of the probe every layer discards, by epoch: SID, RU and concentration.

    The network is run again, so the epochs are those whose weights the recorder stored (``Recorder(..., weights=...)``)
    (Ma et al. 2019, sections 3 and 4). See `information_discarding` for the parameters.

    Returns
    -------
    xarray.Dataset
        By epoch, layer and sample, in bits: ``discarding`` [..., axes of the images], the SID of every unit, and where
        requested ``uncertainty`` of the same shape, and ``concentration``. To judge the SID: ``constraint``,
        ``spread``, ``shortfall``, ``limited`` and ``converged``, as in `InformationDiscarding`. To judge the RU:
        ``uncertainty_shortfall`` and ``uncertainty_converged``. There are no standard errors over images; the attribute
        ``no_error`` says why.

    Raises
    ------
    RunError
        If no weights were stored, they do not fit the model, or there is no such layer or sample.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> nn = torch.nn
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 3))
    >>> with bitlens.Recorder(model, "weighed", (torch.rand(6, 1, 8, 8), torch.arange(6) % 3), weights=[0]) as recorder:
    ...     recorder.snapshot(0)
    >>> result = bitlens.layer_discarding(bitlens.open_run("weighed"), model, samples=2)
    >>> result.discarding.dims, result.layer.values.tolist()
    (('epoch', 'layer', 'sample', 'input_0', 'input_1', 'input_2'), ['1', '2', 'output'])
    """

    name = "layer_discarding"
    title = "layer discarding"
    rank = 100
    version = 2
    Parameters = LayerDiscardingParameters
    requires = frozenset({"weights"})
    arguments: ClassVar = {
        "model": MODEL,
        "masks": "boolean array of shape (samples, height, width), optional: Where the object is in each image; the "
        "result then has the concentration.",
        "training": "Tensor, optional: Images that are not in the probe, to train a decoder of each layer with; the "
        "result then has RU.",
        "forward": FORWARD,
    }
    variables: ClassVar = (
        Variable("discarding", (*_IMAGE, "input_*"), "SID of each unit"),
        Variable("uncertainty", (*_IMAGE, "input_*"), "RU of each unit"),
        Variable("constraint", _IMAGE, "change of the features / delta_f^2", "1"),
        Variable("limited", _IMAGE, "share of units at a limit of sigma", "1"),
        Variable("converged", _IMAGE, "whether the search converged", "1"),
        Variable("spread", _IMAGE, "standard error of the mean SID of a unit"),
        Variable("shortfall", _IMAGE, "bound of how far the mean SID of a unit is below its maximum"),
        Variable("uncertainty_converged", _IMAGE, "whether the search for the RU converged", "1"),
        Variable("uncertainty_shortfall", _IMAGE, "bound of how far the mean RU of a unit is below its maximum"),
        Variable("concentration", _IMAGE, "SID outside of the object minus SID inside"),
    )

    def no_error(self, results: xr.Dataset) -> str:
        return (
            "No error over images is given for SID, RU and concentration, because every map is that of one image, and "
            "no interval of a mean over images was simulated. The spread and the shortfall tell how exact the search "
            "for a map is."
        )

    def check(self, run: Run, target: Target, parameters: LayerDiscardingParameters) -> None:
        super().check(run, target, parameters)
        require_one_input(run, self.name)

    def resolve(self, run: Run, target: Target, parameters: LayerDiscardingParameters) -> LayerDiscardingParameters:
        layers = tuple(layer.name for layer in recorded_modules(run, parameters.layers))
        return replace(parameters, layers=layers, samples=chosen_samples(run, parameters.samples))

    def __call__(  # type: ignore[override]  # this measure needs the network
        self,
        run: Run,
        model: nn.Module,
        layers: Sequence[str] | None = None,
        samples: Sequence[int] | int = 10,
        *,
        masks: NDArray | None = None,
        training: Tensor | None = None,
        forward: Forward | None = None,
        epochs: Sequence[int] | None = None,
        **settings: Any,
    ) -> xr.Dataset:
        hashes = {
            "masks": None if masks is None else probe_hash({"masks": masks}),
            "training": None if training is None else probe_hash({"training": training.cpu().numpy()}),
        }
        check_forward(run, forward)
        target, parameters = self.arguments_of(run, layers=layers, samples=samples, **hashes, **settings)
        images = probe_images(run, parameters.samples)  # type: ignore[arg-type]  # resolved
        if masks is not None:
            concentration(np.zeros(images.shape), masks)  # refuses masks of another shape before anything is computed
        modules = recorded_modules(run, parameters.layers)

        def compute(epoch: int) -> Result:
            with network_at(run, model, epoch, forward) as network:
                measured = _measured(network, images, modules, training, parameters, run_on_images(run, forward))
            return _result(measured, parameters, masks)

        return self._over_epochs(run, target, parameters, epochs, compute)


layer_discarding = LayerDiscarding()


def _measured(
    network: nn.Module,
    images: Tensor,
    layers: Sequence[Layer],
    training: Tensor | None,
    parameters: LayerDiscardingParameters,
    forward: Forward | None,
) -> dict[str, list[InformationDiscarding]]:
    """SID of every layer, and RU where there are images to train decoders with."""
    from bitlens.network import information_discarding, reconstruction_uncertainty, train_decoder

    p = parameters

    def search(measure: Callable[..., InformationDiscarding], *given: Any) -> InformationDiscarding:
        limits: dict[str, Any] = {"cells": p.cells, "sigma_max": p.sigma_max}
        return measure(network, images, *given, p.alpha, p.tau, **limits, seed=p.seed, forward=forward)

    measured = {"discarding": [search(information_discarding, layer.module) for layer in layers]}
    if training is not None:
        names = [layer.module for layer in layers]
        decoders = [(n, train_decoder(network, training, n, seed=p.seed, forward=forward)) for n in names]
        measured["uncertainty"] = [search(reconstruction_uncertainty, *decoder) for decoder in decoders]
    return measured


def _result(
    measured: dict[str, list[InformationDiscarding]], parameters: LayerDiscardingParameters, masks: NDArray | None
) -> Result:
    strict = measured["discarding"]
    entropies = {name: np.stack([d.entropies.cpu().numpy() for d in of]) for name, of in measured.items()}
    values: dict[str, Any] = dict(entropies)
    for name in ("constraint", "limited", "converged", "spread", "shortfall"):
        values[name] = _by_layer(strict, name)
    if "uncertainty" in measured:
        for name in ("converged", "shortfall"):
            values[f"uncertainty_{name}"] = _by_layer(measured["uncertainty"], name)
    if masks is not None:
        values["concentration"] = np.array([concentration(of_layer, masks) for of_layer in entropies["discarding"]])
    return Result(values, {"layer": list(parameters.layers or ()), "sample": parameters.samples})


def _by_layer(results: Sequence[InformationDiscarding], name: str) -> NDArray:
    """A field of the results of all layers, [layer, sample]."""
    return np.stack([getattr(layer, name).double().cpu().numpy() for layer in results])
