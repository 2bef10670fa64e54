"""How well the network does on the probe, and how certain its predictions are (CNNSlicer's training view)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bitlens.arrays import NDArray
from bitlens.estimators import label_entropies
from bitlens.measures.epochs import bits, over_epochs
from bitlens.runs import Run, RunError
from bitlens.runs.layout import OUTPUT


def training_performance(run: Run, epochs: Sequence[int] | None = None) -> xr.Dataset:
    """Confusion matrices, conditional entropies of labels and predictions, accuracy and loss, by epoch.

    CNNSlicer (Shen and Shen 2021, section 5.1.1). The prediction is the largest of the model's outputs, which are taken
    as logits (log-probabilities are logits too).

    Parameters
    ----------
    run : Run
        A run with labels, of a model with one output a class.
    epochs : sequence of int, optional
        Default: all.

    Returns
    -------
    xarray.Dataset
        By epoch: ``confusion`` [label, predicted] in samples; ``label_given_predicted`` and ``predicted_given_label``
        [class] in bits, NaN where a class was never predicted or has no samples; ``accuracy``; ``loss``, the mean
        cross-entropy in bits. What the training noted is in ``run.metrics``.

    Raises
    ------
    RunError
        If the run has no labels or no output a class.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.training_performance(bitlens.open_run("demo-run")).accuracy.dims
    ('epoch',)
    """
    labels = run.labels
    if labels is None:
        raise RunError(f"{run.path} was recorded without labels, which training_performance needs")
    output = run.layer(OUTPUT)
    classes = list(run.classes)
    if len(output.shape) != 1 or output.channels < len(classes):
        raise RunError(f"the output of {run.path} has shape {output.shape}; expected one number a class")
    # An output beyond the named classes can still be predicted.
    classes += [str(i) for i in range(len(classes), output.channels)]

    def compute(epoch: int) -> xr.Dataset:
        logits = run.activations(OUTPUT, epoch).astype(np.float64)
        if not np.isfinite(logits).all():
            raise ValueError("the model's output is not finite: the training has diverged")
        predicted = logits.argmax(axis=1)
        confusion = np.zeros((len(classes), len(classes)), np.int64)
        np.add.at(confusion, (labels, predicted), 1)
        label_given_predicted, predicted_given_label = label_entropies(confusion)
        return xr.Dataset(
            {
                "confusion": (("label", "predicted"), confusion, {"long_name": "samples", "units": "samples"}),
                "label_given_predicted": bits(label_given_predicted, ["class"], "H(label | predicted = class)"),
                "predicted_given_label": bits(predicted_given_label, ["class"], "H(predicted | label = class)"),
                "accuracy": ((), float((predicted == labels).mean()), {"long_name": "accuracy", "units": "1"}),
                "loss": bits(_cross_entropy(logits, labels), [], "cross-entropy"),
            },
            {"label": classes, "predicted": classes, "class": classes},
        )

    return over_epochs(run, "training_performance", {}, compute, epochs)


def predicted_samples(run: Run, epoch: int, label: int, predicted: int) -> list[int]:
    """Find the samples that one cell of a confusion matrix counts.

    Parameters
    ----------
    run : Run
        A run with labels.
    epoch : int
        A recorded epoch.
    label, predicted : int
        Numbers of classes.

    Returns
    -------
    list of int
        Numbers of the samples of class `label` that were taken for `predicted`, ascending.

    Raises
    ------
    RunError
        If the run has no labels or no activations of that epoch.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.open_run("demo-run")
    >>> confusion = bitlens.training_performance(run).confusion.sel(epoch=1)
    >>> len(bitlens.predicted_samples(run, 1, label=3, predicted=2)) == int(confusion[3, 2])
    True
    """
    labels = run.labels
    if labels is None:
        raise RunError(f"{run.path} was recorded without labels, which predicted_samples needs")
    predictions = run.activations(OUTPUT, epoch).argmax(axis=1)
    return [int(i) for i in np.flatnonzero((labels == label) & (predictions == predicted))]


def _cross_entropy(logits: NDArray, labels: NDArray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sums - shifted[np.arange(len(labels)), labels]).mean() / np.log(2))
