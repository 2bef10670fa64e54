"""How diverse the samples are at the input and in every layer (input diversity of CNNSlicer)."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bitlens.estimators import InterSampleDiversity, NeighborWarning
from bitlens.estimators.neighbors.diversity import entropy_bound
from bitlens.measures.base import Measure
from bitlens.measures.costs import seconds_of_pairs, seconds_of_scales, seconds_of_task, values_of
from bitlens.measures.finite import of_finite_layers
from bitlens.measures.inputs import diversity_of, full_diversity_of
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run, RunError
from bitlens.runs.layout import INPUT

_SEARCHES = 5
"""As often the time of one search of neighbours: that of the samples, and those of shuffled features."""


@dataclass(frozen=True)
class DiversityParameters(Parameters):
    """Parameters of both measures of diversity."""

    k: int = parameter(15, "Number of nearest neighbours of each sample.", minimum=2)
    seed: int = parameter(0, "Seed of the shuffles of features and of the groups of samples.", minimum=0)
    intervals: bool = parameter(True, "Compute the standard error, from 64 samples on.")


# (field of InterSampleDiversity, name of the variable, what it is, unit)
_FIELDS = (
    ("entropy", "inter_sample_entropy", "inter-sample entropy", "bits"),
    ("bound", "bound", "its upper bound, log2 min(2 n k, n (n - 1))", "bits"),
    ("standard_error", "standard_error", "standard error of the inter-sample entropy", "bits"),
    ("null_mean", "null_mean", "inter-sample entropy of shuffled features", "bits"),
    ("null_std", "null_std", "standard deviation over shuffles of features", "bits"),
    ("diversity", "diversity", "diversity: 0 for one distinct sample, 1 for white noise", "1"),
    ("effective_share", "effective_share", "effective share of pairs", "1"),
    ("diversity_k", "diversity_k", "number of neighbours of the diversity", "1"),
    ("distinct", "distinct", "number of distinct samples", "1"),
    ("without_scale", "without_scale", "share of samples that coincide with log2 k neighbours or more", "1"),
    ("tied", "tied", "number of samples with ties at rank k", "1"),
)
_OF_ALL = ("bound", "diversity_k")
"""Variables that depend on the numbers of samples and neighbours alone."""


class _Diversity(Measure[DiversityParameters]):
    def check(self, run: Run, target: Target, parameters: DiversityParameters) -> None:
        super().check(run, target, parameters)
        samples = run.manifest.samples
        if samples < 3:
            raise RunError(f"{run.path}: expected at least 3 samples for {self.name}, got {samples}")
        if parameters.k >= samples:
            raise RunError(f"k: expected 2 to n - 1 = {samples - 1} for the samples of {run.path}, got {parameters.k}")

    def seconds(self, run: Run, target: Target, parameters: DiversityParameters) -> float:
        return seconds_of_task(sum(self._seconds_of(run, layer, parameters) for layer in self._measured(run)))

    def _measured(self, run: Run) -> list[str]:
        """The layers that a task measures."""
        raise NotImplementedError

    def _seconds_of(self, run: Run, layer: str, parameters: DiversityParameters) -> float:
        n = run.manifest.samples
        return _SEARCHES * seconds_of_pairs(n, values_of(run, layer)) + seconds_of_scales(n * parameters.k)


class InputDiversity(_Diversity):
    """Inter-sample entropy of the probe's inputs, of all samples and by class, and how to read it.

    H(dCNN(X, 0, -, 0)) of CNNSlicer (Shen and Shen 2021, section 5.1.2). It grows with the number of samples and of
    neighbours: compare only equal numbers. ``diversity`` is the normalised form; see `inter_sample_entropy`. A class of
    k samples or fewer has NaN. Integer inputs such as token ids (but not pixels) differ in the number of unequal
    values, whatever their size.

    Returns
    -------
    xarray.Dataset
        In bits: ``inter_sample_entropy``, its ``bound``, ``standard_error``, and ``null_mean`` and ``null_std`` of
        shuffled features; ``diversity`` and ``effective_share``, 0 to 1, with ``diversity_k`` neighbours; ``distinct``,
        the number of distinct samples; ``without_scale``, the share of samples that coincide with many; ``tied``, the
        number of samples with ties at rank k. By class ``class_inter_sample_entropy`` and ``class_bound`` in bits.

    Raises
    ------
    RunError
        If the probe has k samples or fewer.

    Examples
    --------
    >>> import bitlens
    >>> diversity = bitlens.input_diversity(bitlens.open_run("demo-run"), k=5)
    >>> bool(diversity.inter_sample_entropy < diversity.bound)
    True
    """

    name = "input_diversity"
    title = "input diversity"
    rank = 20
    version = 4
    Parameters = DiversityParameters
    by_epoch = False
    requires = frozenset({"inputs"})
    variables: ClassVar = (
        *(Variable(name, (), text, unit) for _, name, text, unit in _FIELDS),
        Variable("class_inter_sample_entropy", ("class",), "inter-sample entropy of the class"),
        Variable("class_bound", ("class",), "its upper bound, log2 min(2 n k, n (n - 1))"),
    )

    def _measured(self, run: Run) -> list[str]:
        return [INPUT]

    def compute(self, run: Run, epoch: int, target: Target, parameters: DiversityParameters) -> Result:
        inputs, k = run.inputs, parameters.k
        full = full_diversity_of(run, INPUT, inputs, k, seed=parameters.seed, intervals=parameters.intervals)
        result = Result({name: getattr(full, field) for field, name, _, _ in _FIELDS})
        if run.labels is not None:
            parts = [inputs[run.labels == label] for label in range(len(run.classes))]
            result.values["class_inter_sample_entropy"] = [_of_class(run, part, k) for part in parts]
            result.values["class_bound"] = [
                entropy_bound(len(part), min(k, len(part) - 1)) if len(part) > 1 else 0.0 for part in parts
            ]
            result.coordinates["class"] = list(run.classes)
        return result


class LayerDiversity(_Diversity):
    """Inter-sample entropy of the probe in every layer, by epoch, and how to read it.

    H(dCNN(X, l, -, t)) of CNNSlicer (Shen and Shen 2021, section 4.3). It says little by itself: coinciding samples
    raise it, and k neighbours cannot tell clusters larger than k from noise. ``diversity`` tells layers apart; see
    `inter_sample_entropy`.

    Returns
    -------
    xarray.Dataset
        [epoch, layer], in bits: ``inter_sample_entropy``, ``standard_error``, and ``null_mean`` and ``null_std`` of
        shuffled features; ``diversity`` and ``effective_share``, 0 to 1; ``distinct``, the number of distinct samples;
        ``without_scale``, the share of samples that coincide with many; ``tied``, the number of samples with ties at
        rank k. By epoch ``bound`` in bits and ``diversity_k``. NaN for a layer with NaN or infinity.

    Raises
    ------
    RunError
        If the probe has k samples or fewer, or the activations of no layer are finite.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.layer_diversity(bitlens.open_run("demo-run"), k=5).inter_sample_entropy.dims
    ('epoch', 'layer')
    """

    name = "layer_diversity"
    title = "layer diversity"
    rank = 30
    reads = ("input_diversity",)
    version = 4
    Parameters = DiversityParameters
    variables: ClassVar = tuple(
        Variable(name, () if name in _OF_ALL else ("layer",), text, unit) for _, name, text, unit in _FIELDS
    )

    def _measured(self, run: Run) -> list[str]:
        return [layer.name for layer in run.layers if layer.name != INPUT]

    def compute(self, run: Run, epoch: int, target: Target, parameters: DiversityParameters) -> Result:
        others = self._measured(run)
        unknown = InterSampleDiversity(*[math.nan] * len(InterSampleDiversity._fields))  # type: ignore[arg-type]
        found = of_finite_layers(
            run,
            epoch,
            others,
            self.title,
            lambda name, maps: full_diversity_of(
                run, name, maps, parameters.k, seed=parameters.seed, intervals=parameters.intervals
            ),
            unknown,
        )
        columns = {name: [getattr(full, field) for full in found] for field, name, _, _ in _FIELDS}
        if run.has_inputs:  # the same at every epoch
            of_input = input_diversity.at(run, 0, (), parameters)
            for name, column in columns.items():
                column.insert(0, float(of_input[name]))
            others.insert(0, INPUT)
        # Counts are floats, because a layer that is not finite has none.
        values = {name: np.array(column, np.float64) for name, column in columns.items()}
        return Result(values | {name: np.nanmax(values[name]) for name in _OF_ALL}, {"layer": others})


input_diversity = InputDiversity()
layer_diversity = LayerDiversity()


def _of_class(run: Run, inputs: np.ndarray, k: int) -> float:
    """The entropy of the samples of one class. Ties and coinciding samples are reported for all classes together."""
    if len(inputs) <= max(k, 2):
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NeighborWarning)
        return diversity_of(run, INPUT, inputs, k)
