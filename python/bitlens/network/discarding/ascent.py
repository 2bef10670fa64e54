"""Two stages of the ascent to the largest entropy under the constraint: on a fixed sample of noise, then on new noise.

The variable is l = log sigma of each cell. The constraint is log(E |h(x') - h(x)|^2 / (alpha delta_f^2)) = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bitlens.network.discarding.perturbation import Noise, Perturbed, Sample, cell_of_units
from bitlens.progress import track

_FLOOR = 0.05
"""Smallest sigma, as a multiple of sqrt(tau). A multiplicative step hardly moves a smaller one."""
_LARGEST_MOVE = 1.5
"""Largest change of log sigma in one step, because the features of a deep layer are far from linear."""
_LARGEST_CORRECTION = 1.0
"""Largest correction of the common scale in one step."""
_NEAR = 0.01
"""Largest deviation of the logarithm of the change at which the first stage may end."""
_SMALLEST_STEP = 1e-3
"""The first stage gives up below this length of a step."""
_LONGEST = 4.0
"""Largest length of a step, as a multiple of half of the relative residual."""
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
    """Of the entropy."""
    costs: Tensor
    """Of the logarithm of the change."""


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
        return self.perturbed.change(self.all, sigma, noise).features

    def by_unit(self, log_sigma: Tensor) -> Tensor:
        """The sigma of each unit."""
        return self.clamped(log_sigma).exp()[:, self.cell]

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


class Climbed(NamedTuple):
    """The end of the first stage of one search."""

    log_sigma: Tensor
    """[image, cell]"""
    value: Tensor
    """The entropy on the fixed sample where the constraint holds, in nats, [image]."""
    scale: Tensor
    """As in `Balance`."""
    stopped: Tensor
    """Whether the stage ended because the decrement was small, [image]."""
    history: list[Tensor]
    """Change of the features relative to the allowed change at each step, [image]; NaN where an image made no step."""


def climb(objective: Objective, noise: Sample, steps: int, tolerance: float, title: str) -> Climbed:
    """Ascend on a fixed sample, where each step can be compared with the last one.

    A step changes log sigma by half of the residual relative to its scale, and corrects the common scale. A step that
    lowers the entropy at the constraint is not made. The length of the next step depends on the ratio of the entropy
    gained to the entropy that the slopes predicted: it is 1/2 for the exact step of a parabola. Every image has its
    own length and its own end.
    """
    reference = objective.reference(noise)
    log_sigma = objective.start()
    value, slopes = objective.point(objective.all, log_sigma, noise, reference)
    entropy, excess, gains, costs = (tensor.clone() for tensor in (value.entropy, value.excess, *slopes))
    length = torch.ones_like(excess)
    running, stopped = torch.ones_like(excess, dtype=torch.bool), torch.zeros_like(excess, dtype=torch.bool)
    history = []
    for step in track(range(steps + 1), title):
        balance = objective.balance(log_sigma, Slopes(gains, costs))
        kept_out = ~balance.free.any(dim=1) & (excess < 0)
        small = balance.decrement(balance, objective.units) < tolerance
        stopped |= running & small & ((excess.abs() < _NEAR) | kept_out)
        running &= ~stopped & (length > _SMALLEST_STEP)
        which = running.nonzero().flatten()
        if step == steps or not len(which):
            break
        b = Balance(*(tensor[which] for tensor in balance))
        move = (length[which, None] * 0.5 * (b.residual / b.scale).clamp(-2, 2)).clamp(-_LARGEST_MOVE, _LARGEST_MOVE)
        move = _along_constraint(move, costs[which], b) - _toward_constraint(excess[which], b, _LARGEST_CORRECTION)
        trial = objective.clamped(log_sigma[which] + move * b.free)
        new_slopes = None
        if objective.strict:
            new, new_slopes = objective.point(which, trial, noise, reference)
        else:
            new = objective.value(which, trial, noise, reference)
        gained = new.corrected(b.rate) - (entropy - balance.rate * excess)[which]
        predicted = (b.residual * (trial - log_sigma[which])).sum(dim=1)
        accepted = gained >= -1e-6 * objective.units
        length[which] = _next_length(length[which], accepted, gained / predicted)
        history.append(torch.full_like(excess, math.nan).index_put_((which,), new.excess.exp()))
        better = which[accepted]
        if len(better):
            if new_slopes is None:
                errors = None if new.errors is None else new.errors[accepted]
                _, better_slopes = objective.slopes(better, trial[accepted], noise, reference, errors)
            else:
                better_slopes = Slopes(new_slopes.gains[accepted], new_slopes.costs[accepted])
            log_sigma[better], entropy[better], excess[better] = trial[accepted], new.entropy[accepted], new.excess[accepted]
            gains[better], costs[better] = better_slopes
    return Climbed(log_sigma, entropy - balance.rate * excess, balance.scale, stopped, history)


def polish(
    objective: Objective, climbed: Climbed, noise: Noise, first: int, samples: int, steps: int, reference: Tensor
) -> tuple[Tensor, Balance, list[Tensor]]:
    """Average the search over new noise, which removes what was fitted to the fixed sample.

    The steps become shorter, 1 / (k + 2), so that for linear features the result is the mean of the solutions of all
    samples. Log sigma may pass its bounds here, so that a cell at a bound can return; its sigma does not.
    """
    log_sigma, scale = climbed.log_sigma.clone(), climbed.scale
    rate = 1.0 if objective.strict else 2.0
    history = []
    for step in range(steps):
        sample = noise.part(first + step * samples, samples)
        value, slopes = objective.point(objective.all, log_sigma, sample, reference)
        b = objective.balance(log_sigma, slopes)
        # The scale from the same sample would give the steps a bias.
        scale = torch.lerp(scale, b.scale, 1 / (step + 2))
        move = _along_constraint(0.5 * (b.residual / scale).clamp(-1, 1), slopes.costs, b)
        move = move - _toward_constraint(value.excess, b, _LARGEST_CORRECTION / 2)
        log_sigma = log_sigma + rate / (step + 2) * move
        history.append(value.excess.exp())
    return log_sigma, b, history


def _along_constraint(move: Tensor, costs: Tensor, balance: Balance) -> Tensor:
    """The move minus the part of a common factor that changes the features, to first order."""
    return move - ((move * costs * balance.free).sum(dim=1) / balance.elasticity)[:, None]


def _toward_constraint(excess: Tensor, balance: Balance, most: float) -> Tensor:
    """How much log sigma of all cells exceeds its value at the constraint, [image, 1]."""
    return (excess / balance.elasticity).clamp(-most, most)[:, None]


def _next_length(length: Tensor, accepted: Tensor, ratio: Tensor) -> Tensor:
    factor = torch.ones_like(length)
    factor[ratio < 0.3] = 0.7
    factor[ratio > 0.6] = 1.5
    factor[~accepted] = 0.4
    return (length * factor).clamp_max(_LONGEST)
