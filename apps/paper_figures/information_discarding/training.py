"""Training: of classifiers and auto-encoders, by a teacher, and after pruning; kept in a folder for the next call."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from bitlens.data.images import Images
from paper_figures.information_discarding.networks import build
from paper_figures.information_discarding.scenes import Scenes, test_scenes, training_scenes

BATCH = 64
RATE = 4e-3
TEMPERATURE = 4.0
_TESTED = 1000

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Sizes:
    """How much is trained and measured."""

    epochs: int = 6
    samples: int = 10000
    probe: int = 4
    side: int = 16

    def __str__(self) -> str:
        """As a folder's name."""
        return f"{self.epochs}x{self.samples}-probe{self.probe}-side{self.side}"


@dataclass(frozen=True)
class Trained:
    """A network, its weights after every epoch from the start on, and how good it is on test images."""

    model: nn.Sequential
    states: list[dict[str, Tensor]]
    score: float


class Workshop:
    """Trains what is not in its folder yet."""

    def __init__(self, images: Images, folder: Path, sizes: Sizes) -> None:
        self.folder = folder / str(sizes)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sizes = sizes
        self.train: Scenes = training_scenes(images, sizes.samples, sizes.side)
        self.test: Scenes = test_scenes(images, _TESTED, sizes.side)
        self.decoders: dict[tuple[str, int, str], nn.Module] = {}
        """By network, seed and layer; what is measured by them is kept, so they are not."""

    def network(self, name: str, seed: int) -> Trained:
        """A network in evaluation mode, as it was left by an earlier call or trained now."""
        path = self.folder / f"{name}-{seed}.pt"
        model = build(name, self.sizes.side)
        if not path.is_file():
            unfinished = path.with_suffix(".unfinished")
            torch.save(self._trained(name, seed), unfinished)
            unfinished.rename(path)
        kept: dict[str, Any] = torch.load(path, weights_only=True)
        model.load_state_dict(kept["states"][-1])
        return Trained(model.eval(), kept["states"], kept["score"])

    def _trained(self, name: str, seed: int) -> dict[str, Any]:
        torch.manual_seed(seed)
        model = build(name, self.sizes.side)
        states = [_state(model)]
        loss: Loss = _classified
        epochs = self.sizes.epochs
        if name == "autoencoder":
            loss = _rebuilt
        elif name == "distilled":
            loss = _taught_by(self.network("resnet", seed).model)
        elif name.startswith("pruned"):
            model.load_state_dict(self.network("plain", seed).model.state_dict())
            states, epochs = [_state(model)], math.ceil(epochs / 2)
            _prune(model, int(name.split("-")[1]) / 100)
        optimizer = torch.optim.Adam(model.parameters(), RATE)
        steps = epochs * math.ceil(len(self.train.images) / BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for _ in range(epochs):
            self._epoch(model, loss, optimizer, schedule)
            states.append(_state(model))
        return {"states": states, "score": self._score(model, name)}

    def _epoch(
        self,
        model: nn.Module,
        loss: Loss,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        model.train()
        for rows in torch.split(torch.randperm(len(self.train.images)), BATCH):
            optimizer.zero_grad()
            x = self.train.images[rows]
            loss(model(x), x, self.train.labels[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()

    def _score(self, model: nn.Module, name: str) -> float:
        """Accuracy; of an auto-encoder, the share of the pixels' variance that it rebuilds."""
        with torch.no_grad():
            given = model.eval()(self.test.images)
        if name == "autoencoder":
            missed = (given - self.test.images).square().mean()
            return float(1 - missed / self.test.images.var(dim=0).mean())
        return float((given.argmax(1) == self.test.labels).float().mean())


def _classified(given: Tensor, _x: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(given, labels)


def _rebuilt(given: Tensor, x: Tensor, _labels: Tensor) -> Tensor:
    return nn.functional.mse_loss(given, x)


def _taught_by(teacher: nn.Module) -> Loss:
    def loss(given: Tensor, x: Tensor, _labels: Tensor) -> Tensor:
        with torch.no_grad():
            soft = (teacher(x) / TEMPERATURE).softmax(1)
        return TEMPERATURE**2 * nn.functional.cross_entropy(given / TEMPERATURE, soft)

    return loss


def _prune(model: nn.Module, share: float) -> None:
    """The smallest weights of each layer but the first stay zero while the rest is trained further."""
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for layer in layers[1:]:
        prune.l1_unstructured(layer, "weight", amount=share)  # type: ignore[no-untyped-call]


def _state(model: nn.Module) -> dict[str, Tensor]:
    """Weights under their usual names; pruned ones as what is left of them."""
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    for name in [name for name in state if name.endswith("_mask")]:
        stem = name.removesuffix("_mask")
        state[stem] = state.pop(f"{stem}_orig") * state.pop(name)
    return state
