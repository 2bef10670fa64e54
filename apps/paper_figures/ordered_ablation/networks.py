"""The networks: perceptrons of two hidden layers, trained on MNIST and kept in a folder for the next call."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bitlens.data.images import Images

BATCH = 128
RATE = 1e-3
LAYERS = ("layer1", "layer2")
L2, DROPOUT, NARROW = "100-100 L2", "100-100 dropout", "30-30 L2"


class Kind(NamedTuple):
    """Neurons of the hidden layers, and what keeps the network from learning its images by heart."""

    widths: tuple[int, int]
    decay: float = 0.0
    """Half the factor of the squared weights in the loss is this."""
    dropout: float = 0.0
    """How often a hidden neuron is left out in training."""

    def __str__(self) -> str:
        """As a part of a name."""
        return f"{self.widths[0]}-{self.widths[1]}-decay{self.decay:g}-dropout{self.dropout:g}"


KINDS = {
    L2: Kind((100, 100), decay=1e-4),
    DROPOUT: Kind((100, 100), dropout=0.5),
    NARROW: Kind((30, 30), decay=1e-4),
}


@dataclass(frozen=True)
class Sizes:
    """How much is trained and measured."""

    epochs: int = 20
    samples: int = 60000
    probe: int = 10000
    repeats: int = 10
    """Random orders."""

    def __str__(self) -> str:
        """As a part of a name."""
        return f"{self.epochs}x{self.samples}-probe{self.probe}-repeats{self.repeats}"


class Workshop:
    """Trains what is not in its folder yet, which is another one for other images, sizes or ways of training."""

    def __init__(self, images: Images, folder: Path, sizes: Sizes) -> None:
        self.train = _first(images.train_images, images.train_labels, sizes.samples)
        self.test = _first(images.test_images, images.test_labels, sizes.probe)
        self.sizes = Sizes(sizes.epochs, len(self.train[1]), len(self.test[1]), sizes.repeats)
        digest = hashlib.sha256(f"{BATCH} {RATE}".encode())
        for part in (*self.train, *self.test):
            digest.update(part.numpy().tobytes())
        self.folder = folder / f"ordered-ablation-{self.sizes}-{digest.hexdigest()[:8]}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str, seed: int) -> Path:
        """Of what is kept of a network, but for the ending."""
        return self.folder / f"{KINDS[name]}-seed{seed}"

    def network(self, name: str, seed: int) -> nn.Sequential:
        """A network in evaluation mode, as it was left by an earlier call or trained now."""
        path = self.path(name, seed)
        path = path.with_name(f"{path.name}.pt")
        torch.manual_seed(seed)
        model = build(KINDS[name], self.train[0].shape[1])
        if not path.is_file():
            self._fit(model, KINDS[name].decay)
            unfinished = path.with_suffix(".unfinished")
            torch.save(model.state_dict(), unfinished)
            unfinished.rename(path)
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()

    def _fit(self, model: nn.Sequential, decay: float) -> None:
        x, y = self.train
        optimizer = torch.optim.Adam(model.parameters(), RATE, weight_decay=decay)
        steps = self.sizes.epochs * math.ceil(len(x) / BATCH)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(self.sizes.epochs):
            for rows in torch.split(torch.randperm(len(x)), BATCH):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()


def build(kind: Kind, pixels: int) -> nn.Sequential:
    """An untrained network of flat images; its hidden layers are called as in `LAYERS`."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    before = pixels
    for layer, width in zip(LAYERS, kind.widths, strict=True):
        modules[f"{layer}-linear"] = nn.Linear(before, width)
        modules[layer] = nn.ReLU()
        if kind.dropout:
            modules[f"{layer}-dropout"] = nn.Dropout(kind.dropout)
        before = width
    modules["output"] = nn.Linear(before, 10)
    return nn.Sequential(modules)


def _first(images: object, labels: object, count: int) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(images)[:count].flatten(1), torch.as_tensor(labels)[:count]
