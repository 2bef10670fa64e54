"""The search for the noise with the largest entropy under the constraint on a layer's features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bitlens.arrays import check_integer, check_positive
from bitlens.network.discarding.perturbation import Noise, Perturbed, cell_of_units
from bitlens.progress import track

_CHAINS = 2
"""Number of searches with independent noise. Their difference is the error of the result."""
_REFERENCE = 1024
"""Number of samples of the constant perturbation."""
_CHECK = 1536
"""Number of new samples for checking the constraint."""
_ROUNDS = 8
"""Largest number of corrections of the scale."""
_CLOSE = 0.02
"""Largest relative deviation from the constraint."""
_FLAT = 0.02
"""A search has converged when the mean entropy of a unit changes by fewer bits in the second half of the steps."""
_FIRST_STEPS = 8
_DAMPING = 0.5
_LARGEST_MOVE = 1.0
"""Largest change of log sigma in one step, because the features of a deep layer are far from linear."""


class InformationDiscarding(NamedTuple):
    """How much information about each input unit a layer discards, and the quality of this estimate."""

    entropies: Tensor
    """H_i = log sigma_i + log(2 pi e) / 2 of every unit, shaped like the images."""
    sigma: Tensor
    """Standard deviation of the noise of every unit, shaped like the images."""
    total: Tensor
    """Sum of the entropies of each image, (n,)."""
    constraint: Tensor
    """E |h(x') - h(x)|^2 / delta_f^2 of each image, measured with new noise, (n,). It should equal alpha."""
    history: Tensor
    """The same ratio at every step of the search, (steps, n); NaN after the search of an image has ended."""
    multiplier: Tensor
    """Lambda of eq. 6 at the maximum of the entropies, (n,)."""
    spread: Tensor
    """Standard error of the mean entropy of a unit, from two searches with independent noise, (n,)."""
    limited: Tensor
    """Share of the units whose sigma is at its limit, (n,)."""
    converged: Tensor
    """Whether the search has converged and the constraint holds within 2 percent, (n,)."""


@dataclass(frozen=True)
class Search:
    """Parameters of the search, as in `information_discarding`."""

    alpha: float
    tau: float
    cells: int | None
    sigma_max: float | None
    samples: int
    steps: int
    seed: int
    base: float

    def __post_init__(self) -> None:
        for name in ("alpha", "tau", "sigma_max", "base"):
            value = getattr(self, name)
            if value is None:
                continue
            object.__setattr__(self, name, check_positive(value, name))
        if self.base == 1:
            raise ValueError("base: expected a number other than 1, got 1; take 2 for bits or math.e for nats")
        for name, least in (("samples", 2), ("steps", 1), ("cells", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is None:
                continue
            object.__setattr__(self, name, check_integer(value, name))
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {value}")

    @property
    def limit(self) -> float:
        """The largest sigma."""
        return 10 * math.sqrt(self.tau) if self.sigma_max is None else self.sigma_max

    def entropy(self, variance: Tensor) -> Tensor:
        """Entropy of Gaussians with this variance."""
        return 0.5 * torch.log(2 * math.pi * math.e * variance) / math.log(self.base)


def maximize(perturbed: Perturbed, search: Search, shape: torch.Size, title: str) -> InformationDiscarding:
    """Maximize the entropy of the units of the images, or of their reconstructions, under the constraint."""
    ascent = _Ascent(perturbed, search, shape[1:])
    for step in track(range(search.steps), title):
        if ascent.converged.all():
            break
        ascent.step(step)
    chains = ascent.means()
    sigma, constraint, errors = ascent.scaled()
    entropies = search.entropy(sigma.square() if errors is None else errors)
    return InformationDiscarding(
        entropies.reshape(shape),
        sigma.reshape(shape),
        entropies.sum(dim=1),
        constraint,
        ascent.history[: ascent.steps],
        ascent.multiplier(),
        chains.std(dim=0) / math.sqrt(_CHAINS) * math.log(2) / math.log(search.base),
        (sigma > 0.99 * search.limit).double().mean(dim=1),
        ascent.converged & ((constraint / search.alpha - 1).abs() <= _CLOSE),
    )


class _Ascent:
    """The search for all images together. Its state is [chain, image, cell]; the units of a cell share one sigma."""

    def __init__(self, perturbed: Perturbed, search: Search, shape: torch.Size) -> None:
        self.perturbed, self.search = perturbed, search
        n, units = perturbed.images.shape
        device = perturbed.images.device
        self.cell = cell_of_units(shape, search.cells).to(device)
        self.sizes = torch.bincount(self.cell).double()
        self.noise = Noise(_CHAINS, units, search.seed, perturbed.images)
        self.all = torch.arange(n, device=device)
        start = 0.5 * math.log(search.tau)
        self.log_sigma = torch.full((_CHAINS, n, len(self.sizes)), start, dtype=torch.float64, device=device)
        constant = perturbed.change(self.all, self._by_unit(self.log_sigma), self.noise(_REFERENCE))
        self.reference = constant.features
        dead = (self.reference == 0).any(dim=0).nonzero().flatten().tolist()
        if dead:
            raise ValueError(
                f"layer: expected an output that depends on the image, got an output that no noise on image {dead[0]} "
                "changes, so that the layer discards everything"
            )
        self.average = self.log_sigma.clone()
        self.errors = None if constant.errors is None else self._positive(constant.errors)
        # Derivatives by the variance of each cell: of the change, and of the entropy of a reconstruction.
        self.costs = torch.zeros_like(self.log_sigma)
        self.gains = torch.zeros_like(self.log_sigma)
        self.history = torch.full((search.steps, n), math.nan, dtype=torch.float64, device=device)
        self.converged = torch.zeros(n, dtype=torch.bool, device=device)
        self._means = [self.means()]

    @property
    def steps(self) -> int:
        """Number of steps made so far."""
        return len(self._means) - 1

    def step(self, number: int) -> None:
        """Make one step for all images whose search has not converged."""
        active = (~self.converged).nonzero().flatten()
        log_sigma = self.log_sigma[:, active]
        weights = None if self.errors is None else (0.5 / self.errors[:, active]).to(self.perturbed.images)
        noise = self.noise(self.search.samples)
        change = self.perturbed.change(active, self._by_unit(log_sigma), noise, slopes=True, weights=weights)
        self.history[number, active] = (change.features / self.reference[:, active]).mean(dim=0)
        # Later steps have a larger weight, because they are nearer to the maximum.
        weight = 4 / (number + 4)
        variance = (2 * log_sigma).exp()
        self.costs[:, active] = self._mean(self.costs[:, active], change.features_slope, variance, weight)
        if self.errors is not None and change.errors is not None:
            self.errors[:, active] = torch.lerp(self.errors[:, active], self._positive(change.errors), weight)
            self.gains[:, active] = self._mean(self.gains[:, active], change.errors_slope, variance, weight)
        move = (self._optimal_log_sigma(active) - log_sigma).clamp(-_LARGEST_MOVE, _LARGEST_MOVE)
        # The costs determine the shares of the units. They determine the common scale only for linear features, so the
        # scale is taken from the measured change instead.
        move -= (move * self.sizes).sum(dim=2, keepdim=True) / self.sizes.sum()
        over = torch.log(change.features / (self.search.alpha * self.reference[:, active]))
        move -= 0.5 * over.clamp(-_LARGEST_MOVE, _LARGEST_MOVE)[..., None]
        self.log_sigma[:, active] = (log_sigma + _DAMPING * move).clamp_max(math.log(self.search.limit))
        self.average[:, active] = torch.lerp(self.average[:, active], self.log_sigma[:, active], 8 / (number + 8))
        self._means.append(self.means())
        if number + 1 >= _FIRST_STEPS:
            moved = (self._means[-1] - self._means[(number + 1) // 2]).abs().amax(dim=0)
            self.converged |= moved < _FLAT

    def means(self) -> Tensor:
        """Mean entropy of a unit in bits, up to a constant, [chain, image]."""
        if self.errors is not None:
            return 0.5 * torch.log2(self.errors).mean(dim=2)
        return (self.average * self.sizes).sum(dim=2) / self.sizes.sum() / math.log(2)

    def multiplier(self) -> Tensor:
        """Lambda: increase of the change, as a multiple of delta_f^2, for each unit of entropy gained."""
        variance = (2 * self.log_sigma).exp()
        free = self.log_sigma < math.log(self.search.limit)
        gained = self.sizes / 2 if self.errors is None else variance * self.gains
        lambdas = (variance * self.costs * free).sum(dim=2) / (gained * free).sum(dim=2) / self.reference
        return lambdas.mean(dim=0)

    def scaled(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Mean of the searches, scaled until the constraint holds for new noise: sigma, constraint, errors by unit."""
        log_sigma = self.average.mean(dim=0)
        reference = self.reference.mean(dim=0)
        top = math.log(self.search.limit)
        constraint = torch.zeros_like(reference)
        errors = None if self.errors is None else self.errors[0].clone()
        left = self.all
        for last in [False] * _ROUNDS + [True]:
            sigma = self._by_unit(log_sigma[left].clamp_max(top)).expand(_CHAINS, -1, -1)
            change = self.perturbed.change(left, sigma, self.noise(_CHECK // _CHAINS))
            constraint[left] = change.features.mean(dim=0) / reference[left]
            if errors is not None and change.errors is not None:
                errors[left] = self._positive(change.errors.mean(dim=0))
            move = 0.5 * torch.log(self.search.alpha / constraint[left])
            off = (constraint[left] / self.search.alpha - 1).abs() > _CLOSE
            off &= ((log_sigma[left] < top) | (move < 0)[:, None]).any(dim=1)
            left = left[off]
            if last or not len(left):
                break
            log_sigma[left] = log_sigma[left].clamp_max(top) + move[off, None].clamp(-_LARGEST_MOVE, _LARGEST_MOVE)
        return self._by_unit(log_sigma.clamp_max(top)), constraint, errors

    def _positive(self, errors: Tensor) -> Tensor:
        """The errors, bounded below: the error of a unit that is always rebuilt exactly would not have a logarithm."""
        return errors.clamp_min(1e-6 * self.search.tau)

    def _by_unit(self, log_sigma: Tensor) -> Tensor:
        return log_sigma.exp()[..., self.cell]

    def _mean(self, mean: Tensor, slope: Tensor | None, variance: Tensor, weight: float) -> Tensor:
        """Running mean of the derivatives by the variance of each cell; `slope` has those by the sigma of each unit."""
        assert slope is not None
        by_cell = torch.zeros_like(mean).index_add_(2, self.cell, slope)
        return torch.lerp(mean, by_cell / (2 * variance.sqrt()), weight)

    def _optimal_log_sigma(self, active: Tensor) -> Tensor:
        """Log sigma at which each cell has equal shares of the change and of the entropy gained."""
        costs = self.costs[:, active].clamp_min(torch.finfo(torch.float32).tiny)
        gained = self.sizes
        if self.errors is not None:
            gained = (2 * self.log_sigma[:, active]).exp() * self.gains[:, active].clamp_min(1e-6 * costs)
        target = self.search.alpha * self.reference[:, active]
        return 0.5 * torch.log(_scale_to_target(gained / costs, costs, target, self.search.limit**2))


def _scale_to_target(shares: Tensor, costs: Tensor, target: Tensor, limit: float) -> Tensor:
    """Variances proportional to the shares and at most the limit, with costs that sum up to the target if possible."""
    low, high = (torch.full_like(target, bound)[..., None] for bound in (-200.0, 200.0))
    for _ in range(60):
        middle = (low + high) / 2
        spent = (costs * (middle.exp() * shares).clamp_max(limit)).sum(dim=-1)
        too_much = (spent > target)[..., None]
        low, high = torch.where(too_much, low, middle), torch.where(too_much, middle, high)
    return (low.exp() * shares).clamp(torch.finfo(torch.float32).tiny, limit)
