"""How much the values within single channels vary (channel view of CNNSlicer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bitlens.arrays import MAX_BINS
from bitlens.estimators import intra_sample_entropy
from bitlens.measures.base import Measure
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run


@dataclass(frozen=True)
class ChannelEntropiesParameters(Parameters):
    """Parameters of `channel_entropies`."""

    bins: int = parameter(32, "Number of equal-width bins of the values.", minimum=2, maximum=MAX_BINS)


class ChannelEntropies(Measure[ChannelEntropiesParameters]):
    """Intra-sample entropy of every channel of a layer, by epoch, of all samples and by class.

    CNNSlicer (Shen and Shen 2021, section 5.4.1): the entropy of the histogram of a map's values, averaged over
    samples. The bins span the values of the layer at that epoch; the result contains this range.

    Returns
    -------
    xarray.Dataset
        By epoch: ``intra_sample_entropy`` [channel] and ``class_intra_sample_entropy`` [class, channel] in bits (NaN
        for a class without samples), ``lowest`` and ``highest``, the range of the bins, and ``dead`` [channel]: whether
        all values of the channel are equal.

    Raises
    ------
    RunError
        If there is no such layer, its activations are not finite, or it is an input of category numbers.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.channel_entropies(bitlens.open_run("demo-run"), "conv1").intra_sample_entropy.dims
    ('epoch', 'channel')
    """

    name = "channel_entropies"
    title = "channel entropies"
    rank = 40
    Parameters = ChannelEntropiesParameters
    target_names = ("layer",)
    requires = frozenset({"magnitudes"})
    variables: ClassVar = (
        Variable("intra_sample_entropy", ("channel",), "intra-sample entropy"),
        Variable("lowest", (), "lower end of the bins", "1"),
        Variable("highest", (), "upper end of the bins", "1"),
        Variable("dead", ("channel",), "all values are equal", "1"),
        Variable("class_intra_sample_entropy", ("class", "channel"), "intra-sample entropy of the class"),
    )

    def compute(self, run: Run, epoch: int, target: Target, parameters: ChannelEntropiesParameters) -> Result:
        maps = run.activations(target[0], epoch)
        entropies = intra_sample_entropy(maps, parameters.bins)
        others = tuple(axis for axis in range(maps.ndim) if axis != 1)
        result = Result(
            {
                "intra_sample_entropy": entropies.mean(axis=0),
                "lowest": float(maps.min()),
                "highest": float(maps.max()),
                "dead": maps.min(axis=others) == maps.max(axis=others),
            },
            {"channel": np.arange(maps.shape[1])},
        )
        if run.labels is not None:
            of_class = [entropies[run.labels == label] for label in range(len(run.classes))]
            empty = np.full(maps.shape[1], np.nan)
            means = [part.mean(axis=0) if len(part) else empty for part in of_class]
            result.values["class_intra_sample_entropy"] = means
            result.coordinates["class"] = list(run.classes)
        return result


channel_entropies = ChannelEntropies()
