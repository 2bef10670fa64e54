"""Noise on images, and how much it changes a layer's features and a decoder's reconstructions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.arrays import describe
from bitlens.network.hooks import Features, device_of

_CHUNK = 512
"""Largest number of perturbed images in one forward pass. On a CPU, more are not faster."""
_CHUNK_BYTES = 2**27
"""Largest memory of the inputs and features of one forward pass, for layers with many features."""

_ORTHOGONAL = 1024
"""Largest number of samples that are orthogonal to each other, because the time of QR grows with its square."""
_BLOCK_SAMPLES = 256
"""Least number of samples that are drawn together."""
_BLOCK_FLOATS = 2**24
"""Largest number of values of orthogonal samples."""
_KEPT_FLOATS = 2**25
"""Largest number of values of a sample of the noise that is kept in memory. Larger samples are drawn again."""


def check_images(model: nn.Module, images: Tensor) -> Tensor:
    """The images on the model's device, detached, after checking their type, shape and values."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        raise TypeError(f"images: expected a tensor of floats, got {describe(images)}")
    if images.ndim < 2 or not images.numel():
        raise ValueError(f"images: expected shape (n, ...) with at least one value, got {tuple(images.shape)}")
    if not torch.isfinite(images).all():
        raise ValueError("images: expected finite values, got NaN or infinity")
    return images.detach().to(device_of(model))


