"""How much each neuron of a recorded layer tells about the label, by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bitlens.estimators import OneBit, Quantizer, neuron_information, q_values
from bitlens.measures.base import Measure
from bitlens.measures.costs import seconds_of_counts, seconds_of_task
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable, verdict_variable
from bitlens.runs import Run

_PASSES_OF_INTERVALS, _COUNTS_OF_A_VALUE = 20, 80
"""Passes over all values for standard errors, and what a value takes in each pass."""


@dataclass(frozen=True)
class LabelInformationParameters(Parameters):
    """Parameters of `label_information`."""

    quantizer: Quantizer = parameter(OneBit(), "How values are made discrete: OneBit(threshold) or EqualWidth(bins).")
    permutations: int = parameter(20, "Number of shuffles of the labels for the p-value.", minimum=2)
    seed: int = parameter(0, "Seed of the shuffles and of the halves of the samples.", minimum=0)
    intervals: bool = parameter(True, "Compute standard errors, from 64 samples on.")


class LabelInformation(Measure[LabelInformationParameters]):
    """Entropy, information about the label and selectivity of every channel of a layer, by epoch.

    Liu, Amjad and Geiger (2018); see `neuron_information`.

    Returns
    -------
    xarray.Dataset
        By epoch and channel, in bits: ``entropy``, ``mutual_information`` and ``selectivity``, each also with the
        ending ``_bias`` for its expected error; that of the mutual information is its mean when labels are shuffled.
        ``excess``, the mutual information minus this mean, ``null_std``, ``adjusted`` (see `adjusted_information`),
        the standard errors ``entropy_error``, ``excess_error`` and ``selectivity_error``, ``range_decides`` (whether
        the most extreme values decide the first of these), ``p_value`` and ``q_value`` (adjusted for the number of
        channels), ``verdict``; and ``preferred_class``, a class number.

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
    version = 5
    Parameters = LabelInformationParameters
    target_names = ("layer",)
    requires = frozenset({"labels", "magnitudes"})
    variables: ClassVar = (
        Variable("entropy", ("channel",), "H(Q(L))"),
        Variable("mutual_information", ("channel",), "I(Y; Q(L))"),
        Variable("selectivity", ("channel",), "max_y D(P(Q(L)|y) || P(Q(L)))"),
        Variable("entropy_bias", ("channel",), "expected error of H(Q(L))"),
        Variable("mutual_information_bias", ("channel",), "mean of I(Y; Q(L)) when labels are shuffled"),
        Variable("selectivity_bias", ("channel",), "mean of max_y D(P(Q(L)|y) || P(Q(L))) over shuffled labels"),
        Variable("null_std", ("channel",), "standard deviation of I(Y; Q(L)) when labels are shuffled"),
        Variable("excess", ("channel",), "I(Y; Q(L)) minus its mean when labels are shuffled"),
        Variable("adjusted", ("channel",), "I(Y; Q(L)) adjusted for chance"),
        Variable("entropy_error", ("channel",), "standard error of H(Q(L))"),
        Variable("excess_error", ("channel",), "standard error of the excess"),
        Variable("selectivity_error", ("channel",), "standard error of max_y D(P(Q(L)|y) || P(Q(L)))"),
        Variable("range_decides", ("channel",), "the most extreme values decide the error of H(Q(L))", "1"),
        Variable("p_value", ("channel",), "p-value of the permutation test", "1"),
        Variable("q_value", ("channel",), "p-value adjusted for the number of channels", "1"),
        verdict_variable("verdict", ("channel",), "how far I(Y; Q(L)) can be trusted"),
        Variable("preferred_class", ("channel",), "number of the class with the largest divergence", "1"),
    )

    def seconds(self, run: Run, target: Target, parameters: LabelInformationParameters) -> float:
        passes = 1 + parameters.permutations + (_PASSES_OF_INTERVALS if parameters.intervals else 0)
        return seconds_of_task(
            seconds_of_counts(_COUNTS_OF_A_VALUE * passes * run.manifest.samples * run.layer(target[0]).channels)
        )

    def compute(self, run: Run, epoch: int, target: Target, parameters: LabelInformationParameters) -> Result:
        assert run.labels is not None  # checked before
        information = neuron_information(
            run.activations(target[0], epoch),
            run.labels,
            parameters.quantizer,
            permutations=parameters.permutations,
            seed=parameters.seed,
            intervals=parameters.intervals,
        )
        values = information._asdict() | {"q_value": q_values(information.p_value)}
        return Result(values, {"channel": np.arange(len(information.entropy))})


label_information = LabelInformation()
