"""Two stages of the ascent to the largest entropy under the constraint: on a fixed sample of noise, then on new noise.

The variable is l = log sigma of each cell. The constraint is log(E |h(x') - h(x)|^2 / (alpha delta_f^2)) = 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from bitlens.network.discarding.objective import Balance, Objective, Slopes, Value
from bitlens.network.discarding.perturbation import Noise, Sample
from bitlens.progress import track

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
_DAMPING = 0.5
"""Share of a step that is made on new noise."""
_BEYOND = 0.1
"""How far log sigma may be beyond its bounds while the common scale is not yet exact."""
_FIRST_STEPS = 8
"""Least number of steps on new noise."""
_REST = 0.002
"""The second stage ends when its last half of steps changed the entropy by about this, in bits a unit."""


class Climbed(NamedTuple):
    """The end of the first stage of one search."""

    log_sigma: Tensor
    """[image, cell]"""
    slopes: Slopes
    value: Value
    """On the fixed sample."""
    rate: Tensor
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
        trial = _trial(objective, log_sigma[which], excess[which], costs[which], length[which], b)
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
            log_sigma[better], entropy[better] = trial[accepted], new.entropy[accepted]
            excess[better] = new.excess[accepted]
            gains[better], costs[better] = better_slopes
    return Climbed(log_sigma, Slopes(gains, costs), Value(entropy, excess, None), balance.rate, stopped, history)


class Polished(NamedTuple):
    """The end of the second stage of one search."""

    log_sigma: Tensor
    """[image, cell], possibly slightly beyond its bounds."""
    rate: Tensor
    elasticity: Tensor
    """As in `Balance`, [image]."""
    history: list[Tensor]
    """As in `Climbed`."""


def polish(
    objective: Objective, climbed: Climbed, noise: Noise, first: int, samples: int, steps: int, reference: Tensor
) -> Polished:
    """Continue on new noise at every step, which removes what was fitted to the fixed sample.

    The steps use running means of the slopes: of the change by the variance of a cell, which is constant where the
    features are linear, and of the entropy by log sigma. The result is a running mean of log sigma. An image ends when
    this mean moves little.
    """
    state = _Mean(*(tensor.clone() for tensor in (climbed.log_sigma, climbed.log_sigma, *climbed.slopes)))
    state.costs.mul_(climbed.value.excess.exp()[:, None] / objective.variance(climbed.log_sigma))
    rate, elasticity = torch.zeros_like(reference), torch.ones_like(reference)
    running = torch.ones_like(reference, dtype=torch.bool)
    history: list[Tensor] = []
    means = [climbed.log_sigma]
    for step in range(steps):
        which = running.nonzero().flatten()
        if not len(which):
            break
        sample = noise.part(first + step * samples, samples)
        now = _Mean(*(tensor[which] for tensor in state))
        value, slopes = objective.point(which, now.current, sample, reference)
        # Later steps have a larger weight, because they are nearer to the maximum.
        weight, variance = 4 / (step + 5), objective.variance(now.current)
        costs = torch.lerp(now.costs, slopes.costs * value.excess.exp()[:, None] / variance, weight)
        gains = torch.lerp(now.gains, slopes.gains, weight)
        b = objective.balance(now.current, Slopes(gains, costs * variance))
        move = _along_constraint(0.5 * (b.residual / b.scale).clamp(-2, 2), costs * variance, b)
        move = _DAMPING * move - _toward_constraint(value.excess, b, _LARGEST_CORRECTION / 2)
        current = (now.current + move).clamp(objective.low - _BEYOND, objective.high + _BEYOND)
        mean = torch.lerp(now.mean, current, 8 / (step + 8))
        for kept, new in zip(state, (current, mean, gains, costs), strict=True):
            kept[which] = new
        rate[which], elasticity[which] = b.rate, b.elasticity
        history.append(torch.full_like(reference, math.nan).index_put_((which,), value.excess.exp()))
        means.append(state.mean.clone())
        if step + 1 >= _FIRST_STEPS:
            moved = (means[-1] - means[(step + 1) // 2])[which].square() * b.scale
            running[which] = moved.sum(dim=1) / (objective.units * math.log(2)) > _REST
    return Polished(state.mean, rate, elasticity, history)


class _Mean(NamedTuple):
    """State of the second stage, [image, cell]."""

    current: Tensor
    mean: Tensor
    gains: Tensor
    costs: Tensor


def _trial(
    objective: Objective, log_sigma: Tensor, excess: Tensor, costs: Tensor, length: Tensor, balance: Balance
) -> Tensor:
    """Log sigma after a step of this length."""
    relative = (balance.residual / balance.scale).clamp(-2, 2)
    move = (length[:, None] * 0.5 * relative).clamp(-_LARGEST_MOVE, _LARGEST_MOVE)
    move = _along_constraint(move, costs, balance) - _toward_constraint(excess, balance, _LARGEST_CORRECTION)
    return objective.clamped(log_sigma + move * balance.free)


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
