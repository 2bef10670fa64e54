"""How much each neuron of a recorded layer tells about the label, by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bitlens.estimators import OneBit, Quantizer, neuron_information
from bitlens.measures.base import Measure
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run


@dataclass(frozen=True)
class LabelInformationParameters(Parameters):
    """Parameters of `label_information`."""

    quantizer: Quantizer = parameter(OneBit(), "How values are made discrete: OneBit(threshold) or EqualWidth(bins).")


class LabelInformation(Measure[LabelInformationParameters]):
    """Entropy, information about the label and selectivity of every channel of a layer, by epoch.

    Liu, Amjad and Geiger (2018); see `neuron_information`.

    Returns
    -------
    xarray.Dataset
        By epoch and channel, in bits: ``entropy``, ``mutual_information`` and ``selectivity``, each also with the
        ending ``_bias`` for its expected error; ``preferred_class``, a class number.

    Raises
    ------
    RunError
        If the run has no labels or no such layer, or the layer is not finite or is an input of category numbers.

    Examples
    --------
    >>> import bitlens
    >>> information = bitlens.label_information(bitlens.open_run("demo-run"), "relu1")
    >>> information.mutual_information.dims
    ('epoch', 'channel')
    """

    name = "label_information"
    title = "label information"
    rank = 50
    Parameters = LabelInformationParameters
    target_names = ("layer",)
    requires = frozenset({"labels", "magnitudes"})
    variables: ClassVar = (
        Variable("entropy", ("channel",), "H(Q(L))"),
        Variable("mutual_information", ("channel",), "I(Y; Q(L))"),
        Variable("selectivity", ("channel",), "max_y D(P(Q(L)|y) || P(Q(L)))"),
        Variable("entropy_bias", ("channel",), "expected error of H(Q(L))"),
        Variable("mutual_information_bias", ("channel",), "expected error of I(Y; Q(L))"),
        Variable("selectivity_bias", ("channel",), "expected error of max_y D(P(Q(L)|y) || P(Q(L)))"),
        Variable("preferred_class", ("channel",), "number of the class with the largest divergence", "1"),
    )

    def compute(self, run: Run, epoch: int, target: Target, parameters: LabelInformationParameters) -> Result:
        assert run.labels is not None  # checked before
        information = neuron_information(run.activations(target[0], epoch), run.labels, parameters.quantizer)
        return Result(information._asdict(), {"channel": np.arange(len(information.entropy))})


label_information = LabelInformation()
