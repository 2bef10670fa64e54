"""The training loop of all papers, and trained networks that are kept in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn

from paper_figures.common.cache import Cache, Key, fingerprint

State = dict[str, Tensor]
"""Weights and buffers of a network by name."""
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The loss of outputs, images and labels."""
AfterStep = Callable[[int, float], None]
"""Called with the number of steps so far and the loss of the last batch."""


@dataclass(frozen=True)
class Samples:
    """Images, float32, and their classes, int64, along the first axis."""

    images: Tensor
    labels: Tensor

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of images and labels, for keys of the cache."""
        return fingerprint(self.images, self.labels)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained; all of it belongs to the key of the trained network."""

    epochs: int
    batch: int
    rate: float
    """Learning rate; with the one-cycle schedule, the highest."""
    optimizer: Literal["adam", "sgd"] = "adam"
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    momentum: float = 0.0
    """For SGD only."""
    weight_decay: float = 0.0
    """For Adam only."""
    whole_batches: bool = False
    """Whether the last batch of an epoch is left out where it is smaller than the others."""

    def steps(self, samples: int) -> int:
        """Steps of an epoch."""
        return samples // self.batch if self.whole_batches else math.ceil(samples / self.batch)


def cross_entropy(outputs: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """The loss of classifiers, in nats."""
    return nn.functional.cross_entropy(outputs, labels)


def train(
    model: nn.Module,
    samples: Samples,
    settings: TrainingSettings,
    loss: Loss = cross_entropy,
    after_step: AfterStep | None = None,
) -> None:
    """Train a network in place, with batches that are drawn from PyTorch's global random numbers."""
    steps = settings.steps(len(samples))
    optimizer = _optimizer(model, settings)
    schedule = _schedule(optimizer, settings, settings.epochs * steps)
    done = 0
    for _ in range(settings.epochs):
        model.train()
        for rows in torch.split(torch.randperm(len(samples)), settings.batch)[:steps]:
            optimizer.zero_grad()
            batch = samples.images[rows]
            lost = loss(model(batch), batch, samples.labels[rows])
            lost.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if schedule is not None:
                schedule.step()
            done += 1
            if after_step is not None:
                after_step(done, float(lost.detach()))


def stored_states(cache: Cache, key: Key, fit: Callable[[], list[State]]) -> list[State]:
    """Return the weights that a training left, in the order of `fit`; train now if the cache does not hold them."""
    arrays = cache.arrays(
        key,
        lambda: {f"{at}/{name}": value.numpy() for at, state in enumerate(fit()) for name, value in state.items()},
    )
    states: dict[int, State] = {}
    for place, values in arrays.items():
        at, name = place.split("/", 1)
        states.setdefault(int(at), {})[name] = torch.from_numpy(values)
    return [states[at] for at in sorted(states)]


def correct(model: nn.Module, samples: Samples) -> Tensor:
    """Whether a network classifies each image correctly."""
    with torch.no_grad():
        outputs: Tensor = model(samples.images)
    return outputs.argmax(1) == samples.labels


def _optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    if settings.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), settings.rate, settings.momentum)
    return torch.optim.Adam(model.parameters(), settings.rate, weight_decay=settings.weight_decay)


def _schedule(
    optimizer: torch.optim.Optimizer, settings: TrainingSettings, total: int
) -> torch.optim.lr_scheduler.LRScheduler | None:
    if settings.schedule == "one-cycle":
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=total)
    if settings.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    return None
