"""Deconvolution: projections of a channel's feature maps back onto the input."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from bitlens.arrays import check_integer, describe
from bitlens.network.hooks import capture_outputs, check_modules, device_of, eval_mode, frozen
from bitlens.runs import Run, RunError


def deconvolve(model: nn.Module, images: Tensor, layer: str, channel: int) -> Tensor:
    """Project the feature maps of one channel back onto the input.

    This is the deconvnet of Zeiler and Fergus (2013) as CNNSlicer uses it (Shen and Shen 2021, section 5.4.1). All
    other channels of the layer are set to zero. The maps then run backwards through unpooling with the switches of the
    forward pass, rectification, and the transposed filters. Captum's deconvolution rule does this. It rectifies at
    ``torch.nn.ReLU`` modules; at other activations the signal is multiplied by their derivative.

    Parameters
    ----------
    model : torch.nn.Module
        Its mode, gradients and hooks are restored.
    images : Tensor of shape (n, ...)
        Inputs of the model.
    layer : str
        Name of the module with the feature maps.
    channel : int
        Index of the channel.

    Returns
    -------
    Tensor, shaped like images
        The projections, with signs. They are zero where the channel does not depend on the input.

    Raises
    ------
    RunError
        If the model has no such module, or the module has no output tensor.
    TypeError, ValueError
        If the layer has no such channel, or the images are not a tensor of floats.

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
        # Captum warns about hooks that it removes itself.
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations", UserWarning)
        projection = _ChannelProjection(model, layer, index)
        inputs = images.detach().to(device_of(model)).clone().requires_grad_()
        attributed: Tensor = Deconvolution(projection).attribute(inputs)
        return attributed.detach()


def record_deconvolutions(
    run: Run, model: nn.Module, layer: str, epoch: int, samples: Sequence[int] | None = None
) -> xr.DataArray:
    """Deconvolve every channel of a layer for some samples of the probe, and save the projections in the run.

    The model must be in its state at this epoch: call the function after `Recorder.snapshot` of the epoch. Earlier
    projections of the same layer and epoch are replaced. ``run.results.load("deconvolution", {"layer": layer}, epoch)``
    reads them, and the explorer shows them.

    Parameters
    ----------
    run : Run
        A recorded run of the model.
    model : torch.nn.Module
        The network in its state at the epoch.
    layer : str
        Name of a recorded layer that is the output of a module.
    epoch : int
        Number of the epoch, 0 or more.
    samples : sequence of int, optional
        Indices of samples of the probe. Default: one of each class; without labels, the first ten.

    Returns
    -------
    xarray.DataArray
        Projections [channel, sample, ...]; the remaining axes are those of one input. See `deconvolve`.

    Raises
    ------
    RunError
        If a layer or sample does not exist, or the layer is not the output of a module.
    ValueError
        If the epoch is negative.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    >>> with bitlens.Recorder(model, "deconvolved", (torch.rand(6, 1, 8, 8), torch.arange(6) % 3)) as recorder:
    ...     recorder.snapshot(0)
    >>> bitlens.record_deconvolutions(bitlens.open_run("deconvolved"), model, "1", epoch=0).shape
    (2, 3, 1, 8, 8)
    """
    recorded = run.layer(layer)
    if not recorded.module:
        raise RunError(f"layer: expected the output of a module, got {recorded.name!r}; choose another layer")
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
        raise RunError(f"samples: expected indices from 0 to {run.manifest.samples - 1}, got {chosen}")
    images = torch.from_numpy(np.array(run.inputs[chosen]))
    projections = [deconvolve(model, images, recorded.module, channel) for channel in range(recorded.channels)]
    dims = ["channel", "sample", *(f"input_{i}" for i in range(images.ndim - 1))]
    result = xr.DataArray(
        torch.stack(projections).cpu().numpy(),
        {"channel": np.arange(recorded.channels), "sample": chosen},
        dims,
        "deconvolution",
        {"long_name": "projection onto the input", "layer": recorded.name, "epoch": epoch},
    )
    run.results.save("deconvolution", {"layer": recorded.name}, epoch, result.to_dataset())
    return result


class _ChannelProjection(nn.Module):
    """A model with one output per sample; its gradient at the layer is the feature map of the chosen channel."""

    def __init__(self, model: nn.Module, layer: str, channel: int) -> None:
        super().__init__()
        self.model = model
        self.layer = layer
        self.channel = channel

    def forward(self, x: Tensor) -> Tensor:
        outputs: list[Tensor] = []

        def listener(_name: str, _module: nn.Module, output: Tensor) -> Tensor:
            outputs.append(output)
            return output.clone()  # so that an in-place activation does not change the captured output

        with capture_outputs(self.model, [self.layer], listener):
            self.model(x)
        if not outputs:
            raise RunError(f"layer: {self.layer!r} has no output tensor in the forward pass; choose a module that runs")
        channels = outputs[0].shape[1]
        if not 0 <= self.channel < channels:
            raise ValueError(f"channel: expected 0 to {channels - 1} for layer {self.layer!r}, got {self.channel}")
        maps = outputs[0][:, self.channel]
        return (maps * maps.detach()).flatten(1).sum(1) if maps.ndim > 1 else maps * maps.detach()
