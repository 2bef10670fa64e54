"""Quantities of two views of the same items: the difference of matrix entropies, and a contrastive bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    NDArray,
    array_namespace,
    as_host_array,
    as_numpy,
    as_samples,
    check_integer,
    check_positive,
    check_same_device,
    check_same_samples,
    in_callers_library,
)
from bitlens.estimators.matrix.gram import shuffle_orders, variable_exponents
from bitlens.estimators.matrix.kernels import Clamped, Cosine, Gaussian, Kernel, Linear, as_kernel, as_linear_kernel
from bitlens.estimators.matrix.linear_kernel import entropies_of_matrices, kernel_rows, warn_of_undefined


class DiME(NamedTuple):
    """The difference of matrix-based entropies of two views, in bits."""

    information: float
    """null_mean - joint_entropy: 0 on average for unrelated views, at most log2 n."""
    joint_entropy: float
    """The entropy of the elementwise product of the views' kernels."""
    null_mean: float
    """Mean joint entropy when the items of b are shuffled."""
    null_std: float
    """Standard deviation of the joint entropy over these shuffles (n - 1 in the denominator)."""


class ContrastiveBound(NamedTuple):
    """A lower bound of the mutual information of two views by InfoNCE, in bits."""

    information: float
    """log2 n - loss; it may be below 0."""
    loss: float
    """Mean cross-entropy of finding the item of b that belongs to each item of a, among all n."""
    ceiling: float
    """The largest information that this temperature and number of items permit; log2 n unless rows have norm 1."""


@in_callers_library
def dime(
    a: Array,
    b: Array,
    *,
    kernel: Kernel = Cosine(),  # noqa: B008
    alpha: float = 1.0,
    permutations: int | Array = 10,
    seed: int = 0,
) -> DiME:
    """Compute the difference of matrix entropies of two views of the same items, in bits.

    DiME = mean over shuffles P of S(K_a * P K_b P^T) - S(K_a * K_b), where * is the elementwise product (Skean et al.
    2023, arXiv 2301.08164). It measures dependence, and is not the mutual information. The kernels are always n x n:
    elementwise products of D x D matrices are other numbers.

    Parameters
    ----------
    a, b : arrays of shape (n, ...)
        The same items along the first axis, such as the pooled vectors of two augmentations.
    kernel : Linear, Cosine or Gaussian
        The kernel of both views; a rule for the bandwidth is applied to each view.
    alpha : float
        Order of the entropies, above 0.
    permutations : int or integer array of shape (count, n)
        Number of shuffles of b, at least 2, or the orders themselves.
    seed : int
        The same seed shuffles in the same way.

    Returns
    -------
    DiME
        Floats, in bits; NaN if the product of the kernels has only zeros on its diagonal.

    Raises
    ------
    TypeError, ValueError
        If a and b are not finite arrays of the same items, at least two, or another argument is invalid.

    Warns
    -----
    UndefinedWarning
        If the result is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> a, noise = np.random.default_rng(0).normal(size=(2, 50, 8))
    >>> bitlens.dime(a, a + 0.1 * noise).information > bitlens.dime(a, noise).information + 0.1
    True
    """
    chosen, order = as_kernel(kernel), check_positive(alpha, "alpha")
    (of_a, context), (of_b, context_b) = _kernel_matrix(a, "a", chosen), _kernel_matrix(b, "b", chosen)
    check_same_samples(of_a, of_b)
    check_same_device([context, context_b], "b")
    orders = [np.arange(len(of_a)), *_orders(permutations, len(of_a), seed)]
    products = context.empty((len(orders), *of_a.shape), "float64")
    for product, items in zip(products, map(context.to_device, orders), strict=True):
        product[...] = of_a * of_b[items[:, None], items]
    traces = products.diagonal(0, 1, 2).sum(1)
    products /= (traces + (traces <= 0))[:, None, None]
    bits = as_numpy(entropies_of_matrices(products, order, context))
    bits = np.where(as_numpy(traces) > 0, bits, math.nan)
    joint, null = float(bits[0]), bits[1:]
    result = DiME(float(null.mean()) - joint, joint, float(null.mean()), float(null.std(ddof=1)))
    warn_of_undefined(np.array([result.information]), "a and b", "kernels whose product has a diagonal above 0")
    return result


