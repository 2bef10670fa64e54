"""The search for the noise with the largest entropy under the constraint on a layer's features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bitlens.arrays import check_integer, check_positive
from bitlens.network.discarding.ascent import Polished, climb, polish
from bitlens.network.discarding.objective import Balance, Objective, Value
from bitlens.network.discarding.perturbation import Noise, Perturbed

_CHAINS = 2
"""Number of searches with independent noise."""
_JUDGED = 1024
"""Samples in each half of the new noise that the results are judged on."""
_CLIMB_STEPS = 40
"""Largest number of steps of the first stage."""
_CLIMB = {True: 0.001, False: 0.003}
"""Decrement in bits a unit at which the first stage ends, for SID and for RU."""
_COARSE_STEPS = {True: 0, False: 12}
_COARSE = 0.01
"""The same where cells are more than samples, so that the first stage would fit the noise."""
_POLISH_STEPS = {True: math.inf, False: 24}
"""Largest number of steps of the second stage, for SID and for RU, where the last steps gain little and cost much."""
_ROUNDS = 8
"""Largest number of corrections of the common scale."""
_EXACT = 0.002
"""The scale is corrected until the change of the features deviates by less, relatively."""
_CLOSE = 0.02
"""Largest relative deviation from the constraint of a converged result."""
_STATIONARY = {True: 0.005, False: 0.002}
"""Largest decrement of a converged result in bits a unit, for SID and for RU, which can be several decrements short."""
_SHORTFALL = 0.02
"""Largest shortfall of a converged result, in bits a unit."""
_AT_LIMIT = 0.01
"""Relative distance from a bound at which a sigma counts as limited."""


class InformationDiscarding(NamedTuple):
    """How much information about each input unit a layer discards, and the quality of this estimate."""

    entropies: Tensor
    """H_i = log sigma_i + log(2 pi e) / 2 of every unit, shaped like the images."""
    sigma: Tensor
    """Standard deviation of the noise of every unit, shaped like the images."""
    total: Tensor
    """Sum of the entropies of each image, (n,)."""
    constraint: Tensor
    """E |h(x') - h(x)|^2 / delta_f^2 of each image, (n,). It should equal alpha.

    It is measured with noise that the search did not use; only the common scale of sigma is fitted to it.
    """
    history: Tensor
    """The same ratio at every step of the two stages of the search, (steps, n); NaN where an image made no step."""
    multiplier: Tensor
    """Lambda of eq. 6 at the maximum of the entropies, (n,)."""
    spread: Tensor
    """Standard error of the mean entropy of a unit, from two searches with independent noise, (n,)."""
    shortfall: Tensor
    """Bound of how far the mean entropy of a unit is below the maximum that the searches approached, (n,)."""
    limited: Tensor
    """Share of the units whose sigma is at its largest or smallest value, (n,)."""
    converged: Tensor
    """Whether the result is a maximum within the tolerances of `information_discarding`, (n,)."""


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
    objective = Objective(perturbed, shape[1:], search.alpha, search.tau, search.limit, search.cells)
    jury = _Jury(objective, search)
    chains = [_search(objective, search, jury.reference, chain, title) for chain in range(_CHAINS)]
    bits = 1 / (objective.units * math.log(2))
    fresh = torch.stack([jury.value(chain.polished.log_sigma).corrected(chain.polished.rate) for chain in chains])
    logs = torch.stack([chain.polished.log_sigma for chain in chains])
    # SID has one maximum, and the mean of the searches has less noise. RU can have several.
    log_sigma = logs.mean(dim=0) if objective.strict else logs[fresh.argmax(dim=0), objective.all]
    elasticity = torch.stack([chain.polished.elasticity for chain in chains]).mean(dim=0)
    log_sigma, value, (one, other) = jury.scaled(log_sigma, elasticity)
    rate, decrement = (one.rate + other.rate) / 2, one.decrement(other, objective.units)
    if objective.strict and len(objective.sizes) > search.samples:
        shortfall = decrement
    else:
        reached = torch.stack([chain.reached for chain in chains]).mean(dim=0)
        shortfall = bits * (reached - value.corrected(rate))
    constraint = search.alpha * value.excess.exp()
    converged = torch.stack([chain.stopped for chain in chains]).all(dim=0)
    converged &= (decrement < _STATIONARY[objective.strict]) & (shortfall < _SHORTFALL)
    sigma = objective.by_unit(log_sigma)
    entropies = search.entropy(sigma.square() if value.errors is None else value.errors)
    in_base = math.log(2) / math.log(search.base)
    at_bound = (log_sigma > objective.high - _AT_LIMIT) | (log_sigma < objective.low + _AT_LIMIT)
    return InformationDiscarding(
        entropies.reshape(shape),
        sigma.reshape(shape),
        entropies.sum(dim=1),
        constraint,
        _history(chains, search.alpha),
        search.alpha / rate,
        fresh.std(dim=0) / math.sqrt(_CHAINS) * bits * in_base,
        shortfall.clamp_min(0) * in_base,
        at_bound[:, objective.cell].double().mean(dim=1),
        converged & ((constraint / search.alpha - 1).abs() <= _CLOSE),
    )


class _Chain(NamedTuple):
    """The result of one search."""

    polished: Polished
    reached: Tensor
    """Entropy in nats that the first stage reached on its sample; on average at least the maximum, [image]."""
    stopped: Tensor
    """Whether the first stage ended by itself, or is cut short on purpose, [image]."""
    history: tuple[list[Tensor], list[Tensor]]
    """Relative change at each step of the two stages, [image]."""


def _search(objective: Objective, search: Search, reference: Tensor, chain: int, title: str) -> _Chain:
    strict, samples = objective.strict, search.samples
    noise = Noise(objective.units, search.seed, chain, objective.perturbed.images)
    coarse = len(objective.sizes) > samples
    steps = min(search.steps, _COARSE_STEPS[strict] if coarse else _CLIMB_STEPS)
    title = f"{title}, search {chain + 1} of {_CHAINS}"
    climbed = climb(objective, noise.part(0, samples), steps, _COARSE if coarse else _CLIMB[strict], title)
    polishing = int(min(search.steps, _POLISH_STEPS[strict]))
    polished = polish(objective, climbed, noise, samples, samples, polishing, reference)
    reached = climbed.value.corrected(climbed.rate)
    return _Chain(polished, reached, climbed.stopped | coarse, (climbed.history, polished.history))


def _history(chains: Sequence[_Chain], alpha: float) -> Tensor:
    """Mean over the searches of the change at each step; the stages one after the other."""
    stages = []
    for stage in range(2):
        rows = [chain.history[stage] for chain in chains]
        steps = torch.full((_CHAINS, max(map(len, rows)), len(chains[0].reached)), math.nan)
        steps = steps.to(chains[0].reached)
        for chain, row in enumerate(rows):
            for step, change in enumerate(row):
                steps[chain, step] = change
        stages.append(alpha * steps.nanmean(dim=0))
    return torch.cat(stages)


class _Jury:
    """New noise, the same for all candidates, in two independent halves."""

    def __init__(self, objective: Objective, search: Search) -> None:
        self._objective = objective
        images = objective.perturbed.images
        self._halves = [
            Noise(objective.units, search.seed, _CHAINS + half, images).part(0, _JUDGED) for half in range(2)
        ]
        of_halves = torch.stack([objective.reference(half) for half in self._halves])
        dead = (of_halves == 0).any(dim=0).nonzero().flatten().tolist()
        if dead:
            raise ValueError(
                f"layer: expected an output that depends on the image, got an output that no noise on image {dead[0]} "
                "changes, so that the layer discards everything"
            )
        self.reference = of_halves.mean(dim=0)

    def value(self, log_sigma: Tensor) -> Value:
        """The objective on all samples."""
        return self._objective.mean(log_sigma, self._by_half(self._objective.all, log_sigma))

    def scaled(self, log_sigma: Tensor, elasticity: Tensor) -> tuple[Tensor, Value, list[Balance]]:
        """Log sigma after a common factor that makes the constraint hold, its objective, and the residuals by half."""
        objective, log_sigma = self._objective, log_sigma.clone()
        halves = self._by_half(objective.all, log_sigma)
        left = objective.all
        for _ in range(_ROUNDS):
            excess = objective.mean(log_sigma, halves).excess[left]
            inside = objective.clamped(log_sigma[left])
            movable = torch.where(excess[:, None] < 0, inside < objective.high, inside > objective.low).any(dim=1)
            wrong = (excess.abs() > _EXACT) & movable
            left = left[wrong]
            if not len(left):
                break
            move = (excess[wrong] / elasticity[left]).clamp(-1, 1)
            log_sigma[left] -= move[:, None]
            for half, new in zip(halves, self._by_half(left, log_sigma[left]), strict=True):
                half.put(left, new)
        balances = []
        for noise, half in zip(self._halves, halves, strict=True):
            _, slopes = objective.slopes(objective.all, log_sigma, noise, self.reference, half.errors)
            balances.append(objective.balance(log_sigma, slopes))
        return log_sigma, objective.mean(log_sigma, halves), balances

    def _by_half(self, which: Tensor, log_sigma: Tensor) -> list[Value]:
        return [self._objective.value(which, log_sigma, half, self.reference) for half in self._halves]
