"""How diverse the samples are at the input and in every layer (input diversity of CNNSlicer)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bitlens.estimators import inter_sample_entropy
from bitlens.measures.base import Measure
from bitlens.measures.finite import of_finite_layers
from bitlens.measures.inputs import diversity_of
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run, RunError
from bitlens.runs.layout import INPUT


@dataclass(frozen=True)
class DiversityParameters(Parameters):
    """Parameters of both measures of diversity."""

    k: int = parameter(15, "Number of nearest neighbours of each sample.", minimum=2)


class _Diversity(Measure[DiversityParameters]):
    def check(self, run: Run, target: Target, parameters: DiversityParameters) -> None:
        super().check(run, target, parameters)
        samples = run.manifest.samples
        if samples < 3:
            raise RunError(f"{run.path}: expected at least 3 samples for {self.name}, got {samples}")
        if parameters.k >= samples:
            raise RunError(f"k: expected 2 to n - 1 = {samples - 1} for the samples of {run.path}, got {parameters.k}")


class InputDiversity(_Diversity):
    """Inter-sample entropy of the probe's inputs, of all samples and by class.

    H(dCNN(X, 0, -, 0)) of CNNSlicer (Shen and Shen 2021, section 5.1.2). It grows with the number of samples: compare
    it with ``bound``, log2(n (n - 1)). A class of k samples or fewer has NaN. Integer
    inputs such as token ids (but not pixels) differ in the number of unequal values, whatever their size.

    Returns
    -------
    xarray.Dataset
        In bits: ``inter_sample_entropy`` and ``bound``; by class ``class_inter_sample_entropy`` and ``class_bound``.

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
    version = 2
    Parameters = DiversityParameters
    by_epoch = False
    requires = frozenset({"inputs"})
    variables: ClassVar = (
        Variable("inter_sample_entropy", (), "inter-sample entropy of the input"),
        Variable("bound", (), "its upper bound, log2(n (n - 1))"),
        Variable("class_inter_sample_entropy", ("class",), "inter-sample entropy of the class"),
        Variable("class_bound", ("class",), "its upper bound, log2(n (n - 1))"),
    )

    def compute(self, run: Run, epoch: int, target: Target, parameters: DiversityParameters) -> Result:
        inputs, k = run.inputs, parameters.k
        result = Result({"inter_sample_entropy": diversity_of(run, INPUT, inputs, k), "bound": _bound(len(inputs))})
        if run.labels is not None:
            parts = [inputs[run.labels == label] for label in range(len(run.classes))]
            entropies = [diversity_of(run, INPUT, part, k) if len(part) > max(k, 2) else np.nan for part in parts]
            result.values["class_inter_sample_entropy"] = entropies
            result.values["class_bound"] = [_bound(len(part)) for part in parts]
            result.coordinates["class"] = list(run.classes)
        return result


class LayerDiversity(_Diversity):
    """Inter-sample entropy of the probe in every layer, by epoch.

    H(dCNN(X, l, -, t)) of CNNSlicer (Shen and Shen 2021, section 4.3).

    Returns
    -------
    xarray.Dataset
        ``inter_sample_entropy`` [epoch, layer] and ``bound``, in bits; NaN for a layer with NaN or infinity.

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
    version = 2
    Parameters = DiversityParameters
    variables: ClassVar = (
        Variable("inter_sample_entropy", ("layer",), "inter-sample entropy"),
        Variable("bound", (), "its upper bound, log2(n (n - 1))"),
    )

    def compute(self, run: Run, epoch: int, target: Target, parameters: DiversityParameters) -> Result:
        others = [layer.name for layer in run.layers if layer.name != INPUT]
        entropies = of_finite_layers(
            run, epoch, others, self.title, lambda name, maps: inter_sample_entropy(maps, parameters.k), math.nan
        )
        if run.has_inputs:  # the same at every epoch
            others.insert(0, INPUT)
            entropies.insert(0, float(input_diversity.at(run, 0, (), parameters).inter_sample_entropy))
        return Result(
            {"inter_sample_entropy": entropies, "bound": _bound(run.manifest.samples)},
            {"layer": others},
        )


input_diversity = InputDiversity()
layer_diversity = LayerDiversity()


def _bound(n: int) -> float:
    return float(np.log2(n * (n - 1))) if n > 1 else 0.0
