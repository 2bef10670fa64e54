"""Noise on images, and how much it changes a layer's features and a decoder's reconstructions."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bitlens.arrays import describe
from bitlens.network.hooks import Features, device_of

_CHUNK = 512
"""Largest number of perturbed images in one forward pass. On a CPU, more are not faster."""
_CHUNK_BYTES = 2**27
"""Largest memory of the inputs and features of one forward pass, for layers with many features."""

_ORTHOGONAL = 1024
"""Largest number of orthogonal samples in a block, because the time of QR grows with its square."""


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
    distribution of every single sample is N(0, I).
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
        drawn, self._ready = self._ready[:, :samples], self._ready[:, samples:]
        return drawn.to(self._like)

    def _block(self, generator: torch.Generator) -> Tensor:
        count = min(self._units, _ORTHOGONAL)
        directions, _ = torch.linalg.qr(torch.randn(self._units, count, generator=generator))
        # QR has a sign convention, so random signs are needed. The lengths are those of independent Gaussian samples.
        signs = torch.randint(2, (count, 1), generator=generator) * 2 - 1
        lengths = torch.randn(count, self._units, generator=generator).norm(dim=1, keepdim=True)
        block: Tensor = directions.T * signs * lengths
        return block


class FeatureChange(NamedTuple):
    """Effect of noise on features and reconstructions, as means over the samples of the noise."""

    features: Tensor
    """E |h(x + sigma delta) - h(x)|^2, [chain, image]."""
    features_slope: Tensor | None
    """Derivatives of `features` by sigma, [chain, image, unit]."""
    errors: Tensor | None
    """E (x - g(h(x + sigma delta)))^2, [chain, image, unit]."""
    errors_slope: Tensor | None
    """Derivatives of the weighted sum of `errors` by sigma, [chain, image, unit]."""


class Perturbed:
    """Images with independent noise on every unit."""

    def __init__(self, features: Features, images: Tensor, decoder: Features | None = None) -> None:
        self._features = features
        self._decoder = decoder
        self._shape = images.shape[1:]
        self.images = images.flatten(1)
        with torch.no_grad():
            self._clean = torch.cat([features(chunk).flatten(1) for chunk in torch.split(images, _CHUNK)])
        if not torch.isfinite(self._clean).all():
            raise ValueError("layer: expected a finite output for the images, got NaN or infinity")
        bytes_per_image = self.images.element_size() * (self.images.shape[1] + self._clean.shape[1])
        self._chunk = max(1, min(_CHUNK, _CHUNK_BYTES // bytes_per_image))

    def change(
        self, which: Tensor, sigma: Tensor, noise: Tensor, *, slopes: bool = False, weights: Tensor | None = None
    ) -> FeatureChange:
        """Effect of the noise on the images with the indices `which`.

        `sigma` is [chain, image, unit], and `noise` is [chain, sample, unit]. Slopes are computed on request, the slope
        of the errors only if `weights` of the errors, shaped like sigma, are given.
        """
        chains, samples, _ = noise.shape
        total = torch.zeros(chains, len(which), dtype=torch.float64, device=sigma.device)
        slope = torch.zeros_like(sigma, dtype=torch.float64) if slopes else None
        errors = torch.zeros_like(sigma, dtype=torch.float64) if self._decoder else None
        errors_slope = torch.zeros_like(sigma, dtype=torch.float64) if weights is not None else None
        samples_per_chunk = max(1, min(samples, self._chunk // chains))
        images_per_chunk = max(1, self._chunk // (chains * samples_per_chunk))
        for at in torch.split(torch.arange(len(which)), images_per_chunk):
            for delta in torch.split(noise, samples_per_chunk, dim=1):
                shift = sigma[:, at, None].to(delta) * delta[:, None]
                inputs = self.images[which[at], None] + shift
                flat = inputs.reshape(-1, *self._shape).requires_grad_(slopes)
                with torch.set_grad_enabled(slopes):
                    noisy = self._features(flat)
                    squares = (noisy.reshape(*inputs.shape[:3], -1) - self._clean[which[at], None]).square().sum(-1)
                total[:, at] += squares.detach().sum(-1)
                if slope is not None:
                    slope[:, at] += self._slope(squares.sum(), flat, inputs, delta, keep=weights is not None)
                if self._decoder and errors is not None:
                    with torch.set_grad_enabled(weights is not None):
                        rebuilt = self._decoder(noisy).reshape(inputs.shape)
                        squared_errors = (rebuilt - self.images[which[at], None]).square()
                    errors[:, at] += squared_errors.detach().sum(2)
                    if weights is not None and errors_slope is not None:
                        weighted = (squared_errors * weights[:, at, None]).sum()
                        errors_slope[:, at] += self._slope(weighted, flat, inputs, delta)
        if not torch.isfinite(total).all():
            raise ValueError(
                "layer: expected a finite output for images with noise, got NaN or infinity; lower tau or sigma_max"
            )
        return FeatureChange(
            total / samples,
            None if slope is None else slope / samples,
            None if errors is None else errors / samples,
            None if errors_slope is None else errors_slope / samples,
        )

    @staticmethod
    def _slope(value: Tensor, flat: Tensor, inputs: Tensor, noise: Tensor, keep: bool = False) -> Tensor:
        (by_input,) = torch.autograd.grad(value, flat, retain_graph=keep)
        return (by_input.reshape(inputs.shape) * noise[:, None]).sum(2)


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
