"""Matrix-based information over the mini-batches of a probe."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from bitlens.arrays import NDArray, check_integer, describe
from bitlens.estimators import (
    Alignment,
    ChannelDecomposition,
    Dimension,
    Median,
    MultivariateInformation,
    NearestNeighbors,
    SaturationWarning,
    Silverman,
)
from bitlens.estimators.matrix.decomposition import decompose
from bitlens.estimators.matrix.gram import channel_exponents, variable_exponents, with_shuffles
from bitlens.estimators.matrix.multivariate import informations
from bitlens.runs import Run, RunError
from bitlens.runs.layout import INPUT

RunBandwidth: TypeAlias = float | Median | Silverman | NearestNeighbors | Dimension | Alignment
"""What may be kept with a result by its name: an alignment is to the run's labels."""
About: TypeAlias = list[tuple[NDArray, RunBandwidth, list[Any]]]
"""Of each mini-batch its samples, the rule for its channels, and every target's exponents with their shuffles."""


@dataclass(frozen=True)
class MatrixInformationConfig:
    """How matrix-based information of a run is estimated, as `multivariate_information` takes it."""

    batch: int
    seed: int
    alpha: float
    bandwidth: RunBandwidth
    bandwidth_x: RunBandwidth
    scale_bandwidth: bool
    tensor: bool = False
    permutations: int = 20

    def __post_init__(self) -> None:
        if check_integer(self.batch, "batch") < 3:
            raise ValueError(f"batch: expected at least 3, got {self.batch}")
        if check_integer(self.permutations, "permutations") < 2:
            raise ValueError(f"permutations: expected at least 2, got {self.permutations}")
        for rule in (self.bandwidth, self.bandwidth_x):
            if isinstance(rule, Alignment) and rule.labels is not None:
                raise ValueError("bandwidth: over a run an Alignment takes the run's labels; leave its own out")
            # A result is kept by the rule's name, which has to say all of it.
            if not isinstance(rule, Median | Silverman | NearestNeighbors | Dimension | Alignment | Real):
                raise TypeError(f"bandwidth: over a run, expected a rule or one number, got {describe(rule)}")

    def kept(self) -> dict[str, Any]:
        """What is kept with a result."""
        rules = {
            name: kept_rule(rule) for name, rule in (("bandwidth", self.bandwidth), ("bandwidth_x", self.bandwidth_x))
        }
        flags = {"scale_bandwidth": int(self.scale_bandwidth), "tensor": int(self.tensor)}
        plain = {"batch": self.batch, "seed": check_integer(self.seed, "seed"), "alpha": float(self.alpha)}
        return plain | rules | flags | {"permutations": check_integer(self.permutations, "permutations")}

    def about(self, run: Run, targets: Mapping[str, NDArray]) -> About:
        """What information is about, with its shuffles: found once for all layers."""
        found = []
        for part in batches(run.manifest.samples, self.batch, self.seed):
            rule = self._here(run, self.bandwidth_x, part)
            of_targets = [variable_exponents(target[part], "x", rule) for target in targets.values()]
            shuffled = [with_shuffles(of_x, context, self.permutations, self.seed) for of_x, context in of_targets]
            found.append((part, self._here(run, self.bandwidth, part), shuffled))
        return found

    def information(self, about: About, maps: NDArray, where: str) -> list[MultivariateInformation]:
        """Of each target the mean over mini-batches; the null's deviation is that of the mean.

        Warns once where the mean says little.
        """
        # Units of a layer without maps are one variable.
        as_one = self.tensor or maps.ndim == 2
        rows = []
        for part, rule, targets in about:
            of_maps, context = channel_exponents(maps[part], "maps", rule, 1, as_one=as_one)
            rows.append(informations(targets, of_maps, context, self.alpha, self.scale_bandwidth))
        results = []
        for found in zip(*rows, strict=True):
            mean = np.array(found).mean(axis=0)
            deviation = math.sqrt(sum(one.null_std**2 for one in found)) / len(found)
            results.append(MultivariateInformation._make([*mean[:-1].tolist(), deviation]))
        if results[0].saturation > SaturationWarning.limit:
            warnings.warn(
                f"{where}: the entropy is {results[0].saturation:.1%} of log2 n; its information is that of the input",
                SaturationWarning,
                stacklevel=2,
            )
        return results

    def decompositions(self, about: About, maps: NDArray, pairs: int | None) -> list[list[ChannelDecomposition]]:
        """Of each target, one a mini-batch."""
        rows = []
        for part, rule, targets in about:
            of_maps, context = channel_exponents(maps[part], "maps", rule, 1, as_one=False)
            rows.append(decompose(targets, of_maps, context, pairs, self.seed, self.alpha, self.scale_bandwidth))
        return [list(found) for found in zip(*rows, strict=True)]

    @staticmethod
    def _here(run: Run, rule: RunBandwidth, part: NDArray) -> RunBandwidth:
        """A rule for some samples: an alignment is to their labels."""
        if not isinstance(rule, Alignment):
            return rule
        if run.labels is None:
            raise RunError(f"bandwidth: an Alignment needs labels, and {run.path} has none")
        return replace(rule, labels=run.labels[part])


def kept_rule(rule: RunBandwidth) -> str:
    """The name that a rule or number is kept by."""
    return repr(float(rule)) if isinstance(rule, Real) else repr(rule)


def batches(samples: int, size: int, seed: int) -> list[NDArray]:
    """Mini-batches of the probe; one of all, if it has no more."""
    order = np.random.default_rng(seed).permutation(samples)
    count = max(1, samples // size)
    return [np.sort(part) for part in np.split(order[: count * min(size, samples)], count)]


def as_variable(values: NDArray) -> NDArray:
    """All values of a sample in one."""
    return values.reshape(len(values), -1)


def targets(run: Run, epoch: int) -> dict[str, NDArray]:
    """What information is about: the input and, where they are known, the labels."""
    found = {"input": as_variable(run.activations(INPUT, epoch))}
    return found if run.labels is None else found | {"labels": run.labels}
