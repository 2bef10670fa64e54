"""The entropy of the units and the change of the features, with their slopes, at the log sigma of each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bitlens.network.discarding.perturbation import Perturbed, Sample, cell_of_units

_FLOOR = 0.05
"""Smallest sigma, as a multiple of sqrt(tau). A multiplicative step hardly moves a smaller one."""
_LEAST_COST = 0.1
"""Lower bound of the elasticity of the change by the common scale, which is about 2."""


class Value(NamedTuple):
    """The objective and the constraint on one sample of the noise."""

    entropy: Tensor
    """Sum of the entropies of the units in nats, up to a constant, [image]."""
    excess: Tensor
    """Logarithm of the change of the features relative to the allowed change, [image]."""
    errors: Tensor | None
    """Mean squared errors of the reconstruction, [image, unit]."""

    def corrected(self, rate: Tensor) -> Tensor:
        """The entropy where the constraint holds, to first order, [image]."""
        return self.entropy - rate * self.excess

    def put(self, which: Tensor, other: Value) -> None:
        """Replace the values of some images."""
        for mine, theirs in zip(self, other, strict=True):
            if mine is not None and theirs is not None:
                mine[which] = theirs


class Slopes(NamedTuple):
    """Derivatives by the log sigma of each cell, [image, cell]."""

    gains: Tensor
    """Derivatives of the entropy."""
    costs: Tensor
    """Derivatives of the logarithm of the change."""


class Balance(NamedTuple):
    """How far each cell is from the maximum, where its gain is the same multiple of its cost as that of all cells."""

    rate: Tensor
    """Entropy that a unit of the logarithm of the change is worth, [image]."""
    elasticity: Tensor
    """Derivative of the logarithm of the change by the common scale of the free cells, [image]."""
    residual: Tensor
    """Gain minus rate times cost, [image, cell]; 0 in the free cells at the maximum."""
    scale: Tensor
    """The larger of the two terms of the residual, [image, cell]."""
    free: Tensor
    """Whether a cell is not held at a bound, [image, cell]."""

    def decrement(self, other: Balance, units: int) -> Tensor:
        """Entropy in bits a unit that a step would gain, [image], from the residuals of two samples.

        With independent samples this has no bias. With the same sample twice it counts the noise, too.
        """
        products = self.residual * other.residual / torch.maximum(self.scale, other.scale)
        return (products * (self.free & other.free)).sum(dim=1) / (2 * units * math.log(2))


class Objective:
    """The entropy and the change of the features at the log sigma of each cell."""

    def __init__(
        self, perturbed: Perturbed, shape: torch.Size, alpha: float, tau: float, limit: float, cells: int | None
    ) -> None:
        self.perturbed = perturbed
        self.images, self.units = perturbed.images.shape
        device = perturbed.images.device
        self.cell = cell_of_units(shape, cells).to(device)
        self.sizes = torch.bincount(self.cell).double()
        self.all = torch.arange(self.images, device=device)
        self._alpha, self._tau = alpha, tau
        self._least_error = 1e-6 * tau
        # For linear features, no sigma is below sqrt(alpha tau / n) at the maximum of strict information discarding.
        floor = math.sqrt(tau) * min(_FLOOR, 0.5 * math.sqrt(alpha / self.units))
        self.low, self.high = math.log(min(floor, _FLOOR * limit)), math.log(limit)

    @property
    def strict(self) -> bool:
        """Whether the entropy is that of the noise, not that of reconstructions."""
        return self.perturbed.decoder is None

    def start(self) -> Tensor:
        """Log sigma of the constant perturbation."""
        constant = torch.full_like(self.sizes, 0.5 * math.log(self._tau))
        return constant.clamp(self.low, self.high).expand(self.images, -1).clone()

    def reference(self, noise: Sample) -> Tensor:
        """Change of the features by the constant perturbation, delta_f^2."""
        sigma = torch.full((self.images, self.units), math.sqrt(self._tau), dtype=torch.float64, device=self.all.device)
        return self.perturbed.change(self.all, sigma, noise, rebuild=False).features

    def by_unit(self, log_sigma: Tensor) -> Tensor:
        """The sigma of each unit."""
        return self.clamped(log_sigma).exp()[:, self.cell]

    def variance(self, log_sigma: Tensor) -> Tensor:
        """The variance of each cell."""
        return (2 * self.clamped(log_sigma)).exp()

    def clamped(self, log_sigma: Tensor) -> Tensor:
        """Log sigma within its bounds."""
        return log_sigma.clamp(self.low, self.high)

    def value(self, which: Tensor, log_sigma: Tensor, noise: Sample, reference: Tensor) -> Value:
        """The objective of the images with the indices `which`."""
        change = self.perturbed.change(which, self.by_unit(log_sigma), noise)
        return self._value(log_sigma, change.features / reference[which], change.errors)

    def mean(self, log_sigma: Tensor, values: Sequence[Value]) -> Value:
        """The objective on several samples of the same size together."""
        change = self._alpha * torch.stack([value.excess.exp() for value in values]).mean(dim=0)
        errors = [value.errors for value in values if value.errors is not None]
        return self._value(log_sigma, change, torch.stack(errors).mean(dim=0) if errors else None)

    def point(self, which: Tensor, log_sigma: Tensor, noise: Sample, reference: Tensor) -> tuple[Value, Slopes]:
        """The objective and its slopes."""
        errors = None if self.strict else self.value(which, log_sigma, noise, reference).errors
        return self.slopes(which, log_sigma, noise, reference, errors)

    def slopes(
        self, which: Tensor, log_sigma: Tensor, noise: Sample, reference: Tensor, errors: Tensor | None
    ) -> tuple[Value, Slopes]:
        """The objective and its slopes; `errors` are those of the same sample at the same log sigma."""
        sigma = self.by_unit(log_sigma)
        weights = None if errors is None else (0.5 / errors).where(errors > self._least_error, 0.0)
        images = self.perturbed.images
        change = self.perturbed.change(
            which, sigma, noise, slopes=True, weights=None if weights is None else weights.to(images)
        )
        assert change.features_slope is not None
        costs = self._by_cell(change.features_slope * sigma) / change.features[:, None]
        gains = self.sizes.expand_as(costs)
        if change.errors_slope is not None:
            gains = self._by_cell(change.errors_slope * sigma)
        return self._value(log_sigma, change.features / reference[which], change.errors), Slopes(gains, costs)

    def balance(self, log_sigma: Tensor, slopes: Slopes) -> Balance:
        """The residuals at a log sigma. A cell is held at a bound where its residual points beyond it."""
        gains, costs = slopes
        inside = self.clamped(log_sigma)
        top, bottom = inside > self.high - 1e-9, inside < self.low + 1e-9
        free = torch.ones_like(top)
        for _ in range(3):  # which cells are held depends on the rate, and the rate on the free cells
            elasticity = (costs * free).sum(dim=1).clamp_min(_LEAST_COST)
            rate = (gains * free).sum(dim=1) / elasticity
            residual = gains - rate[:, None] * costs
            free = ~(top & (residual >= 0) | bottom & (residual <= 0))
        scale = torch.maximum(gains.abs(), (rate[:, None] * costs).abs()).clamp_min(1e-30)
        return Balance(rate, elasticity, residual, scale, free)

    def _value(self, log_sigma: Tensor, change: Tensor, errors: Tensor | None) -> Value:
        if errors is None:
            entropy = (self.clamped(log_sigma) * self.sizes).sum(dim=1)
        else:
            # The error of a unit that is always rebuilt exactly would not have a logarithm.
            errors = errors.clamp_min(self._least_error)
            entropy = 0.5 * errors.log().sum(dim=1)
        return Value(entropy, torch.log(change / self._alpha), errors)

    def _by_cell(self, values: Tensor) -> Tensor:
        by_cell = torch.zeros(len(values), len(self.sizes), dtype=torch.float64, device=values.device)
        return by_cell.index_add_(1, self.cell, values)
