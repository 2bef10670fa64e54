"""What each neuron of a recorded layer says about the label, by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from bitlens.estimators import NeuronInformation, OneBit, Quantizer, neuron_information
from bitlens.measures.epochs import bits, over_epochs
from bitlens.runs import Run, RunError


def label_information(
    run: Run, layer: str, quantizer: Quantizer = OneBit(), epochs: Sequence[int] | None = None
) -> xr.Dataset:
    """Entropy, information about the label and selectivity of every channel of a layer, by epoch.

    Liu, Amjad and Geiger (2018); see `neuron_information`.

    Parameters
    ----------
    run : Run
        A run with labels.
    layer : str
        Name of the layer.
    quantizer : OneBit or EqualWidth
        How values are made discrete.
    epochs : sequence of int, optional
        Default: all.

    Returns
    -------
    xarray.Dataset
        By epoch and channel, in bits: ``entropy``, ``mutual_information``, ``selectivity``, and with ``_bias`` what is
        expected to be too much in each; ``preferred_class``, a number.

    Raises
    ------
    RunError
        If the run has no labels or no such layer, or its activations are not finite.

    Examples
    --------
    >>> import bitlens
    >>> found = bitlens.label_information(bitlens.open_run("demo-run"), "relu1")
    >>> found.mutual_information.dims
    ('epoch', 'channel')
    """
    found = run.layer(layer)
    if run.labels is None:
        raise RunError(f"{run.path} was recorded without labels, which label_information needs")
    labels = run.labels

    def compute(epoch: int) -> xr.Dataset:
        return of_channels(neuron_information(run.activations(found.name, epoch), labels, quantizer))

    return over_epochs(run, "label_information", {"layer": found.name, "quantizer": repr(quantizer)}, compute, epochs)


def of_channels(found: NeuronInformation) -> xr.Dataset:
    """Neuron information as a table along "channel"."""
    words = {"entropy": "H(Q(L))", "mutual_information": "I(Y; Q(L))", "selectivity": "max_y D(P(Q(L)|y) || P(Q(L)))"}
    data: dict[str, Any] = {name: bits(getattr(found, name), ["channel"], word) for name, word in words.items()}
    for name, word in words.items():
        data[f"{name}_bias"] = bits(getattr(found, f"{name}_bias"), ["channel"], f"expected error of {word}")
    data["preferred_class"] = (["channel"], found.preferred_class, {"long_name": "number of the class told best"})
    return xr.Dataset(data, {"channel": np.arange(len(found.entropy))})
