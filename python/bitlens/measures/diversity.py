"""How diverse the samples are at the input and in every layer (input diversity of CNNSlicer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bitlens.estimators import inter_sample_entropy
from bitlens.measures.base import Measure
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run
from bitlens.runs.layout import INPUT


@dataclass(frozen=True)
class DiversityParameters(Parameters):
    """Parameters of both measures of diversity."""

    k: int = parameter(15, "Number of nearest neighbours of each sample.", minimum=2)


class InputDiversity(Measure[DiversityParameters]):
    """Inter-sample entropy of the probe's inputs, of all samples and by class.

    H(dCNN(X, 0, -, 0)) of CNNSlicer (Shen and Shen 2021, section 5.1.2). It grows with the number of samples: compare
    it with ``bound``, log2(n (n - 1)). A class of k samples or fewer has NaN.

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
        result = Result({"inter_sample_entropy": inter_sample_entropy(inputs, k), "bound": _bound(len(inputs))})
        if run.labels is not None:
            parts = [inputs[run.labels == label] for label in range(len(run.classes))]
            entropies = [inter_sample_entropy(part, k) if len(part) > k else np.nan for part in parts]
            result.values["class_inter_sample_entropy"] = entropies
            result.values["class_bound"] = [_bound(len(part)) for part in parts]
            result.coordinates["class"] = list(run.classes)
        return result


class LayerDiversity(Measure[DiversityParameters]):
    """Inter-sample entropy of the probe in every layer, by epoch.

    H(dCNN(X, l, -, t)) of CNNSlicer (Shen and Shen 2021, section 4.3).

    Returns
    -------
    xarray.Dataset
        ``inter_sample_entropy`` [epoch, layer] and ``bound``, in bits.

    Raises
    ------
    RunError
        If the probe has k samples or fewer, or activations are not finite.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.layer_diversity(bitlens.open_run("demo-run"), k=5).inter_sample_entropy.dims
    ('epoch', 'layer')
    """

    name = "layer_diversity"
    title = "layer diversity"
    rank = 30
    Parameters = DiversityParameters
    variables: ClassVar = (
        Variable("inter_sample_entropy", ("layer",), "inter-sample entropy"),
        Variable("bound", (), "its upper bound, log2(n (n - 1))"),
    )

    def compute(self, run: Run, epoch: int, target: Target, parameters: DiversityParameters) -> Result:
        def entropy(name: str) -> float:
            if name == INPUT:  # the same at every epoch
                return float(input_diversity.at(run, 0, (), parameters).inter_sample_entropy)
            return float(inter_sample_entropy(run.activations(name, epoch), parameters.k))

        entropies = [entropy(layer.name) for layer in run.layers]
        return Result(
            {"inter_sample_entropy": entropies, "bound": _bound(run.manifest.samples)},
            {"layer": [layer.name for layer in run.layers]},
        )


input_diversity = InputDiversity()
layer_diversity = LayerDiversity()


def _bound(n: int) -> float:
    return float(np.log2(n * (n - 1))) if n > 1 else 0.0
