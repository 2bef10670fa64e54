"""The paper's networks: LeNets of several widths with ReLU or sigmoid, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from paper_figures.common.networks import sequence
from paper_figures.common.training import TrainingSettings

LAYERS = ("c1", "s2", "c3", "s4", "f5", "f6", "output")
"""The layers that are measured."""


@dataclass(frozen=True)
class Topology:
    """Filters of the two convolutions, and the activation function."""

    first: int
    second: int
    activation: str


@dataclass(frozen=True)
class Settings:
    """What is trained and measured; pairs are the filters of the first and the second convolution."""

    epochs: int = 10
    samples: int = 60000
    """Training images."""
    probe: int = 512
    """Training images that networks are measured on."""
    seeds: int = 3
    batch: int = 128
    momentum: float = 0.95
    rate_relu: float = 0.01
    """With the paper's 0.1 and momentum 0.95, networks with ReLU collapse, and those with sigmoid stay at chance."""
    rate_sigmoid: float = 0.05
    early: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.5)
    """Shares of the first epoch, in which most changes happen, after which networks are measured too."""
    shuffles: int = 20
    """Permutations of each mini-batch for the null of a layer."""
    usual: tuple[int, int] = (6, 12)
    """The paper's filters, while the other convolution varies."""
    first_widths: tuple[int, ...] = (2, 6, 12, 32)
    second_widths: tuple[int, ...] = (2, 6, 12, 32)
    inequalities: tuple[tuple[int, int], ...] = ((2, 2), (6, 12))
    """Networks of Fig. 1."""
    planes: tuple[tuple[int, int], ...] = ((2, 2), (6, 12), (6, 32))
    """Networks of Fig. 4."""
    version: int = 2
    """Version of the measurements: of this code and of the library's estimators."""

    @property
    def chained(self) -> list[Topology]:
        """Networks whose data-processing inequalities are drawn."""
        return [Topology(*filters, "relu") for filters in self.inequalities]

    @property
    def decomposed(self) -> list[Topology]:
        """Networks whose layers are decomposed into their channels."""
        varied = [(width, self.usual[1]) for width in self.first_widths]
        varied += [(self.usual[0], width) for width in self.second_widths]
        return [Topology(*filters, "relu") for filters in dict.fromkeys(varied)]

    @property
    def planar(self) -> list[Topology]:
        """Networks whose information planes are drawn."""
        return [Topology(*filters, activation) for activation in ("sigmoid", "relu") for filters in self.planes]

    @property
    def topologies(self) -> list[Topology]:
        """All networks."""
        return list(dict.fromkeys([*self.chained, *self.decomposed, *self.planar]))

    def training(self, activation: str) -> TrainingSettings:
        """How networks with an activation function are trained."""
        rate = {"relu": self.rate_relu, "sigmoid": self.rate_sigmoid}[activation]
        return TrainingSettings(
            self.epochs, self.batch, rate, optimizer="sgd", momentum=self.momentum, whole_batches=True
        )

    def measured_at(self, epoch: int) -> list[int]:
        """Iterations at which a network is measured, where an epoch has `epoch` of them."""
        early = [round(share * epoch) for share in self.early]
        return sorted({0, *early, *(number * epoch for number in range(1, self.epochs + 1))})


def build(topology: Topology) -> nn.Sequential:
    """Make an untrained LeNet for images of 28 x 28, with two convolutions of 5 x 5."""
    activation: type[nn.Module] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[topology.activation]
    model = sequence(
        [
            ("conv1", nn.Conv2d(1, topology.first, 5)),
            ("c1", activation()),
            ("s2", nn.MaxPool2d(2)),
            ("conv3", nn.Conv2d(topology.first, topology.second, 5)),
            ("c3", activation()),
            ("s4", nn.MaxPool2d(2)),
            ("flat", nn.Flatten()),
            ("linear5", nn.Linear(topology.second * 16, 120)),
            ("f5", activation()),
            ("linear6", nn.Linear(120, 84)),
            ("f6", activation()),
            ("output", nn.Linear(84, 10)),
        ]
    )
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):  # networks with sigmoid need it to leave chance
            nn.init.xavier_uniform_(layer.weight)
            nn.init.constant_(layer.get_parameter("bias"), 0)
    return model
