"""Decoders: networks that rebuild images from a layer's features."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from bitlens.arrays import check_integer
from bitlens.network.discarding.perturbation import check_images, features_at, steps_shown
from bitlens.network.hooks import device_of

_BLOCKS = 6
_BATCH = 64


def train_decoder(
    model: nn.Module, images: Tensor, layer: str, *, epochs: int = 10, width: int = 16, seed: int = 0
) -> nn.Module:
    """Train a network that rebuilds images from a layer's output.

    Six residual blocks, the first of them with transposed convolutions that bring the feature maps to the images' size
    (Ma et al. 2019, section 4), trained by the squared error. For images without two axes of pixels, fully connected.

    Parameters
    ----------
    model : torch.nn.Module
        Its mode, gradients and hooks are left as they were.
    images : Tensor of shape (n, ...)
        What it is trained on: as many as there are, but not those that are to be measured.
    layer : str
        Name of the module whose output is decoded.
    epochs : int
        How often all images are seen.
    width : int
        Channels of the blocks; a fully connected decoder has ten times as many units.
    seed : int
        Of the first weights and the order of the images.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, on the model's device.

    Raises
    ------
    RunError, TypeError, ValueError
        If the model has no such module, or a parameter does not fit.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    >>> decoder = bitlens.train_decoder(model, torch.rand(64, 1, 8, 8), "2", epochs=1)
    >>> decoder(model(torch.rand(5, 1, 8, 8))).shape
    torch.Size([5, 1, 8, 8])
    """
    for name, value in (("epochs", epochs), ("width", width)):
        if check_integer(value, name) < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    images = check_images(model, images)
    with features_at(model, layer) as features, torch.enable_grad():
        torch.manual_seed(check_integer(seed, "seed"))
        with torch.no_grad():
            shape = features(images[:1]).shape[1:]
        decoder = Decoder(shape, images.shape[1:], width).to(device_of(model), images.dtype)
        steps = epochs * math.ceil(len(images) / _BATCH)
        optimizer = torch.optim.Adam(decoder.parameters(), 1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
        parts: list[Tensor] = []
        for _ in steps_shown(steps, f"decoder of {layer}"):
            parts = parts or list(torch.split(torch.randperm(len(images)), _BATCH))
            some = images[parts.pop().to(images.device)]
            with torch.no_grad():
                reached = features(some)
            optimizer.zero_grad()
            nn.functional.mse_loss(decoder(reached), some).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return decoder.eval()


class Decoder(nn.Module):
    """From features of one shape to images of another."""

    def __init__(self, features: torch.Size, images: torch.Size, width: int) -> None:
        super().__init__()
        self._images = images
        if len(images) != 3:
            sizes = [math.prod(features), 10 * width, 10 * width, math.prod(images)]
            layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
            self.blocks = nn.Sequential(nn.Flatten(), *layers[:-1])
            return
        height, across = images[1:]
        if len(features) == 3:
            doublings = max(0, min(4, math.ceil(math.log2(max(height / features[1], across / features[2])))))
            entry: nn.Module = nn.Conv2d(features[0], width, 1)
        else:
            doublings = min(3, math.ceil(math.log2(max(2, min(height, across)))))
            side = (math.ceil(height / 2**doublings), math.ceil(across / 2**doublings))
            entry = nn.Sequential(
                nn.Flatten(), nn.Linear(math.prod(features), width * math.prod(side)), nn.Unflatten(1, (width, *side))
            )
        blocks = [_Block(width, enlarge=i < doublings) for i in range(_BLOCKS)]
        fit = nn.Upsample((height, across), mode="bilinear")
        self.blocks = nn.Sequential(entry, *blocks, fit, nn.Conv2d(width, images[0], 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        """Images."""
        return self.blocks(features).reshape(-1, *self._images)  # type: ignore[no-any-return]


class _Block(nn.Module):
    """A residual block; enlarging, both of its tracks end in a transposed convolution."""

    def __init__(self, width: int, enlarge: bool) -> None:
        super().__init__()
        last: nn.Module = nn.Conv2d(width, width, 3, padding=1)
        self.short: nn.Module = nn.Identity()
        if enlarge:
            last = nn.ConvTranspose2d(width, width, 4, stride=2, padding=1)
            self.short = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.long = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), last, nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same size, or twice as large."""
        return torch.relu(self.short(x) + self.long(x))
