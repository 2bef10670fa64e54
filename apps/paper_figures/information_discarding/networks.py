"""The networks that are compared: shallow, deep, residual, damaged, and an auto-encoder; all small."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from paper_figures.common.networks import sequence

BOTTLENECK = 8
"""Channels of the inserted block, as in the paper."""
_WIDTHS = (8, 16, 32)
CLASSES = 10


@dataclass(frozen=True)
class Kind:
    """Layers where strict information discarding (SID) is measured, and layers where RU is measured too."""

    layers: tuple[str, ...]
    rebuilt: tuple[str, ...]
    deepest: int = 0

    def depth(self, layer: str) -> float:
        """Return the depth, from 0 at the first layer to 1 at the last; an auto-encoder has the scale of the ResNet."""
        return self.layers.index(layer) / ((self.deepest or len(self.layers)) - 1)


_PLAIN = ("relu1", "relu2", "relu3", "relu4", "relu5", "relu6")
_LENET = ("relu1", "pool1", "relu2", "pool2", "relu3")
SHARES = (50, 90)
"""Percentages of the weights that are pruned."""
KINDS = {
    "lenet": Kind(_LENET, ("relu1", "relu2", "relu3")),
    "plain": Kind(_PLAIN, ("relu1", "relu3", "relu6")),
    "resnet": Kind(("stem", "block1", "block2", "block3", "pooled"), ("stem", "block2", "pooled")),
    "autoencoder": Kind(("stem", "block1", "block2", "block3"), ("block3",), deepest=5),
    "damaged": Kind(("stem", "block1", "inserted", "block3", "pooled"), ("inserted",)),
    "distilled": Kind(_LENET, ()),
    **{f"pruned-{share}": Kind(_PLAIN, ("relu6",)) for share in SHARES},
}
BLOCKS = ("block1", "block2", "block3")
"""Layers of the ResNet that are measured while it learns."""


def build(name: str, side: int) -> nn.Sequential:
    """Make an untrained network for images with `side` pixels a side; its modules have the names of the layers."""
    family = {"distilled": "lenet"}.get(name, name.split("-")[0].replace("pruned", "plain"))
    makers: dict[str, Callable[[], list[tuple[str, nn.Module]]]] = {
        "lenet": lambda: _lenet(side),
        "plain": lambda: _plain(side),
        "resnet": lambda: [*_encoder(nn.Identity()), *_head()],
        "damaged": lambda: [*_encoder(_inserted(_WIDTHS[1])), *_head()],
        "autoencoder": lambda: [*_encoder(nn.Identity()), ("decoder", _decoder())],
    }
    return sequence(makers[family]())


def _lenet(side: int) -> list[tuple[str, nn.Module]]:
    return [
        ("conv1", nn.Conv2d(1, 8, 5, padding=2)),
        ("relu1", nn.ReLU()),
        ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(8, 16, 5, padding=2)),
        ("relu2", nn.ReLU()),
        ("pool2", nn.MaxPool2d(2)),
        ("flat", nn.Flatten()),
        ("full3", nn.Linear(16 * (side // 4) ** 2, 64)),
        ("relu3", nn.ReLU()),
        ("output", nn.Linear(64, CLASSES)),
    ]


def _plain(side: int) -> list[tuple[str, nn.Module]]:
    """Six convolutions of 3 x 3 with a pooling after every second one, and no normalization, as in VGG-16."""
    layers: list[tuple[str, nn.Module]] = []
    before, number = 1, 1
    for width in _WIDTHS:
        for _ in range(2):
            layers.append((f"conv{number}", nn.Conv2d(before, width, 3, padding=1)))
            nn.init.kaiming_uniform_(layers[-1][1].get_parameter("weight"), nonlinearity="relu")
            layers.append((f"relu{number}", nn.ReLU()))
            before, number = width, number + 1
        layers.append((f"pool{number // 2}", nn.MaxPool2d(2)))
    return [*layers, ("flat", nn.Flatten()), ("output", nn.Linear(_WIDTHS[-1] * (side // 8) ** 2, CLASSES))]


def _encoder(inserted: nn.Module) -> list[tuple[str, nn.Module]]:
    a, b, c = _WIDTHS
    stem = nn.Sequential(nn.Conv2d(1, a, 3, padding=1, bias=False), nn.BatchNorm2d(a), nn.ReLU())
    return [
        ("stem", stem),
        ("block1", Residual(a, a, 1)),
        ("block2", Residual(a, b, 2)),
        ("inserted", inserted),
        ("block3", Residual(b, c, 2)),
    ]


def _head() -> list[tuple[str, nn.Module]]:
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return [("pooled", pooled), ("output", nn.Linear(_WIDTHS[-1], CLASSES))]


def _decoder() -> nn.Module:
    a, b, c = _WIDTHS
    return nn.Sequential(
        nn.ConvTranspose2d(c, b, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(b, a, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(a, 1, 3, padding=1),
    )


def _inserted(channels: int) -> nn.Module:
    """The paper's damage: two convolutions of 1 x 1 through few channels, and no skip connection."""
    narrow, wide = nn.Conv2d(channels, BOTTLENECK, 1), nn.Conv2d(BOTTLENECK, channels, 1)
    return nn.Sequential(narrow, nn.ReLU(), wide, nn.ReLU())


class Residual(nn.Module):
    """A basic residual block."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            nn.Conv2d(before, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        same = before == channels and stride == 1
        self.short: nn.Module = nn.Identity() if same else nn.Conv2d(before, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return features [n, channels, height / stride, width / stride]."""
        return torch.relu(self.short(x) + self.long(x))


def rescaled(model: nn.Sequential, factor: float = 4.0) -> nn.Sequential:
    """Return a plain network that computes the same with other weights: conv1, 3, 5 divided, conv2, 4, 6 multiplied."""
    other = deepcopy(model)
    with torch.no_grad():
        for first in (1, 3, 5):
            other.get_submodule(f"conv{first}").get_parameter("weight").div_(factor)
            other.get_submodule(f"conv{first}").get_parameter("bias").div_(factor)
            other.get_submodule(f"conv{first + 1}").get_parameter("weight").mul_(factor)
    return other.eval()
