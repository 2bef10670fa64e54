"""The paper's networks: LeNets of several widths, trained on MNIST and measured while they are."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

import bitlens
from bitlens.data.images import Images

BATCH = 128
# Early in the first epoch most happens: shares of an epoch.
_EARLY = (0.02, 0.05, 0.1, 0.2, 0.5)
RATES = {"relu": 0.01, "sigmoid": 0.05}
"""The paper's 0.1 with momentum 0.95 lets ReLU networks collapse, and keeps sigmoid ones at chance."""


@dataclass(frozen=True)
class Topology:
    """Filters of the two convolutions, and the activation function."""

    first: int
    second: int
    activation: str

    def __str__(self) -> str:
        """As a part of a name."""
        return f"{self.first}-{self.second}-{self.activation}"


@dataclass(frozen=True)
class Training:
    """How networks are trained, and on how many images they are measured."""

    epochs: int = 10
    momentum: float = 0.95
    samples: int = 60000
    probe: int = 512

    def __str__(self) -> str:
        """As a part of a name."""
        return f"{self.epochs}x{self.samples}-momentum{self.momentum}-probe{self.probe}"

    @property
    def epoch(self) -> int:
        """Iterations of an epoch."""
        return self.samples // BATCH

    def iterations(self) -> list[int]:
        """Iterations at which a network is measured."""
        early = [round(share * self.epoch) for share in _EARLY]
        return sorted({0, *early, *(epoch * self.epoch for epoch in range(1, self.epochs + 1))})


class LeNet(nn.Module):
    """Two convolutions of 5 x 5, two poolings, two fully connected layers: six hidden layers."""

    def __init__(self, topology: Topology) -> None:
        super().__init__()
        activation: Callable[[], nn.Module] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[topology.activation]
        self.conv1, self.c1 = nn.Conv2d(1, topology.first, 5), activation()
        self.s2 = nn.MaxPool2d(2)
        self.conv3, self.c3 = nn.Conv2d(topology.first, topology.second, 5), activation()
        self.s4 = nn.MaxPool2d(2)
        self.linear5, self.f5 = nn.Linear(topology.second * 16, 120), activation()
        self.linear6, self.f6 = nn.Linear(120, 84), activation()
        self.output = nn.Linear(84, 10)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):  # sigmoid networks need it to leave chance
                nn.init.xavier_uniform_(layer.weight)
                nn.init.constant_(layer.get_parameter("bias"), 0)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images [n, 1, 28, 28]."""
        x = self.s4(self.c3(self.conv3(self.s2(self.c1(self.conv1(x))))))
        x = self.f6(self.linear6(self.f5(self.linear5(x.flatten(1)))))
        return self.output(x)  # type: ignore[no-any-return]


LAYERS = ("c1", "s2", "c3", "s4", "f5", "f6", "output")


def measured_run(
    images: Images,
    folder: Path,
    topology: Topology,
    seed: int,
    training: Training,
    measures: Sequence[Callable[[bitlens.Run], object]],
) -> bitlens.Run:
    """The run of one network: as it was left by an earlier call with the same settings, or trained and measured now.

    Its epochs are iterations. Activations are dropped once they are measured; a training cut off begins anew.
    """
    path = folder / f"{topology}-seed{seed}-{training}"
    if path.is_dir():
        return bitlens.open_run(path)
    unfinished = path.with_name(f"{path.name}.unfinished")
    if unfinished.is_dir():
        shutil.rmtree(unfinished)
    torch.manual_seed(seed)
    x = torch.from_numpy(images.train_images[: training.samples])[:, None]
    y = torch.from_numpy(images.train_labels[: training.samples])
    model = LeNet(topology)
    optimizer = torch.optim.SGD(model.parameters(), RATES[topology.activation], training.momentum)
    probe = x[: training.probe], y[: training.probe]
    never = training.iterations()[-1] + 1
    with bitlens.Recorder(
        model, unfinished, probe, LAYERS, gradients=True, every=never, measures=measures, show_size=False
    ) as recorder:
        iteration, losses, order = 0, [math.nan], torch.empty(0)
        for at in training.iterations():
            while iteration < at:
                first = iteration % training.epoch * BATCH
                if first == 0:
                    order = torch.randperm(len(x))
                rows = order[first : first + BATCH]
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses.append(float(loss.detach()))
                iteration += 1
            recorder.snapshot(at, loss=sum(losses) / len(losses), test_accuracy=_accuracy(model, images))
            losses = []
    unfinished.rename(path)
    return bitlens.open_run(path)


def _accuracy(model: nn.Module, images: Images) -> float:
    with torch.no_grad():
        predicted = model(torch.from_numpy(images.test_images)[:, None]).argmax(1)
    return float((predicted == torch.from_numpy(images.test_labels)).float().mean())