@in_callers_library
def contrastive_bound(
    a: Array,
    b: Array,
    *,
    temperature: float = 0.1,
    kernel: Linear | Cosine = Cosine(center=True),  # noqa: B008
) -> ContrastiveBound:
    """Compute the InfoNCE lower bound of the mutual information of two views of the same items, in bits.

    With scores s_ij = <a_i, b_j> / temperature, the loss is the mean over i of log sum_j exp(s_ij) - s_ii, and the
    bound is log2 n - loss (van den Oord et al. 2018, arXiv 1807.03748).

    The bound cannot exceed log2 n, whatever the information is. Scores of rows of norm 1 are between -1 / temperature
    and 1 / temperature, which lowers the ceiling further: the loss is smallest for identical rows that point to the
    corners of a regular simplex, log2(1 + (n - 1) exp(-n / ((n - 1) temperature))).

    Parameters
    ----------
    a, b : arrays of shape (n, ...)
        The same items along the first axis, with equal numbers of values.
    temperature : float
        Divides the scores, above 0.
    kernel : Linear or Cosine
        How the rows of each view are prepared.

    Returns
    -------
    ContrastiveBound
        Floats, in bits.

    Raises
    ------
    TypeError, ValueError
        If a and b are not finite arrays of the same items, at least two, or another argument is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> bound = bitlens.contrastive_bound(np.eye(16), np.eye(16), temperature=1.0)
    >>> round(bound.information, 3), round(bound.ceiling, 3)
    (1.377, 1.377)
    """
    chosen, scale = as_linear_kernel(kernel), check_positive(temperature, "temperature")
    if isinstance(chosen, Clamped):
        raise ValueError(f"kernel: expected Linear() or Cosine(), got {kernel!r}, which has no rows")
    (of_a, context), (of_b, context_b) = (as_samples(x, name, at_least=2)[:2] for x, name in ((a, "a"), (b, "b")))
    check_same_samples(of_a, of_b)
    check_same_device([context, context_b], "b")
    if of_a.shape[1] != of_b.shape[1]:
        raise ValueError(f"b: expected the {of_a.shape[1]} values of an item of a, got {of_b.shape[1]}")
    rows_a, rows_b = (kernel_rows(x[None], None, chosen, context)[0][0] for x in (of_a, of_b))
    scores = rows_a @ rows_b.swapaxes(0, 1) / scale
    n, xp = len(scores), array_namespace(scores)
    # The difference to the matched score, so that large scores keep their digits.
    scores -= scores.diagonal()[:, None] * 1
    largest = xp.amax(scores, axis=1, keepdims=True)
    losses = largest[:, 0] + xp.log(xp.exp(scores - largest).sum(1))
    loss = float(losses.mean()) / math.log(2)
    least = math.log1p((n - 1) * math.exp(-n / ((n - 1) * scale))) / math.log(2) if chosen.unit else 0.0
    return ContrastiveBound(math.log2(n) - loss, loss, math.log2(n) - least)


def _kernel_matrix(x: Array, name: str, kernel: Gaussian | Linear) -> tuple[Any, ArrayContext]:
    """The float64 kernel [n, n] of one view."""
    if isinstance(kernel, Gaussian):
        exponents, context = variable_exponents(x, name, kernel.bandwidth, "kernel: bandwidth")
        return array_namespace(exponents).exp(-exponents[0]), context
    samples, context, _ = as_samples(x, name, at_least=2)
    rows, collapsed = kernel_rows(samples[None], None, kernel, context)
    matrix = rows[0] @ rows[0].swapaxes(0, 1) * float(~collapsed[0])
    return matrix.clip(0) if isinstance(kernel, Clamped) else matrix, context


def _orders(permutations: Any, n: int, seed: int) -> Sequence[NDArray]:
    """The orders of the items of b, int64 [n] each, from their number or from the caller's array."""
    if isinstance(permutations, int | np.integer) or getattr(permutations, "ndim", 1) == 0:
        count = check_integer(permutations, "permutations")
        if count < 2:
            raise ValueError(f"permutations: expected at least 2, got {count}")
        return shuffle_orders(n, count, seed)
    orders = as_host_array(permutations, "permutations")
    valid = orders.dtype.kind in "iu" and orders.ndim == 2 and len(orders) > 1 and orders.shape[1] == n
    if not valid or not (np.sort(orders, axis=1) == np.arange(n)).all():
        raise ValueError(
            f"permutations: expected their number, or at least 2 orders of 0 to {n - 1} in an integer array, got "
            f"{orders.dtype} of shape {orders.shape}"
        )
    return list(orders.astype(np.int64))
