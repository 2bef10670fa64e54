"""Deconvolution: what of an input a channel's feature map still shows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from bitlens.arrays import check_integer, describe
from bitlens.network.tracing import check_modules, device_of, eval_mode, frozen, listening
from bitlens.runs import ResultKey, Run, RunError, StoredArray, StoredResult


def deconvolve(model: nn.Module, images: Tensor, layer: str, channel: int) -> Tensor:
    """Push one channel's feature maps back to the input.

    The deconvnet of Zeiler and Fergus (2013) as CNNSlicer uses it (Shen and Shen 2021, section 5.4.1): all channels of
    the layer but one are set to zero, and the maps run backwards through unpooling with the switches of the forward
    pass, rectification, and the transposed filters. By Captum's deconvolution rule, which rectifies at ``torch.nn.ReLU``
    modules; other activations pass the signal on through their derivative.

    Parameters
    ----------
    model : torch.nn.Module
        Its mode, its gradients and its hooks are left as they were.
    images : Tensor of shape (n, ...)
        Inputs of the model.
    layer : str
        Name of the module whose output is pushed back.
    channel : int
        Which of its channels.

    Returns
    -------
    Tensor, shaped like images
        The projections, signed; zero where nothing of the input remains.

    Raises
    ------
    RunError, TypeError, ValueError
        If the model has no such module or channel.

    Examples
    --------
    >>> import torch
    >>> from bitlens.network import deconvolve
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    >>> deconvolve(model, torch.rand(4, 1, 8, 8), "2", channel=0).shape
    torch.Size([4, 1, 8, 8])
    """
    from captum.attr import Deconvolution  # heavy, and only needed here

    if not isinstance(images, Tensor) or not images.is_floating_point():
        raise TypeError(f"images: expected a tensor of floats, got {describe(images)}")
    check_modules(model, [layer])
    index = check_integer(channel, "channel")
    with eval_mode(model), frozen(model), warnings.catch_warnings():
        # Captum announces the hooks that it takes off again.
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations", UserWarning)
        projection = _ChannelProjection(model, layer, index)
        inputs = images.detach().to(device_of(model)).clone().requires_grad_()
        attributed: Tensor = Deconvolution(projection).attribute(inputs)
        return attributed.detach()


def record_deconvolutions(
    run: Run, model: nn.Module, layer: str, epoch: int, samples: Sequence[int] | None = None
) -> xr.DataArray:
    """Deconvolve every channel of a layer for some samples of the probe, and keep the projections in the run.

    The network is needed as it was at the epoch: call it after `Recorder.snapshot` of that epoch. What was kept of the layer
    and epoch before is replaced. ``run.results.load(ResultKey("deconvolution", 1,
    {"layer": layer}), [epoch])`` reads them again, and the explorer shows them.

    Parameters
    ----------
    run : Run
        A recorded run of the model.
    model : torch.nn.Module
        The network as it is at the epoch.
    layer : str
        Name of a recorded layer that a module of the model gave.
    epoch : int
        Which epoch that is.
    samples : sequence of int, optional
        Numbers of samples of the probe. Default: one of each class; without labels, the first ten.

    Returns
    -------
    xarray.DataArray
        [channel, sample, ...], the last as one input; see `deconvolve`.

    Raises
    ------
    RunError, ValueError
        If there is no such layer or sample, the layer is no module's, or the epoch is negative.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(72, 3))
    >>> with bitlens.Recorder(model, "deconvolved", (torch.rand(6, 1, 8, 8), torch.arange(6) % 3)) as recorder:
    ...     recorder.snapshot(0)
    >>> bitlens.record_deconvolutions(bitlens.open_run("deconvolved"), model, "1", epoch=0).shape
    (2, 3, 1, 8, 8)
    """
    found = run.layer(layer)
    if not found.module:
        raise RunError(f"layer: {found.name} is given by no module, so there is nothing to push back from")
    if check_integer(epoch, "epoch") < 0:
        raise ValueError(f"epoch: expected 0 or more, got {epoch}")
    if samples is None and run.labels is not None:
        samples = sorted({run.evenly_spaced_samples(1, label)[0] for label in np.unique(run.labels).tolist()})
    chosen = (
        list(range(min(10, run.manifest.samples)))
        if samples is None
        else [check_integer(s, "samples") for s in samples]
    )
    if not chosen or not all(0 <= sample < run.manifest.samples for sample in chosen):
        raise RunError(f"samples: expected some of 0 to {run.manifest.samples - 1}, got {chosen}")
    images = torch.from_numpy(np.array(run.inputs[chosen]))
    found_maps = torch.stack([deconvolve(model, images, found.module, channel) for channel in range(found.channels)])
    dims = ["channel", "sample", *(f"input_{i}" for i in range(images.ndim - 1))]
    result = xr.DataArray(
        found_maps.cpu().numpy(),
        {"channel": np.arange(found.channels), "sample": chosen},
        dims,
        "deconvolution",
        {"long_name": "projection onto the input", "layer": found.name, "epoch": epoch},
    )
    source = run.source("epoch", epoch) or run.source("probe", epoch)
    if source is None:
        raise RunError(f"{run.path} has neither activations of epoch {epoch} nor its probe")
    projections = StoredArray(tuple(dims), result.values, {"long_name": "projection onto the input"})
    coordinates = {name: StoredArray((name,), result[name].values, {}) for name in ("channel", "sample")}
    key = ResultKey("deconvolution", 1, {"layer": found.name})
    run.results.save(key, epoch, StoredResult({"deconvolution": projections}, coordinates), source)
    return result


class _ChannelProjection(nn.Module):
    """A model that ends in one number a sample, whose gradient at the layer is the chosen channel's own map."""

    def __init__(self, model: nn.Module, layer: str, channel: int) -> None:
        super().__init__()
        self.model = model
        self.layer = layer
        self.channel = channel

    def forward(self, x: Tensor) -> Tensor:
        outputs: list[Tensor] = []

        def listener(_name: str, _module: nn.Module, output: Tensor) -> Tensor:
            outputs.append(output)
            return output.clone()  # an in-place activation must not change what was heard

        with listening(self.model, [self.layer], listener):
            self.model(x)
        if not outputs:
            raise RunError(f"layer: module {self.layer!r} gave no tensor in the forward pass")
        channels = outputs[0].shape[1]
        if not 0 <= self.channel < channels:
            raise ValueError(f"channel: expected 0 to {channels - 1} for layer {self.layer!r}, got {self.channel}")
        maps = outputs[0][:, self.channel]
        return (maps * maps.detach()).flatten(1).sum(1) if maps.ndim > 1 else maps * maps.detach()
