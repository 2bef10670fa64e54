"""How well the network performs on the probe, and how certain its predictions are (training view of CNNSlicer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators import label_entropies
from bitlens.measures.base import Measure
from bitlens.measures.parameters import Parameters
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run, RunError
from bitlens.runs.layout import OUTPUT


@dataclass(frozen=True)
class TrainingPerformanceParameters(Parameters):
    """The measure has no parameters."""


class TrainingPerformance(Measure[TrainingPerformanceParameters]):
    """Confusion matrices, conditional entropies of labels and predictions, accuracy and loss, by epoch.

    CNNSlicer (Shen and Shen 2021, section 5.1.1). The prediction is the class of the largest output. Outputs are taken
    as logits; log-probabilities are logits too. A model with a single output has two classes: the output is the logit
    of class 1, whose probability is its sigmoid, and class 1 is predicted where the logit is above 0.

    Returns
    -------
    xarray.Dataset
        By epoch: ``confusion`` [label, predicted] in samples; ``label_given_predicted`` and ``predicted_given_label``
        [class] in bits, NaN where a class was never predicted or has no samples; ``accuracy``; ``loss``, the mean
        cross-entropy in bits. The metrics that the training recorded are in ``run.metrics``.

    Raises
    ------
    RunError
        If the run has no labels, or its model has neither one output for each class nor one for two classes.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.training_performance(bitlens.open_run("demo-run")).accuracy.dims
    ('epoch',)
    """

    name = "training_performance"
    title = "training performance"
    rank = 10
    version = 2
    Parameters = TrainingPerformanceParameters
    requires = frozenset({"labels"})
    variables: ClassVar = (
        Variable("confusion", ("label", "predicted"), "samples", "samples"),
        Variable("label_given_predicted", ("class",), "H(label | predicted = class)"),
        Variable("predicted_given_label", ("class",), "H(predicted | label = class)"),
        Variable("accuracy", (), "accuracy", "1"),
        Variable("loss", (), "cross-entropy"),
    )

    def check(self, run: Run, target: Target, parameters: TrainingPerformanceParameters) -> None:
        super().check(run, target, parameters)
        _check_outputs(run)

    def compute(self, run: Run, epoch: int, target: Target, parameters: TrainingPerformanceParameters) -> Result:
        assert run.labels is not None  # checked before
        logits = _logits(run, epoch)
        if not np.isfinite(logits).all():
            raise ValueError("the model's output is not finite: the training has diverged")
        # The model may also predict an output beyond the named classes.
        classes = [*run.classes, *(str(i) for i in range(len(run.classes), logits.shape[1]))]
        predicted = logits.argmax(axis=1)
        confusion = np.zeros((len(classes), len(classes)), np.int64)
        np.add.at(confusion, (run.labels, predicted), 1)
        label_given_predicted, predicted_given_label = label_entropies(confusion)
        return Result(
            {
                "confusion": confusion,
                "label_given_predicted": label_given_predicted,
                "predicted_given_label": predicted_given_label,
                "accuracy": float((predicted == run.labels).mean()),
                "loss": _cross_entropy(logits, run.labels),
            },
            {"label": classes, "predicted": classes, "class": classes},
        )


training_performance = TrainingPerformance()


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
        Numbers of the samples of class `label` that the model predicted as `predicted`, ascending.

    Raises
    ------
    RunError
        If the run has no labels or no activations of that epoch, or the outputs are not those of a classifier.

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
    return [int(i) for i in np.flatnonzero((labels == label) & (predicted_classes(run, epoch) == predicted))]


def predicted_classes(run: Run, epoch: int) -> NDArray:
    """The class that the model predicted for each sample.

    Parameters
    ----------
    run : Run
        A run whose outputs are those of a classifier.
    epoch : int
        A recorded epoch.

    Returns
    -------
    int array [sample]
        Numbers of classes.

    Raises
    ------
    RunError
        If the run has no activations of that epoch, or the outputs are not those of a classifier.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import measures
    >>> measures.predicted_classes(bitlens.open_run("demo-run"), 1).shape
    (359,)
    """
    _check_outputs(run)
    classes: NDArray = _logits(run, epoch).argmax(axis=1)
    return classes


def _check_outputs(run: Run) -> None:
    shape, classes = run.layer(OUTPUT).shape, len(run.classes)
    if len(shape) != 1 or classes > max(shape[0], 2):
        raise RunError(
            f"{run.path}: expected one output for each of {classes} classes, or one logit for two classes, got outputs "
            f"of shape {shape}"
        )


def _logits(run: Run, epoch: int) -> NDArray:
    """The logits of all classes [sample, class]; that of class 0 is 0 where the model has one output."""
    logits = run.activations(OUTPUT, epoch).astype(np.float64)
    return np.hstack([np.zeros_like(logits), logits]) if logits.shape[1] == 1 else logits


def _cross_entropy(logits: NDArray, labels: NDArray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sums - shifted[np.arange(len(labels)), labels]).mean() / np.log(2))
