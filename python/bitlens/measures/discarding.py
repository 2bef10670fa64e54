"""What the layers of a recorded network discard of its input, image by image."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bitlens.arrays import NDArray, check_integer, describe
from bitlens.estimators import concentration
from bitlens.measures.epochs import bits, over_epochs
from bitlens.runs import Layer, Run, RunError
from bitlens.runs.writer import probe_hash

# Other measures read a run where there is no PyTorch, so it is imported where a network has to be run.
if TYPE_CHECKING:
    from torch import Tensor, nn

    from bitlens.network import InformationDiscarding


def layer_discarding(
    run: Run,
    model: nn.Module,
    layers: Sequence[str] | None = None,
    samples: Sequence[int] | int = 10,
    *,
    masks: NDArray | None = None,
    training: Tensor | None = None,
    alpha: float = 1.5,
    tau: float = 0.01,
    grid: int | None = None,
    largest: float | None = None,
    seed: int = 0,
    epochs: Sequence[int] | None = None,
) -> xr.Dataset:
    """What every layer discards of some images of the probe, by epoch: SID, RU and concentration.

    For the epochs whose weights the recorder kept (``Recorder(..., weights=...)``), as a network has to be run again
    (Ma et al. 2019, sections 3 and 4).

    Parameters
    ----------
    run : Run
        A recorded run.
    model : torch.nn.Module
        The network that was recorded; its own weights do not matter and are left as they are.
    layers : sequence of str, optional
        Recorded layers that a module gave. Default: all of them.
    samples : int or sequence of int
        How many images, evenly spaced through the probe, or which.
    masks : boolean array of shape (samples, height, width), optional
        Where the object is in each of these images; then there is concentration as well.
    training : Tensor, optional
        Images, others than the probe's, to train a decoder of each layer with; then there is RU as well.
    alpha, tau, grid, largest, seed
        As in `information_discarding`.
    epochs : sequence of int, optional
        Default: all whose weights were kept.

    Returns
    -------
    xarray.Dataset
        By epoch, layer and sample, in bits: ``discarding`` [..., the images' own axes], the SID of every unit, and where
        asked for ``uncertainty`` like it and ``concentration``. What they are to be judged by: ``constraint``,
        ``spread``, ``limited`` and ``converged``, as in `InformationDiscarding`.

    Raises
    ------
    RunError
        If no weights were kept, they do not fit the model, or there is no such layer or sample.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 20), torch.nn.ReLU(), torch.nn.Linear(20, 3))
    >>> with bitlens.Recorder(model, "weighed", (torch.rand(6, 1, 8, 8), torch.arange(6) % 3), weights=[0]) as recorder:
    ...     recorder.snapshot(0)
    >>> found = bitlens.layer_discarding(bitlens.open_run("weighed"), model, samples=2)
    >>> found.discarding.dims, found.layer.values.tolist()
    (('epoch', 'layer', 'sample', 'input_0', 'input_1', 'input_2'), ['1', '2', 'output'])
    """
    import torch

    from bitlens.network import information_discarding, reconstruction_uncertainty, train_decoder

    found_layers = recorded_modules(run, layers)
    chosen = (
        run.evenly_spaced_samples(samples)
        if isinstance(samples, int)
        else [check_integer(sample, "samples") for sample in samples]
    )
    if not chosen or not all(0 <= sample < run.manifest.samples for sample in chosen):
        raise RunError(f"samples: expected some of 0 to {run.manifest.samples - 1}, got {chosen}")
    images = torch.from_numpy(np.array(run.inputs[chosen]))
    if masks is not None:
        concentration(np.zeros(images.shape), masks)  # refuses masks that do not fit before anything is computed
    weighed = run.weight_epochs
    if not weighed:
        raise RunError(f"epochs: no weights were kept in {run.path}; record with weights=[...]")
    parameters: dict[str, Any] = {
        "layers": [one.name for one in found_layers], "samples": chosen, "alpha": float(alpha), "tau": float(tau), "grid": grid, "largest": largest,
        "seed": check_integer(seed, "seed"),
        "masks": None if masks is None else probe_hash({"masks": masks}),
        "training": None if training is None else probe_hash({"training": training.cpu().numpy()}),
    }  # fmt: skip
    kept = run.results.epochs("layer_discarding", parameters)

    def compute(epoch: int) -> xr.Dataset:
        network = network_at(run, model, epoch)

        def measured(measure: Callable[..., InformationDiscarding], *given: Any) -> InformationDiscarding:
            return measure(network, images, *given, alpha, tau, cells=grid, sigma_max=largest, seed=seed)

        parts = {"discarding": [measured(information_discarding, one.module) for one in found_layers]}
        if training is not None:
            decoders = [(one.module, train_decoder(network, training, one.module, seed=seed)) for one in found_layers]
            parts["uncertainty"] = [measured(reconstruction_uncertainty, *decoder) for decoder in decoders]
        return _dataset(parts, parameters["layers"], chosen, masks)

    wanted = sorted({*weighed, *kept}) if epochs is None else epochs
    return over_epochs(run, "layer_discarding", parameters, compute, wanted, weighed)


def recorded_modules(run: Run, names: Sequence[str] | None) -> list[Layer]:
    """Those that are asked for, if the network can be run up to them."""
    named = [layer for layer in run.layers if layer.module] if names is None else [run.layer(name) for name in names]
    found = list({layer.name: layer for layer in named}.values())
    for layer in found:
        if not layer.module:
            raise RunError(
                f"layers: {layer.name} was not recorded as the output of a module, so nothing can be run to it"
            )
    if not found:
        raise RunError("layers: none was recorded as the output of a module, so there is nothing to run")
    return found


def network_at(run: Run, model: nn.Module, epoch: int) -> nn.Module:
    """A copy of the model as it was at an epoch."""
    import torch

    from bitlens.network.hooks import device_of

    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {describe(model)}")
    network = copy.deepcopy(model)
    weights = {name: torch.from_numpy(array).to(device_of(model)) for name, array in run.weights(epoch).items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"model: the weights of {run.path} at epoch {epoch} do not fit it: {error}") from None
    return network


def _dataset(
    parts: dict[str, list[InformationDiscarding]], names: list[str], chosen: list[int], masks: NDArray | None
) -> xr.Dataset:
    both = ["layer", "sample"]
    data: dict[str, Any] = {}
    for name, of_layers in parts.items():
        entropies = np.stack([one.entropies.cpu().numpy() for one in of_layers])
        axes = [f"input_{i}" for i in range(entropies.ndim - 2)]
        data[name] = bits(entropies, [*both, *axes], {"discarding": "SID", "uncertainty": "RU"}[name] + " of each unit")
    strict = parts["discarding"]
    judged = {"constraint": "change of the features / delta_f^2", "limited": "share of units at the limit of sigma"}
    for name, words in (judged | {"converged": "whether the search came to rest"}).items():
        values = np.stack([getattr(one, name).double().cpu().numpy() for one in strict])
        data[name] = (both, values, {"long_name": words, "units": "1"})
    spread = np.stack([one.spread.cpu().numpy() for one in strict])
    data["spread"] = bits(spread, both, "standard error of the mean SID of a unit")
    if masks is not None:
        by_layer = [concentration(one.entropies.cpu().numpy(), masks) for one in strict]
        data["concentration"] = bits(np.array(by_layer), both, "SID outside of the object less that inside")
    return xr.Dataset(data, {"layer": names, "sample": chosen})
