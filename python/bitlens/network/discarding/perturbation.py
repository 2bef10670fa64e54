"""Noise on a network's input, as large as a layer lets it be: what information discarding is measured by."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from bitlens.arrays import describe
from bitlens.network.hooks import capture_outputs, check_modules, device_of, eval_mode, frozen
from bitlens.runs import RunError

_CHUNK = 512
"""Perturbed images at once: more are no faster on a CPU."""
_CHUNK_BYTES = 2**27
"""What their inputs and features take at most, where the features are large."""

_ORTHOGONAL = 1024
"""Samples that are orthogonal to each other at most: more take long to make."""

Features = Callable[[Tensor], Tensor]


class _Reached(Exception):  # noqa: N818, it is no error
    """The layer has been reached; what comes after it need not be computed."""


@contextmanager
def features_at(model: nn.Module, layer: str) -> Iterator[Features]:
    """The model up to the output of a module, in evaluation mode, its parameters without gradients."""
    module = layer.split("#", 1)[0]
    check_modules(model, [module])
    heard: list[Tensor] = []

    def listener(name: str, _module: nn.Module, tensor: Tensor) -> None:
        if name == layer:
            heard.append(tensor)
            raise _Reached

    def features(inputs: Tensor) -> Tensor:
        try:
            model(inputs)
        except _Reached:
            return heard.pop()
        raise RunError(f"layer: {layer!r} gave no tensor for these images")

    with eval_mode(model), frozen(model), capture_outputs(model, [module], listener):
        yield features


def check_images(model: nn.Module, images: Tensor) -> Tensor:
    """Images on the model's device, as they may be perturbed."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        raise TypeError(f"images: expected a tensor of floats, got {describe(images)}")
    if images.ndim < 2 or not images.numel():
        raise ValueError(f"images: expected shape (n, ...) with at least one value, got {tuple(images.shape)}")
    if not torch.isfinite(images).all():
        raise ValueError("images: some values are not finite")
    return images.detach().to(device_of(model))


class Noise:
    """Standard normal samples, so many of them orthogonal to each other that their products cancel in a mean.

    What one unit does to the features is then told from what the others do by far fewer samples than by independent
    ones: of a linear layer exactly, by as many samples as there are units. Each sample by itself is N(0, I).
    """

    def __init__(self, chains: int, units: int, seed: int, like: Tensor) -> None:
        self._generators = [torch.Generator().manual_seed(seed + chain) for chain in range(chains)]
        self._units = units
        self._like = like
        self._ready = torch.empty(chains, 0, units)

    def __call__(self, samples: int) -> Tensor:
        """The next samples of every chain, [chain, sample, unit]."""
        while self._ready.shape[1] < samples:
            block = torch.stack([self._block(generator) for generator in self._generators])
            self._ready = torch.cat([self._ready, block], dim=1)
        given, self._ready = self._ready[:, :samples], self._ready[:, samples:]
        return given.to(self._like)

    def _block(self, generator: torch.Generator) -> Tensor:
        count = min(self._units, _ORTHOGONAL)
        directions, _ = torch.linalg.qr(torch.randn(self._units, count, generator=generator))
        # QR fixes signs; a Gaussian's direction has none, and its length is that of another Gaussian.
        signs = torch.randint(2, (count, 1), generator=generator) * 2 - 1
        lengths = torch.randn(count, self._units, generator=generator).norm(dim=1, keepdim=True)
        block: Tensor = directions.T * signs * lengths
        return block


class FeatureChange(NamedTuple):
    """What noise does, as means over its samples."""

    features: Tensor
    """E |h(x + sigma delta) - h(x)|^2, [chain, image]."""
    features_slope: Tensor | None
    """Its derivatives by sigma, [chain, image, unit]."""
    errors: Tensor | None
    """E (x - g(h(x + sigma delta)))^2, [chain, image, unit]."""
    errors_slope: Tensor | None
    """The derivatives by sigma of the errors' weighted sum."""


