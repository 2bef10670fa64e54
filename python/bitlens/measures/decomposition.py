"""How the channels of a layer share their information, over a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators import ChannelDecomposition
from bitlens.estimators.intervals import GROUPS
from bitlens.estimators.matrix.invariants import ROUNDING
from bitlens.estimators.verdicts import verdicts
from bitlens.measures.base import Measure
from bitlens.measures.costs import seconds_of_task
from bitlens.measures.minibatches import (
    MatrixInformationConfig,
    check_targets,
    decompositions,
    information_targets,
    number_of_targets,
    prepared_batches,
    require_pairs_of_samples,
    seconds_of_batches,
)
from bitlens.measures.parameters import parameter
from bitlens.measures.schema import Result, Target, Variable, verdict_variable
from bitlens.runs import Run, RunError
from bitlens.runs.layout import INPUT

if TYPE_CHECKING:
    import xarray as xr

_QUANTITIES = ChannelDecomposition._fields[3:-1]
_SUFFIXES = {
    "": "",
    "_null_mean": ", mean of the baseline",
    "_null_std": ", standard deviation of the baseline",
    "_excess": " minus the mean of the baseline",
    "_standard_error": ", standard error of the excess",
}

_DEGREES = {
    "redundancy_degree": "average degree of redundancy",
    "vulnerability_degree": "average degree of vulnerability",
    "null_redundancy_degree": "average degree of redundancy of shuffled samples",
    "null_vulnerability_degree": "average degree of vulnerability of shuffled samples",
}


@dataclass(frozen=True)
class LayerDecompositionParameters(MatrixInformationConfig):
    """Parameters of `layer_decomposition`."""

    permutations: int = parameter(2, "Shuffles of each mini-batch for the permutation baseline.", minimum=2)
    pairs: int = parameter(2016, "Number of pairs of channels; all if the layer has fewer.", minimum=1)


class LayerDecomposition(Measure[LayerDecompositionParameters]):
    """How the channels of a layer share their information about the input and about the labels, by epoch.

    `channel_decomposition`, averaged over mini-batches (Yu et al. 2018, section III-B). Its weighted non-redundant
    information about input and labels is the modified information plane. Unrelated channels have redundancy-synergy
    below 0, which does not mean synergy: read ``_excess``. Its standard error comes from the mini-batches, where there
    are at least 16 of them. With fewer it is NaN, and the attribute ``no_error`` of the result says why.

    Returns
    -------
    xarray.Dataset
        By epoch and ``about``, in bits: ``multivariate``, ``redundancy_synergy``, ``weighted_nonredundant``; the last
        two also as ``_share`` of the pairs' information; of each the baseline's ``_null_mean`` and ``_null_std``,
        ``_excess``, the value minus the baseline's mean, and ``_standard_error``, that of the excess; the Shannon
        invariants ``redundancy_degree`` and ``vulnerability_degree`` (see `shannon_invariants`), from excesses, and as
        ``null_`` those of shuffled samples; and ``single`` [channel]. ``share_verdict`` tells how far the shares can be
        trusted: chance often gives a large part of the information of a pair.

    Raises
    ------
    RunError
        If there is no such layer, it has one channel, it is an input of category numbers, ``tensor`` is True, the run
        has one sample, or activations are not finite.

    Examples
    --------
    >>> import bitlens
    >>> shared = bitlens.layer_decomposition(bitlens.open_run("demo-run"), "conv1", pairs=4)
    >>> shared.redundancy_synergy.dims
    ('epoch', 'about')
    """

    name = "layer_decomposition"
    title = "decomposition"
    rank = 80
    version = 3
    Parameters = LayerDecompositionParameters
    target_names = ("layer",)
    requires = frozenset({"magnitudes"})
    variables: ClassVar = (
        *(
            Variable(
                name + suffix, ("about",), name.replace("_", " ") + text, "1" if name.endswith("share") else "bits"
            )
            for name in _QUANTITIES
            for suffix, text in _SUFFIXES.items()
        ),
        *(Variable(name, ("about",), text, "1") for name, text in _DEGREES.items()),
        verdict_variable("share_verdict", ("about",), "how far the shares can be trusted"),
        Variable("single", ("about", "channel"), "information of single channels"),
    )

    def no_error(self, results: xr.Dataset) -> str:
        name = f"{_QUANTITIES[0]}_standard_error"
        if name not in results or results[name].notnull().any():
            return ""
        return (
            "No error is given, because it comes from the deviations between mini-batches and needs "
            f"{GROUPS} of them; the probe has fewer. Record more samples, or choose a smaller batch."
        )

    def targets(self, run: Run) -> list[Target]:
        """Layers of several maps."""
        layers = [layer for layer in run.layers if layer.name != INPUT]
        return [(layer.name,) for layer in layers if len(layer.shape) > 1 and layer.channels > 1]

    def check(self, run: Run, target: Target, parameters: LayerDecompositionParameters) -> None:
        super().check(run, target, parameters)
        check_targets(run, self.name)
        require_pairs_of_samples(run, self.name)
        if run.layer(target[0]).channels < 2:
            raise RunError(f"layer: {target[0]} has one channel; its decomposition needs two")
        if parameters.tensor:
            raise RunError("tensor: expected False, got True; a single kernel of a layer has no channels to decompose")

    def resolve(
        self, run: Run, target: Target, parameters: LayerDecompositionParameters
    ) -> LayerDecompositionParameters:
        channels = run.layer(target[0]).channels
        return replace(parameters, pairs=min(parameters.pairs, channels * (channels - 1) // 2))

    def seconds(self, run: Run, target: Target, parameters: LayerDecompositionParameters) -> float:
        channels = run.layer(target[0]).channels
        sets = 3 * channels + 2 + min(parameters.pairs, channels * (channels - 1) // 2)
        entropies = sets * (1 + number_of_targets(run) * (1 + parameters.permutations))
        return seconds_of_task(seconds_of_batches(run, parameters, target[0], entropies))

    def compute(self, run: Run, epoch: int, target: Target, parameters: LayerDecompositionParameters) -> Result:
        maps = run.activations(target[0], epoch)
        about = information_targets(run, epoch)
        rows, invariants = decompositions(prepared_batches(run, about, parameters), maps, parameters, parameters.pairs)
        values = {"single": np.array([np.mean([batch.single for batch in row], axis=0) for row in rows])}
        for name in _QUANTITIES:
            values |= _mean_and_null(name, rows)
        values["share_verdict"] = _share_verdicts(rows, values)
        for name in _DEGREES:
            field = name.replace("_degree", "")
            values[name] = np.array([getattr(of_target, field) for of_target in invariants])
        return Result(values, {"about": list(about), "channel": np.arange(maps.shape[1])})


layer_decomposition = LayerDecomposition()


def _share_verdicts(rows: list[list[ChannelDecomposition]], values: Mapping[str, NDArray]) -> NDArray:
    """How far the shares can be trusted, [rows].

    It depends on the part of the pairs' information that chance gives. A share that no information can have, such as
    redundancy of more than all information of a pair, is not measurable either. Pairs without any information are not
    above chance.
    """
    pair = np.array([np.mean([batch.pair.mean() for batch in row]) for row in rows])
    null = np.array([np.mean([shuffle.pair.mean() for batch in row for shuffle in batch.null]) for row in rows])
    shared, nonredundant = values["redundancy_synergy_share"], values["weighted_nonredundant_share"]
    impossible = (abs(shared) > 1) | (nonredundant < 0) | (nonredundant > 2)
    # Nothing is a share of pairs without information, such as those of dead channels or of a single class.
    nothing = pair <= ROUNDING
    return verdicts(null, pair, nothing.astype(float), saturation=impossible & ~nothing)


def _mean_and_null(name: str, rows: list[list[ChannelDecomposition]]) -> dict[str, NDArray]:
    """Means over mini-batches, [rows]; the null's deviation is that of the mean."""
    values = np.array([[getattr(batch, name) for batch in row] for row in rows])
    null = np.array([[[getattr(shuffle, name) for shuffle in batch.null] for batch in row] for row in rows])
    deviation = np.sqrt((null.var(axis=2, ddof=1)).sum(axis=1)) / null.shape[1]
    excess = values - null.mean(axis=2)
    few = values.shape[1] < GROUPS
    error = np.full(len(values), np.nan) if few else excess.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    return {
        name: values.mean(axis=1),
        f"{name}_null_mean": null.mean(axis=(1, 2)),
        f"{name}_null_std": deviation,
        f"{name}_excess": excess.mean(axis=1),
        f"{name}_standard_error": error,
    }
