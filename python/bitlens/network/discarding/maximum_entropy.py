"""The noise of the largest entropy that a layer allows, found unit by unit; both kinds of discarding are read from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import torch
from torch import Tensor

from bitlens.arrays import check_integer
from bitlens.network.discarding.perturbation import Noise, Perturbed, cells, steps_shown

_CHAINS = 2
"""Searched side by side with noise of their own, so that each result tells how far it is to be trusted."""
_REFERENCE = 1024
"""Samples of the constant perturbation."""
_CHECK = 1536
"""Samples that the constraint is checked on, drawn anew."""
_ROUNDS = 8
"""How often a scale is corrected at most."""
_CLOSE = 0.02
"""How far the constraint may be missed."""
_FLAT = 0.02
"""Bits by which the mean entropy of a unit may change in the second half of the steps."""
_FIRST_STEPS = 8
_DAMPING = 0.5
_LARGEST_MOVE = 1.0
"""Of log sigma in a step: features of a deep layer are far from linear."""


class InformationDiscarding(NamedTuple):
    """How much of each input unit a layer does not notice, and how well that was found."""

    entropies: Tensor
    """H_i = log sigma_i + log(2 pi e) / 2 of every unit, shaped like the images."""
    sigma: Tensor
    """Standard deviation of each unit's noise, shaped like the images."""
    total: Tensor
    """Sum of the entropies of each image, (n,)."""
    constraint: Tensor
    """E |h(x') - h(x)|^2 / delta_f^2 of each image, on noise drawn anew; alpha is wanted."""
    history: Tensor
    """The same at every step of the search, (steps, n); NaN once an image's search has ended."""
    multiplier: Tensor
    """Lambda of eq. 6 at which the entropies are at their maximum, (n,)."""
    spread: Tensor
    """Standard error of the mean entropy of a unit of each image, from two searches with noise of their own, (n,)."""
    limited: Tensor
    """Share of the units whose sigma is as large as it may be, (n,)."""
    converged: Tensor
    """Whether the search has come to rest and the constraint holds within 2 percent, (n,)."""


