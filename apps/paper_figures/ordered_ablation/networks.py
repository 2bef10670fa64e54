"""The paper's networks: perceptrons with two hidden layers, trained on MNIST and kept in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bitlens.data.images import Images
from paper_figures.common.cache import Cache, Key
from paper_figures.common.networks import sequence, weights_of
from paper_figures.common.training import Samples, TrainingSettings, stored_states, train

VERSION = 1
"""To be raised when the code of this paper trains or measures other numbers."""
LAYERS = ("layer1", "layer2")
L2, DROPOUT, NARROW = "100-100 L2", "100-100 dropout", "30-30 L2"


@dataclass(frozen=True)
class Kind:
    """Neurons of the hidden layers, and what keeps the network from memorizing its images."""

    widths: tuple[int, int]
    decay: float = 0.0
    """Twice the factor of the squared weights in the loss."""
    dropout: float = 0.0
    """Probability that a hidden neuron is left out in training."""


KINDS = {
    L2: Kind((100, 100), decay=1e-4),
    DROPOUT: Kind((100, 100), dropout=0.5),
    NARROW: Kind((30, 30), decay=1e-4),
}


@dataclass(frozen=True)
class Settings:
    """What is trained and measured."""

    epochs: int = 20
    samples: int = 60000
    """Training images."""
    probe: int = 10000
    """Test images that networks are measured on."""
    repeats: int = 10
    """Random orders."""
    seeds: int = 3
    batch: int = 128
    rate: float = 1e-3
    bins: int = 30
    """Bins of a neuron's values, for the bounds."""
    delta: float = 0.05
    """Probability that a bound does not hold."""

    def training(self, kind: Kind) -> TrainingSettings:
        """How networks of a kind are trained."""
        return TrainingSettings(self.epochs, self.batch, self.rate, schedule="cosine", weight_decay=kind.decay)


class Study:
    """The images of the paper's experiments, and the networks trained on them.

    Parameters
    ----------
    images : Images
        MNIST.
    cache : Cache
        Where trained networks and measurements are kept.
    settings : Settings
        What is trained and measured.
    kinds : mapping of str to Kind, optional
        The networks.
    """

    def __init__(self, images: Images, cache: Cache, settings: Settings, kinds: Mapping[str, Kind] = KINDS) -> None:
        self.cache = cache
        self.settings = settings
        self.kinds = kinds
        self.train = _first(images.train_images, images.train_labels, settings.samples)
        self.test = _first(images.test_images, images.test_labels, settings.probe)

    def key(self, name: str, seed: int) -> Key:
        """Return everything that determines the weights of a network."""
        kind = self.kinds[name]
        return Key.of(
            "ordered ablation: weights of a network",
            VERSION,
            network=kind,
            training=self.settings.training(kind),
            seed=seed,
            images=self.train.fingerprint,
        )

    def network(self, name: str, seed: int) -> nn.Sequential:
        """Return a network in evaluation mode, as the cache holds it, or train it now."""
        kind = self.kinds[name]
        torch.manual_seed(seed)
        model = build(kind, self.train.images.shape[1])

        def fit() -> list[dict[str, Tensor]]:
            train(model, self.train, self.settings.training(kind))
            return [weights_of(model)]

        model.load_state_dict(stored_states(self.cache, self.key(name, seed), fit)[-1])
        return model.eval()


def build(kind: Kind, pixels: int) -> nn.Sequential:
    """Make an untrained network of flat images; its hidden layers have the names in `LAYERS`."""
    layers: list[tuple[str, nn.Module]] = []
    before = pixels
    for layer, width in zip(LAYERS, kind.widths, strict=True):
        layers += [(f"{layer}-linear", nn.Linear(before, width)), (layer, nn.ReLU())]
        if kind.dropout:
            layers.append((f"{layer}-dropout", nn.Dropout(kind.dropout)))
        before = width
    return sequence([*layers, ("output", nn.Linear(before, 10))])


def _first(images: object, labels: object, count: int) -> Samples:
    return Samples(torch.as_tensor(images)[:count].flatten(1), torch.as_tensor(labels)[:count])
