"""The network of the case studies, and how it is trained on sets of several sizes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from paper_figures.common.networks import sequence
from paper_figures.common.training import TrainingSettings

LAYERS = ("conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "fc1", "relu3", "output")
"""The layers that are recorded."""
LATER = LAYERS[1:6]
"""The layers that conv1 is compared with: those with maps."""
POOLED = ("relu1", "pool1")
"""The layers before and behind a max-pooling."""
PAIR = ("pool1", "conv2")
"""The pair of layers whose heat map is shown."""
DEPTHS = ("relu1", "relu2")
"""A low and a high layer with maps."""


@dataclass(frozen=True)
class Settings:
    """What is trained and measured."""

    epochs: int = 12
    sizes: tuple[int, ...] = (100, 500, 1000, 2000)
    """Training images of each class."""
    shown: int = 1000
    """Training images of each class of the network whose layers and channels are shown; one of the sizes."""
    probe: int = 500
    """Test images to measure on."""
    seeds: int = 3
    batch: int = 64
    rate: float = 0.001
    filters: tuple[int, int] = (8, 16)
    bins: int = 32
    projected: int = 20
    """Images whose activations are projected back onto the input."""
    low: float = 0.25
    """Share of the loss before training below which a training has converged."""

    def training(self) -> TrainingSettings:
        """How all networks are trained."""
        return TrainingSettings(self.epochs, self.batch, self.rate)

    def stages(self) -> list[int]:
        """Epochs of the heat maps: before, in the middle of and after the training."""
        return sorted({0, self.epochs // 3, self.epochs})


def build(filters: tuple[int, int]) -> nn.Sequential:
    """Make an untrained network for images of 28 x 28."""
    first, second = filters
    return sequence(
        [
            ("conv1", nn.Conv2d(1, first, 5)),
            ("relu1", nn.ReLU()),
            ("pool1", nn.MaxPool2d(2)),
            ("conv2", nn.Conv2d(first, second, 5)),
            ("relu2", nn.ReLU()),
            ("pool2", nn.MaxPool2d(2)),
            ("flat", nn.Flatten()),
            ("fc1", nn.Linear(16 * second, 64)),
            ("relu3", nn.ReLU()),
            ("output", nn.Linear(64, 10)),
        ]
    )
