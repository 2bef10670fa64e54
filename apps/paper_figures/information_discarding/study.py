"""The training of the paper's networks, which the cache keeps: also by distillation, and after pruning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

import bitlens
from bitlens.data.images import Images
from paper_figures.common.cache import Cache, Key
from paper_figures.common.networks import weights_of
from paper_figures.common.training import (
    Loss,
    State,
    TrainingSettings,
    correct,
    cross_entropy,
    stored_states,
    train,
)
from paper_figures.information_discarding.networks import BLOCKS, KINDS, Kind, build
from paper_figures.information_discarding.scenes import test_scenes, training_scenes

VERSION = 1
"""To be raised when the code of this paper trains or measures other numbers."""
_SOURCES = {"distilled": "resnet", "pruned": "plain"}
"""The network that another one learns from, or is pruned from."""


@dataclass(frozen=True)
class Settings:
    """What is trained and measured."""

    epochs: int = 6
    samples: int = 10000
    """Training images."""
    probe: int = 4
    """Test images that networks are measured on."""
    side: int = 16
    """Pixels of an image's side."""
    seeds: int = 3
    batch: int = 64
    rate: float = 4e-3
    temperature: float = 4.0
    """Softens the outputs that a student learns from."""
    tested: int = 1000
    """Test images for the accuracy."""
    alpha: float = 1.5
    """Allowed change of the features, in units of the change by noise of the size tau."""
    draws: int = 256
    """Noise samples in a step of the search for the entropies; with fewer than pixels it seldom comes to rest."""
    steps: int = 30
    """Most steps of the search."""
    decoded: int = 10000
    """Training images of the decoders."""
    decoder_epochs: int = 3
    width: int = 8
    """Channels of the decoders."""
    factor: float = 4.0
    """Between the weights of the network and those of the rescaled network."""
    version: int = 3
    """Version of the measurements: of this code and of the library's estimators."""

    @property
    def training(self) -> TrainingSettings:
        """How networks are trained."""
        return TrainingSettings(self.epochs, self.batch, self.rate, schedule="one-cycle")


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
        The networks, and the layers where they are measured.
    blocks : tuple of str, optional
        Layers of the ResNet that are measured while it learns.
    """

    def __init__(
        self,
        images: Images,
        cache: Cache,
        settings: Settings,
        kinds: Mapping[str, Kind] = KINDS,
        blocks: tuple[str, ...] = BLOCKS,
    ) -> None:
        self.cache = cache
        self.settings = settings
        self.kinds = kinds
        self.blocks = blocks
        self.train = training_scenes(images, settings.samples, settings.side)
        self.test = test_scenes(images, settings.tested, settings.side)
        self.probe = self.test.first(settings.probe)
        self._decoders: dict[tuple[str, int, str], nn.Module] = {}

    def key(self, name: str, seed: int) -> Key:
        """Return everything that determines the weights of a network."""
        source = _SOURCES.get(_family(name))
        return Key.of(
            "information discarding: weights of a network",
            VERSION,
            network=name,
            side=self.settings.side,
            training=self._training(name),
            temperature=self.settings.temperature if name == "distilled" else None,
            source=self.key(source, seed) if source else None,
            seed=seed,
            images=self.train.fingerprint,
        )

    def states(self, name: str, seed: int) -> list[State]:
        """Return the weights before training and after every epoch, as the cache holds them, or train now."""
        return stored_states(self.cache, self.key(name, seed), lambda: self._fit(name, seed))

    def network(self, name: str, seed: int) -> nn.Sequential:
        """Return a trained network in evaluation mode."""
        model = build(name, self.settings.side)
        model.load_state_dict(self.states(name, seed)[-1])
        return model.eval()

    def decoder(self, name: str, seed: int, layer: str) -> nn.Module:
        """Return a decoder that was trained to rebuild images from a layer; it is kept for this process only."""
        place = (name, seed, layer)
        if place not in self._decoders:
            settings = self.settings
            self._decoders[place] = bitlens.train_decoder(
                self.network(name, seed),
                self.train.images[: settings.decoded],
                layer,
                epochs=settings.decoder_epochs,
                width=settings.width,
                seed=seed,
            )
        return self._decoders[place]

    def score(self, name: str, seed: int) -> float:
        """Return the accuracy on test images, or the share of the pixels' variance that an auto-encoder rebuilds."""
        model = self.network(name, seed)
        if name == "autoencoder":
            return rebuilt_variance(model, self.test.images, self.test.images)
        return float(correct(model, self.test).float().mean())

    def _training(self, name: str) -> TrainingSettings:
        how = self.settings.training
        return replace(how, epochs=math.ceil(how.epochs / 2)) if _family(name) == "pruned" else how

    def _fit(self, name: str, seed: int) -> list[State]:
        source = _SOURCES.get(_family(name))
        learned = self.states(source, seed)[-1] if source else {}
        torch.manual_seed(seed)
        model = build(name, self.settings.side)
        loss: Loss = _reconstruction if name == "autoencoder" else cross_entropy
        if source:
            other = build(source, self.settings.side)  # draws random numbers, which the batches below continue
            other.load_state_dict(learned)
            if name == "distilled":
                loss = _distillation(other.eval(), self.settings.temperature)
            else:
                model.load_state_dict(learned)
        states = [weights_of(model)]
        if _family(name) == "pruned":
            _prune(model, int(name.split("-")[1]) / 100)
        how = self._training(name)
        steps = how.steps(len(self.train))

        def after_step(step: int, _: float) -> None:
            if step % steps == 0:
                states.append(weights_of(model))

        train(model, self.train, how, loss, after_step)
        return states


def _family(name: str) -> str:
    return name.split("-")[0]


def rebuilt_variance(model: nn.Module, features: Tensor, images: Tensor) -> float:
    """Return the share of the pixels' variance that a decoder rebuilds from features."""
    with torch.no_grad():
        missed = (model(features) - images).square().mean()
    return float(1 - missed / images.var(dim=0).mean())


def _reconstruction(outputs: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.mse_loss(outputs, images)


def _distillation(teacher: nn.Module, temperature: float) -> Loss:
    def loss(outputs: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            soft = (teacher(images) / temperature).softmax(1)
        return temperature**2 * nn.functional.cross_entropy(outputs / temperature, soft)

    return loss


def _prune(model: nn.Module, share: float) -> None:
    """Hold the smallest weights of every layer but the first at zero during the training that follows."""
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for layer in layers[1:]:
        prune.l1_unstructured(layer, "weight", amount=share)  # type: ignore[no-untyped-call]
