"""Deconvolution: projections of a channel's feature maps back onto the input."""

from __future__ import annotations

import warnings

from torch import Tensor, nn

from bitlens.arrays import check_integer, describe
from bitlens.network.axes import AxesError, axes_of_input, axes_of_output
from bitlens.network.batches import Forward
from bitlens.network.hooks import capture_outputs, check_modules, device_of
from bitlens.network.observed import observe
from bitlens.network.state import eval_mode, frozen, same_random_numbers, unwrapped
from bitlens.runs import RunError


def deconvolve(model: nn.Module, images: Tensor, layer: str, channel: int, *, forward: Forward | None = None) -> Tensor:
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
    forward : callable, optional
        A function of the model and the images that runs the model, as in `Recorder`. Default: the model is called.

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
    with same_random_numbers():
        from captum.attr import Deconvolution  # heavy, and only needed here

    model = unwrapped(model)
    if not isinstance(images, Tensor) or not images.is_floating_point():
        raise TypeError(f"images: expected a tensor of floats, got {describe(images)}")
    check_modules(model, [layer])
    index = check_integer(channel, "channel")
    with eval_mode(model), frozen(model), warnings.catch_warnings():
        # Captum warns about hooks that it removes itself.
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations", UserWarning)
        projection = _ChannelProjection(model, layer, index, _channel_axis(model, images, layer, forward), forward)
        inputs = images.detach().to(device_of(model)).clone().requires_grad_()
        attributed: Tensor = Deconvolution(projection).attribute(inputs)
        return attributed.detach()


def _channel_axis(model: nn.Module, images: Tensor, layer: str, forward: Forward | None) -> int:
    observed = observe(model, images, forward)
    if layer not in observed.calls:
        raise RunError(f"layer: {layer!r} has no output tensor in the forward pass; choose a module that runs")
    try:
        axes = axes_of_output(layer, observed.calls[layer], axes_of_input(observed, None).channel, None)
    except AxesError as error:
        raise RunError(f"layer: {layer!r} has no channels: {error}") from None
    if axes.sample != 0 or axes.folded > 1:
        raise RunError(f"layer: {layer!r} has its samples on axis {axes.sample}, mixed with positions; choose another")
    return axes.channel


class _ChannelProjection(nn.Module):
    """A model with one output per sample; its gradient at the layer is the feature map of the chosen channel."""

    def __init__(self, model: nn.Module, layer: str, channel: int, axis: int, forward: Forward | None) -> None:
        super().__init__()
        self.model = model
        self.layer = layer
        self.channel = channel
        self.axis = axis
        self.run_model = forward

    def forward(self, x: Tensor) -> Tensor:
        outputs: list[Tensor] = []

        def listener(_name: str, _module: nn.Module, output: Tensor) -> Tensor:
            outputs.append(output)
            return output.clone()  # so that an in-place activation does not change the captured output

        with capture_outputs(self.model, [self.layer], listener, self.run_model) as run:
            run(x)
        channels = outputs[0].shape[self.axis] if outputs[0].ndim > 1 else 1
        if not 0 <= self.channel < channels:
            raise ValueError(f"channel: expected 0 to {channels - 1} for layer {self.layer!r}, got {self.channel}")
        maps = outputs[0].select(self.axis, self.channel) if outputs[0].ndim > 1 else outputs[0]
        return (maps * maps.detach()).flatten(1).sum(1) if maps.ndim > 1 else maps * maps.detach()
