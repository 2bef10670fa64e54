"""Label entropies: how certain the label is when a classifier's prediction is known, and the other way round."""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from bitlens.arrays import Array, ArrayLike, Foreign, NDArray, as_real_array, in_callers_library


@overload
def label_entropies(confusion: ArrayLike) -> tuple[NDArray, NDArray]: ...
@overload
def label_entropies(confusion: Foreign) -> tuple[Foreign, Foreign]: ...
@in_callers_library
def label_entropies(confusion: Array) -> Any:
    """Compute the conditional entropies of labels and predictions for each class, in bits.

    H(label | predicted = i) = -sum_l p(l | i) log2 p(l | i), and likewise for predictions given a label (CNNSlicer,
    Shen and Shen 2021, section 5.1.1). Where nothing was predicted as class i, or class i has no samples, the
    distribution is undefined and the entropy is NaN (the paper prints infinity).

    Parameters
    ----------
    confusion : array of shape (m, m)
        confusion[label, predicted] is the number of samples of class `label` that were predicted as `predicted`.

    Returns
    -------
    label_given_predicted : float64 array of shape (m,)
        H(label | predicted = i), from 0 to log2(m): low if a prediction of class i makes the label certain.
    predicted_given_label : float64 array of shape (m,)
        H(predicted | label = i), from 0 to log2(m): low if most samples of class i are predicted as the same class.

    Raises
    ------
    TypeError, ValueError
        If confusion is not a square table of finite counts from 0 on, or is on a GPU.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> label_given_predicted, predicted_given_label = bitlens.label_entropies(np.array([[2, 0], [2, 0]]))
    >>> label_given_predicted, predicted_given_label
    (array([ 1., nan]), array([0., 0.]))
    """
    table, _, _ = as_real_array(confusion, "confusion")
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError(f"confusion: expected a square table [label, predicted], got shape {tuple(table.shape)}")
    if (table < 0).any():
        raise ValueError(f"confusion: expected counts from 0 on, got {table.min()}")
    counts = table.astype(np.float64)
    return _column_entropies(counts), _column_entropies(counts.T)


def _column_entropies(counts: NDArray) -> NDArray:
    counts = counts / (counts.max() or 1.0)  # sums of the largest float64 numbers would overflow
    totals = counts.sum(axis=0)
    shares = counts / np.where(totals > 0, totals, np.nan)
    logs = np.log2(shares, where=shares > 0, out=np.zeros_like(shares))
    entropies = -(shares * logs).sum(axis=0)
    return np.where(totals > 0, np.maximum(entropies, 0), np.nan)