@dataclass(frozen=True)
class Search:
    """How the sigmas are searched, as `information_discarding` takes it."""

    alpha: float
    tau: float
    grid: int | None
    largest: float | None
    samples: int
    steps: int
    seed: int
    base: float

    def __post_init__(self) -> None:
        for name in ("alpha", "tau", "largest", "base"):
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, Real):
                raise TypeError(f"{name}: expected a number, got {value!r}")
            if not 0 < float(value) < math.inf:
                raise ValueError(f"{name}: expected a finite number above 0, got {value}")
        if self.base == 1:
            raise ValueError("base: expected another number than 1")
        for name, least in (("samples", 2), ("steps", 1), ("grid", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and check_integer(value, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {value}")

    @property
    def limit(self) -> float:
        """The largest sigma."""
        return 10 * math.sqrt(self.tau) if self.largest is None else float(self.largest)

    def entropy(self, variance: Tensor) -> Tensor:
        """Of Gaussians."""
        return 0.5 * torch.log(2 * math.pi * math.e * variance) / math.log(self.base)


def maximize(perturbed: Perturbed, search: Search, shape: torch.Size, title: str) -> InformationDiscarding:
    """The largest entropy of the images' units, or of their reconstructions, that the features allow."""
    climb = _Climb(perturbed, search, shape[1:])
    for step in steps_shown(search.steps, title):
        if climb.resting.all():
            break
        climb.step(step)
    chains = climb.means()
    sigma, constraint, errors = climb.scaled()
    entropies = search.entropy(sigma.square() if errors is None else errors)
    return InformationDiscarding(
        entropies.reshape(shape),
        sigma.reshape(shape),
        entropies.sum(dim=1),
        constraint,
        climb.history[: climb.steps],
        climb.multiplier(),
        chains.std(dim=0) / math.sqrt(_CHAINS) * math.log(2) / math.log(search.base),
        (sigma > 0.99 * search.limit).double().mean(dim=1),
        climb.resting & ((constraint / search.alpha - 1).abs() <= _CLOSE),
    )


class _Climb:
    """The search for all images at once. State is [chain, image, cell], of cells of units with one sigma."""

    def __init__(self, perturbed: Perturbed, search: Search, shape: torch.Size) -> None:
        self.perturbed, self.search = perturbed, search
        n, units = perturbed.images.shape
        device = perturbed.images.device
        self.cell = cells(shape, search.grid).to(device)
        self.sizes = torch.bincount(self.cell).double()
        self.noise = Noise(_CHAINS, units, search.seed, perturbed.images)
        self.all = torch.arange(n, device=device)
        start = 0.5 * math.log(search.tau)
        self.log_sigma = torch.full((_CHAINS, n, len(self.sizes)), start, dtype=torch.float64, device=device)
        constant = perturbed.change(self.all, self._by_unit(self.log_sigma), self.noise(_REFERENCE))
        self.reference = constant.features
        dead = (self.reference == 0).any(dim=0).nonzero().flatten().tolist()
        if dead:
            raise ValueError(f"layer: its output does not change with image {dead[0]} at all, so that all is discarded")
        self.average = self.log_sigma.clone()
        self.errors = None if constant.errors is None else self._told(constant.errors)
        # Derivatives of the change and, of a reconstruction, of its entropy by the variance of each cell.
        self.costs = torch.zeros_like(self.log_sigma)
        self.gains = torch.zeros_like(self.log_sigma)
        self.history = torch.full((search.steps, n), math.nan, dtype=torch.float64, device=device)
        self.resting = torch.zeros(n, dtype=torch.bool, device=device)
        self._means = [self.means()]

    @property
    def steps(self) -> int:
        """How many were made."""
        return len(self._means) - 1

    def step(self, number: int) -> None:
        """One step of all images that have not come to rest."""
        active = (~self.resting).nonzero().flatten()
        log_sigma = self.log_sigma[:, active]
        weights = None if self.errors is None else (0.5 / self.errors[:, active]).to(self.perturbed.images)
        noise = self.noise(self.search.samples)
        found = self.perturbed.change(active, self._by_unit(log_sigma), noise, slopes=True, weights=weights)
        self.history[number, active] = (found.features / self.reference[:, active]).mean(dim=0)
        # Later steps weigh more, as they were seen from nearer to the maximum.
        weight = 4 / (number + 4)
        variance = (2 * log_sigma).exp()
        self.costs[:, active] = self._mean(self.costs[:, active], found.features_slope, variance, weight)
        if self.errors is not None and found.errors is not None:
            self.errors[:, active] = torch.lerp(self.errors[:, active], self._told(found.errors), weight)
            self.gains[:, active] = self._mean(self.gains[:, active], found.errors_slope, variance, weight)
        move = (self._wanted(active) - log_sigma).clamp(-_LARGEST_MOVE, _LARGEST_MOVE)
        # Costs tell the shares of the units, but what all do together only of linear features; that has been seen.
        move -= (move * self.sizes).sum(dim=2, keepdim=True) / self.sizes.sum()
        over = torch.log(found.features / (self.search.alpha * self.reference[:, active]))
        move -= 0.5 * over.clamp(-_LARGEST_MOVE, _LARGEST_MOVE)[..., None]
        self.log_sigma[:, active] = (log_sigma + _DAMPING * move).clamp_max(math.log(self.search.limit))
        self.average[:, active] = torch.lerp(self.average[:, active], self.log_sigma[:, active], 8 / (number + 8))
        self._means.append(self.means())
        if number + 1 >= _FIRST_STEPS:
            moved = (self._means[-1] - self._means[(number + 1) // 2]).abs().amax(dim=0)
            self.resting |= moved < _FLAT

    def means(self) -> Tensor:
        """Mean entropy of a unit in bits but for a constant, [chain, image]."""
        if self.errors is not None:
            return 0.5 * torch.log2(self.errors).mean(dim=2)
        return (self.average * self.sizes).sum(dim=2) / self.sizes.sum() / math.log(2)

    def multiplier(self) -> Tensor:
        """Lambda: what the change costs, as a multiple of delta_f^2, for what the entropy gains."""
        variance = (2 * self.log_sigma).exp()
        free = self.log_sigma < math.log(self.search.limit)
        gained = self.sizes / 2 if self.errors is None else variance * self.gains
        lambdas = (variance * self.costs * free).sum(dim=2) / (gained * free).sum(dim=2) / self.reference
        return lambdas.mean(dim=0)

    def scaled(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Both searches' mean, scaled until the constraint holds on noise drawn anew: sigma, constraint, errors by unit."""
        log_sigma = self.average.mean(dim=0)
        reference = self.reference.mean(dim=0)
        top = math.log(self.search.limit)
        constraint = torch.zeros_like(reference)
        errors = None if self.errors is None else self.errors[0].clone()
        left = self.all
        for last in [False] * _ROUNDS + [True]:
            sigma = self._by_unit(log_sigma[left].clamp_max(top)).expand(_CHAINS, -1, -1)
            found = self.perturbed.change(left, sigma, self.noise(_CHECK // _CHAINS))
            constraint[left] = found.features.mean(dim=0) / reference[left]
            if errors is not None and found.errors is not None:
                errors[left] = self._told(found.errors.mean(dim=0))
            move = 0.5 * torch.log(self.search.alpha / constraint[left])
            off = (constraint[left] / self.search.alpha - 1).abs() > _CLOSE
            off &= ((log_sigma[left] < top) | (move < 0)[:, None]).any(dim=1)
            left = left[off]
            if last or not len(left):
                break
            log_sigma[left] = log_sigma[left].clamp_max(top) + move[off, None].clamp(-_LARGEST_MOVE, _LARGEST_MOVE)
        return self._by_unit(log_sigma.clamp_max(top)), constraint, errors

    def _told(self, errors: Tensor) -> Tensor:
        """Errors of a unit that is always rebuilt exactly would have no logarithm."""
        return errors.clamp_min(1e-6 * self.search.tau)

    def _by_unit(self, log_sigma: Tensor) -> Tensor:
        return log_sigma.exp()[..., self.cell]

    def _mean(self, mean: Tensor, slope: Tensor | None, variance: Tensor, weight: float) -> Tensor:
        """A running mean of derivatives by each cell's variance, given those by each unit's sigma."""
        assert slope is not None
        by_cell = torch.zeros_like(mean).index_add_(2, self.cell, slope)
        return torch.lerp(mean, by_cell / (2 * variance.sqrt()), weight)

    def _wanted(self, active: Tensor) -> Tensor:
        """Log sigma at which each cell's share of the change is its share of the entropy gained, as far as is known."""
        costs = self.costs[:, active].clamp_min(torch.finfo(torch.float32).tiny)
        gained = self.sizes
        if self.errors is not None:
            gained = (2 * self.log_sigma[:, active]).exp() * self.gains[:, active].clamp_min(1e-6 * costs)
        target = self.search.alpha * self.reference[:, active]
        return 0.5 * torch.log(_filled(gained / costs, costs, target, self.search.limit**2))


def _filled(shares: Tensor, costs: Tensor, target: Tensor, limit: float) -> Tensor:
    """Variances as the shares are, none beyond the limit, whose costs together are the target where they can be."""
    low, high = (torch.full_like(target, bound)[..., None] for bound in (-200.0, 200.0))
    for _ in range(60):
        middle = (low + high) / 2
        spent = (costs * (middle.exp() * shares).clamp_max(limit)).sum(dim=-1)
        too_much = (spent > target)[..., None]
        low, high = torch.where(too_much, low, middle), torch.where(too_much, middle, high)
    return (low.exp() * shares).clamp(torch.finfo(torch.float32).tiny, limit)
