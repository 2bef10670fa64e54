"""Tables of the training: predictions, their uncertainty, accuracy and loss, and the diversity of samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bitlens.tables.channels import group_names
from bitlens.tables.rows import require, to_rows


def confusion(performance: xr.Dataset) -> pd.DataFrame:
    """Confusion counts, one row for each epoch, label and prediction.

    Parameters
    ----------
    performance : xarray.Dataset
        Result of `bitlens.training_performance`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``label``, ``predicted`` and ``samples`` (a count).

    Raises
    ------
    ValueError
        If the Dataset has no confusion matrix.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> performance = bitlens.training_performance(bitlens.open_run("demo-run"))
    >>> tables.confusion(performance).columns.tolist()
    ['epoch', 'label', 'predicted', 'samples']
    """
    require(performance, ["confusion"], "training_performance")
    return to_rows(performance, {"confusion": "samples"}, ["label", "predicted"])


def label_uncertainty(performance: xr.Dataset) -> pd.DataFrame:
    """Conditional entropies of labels and predictions, one row for each epoch and class.

    Parameters
    ----------
    performance : xarray.Dataset
        Result of `bitlens.training_performance`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``class``, ``label_given_predicted`` (NaN if the class is never predicted) and
        ``predicted_given_label`` (NaN if the class has no samples), in bits.

    Raises
    ------
    ValueError
        If the Dataset lacks these entropies.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> performance = bitlens.training_performance(bitlens.open_run("demo-run"))
    >>> tables.label_uncertainty(performance).columns.tolist()
    ['epoch', 'class', 'label_given_predicted', 'predicted_given_label']
    """
    names = ["label_given_predicted", "predicted_given_label"]
    require(performance, names, "training_performance")
    return to_rows(performance, {name: name for name in names}, ["class"])


def training_progress(performance: xr.Dataset) -> pd.DataFrame:
    """Accuracy and loss on the probe, one row for each epoch.

    Parameters
    ----------
    performance : xarray.Dataset
        Result of `bitlens.training_performance`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``accuracy`` (0 to 1) and ``loss`` (mean cross-entropy in bits).

    Raises
    ------
    ValueError
        If the Dataset lacks them.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> performance = bitlens.training_performance(bitlens.open_run("demo-run"))
    >>> tables.training_progress(performance).columns.tolist()
    ['epoch', 'accuracy', 'loss']
    """
    require(performance, ["accuracy", "loss"], "training_performance")
    return to_rows(performance, {"accuracy": "accuracy", "loss": "loss"}, [])


def input_diversity(diversity: xr.Dataset) -> pd.DataFrame:
    """Inter-sample entropy of the input: one row for all samples, then one for each class.

    Parameters
    ----------
    diversity : xarray.Dataset
        Result of `bitlens.input_diversity`.

    Returns
    -------
    pandas.DataFrame
        Columns ``group`` (`ALL_SAMPLES` or the name of a class), ``inter_sample_entropy`` (NaN for a class with too few
        samples) and ``bound``, the largest value that this number of samples can reach, in bits. For all samples also
        ``standard_error`` and ``null_mean`` of shuffled features in bits, and ``diversity``, 0 to 1; NaN for classes.

    Raises
    ------
    ValueError
        If the Dataset lacks the entropy or its bound.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> table = tables.input_diversity(bitlens.input_diversity(bitlens.open_run("demo-run")))
    >>> table.group[0], table.columns.tolist()
    ('all samples', ['group', 'inter_sample_entropy', 'bound', 'standard_error', 'null_mean', 'diversity'])
    """
    of_all = ["standard_error", "null_mean", "diversity"]
    require(diversity, ["inter_sample_entropy", "bound", *of_all], "input_diversity")
    classes = diversity["class"].values.tolist() if "class_inter_sample_entropy" in diversity else []
    entropies, bounds = [float(diversity["inter_sample_entropy"])], [float(diversity["bound"])]
    if classes:
        entropies += diversity["class_inter_sample_entropy"].values.tolist()
        bounds += diversity["class_bound"].values.tolist()
    columns = {"group": group_names(classes), "inter_sample_entropy": entropies, "bound": bounds}
    unknown = [np.nan] * len(classes)
    return pd.DataFrame(columns | {name: [float(diversity[name]), *unknown] for name in of_all})


def layer_diversity(diversity: xr.Dataset) -> pd.DataFrame:
    """Inter-sample entropy of every layer, one row for each epoch and layer.

    Parameters
    ----------
    diversity : xarray.Dataset
        Result of `bitlens.layer_diversity`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``layer``, ``inter_sample_entropy``, its ``standard_error``, ``null_mean`` of shuffled
        features, and ``bound``, the largest value that this number of samples can reach, in bits; ``diversity`` and
        ``effective_share``, 0 to 1; the numbers of ``distinct`` samples and of samples ``tied`` at rank k.

    Raises
    ------
    ValueError
        If the Dataset lacks them.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> tables.layer_diversity(bitlens.layer_diversity(bitlens.open_run("demo-run"))).layer[0]
    'input'
    """
    names = ["inter_sample_entropy", "standard_error", "null_mean", "bound", "diversity", "effective_share"]
    names += ["distinct", "tied"]
    require(diversity, names, "layer_diversity")
    return to_rows(diversity, {name: name for name in names}, ["layer"])


def training_summary(performance: xr.Dataset) -> pd.DataFrame:
    """One row for each epoch: accuracy, loss and the mean conditional entropies.

    Parameters
    ----------
    performance : xarray.Dataset
        The result of `training_performance`.

    Returns
    -------
    pandas.DataFrame
        ``epoch``, ``accuracy``, ``loss``, ``label_given_predicted`` and ``predicted_given_label``; all but the accuracy
        in bits. The entropies are means over the classes that have a value.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> table = tables.training_summary(bitlens.training_performance(bitlens.open_run("demo-run")))
    >>> table.epoch.tolist()
    [0, 1]
    """
    names = ["accuracy", "loss", "label_given_predicted", "predicted_given_label"]
    return performance[names].mean("class").to_dataframe()[names].reset_index()
