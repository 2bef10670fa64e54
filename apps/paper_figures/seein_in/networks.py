"""The siamese network of two output dimensions, with and without its only ReLU, kept in the cache."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from paper_figures.common.cache import Cache, Key
from paper_figures.common.networks import sequence, weights_of
from paper_figures.common.training import Loss, Samples, State, TrainingSettings, stored_states, train

VERSION = 1
"""To be raised when the code of this paper trains or measures other numbers."""
LAYERS = ("conv1", "pool1", "conv2", "pool2", "ip1", "ip2", "feat")
"""The seven layers of the paper; ip1 is recorded behind its ReLU."""
VARIANTS = {"with ReLU": True, "without ReLU": False}


@dataclass(frozen=True)
class Settings:
    """What is trained and measured."""

    epochs: int = 8
    samples: int = 6000
    """Training images."""
    probe: int = 1000
    """Test images to measure on."""
    seeds: int = 3
    batch: int = 64
    rate: float = 0.001
    filters: tuple[int, int] = (10, 20)
    hidden: tuple[int, int] = (100, 10)
    margin: float = 1.0
    """Distance beyond which two images of different classes cost nothing."""

    def training(self) -> TrainingSettings:
        """How all networks are trained."""
        return TrainingSettings(self.epochs, self.batch, self.rate, whole_batches=True)


def build(settings: Settings, *, rectified: bool) -> nn.Sequential:
    """Make an untrained network for images of 28 x 28; as in the paper, convolutions have no activation function."""
    first, second = settings.filters
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(1, first, 5)),
        ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(first, second, 5)),
        ("pool2", nn.MaxPool2d(2)),
        ("flat", nn.Flatten()),
        ("linear1", nn.Linear(16 * second, settings.hidden[0])),
        ("ip1", nn.ReLU() if rectified else nn.Identity()),
        ("ip2", nn.Linear(*settings.hidden)),
        ("feat", nn.Linear(settings.hidden[1], 2)),
    ]
    return sequence(layers)


def network(cache: Cache, training: Samples, settings: Settings, variant: str, seed: int) -> nn.Sequential:
    """Return a network in evaluation mode, as the cache holds it, or train it now."""
    torch.manual_seed(seed)
    model = build(settings, rectified=VARIANTS[variant])

    def fit() -> list[State]:
        train(model, training, settings.training(), contrastive(settings.margin))
        return [weights_of(model)]

    model.load_state_dict(stored_states(cache, weights_key(training, settings, variant, seed), fit)[-1])
    return model.eval()


def weights_key(training: Samples, settings: Settings, variant: str, seed: int) -> Key:
    """Return everything that determines the weights of a network."""
    return Key.of(
        "Seein' In: weights of a network",
        VERSION,
        variant=variant,
        training=settings.training(),
        sizes=[*settings.filters, *settings.hidden],
        margin=settings.margin,
        seed=seed,
        images=training.fingerprint,
    )


def contrastive(margin: float) -> Loss:
    """The loss of all pairs of a batch: equal classes close together, others at least the margin apart."""

    def loss(outputs: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        squares = (outputs[:, None] - outputs[None]).square().sum(2)
        same = labels[:, None] == labels[None]
        others = (margin - (squares + 1e-12).sqrt()).clamp(min=0).square()
        pairs = ~torch.eye(len(labels), dtype=torch.bool)
        return torch.where(same & pairs, squares, torch.where(pairs, others, 0.0)).sum() / pairs.sum()

    return loss
