"""What the explorer needs and the library does not have yet; each belongs into the room that its docstring names."""

from __future__ import annotations

import numpy as np

from bitlens.runs import Run


def samples_of_cell(run: Run, epoch: int, label: int, predicted: int) -> list[int]:
    """Numbers of the samples that a cell of the confusion matrix counts, ascending.

    For ``bitlens.measures.training``. Raises RunError if the epoch's activations were not kept.
    """
    if run.labels is None:
        return []
    predictions = run.activations("output", epoch).astype(np.float64).argmax(axis=1)
    return [int(i) for i in np.flatnonzero((run.labels == label) & (predictions == predicted))]


def some_samples(run: Run, classes: tuple[int, ...], limit: int) -> list[int]:
    """At most `limit` samples of the classes, evenly spaced through the probe; of all classes where none is named.

    For ``bitlens.runs``. Raises RunError if no sample is of these classes.
    """
    found = run.slice(label=list(classes) or None).samples.values
    return [int(found[i]) for i in np.unique(np.linspace(0, len(found) - 1, limit).round().astype(int))]
