"""Matrix-based information over the mini-batches of a probe."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from bitlens.arrays import NDArray, integer
from bitlens.estimators import (
    Alignment,
    ChannelDecomposition,
    Dimension,
    Median,
    MultivariateInformation,
    NearestNeighbors,
    SaturationWarning,
    Silverman,
    multivariate_information,
)
from bitlens.estimators.decomposition import decompose
from bitlens.estimators.kernels import channel_exponents, variable
from bitlens.runs import Run, RunError
from bitlens.runs.layout import INPUT

RunBandwidth: TypeAlias = float | Median | Silverman | NearestNeighbors | Dimension | Alignment
"""What may be kept with a result by its name: an alignment is to the run's labels."""


@dataclass(frozen=True)
class Batched:
    """How matrix-based information of a run is estimated, as `multivariate_information` takes it."""

    batch: int
    seed: int
    alpha: float
    bandwidth: RunBandwidth
    bandwidth_x: RunBandwidth
    saturating: bool
    tensor: bool = False
    permutations: int = 20

    def __post_init__(self) -> None:
        if integer(self.batch, "batch") < 3:
            raise ValueError(f"batch: expected at least 3, got {self.batch}")
        for rule in (self.bandwidth, self.bandwidth_x):
            if isinstance(rule, Alignment) and rule.labels is not None:
                raise ValueError("bandwidth: over a run an Alignment takes the run's labels; leave its own out")

    def kept(self) -> dict[str, Any]:
        """What is kept with a result."""
        rules = {"bandwidth": repr(self.bandwidth), "bandwidth_x": repr(self.bandwidth_x)}
        flags = {"saturating": int(self.saturating), "tensor": int(self.tensor)}
        plain = {"batch": self.batch, "seed": integer(self.seed, "seed"), "alpha": float(self.alpha)}
        return plain | rules | flags | {"permutations": integer(self.permutations, "permutations")}

    def information(self, run: Run, target: NDArray, maps: NDArray, where: str) -> MultivariateInformation:
        """Mean over mini-batches; the null's deviation is that of the mean. Warns once, where the mean says little."""
        if maps.ndim == 2:  # units of a layer without maps are one variable
            maps = maps[:, None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SaturationWarning)
            found = [
                multivariate_information(target[part], maps[part], **arguments)
                for part, arguments in self._batches(run)
            ]
        mean = np.array(found).mean(axis=0)
        deviation = math.sqrt(sum(one.null_std**2 for one in found)) / len(found)
        result = MultivariateInformation._make([*mean[:-1].tolist(), deviation])
        if result.saturation > 0.98:
            warnings.warn(
                f"{where}: the entropy is {result.saturation:.1%} of log2 n; its information is that of the input",
                SaturationWarning,
                stacklevel=2,
            )
        return result

    def decompositions(
        self, run: Run, about: Mapping[str, NDArray], maps: NDArray, pairs: int | None
    ) -> list[list[ChannelDecomposition]]:
        """About each target, one a mini-batch; the channels' distances are found once for all targets."""
        found: list[list[ChannelDecomposition]] = [[] for _ in about]
        for part, rules in self._batches(run):
            of_maps, family = channel_exponents(maps[part], "maps", rules["bandwidth"], 1, as_one=False)
            for target, rows in zip(about.values(), found, strict=True):
                of_x, _ = variable(target[part], "x", rules["bandwidth_x"])
                rows.append(
                    decompose(of_x, of_maps, family, pairs, self.seed, self.alpha, self.saturating, self.permutations)
                )
        return found

    def _batches(self, run: Run) -> list[tuple[NDArray, dict[str, Any]]]:
        """Samples of each mini-batch, and the arguments of the estimators for them."""
        arguments = {key: value for key, value in vars(self).items() if key != "batch"}
        found = []
        for part in batches(run.manifest.samples, self.batch, self.seed):
            here = dict(arguments)
            for name in ("bandwidth", "bandwidth_x"):
                if isinstance(here[name], Alignment):
                    if run.labels is None:
                        raise RunError(f"{name}: an Alignment needs labels, and {run.path} has none")
                    here[name] = replace(here[name], labels=run.labels[part])
            found.append((part, here))
        return found


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