class Perturbed:
    """Some images, and what noise of its own size in every unit does to their features."""

    def __init__(self, features: Features, images: Tensor, decoder: Features | None = None) -> None:
        self._features = features
        self._decoder = decoder
        self._shape = images.shape[1:]
        self.images = images.flatten(1)
        with torch.no_grad():
            self._clean = torch.cat([features(part).flatten(1) for part in torch.split(images, _CHUNK)])
        if not torch.isfinite(self._clean).all():
            raise ValueError("layer: its output is not finite for some of the images")
        each = self.images.element_size() * (self.images.shape[1] + self._clean.shape[1])
        self._chunk = max(1, min(_CHUNK, _CHUNK_BYTES // each))

    def change(
        self, which: Tensor, sigma: Tensor, noise: Tensor, *, slopes: bool = False, weights: Tensor | None = None
    ) -> FeatureChange:
        """Of some images by their numbers: sigma is [chain, image, unit], noise [chain, sample, unit].

        Slopes where they are asked for; those of the errors with `weights` for each of them, shaped like sigma.
        """
        chains, samples, _ = noise.shape
        total = torch.zeros(chains, len(which), dtype=torch.float64, device=sigma.device)
        slope = torch.zeros_like(sigma, dtype=torch.float64) if slopes else None
        errors = torch.zeros_like(sigma, dtype=torch.float64) if self._decoder else None
        errors_slope = torch.zeros_like(sigma, dtype=torch.float64) if weights is not None else None
        some = max(1, min(samples, self._chunk // chains))
        images = max(1, self._chunk // (chains * some))
        for at in torch.split(torch.arange(len(which)), images):
            for part in torch.split(noise, some, dim=1):
                shift = sigma[:, at, None].to(part) * part[:, None]
                inputs = self.images[which[at], None] + shift
                flat = inputs.reshape(-1, *self._shape).requires_grad_(slopes)
                with torch.set_grad_enabled(slopes):
                    reached = self._features(flat)
                    squares = (reached.reshape(*inputs.shape[:3], -1) - self._clean[which[at], None]).square().sum(-1)
                total[:, at] += squares.detach().sum(-1)
                if slope is not None:
                    slope[:, at] += self._slope(squares.sum(), flat, inputs, part, keep=weights is not None)
                if self._decoder and errors is not None:
                    with torch.set_grad_enabled(weights is not None):
                        rebuilt = self._decoder(reached).reshape(inputs.shape)
                        missed = (rebuilt - self.images[which[at], None]).square()
                    errors[:, at] += missed.detach().sum(2)
                    if weights is not None and errors_slope is not None:
                        weighted = (missed * weights[:, at, None]).sum()
                        errors_slope[:, at] += self._slope(weighted, flat, inputs, part)
        if not torch.isfinite(total).all():
            raise ValueError("layer: with noise on the images, its output is not finite any more")
        parts = (total, slope, errors, errors_slope)
        return FeatureChange(*(None if found is None else found / samples for found in parts))  # type: ignore[arg-type]

    @staticmethod
    def _slope(value: Tensor, flat: Tensor, inputs: Tensor, noise: Tensor, keep: bool = False) -> Tensor:
        (by_input,) = torch.autograd.grad(value, flat, retain_graph=keep)
        return (by_input.reshape(inputs.shape) * noise[:, None]).sum(2)


def cells(shape: torch.Size, grid: int | None) -> Tensor:
    """The number of the cell that each unit of an image belongs to: of its own, or of a grid over the last two axes."""
    units = math.prod(shape)
    if grid is None:
        return torch.arange(units)
    if len(shape) < 2:
        raise ValueError(f"grid: expected images with two axes of pixels, got shape {tuple(shape)} of each")
    rows, columns = (torch.arange(side) * min(grid, side) // side for side in shape[-2:])
    return (rows[:, None] * min(grid, shape[-1]) + columns).expand(shape).reshape(-1)


def steps_shown(steps: int, description: str) -> Iterable[int]:
    """Counts steps, with a progress bar where somebody is looking."""
    console = Console(stderr=True)
    return track(range(steps), description, console=console, transient=True, disable=not sys.stderr.isatty())
