"""The metrics that a training recorded."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def recorded_metrics(metrics: Mapping[int, Mapping[str, float]]) -> pd.DataFrame:
    """The metrics that were given to `Recorder.snapshot`, one row for each epoch and metric.

    Parameters
    ----------
    metrics : mapping of int to mapping of str to float
        `Run.metrics`: the metrics of each epoch by name.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``metric`` (its name, in the order of first appearance) and ``value``, in the unit of the
        training.

    Examples
    --------
    >>> from bitlens import tables
    >>> tables.recorded_metrics({0: {"loss": 2.5}, 1: {"loss": 1.5, "lr": 0.1}})["metric"].tolist()
    ['loss', 'loss', 'lr']
    """
    names = list(dict.fromkeys(name for values in metrics.values() for name in values))
    rows = [(epoch, name, metrics[epoch][name]) for name in names for epoch in metrics if name in metrics[epoch]]
    return pd.DataFrame(rows, columns=["epoch", "metric", "value"])