class Noise:
    """Standard normal samples in blocks of orthogonal samples, whose cross products cancel in a mean.

    The effect of one unit on the features is therefore separated from the effects of the other units with far fewer
    samples than independent noise needs. For a linear layer, as many samples as units separate them exactly. The
    distribution of every single sample is N(0, I). Every block has its own seed, so that each part of the sequence can
    be drawn again.
    """

    def __init__(self, units: int, seed: int, stream: int, like: Tensor) -> None:
        self.units = units
        self._seed = (seed, stream)
        self.like = like
        self._orthogonal = max(1, min(units, _ORTHOGONAL, _BLOCK_FLOATS // units))
        self._repeats = -(-_BLOCK_SAMPLES // self._orthogonal)

    def part(self, first: int, samples: int) -> Sample:
        """The samples from the index `first` on."""
        return Sample(self, first, samples)

    def pieces(self, first: int, samples: int) -> Iterator[Tensor]:
        """The same samples one block after the other, [sample, unit]."""
        length, end = self._orthogonal * self._repeats, first + samples
        for index in range(first // length, -(-end // length)):
            start = index * length
            yield self._block(index)[max(0, first - start) : end - start]

    def _block(self, index: int) -> Tensor:
        (state,) = np.random.SeedSequence([*self._seed, index]).generate_state(1)
        generator = torch.Generator().manual_seed(int(state))
        shape = (self._repeats, self._orthogonal, self.units)
        directions, _ = torch.linalg.qr(torch.randn(shape, generator=generator).mT)
        # QR has a sign convention, so random signs are needed. The lengths are those of independent Gaussian samples.
        signs = torch.randint(2, (*shape[:2], 1), generator=generator) * 2 - 1
        lengths = torch.randn(shape, generator=generator).norm(dim=2, keepdim=True)
        block: Tensor = (directions.mT * signs * lengths).flatten(0, 1)
        return block


class Sample:
    """Some samples of the noise, scaled so that the mean square of each unit is exactly 1.

    They can be read several times: from memory, or drawn again if they are many.
    """

    def __init__(self, noise: Noise, first: int, samples: int) -> None:
        self.samples = samples
        self._noise, self._first = noise, first
        self._kept = list(self._pieces()) if samples * noise.units <= _KEPT_FLOATS else None
        squares = torch.zeros(noise.units, dtype=torch.float64)
        for piece in self._kept or self._pieces():
            squares += piece.double().square().sum(dim=0)
        self._scale = (samples / squares).sqrt()

    def __iter__(self) -> Iterator[Tensor]:
        """Parts [sample, unit]."""
        for piece in self._kept or self._pieces():
            yield (piece * self._scale).to(self._noise.like)

    def _pieces(self) -> Iterator[Tensor]:
        return self._noise.pieces(self._first, self.samples)


class FeatureChange(NamedTuple):
    """Effect of noise on features and reconstructions, as means over the samples of the noise."""

    features: Tensor
    """E |h(x + sigma delta) - h(x)|^2, [image]."""
    features_slope: Tensor | None
    """Derivatives of `features` by sigma, [image, unit]."""
    errors: Tensor | None
    """E (x - g(h(x + sigma delta)))^2, [image, unit]."""
    errors_slope: Tensor | None
    """Derivatives of the weighted sum of `errors` by sigma, [image, unit]."""


class Perturbed:
    """Images with independent noise on every unit."""

    def __init__(self, features: Features, images: Tensor, decoder: Features | None = None) -> None:
        self._features = features
        self.decoder = decoder
        self._shape = images.shape[1:]
        self.images = images.flatten(1)
        with torch.no_grad():
            self._clean = torch.cat([features(chunk).flatten(1) for chunk in torch.split(images, _CHUNK)])
        if not torch.isfinite(self._clean).all():
            raise ValueError("layer: expected a finite output for the images, got NaN or infinity")
        bytes_per_image = self.images.element_size() * (self.images.shape[1] + self._clean.shape[1])
        self._chunk = max(1, min(_CHUNK, _CHUNK_BYTES // bytes_per_image))

    def change(
        self,
        which: Tensor,
        sigma: Tensor,
        noise: Sample,
        *,
        slopes: bool = False,
        weights: Tensor | None = None,
        rebuild: bool = True,
    ) -> FeatureChange:
        """Effect of the noise on the images with the indices `which`.

        `sigma` is [image, unit]. Slopes are computed on request, the slope of the errors only if `weights` of the
        errors, shaped like sigma, are given. Without `rebuild` the decoder does not run.
        """
        total = torch.zeros(len(which), dtype=torch.float64, device=sigma.device)
        slope = torch.zeros_like(sigma, dtype=torch.float64) if slopes else None
        errors = torch.zeros_like(sigma, dtype=torch.float64) if self.decoder and rebuild else None
        errors_slope = torch.zeros_like(sigma, dtype=torch.float64) if weights is not None else None
        at_once = min(noise.samples, self._chunk)
        for delta in (chunk for part in noise for chunk in torch.split(part, at_once)):
            for at in torch.split(torch.arange(len(which), device=which.device), max(1, self._chunk // at_once)):
                inputs = self.images[which[at], None] + sigma[at, None].to(delta) * delta
                flat = inputs.reshape(-1, *self._shape).requires_grad_(slopes)
                with torch.set_grad_enabled(slopes):
                    noisy = self._features(flat)
                    squares = (noisy.reshape(*inputs.shape[:2], -1) - self._clean[which[at], None]).square().sum(-1)
                total[at] += squares.detach().sum(-1)
                if slope is not None:
                    slope[at] += self._slope(squares.sum(), flat, inputs, delta, keep=weights is not None)
                if self.decoder and errors is not None:
                    with torch.set_grad_enabled(weights is not None):
                        rebuilt = self.decoder(noisy).reshape(inputs.shape)
                        squared_errors = (rebuilt - self.images[which[at], None]).square()
                    errors[at] += squared_errors.detach().sum(1)
                    if weights is not None and errors_slope is not None:
                        weighted = (squared_errors * weights[at, None]).sum()
                        errors_slope[at] += self._slope(weighted, flat, inputs, delta)
        if not torch.isfinite(total).all():
            raise ValueError(
                "layer: expected a finite output for images with noise, got NaN or infinity; lower tau or sigma_max"
            )
        return FeatureChange(
            total / noise.samples,
            None if slope is None else slope / noise.samples,
            None if errors is None else errors / noise.samples,
            None if errors_slope is None else errors_slope / noise.samples,
        )

    @staticmethod
    def _slope(value: Tensor, flat: Tensor, inputs: Tensor, noise: Tensor, keep: bool = False) -> Tensor:
        (by_input,) = torch.autograd.grad(value, flat, retain_graph=keep)
        return (by_input.reshape(inputs.shape) * noise).sum(1)


def cell_of_units(shape: torch.Size, cells: int | None) -> Tensor:
    """Index of the cell of every unit of an image, [units].

    Without `cells`, each unit is one cell. Otherwise the last two axes are divided into cells x cells cells.
    """
    units = math.prod(shape)
    if cells is None:
        return torch.arange(units)
    if len(shape) < 2:
        raise ValueError(
            f"cells: expected images with two axes of pixels, got shape {tuple(shape)} for each image; leave cells out"
        )
    rows, columns = (torch.arange(side) * min(cells, side) // side for side in shape[-2:])
    return (rows[:, None] * min(cells, shape[-1]) + columns).expand(shape).reshape(-1)
