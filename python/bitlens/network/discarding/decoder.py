"""Decoders: networks that reconstruct images from the features of a layer."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from bitlens.arrays import check_integer
from bitlens.network.batches import Forward
from bitlens.network.discarding.perturbation import check_images
from bitlens.network.hooks import device_of, features_at
from bitlens.progress import track

_BLOCKS = 6
_BATCH = 64


def train_decoder(
    model: nn.Module,
    images: Tensor,
    layer: str,
    *,
    epochs: int = 10,
    width: int = 16,
    seed: int = 0,
    forward: Forward | None = None,
) -> nn.Module:
    """Train a network that reconstructs images from the output of a layer.

    The decoder has six residual blocks. The first ones have transposed convolutions, which enlarge the feature maps to
    the size of the images (Ma et al. 2019, section 4). The loss is the squared error. For images without two axes of
    pixels, the decoder is fully connected.

    Parameters
    ----------
    model : torch.nn.Module
        Its mode, gradients and hooks are restored.
    images : Tensor of shape (n, ...)
        Training images; more images make a better decoder. Do not use the images that will be measured.
    layer : str
        Name of the module with the features.
    epochs : int
        Number of passes through the images.
    width : int
        Channels of the blocks. A fully connected decoder has ten times as many units in each layer.
    seed : int
        Seed of the initial weights and of the order of the images.
    forward : callable, optional
        A function of the model and the images that runs the model, as in `Recorder`. Default: the model is called.

    Returns
    -------
    torch.nn.Module
        The decoder in evaluation mode, on the model's device.

    Raises
    ------
    RunError
        If the model has no such module, or the module does not run.
    TypeError, ValueError
        If a parameter or the images are not valid.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    >>> decoder = bitlens.train_decoder(model, torch.rand(64, 1, 8, 8), "2", epochs=1)
    >>> decoder(model(torch.rand(5, 1, 8, 8))).shape
    torch.Size([5, 1, 8, 8])
    """
    epochs, width = check_integer(epochs, "epochs"), check_integer(width, "width")
    for name, value in (("epochs", epochs), ("width", width)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    images = check_images(model, images)
    with features_at(model, layer, forward) as features, torch.enable_grad():
        torch.manual_seed(check_integer(seed, "seed"))
        with torch.no_grad():
            shape = features(images[:1]).shape[1:]
        decoder = Decoder(shape, images.shape[1:], width).to(device_of(model), images.dtype)
        steps = epochs * math.ceil(len(images) / _BATCH)
        optimizer = torch.optim.Adam(decoder.parameters(), 1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
        batches: list[Tensor] = []
        for _ in track(range(steps), f"decoder of {layer}"):
            batches = batches or list(torch.split(torch.randperm(len(images)), _BATCH))
            batch = images[batches.pop().to(images.device)]
            with torch.no_grad():
                encoded = features(batch)
            optimizer.zero_grad()
            nn.functional.mse_loss(decoder(encoded), batch).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return decoder.eval()


class Decoder(nn.Module):
    """A network from features of one shape to images of another shape."""

    def __init__(self, features: torch.Size, images: torch.Size, width: int) -> None:
        super().__init__()
        self._images = images
        if len(images) != 3:
            sizes = [math.prod(features), 10 * width, 10 * width, math.prod(images)]
            layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
            self.blocks = nn.Sequential(nn.Flatten(), *layers[:-1])
            return
        height, columns = images[1:]
        if len(features) == 3:
            doublings = max(0, min(4, math.ceil(math.log2(max(height / features[1], columns / features[2])))))
            entry: nn.Module = nn.Conv2d(features[0], width, 1)
        else:
            doublings = min(3, math.ceil(math.log2(max(2, min(height, columns)))))
            side = (math.ceil(height / 2**doublings), math.ceil(columns / 2**doublings))
            entry = nn.Sequential(
                nn.Flatten(), nn.Linear(math.prod(features), width * math.prod(side)), nn.Unflatten(1, (width, *side))
            )
        blocks = [_Block(width, enlarge=i < doublings) for i in range(_BLOCKS)]
        fit = nn.Upsample((height, columns), mode="bilinear")
        self.blocks = nn.Sequential(entry, *blocks, fit, nn.Conv2d(width, images[0], 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        """Images [n, ...] from features."""
        return self.blocks(features).reshape(-1, *self._images)  # type: ignore[no-any-return]


class _Block(nn.Module):
    """A residual block. To enlarge the maps, both branches end in a transposed convolution."""

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
        """Maps of the same size, or of twice the height and width."""
        return torch.relu(self.short(x) + self.long(x))
