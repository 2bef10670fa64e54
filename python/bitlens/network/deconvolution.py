"""Deconvolution: what of an input a channel's feature map still shows."""

from __future__ import annotations

import warnings

from torch import Tensor, nn

from bitlens.arrays import check_integer, describe
from bitlens.network.hooks import capture_outputs, check_modules, device_of, eval_mode, frozen
from bitlens.runs import RunError


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

        with capture_outputs(self.model, [self.layer], listener):
            self.model(x)
        if not outputs:
            raise RunError(f"layer: module {self.layer!r} gave no tensor in the forward pass")
        channels = outputs[0].shape[1]
        if not 0 <= self.channel < channels:
            raise ValueError(f"channel: expected 0 to {channels - 1} for layer {self.layer!r}, got {self.channel}")
        maps = outputs[0][:, self.channel]
        return (maps * maps.detach()).flatten(1).sum(1) if maps.ndim > 1 else maps * maps.detach()
