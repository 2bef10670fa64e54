"""Information in tables of counts, and the part of it that is expected by chance."""

from __future__ import annotations

import math

import numpy as np

from bitlens.arrays import NDArray

_BLOCK_TERMS = 2**22
"""Terms of the sum over the counts of cells that are computed at a time."""


def expected_information(rows: NDArray, columns: NDArray) -> NDArray:
    """Compute the mean information of two variables over all permutations of the samples of one of them, in bits.

    With n_y samples in row y and n_b in column b, the count of their cell has a hypergeometric distribution, so that

        E = sum_{y, b} sum_k k/n log2(n k / (n_y n_b)) C(n_b, k) C(n - n_b, n_y - k) / C(n, n_y)

    (Vinh, Epps and Bailey 2010, eq. 24a). It never exceeds the smaller of the two entropies.

    Parameters
    ----------
    rows : int array of shape (rows,)
        Number of samples in each row, such as in each class.
    columns : int array of shape (..., columns)
        Number of samples in each column, of one or several tables with these rows.

    Returns
    -------
    float64 array of shape (...,)
        Bits.
    """
    n = int(rows.sum())
    row_sizes, row_repeats = np.unique(rows[rows > 0], return_counts=True)
    column_sizes, places = np.unique(columns, return_inverse=True)
    logs = np.concatenate([[0.0], np.log(np.arange(1, n + 1))])
    log_factorials = np.cumsum(logs)
    of_column = np.zeros(len(column_sizes))
    for size, repeats in zip(row_sizes.tolist(), row_repeats.tolist(), strict=True):
        step = max(1, _BLOCK_TERMS // size)
        for first in range(0, len(column_sizes), step):
            part = column_sizes[first : first + step]
            of_column[first : first + step] += repeats * _expected_term(size, part, n, logs, log_factorials)
    total: NDArray = of_column[places].reshape(columns.shape).sum(axis=-1)
    return np.asarray(np.maximum(total, 0) / (n * math.log(2)))


def _expected_term(size: int, columns: NDArray, n: int, logs: NDArray, log_factorials: NDArray) -> NDArray:
    """The mean of k log(n k / (size column)) for a cell count k, for each column."""
    mean = columns * (size / n)
    reach = math.ceil(20 + 5 * math.sqrt(size * (n - size) / max(n - 1, 1)))  # 10 standard deviations at most
    # Counts further from their mean have a probability below 1e-20.
    first, column = np.maximum(1, mean.astype(np.int64) - reach)[:, None], columns[:, None]
    k = first + np.arange(min(size, 2 * reach + 2))
    possible = (k <= column) & (k <= size) & (k >= size + column - n)
    count = np.where(possible, k, 1)
    # Counts that are not possible have weight 0; their place in the table of factorials only has to exist.
    rest = np.where(possible, n - size - column + count, 0)
    others = np.where(possible, column - count, 0)
    log_weight = log_factorials[size] - log_factorials[count] - log_factorials[size - count]
    log_weight = log_weight + log_factorials[n - size] - log_factorials[others] - log_factorials[rest]
    log_weight = log_weight - log_factorials[n] + log_factorials[column] + log_factorials[n - column]
    # In this order the terms of a constant variable are exactly 0.
    information = count * ((logs[n] - logs[column]) + (logs[count] - logs[size]))
    terms: NDArray = information * np.exp(np.where(possible, log_weight, -np.inf))
    return np.asarray(terms.sum(axis=1))
