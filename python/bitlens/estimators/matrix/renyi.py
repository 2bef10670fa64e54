"""Matrix-based Renyi entropies of variables, and the mutual information of two variables.

The kernel of a variable is exp(-d^2 / (2 sigma^2)), and a joint entropy is that of the product of kernels (Yu et al.
2018, eq. 2 and 3). The product of many kernels tends to the identity matrix, whatever the kernels are. In a joint of C
channels every sigma is therefore multiplied by sqrt(C); `scale_bandwidth=False` is the paper's plain product.

Entropies of many samples do not need their Gram matrix in memory: that of order 2 is a sum over tiles of the matrix,
and others are estimated with a tolerance (see `estimators.matrix.stochastic`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

from bitlens.arrays import Array, in_callers_library
from bitlens.estimators.matrix.bandwidths import Bandwidth
from bitlens.estimators.matrix.entropy_sums import RenyiEstimate, Term, sum_of_entropies
from bitlens.estimators.matrix.kernels import Kernel, kernel_or_bandwidth


@overload
def renyi_entropy(
    x: Array,
    alpha: float = ...,
    bandwidth: Bandwidth | None = ...,
    *,
    kernel: Kernel | None = ...,
    tolerance: float | None = ...,
    full_output: Literal[False] = ...,
    seed: int = ...,
) -> float: ...
@overload
def renyi_entropy(
    x: Array,
    alpha: float = ...,
    bandwidth: Bandwidth | None = ...,
    *,
    kernel: Kernel | None = ...,
    tolerance: float | None = ...,
    full_output: Literal[True],
    seed: int = ...,
) -> RenyiEstimate: ...
@in_callers_library
def renyi_entropy(
    x: Array,
    alpha: float = 1.01,
    bandwidth: Bandwidth | None = None,
    *,
    kernel: Kernel | None = None,
    tolerance: float | None = None,
    full_output: bool = False,
    seed: int = 0,
) -> float | RenyiEstimate:
    """Compute the matrix-based Renyi entropy of samples, in bits.

    S_alpha(A) = log2(tr A^alpha) / (1 - alpha), where A is the samples' Gram matrix divided by its trace (Yu et al.
    2018, eq. 2).

    Parameters
    ----------
    x : array of shape (n, ...), or integers of shape (n,)
        Samples along the first axis, the other axes are flattened; or class labels, whose kernel is 1 within a class
        and 0 between classes. One-hot rows are samples, whose Gaussian kernel is not 0 between classes: for labels,
        pass ``rows.argmax(axis=1)``.
    alpha : float
        Order of the entropy, above 0; 1 is von Neumann's entropy. Below 1, eigenvalues of at most n * 2.2e-16 of the
        largest one do not count, because they cannot be told from rounding errors.
    bandwidth : float, Median, Silverman, NearestNeighbors, Dimension or Alignment, optional
        Sigma in the unit of x, or a rule for it: short for ``kernel=Gaussian(bandwidth)``. The default is Median().
        Alignment needs all distances in memory.
    kernel : Gaussian, Linear or Cosine, optional
        The kernel, instead of a bandwidth. Linear kernels need no n x n matrix if samples have fewer values than n, and
        are always exact: float64 and orders below 1 in float64, float32 samples but for float32 products.
    tolerance : float, optional
        Bits by which the result may differ from the exact one, in at least 95 of 100 cases. From 1024 samples on, the
        spectrum is then estimated, which takes a few percent of the time and no n x n matrix in float64. The default is
        the exact result.
    full_output : bool
        Whether to return a `RenyiEstimate`, with the standard error of the result.
    seed : int
        The same seed draws the same random vectors of an estimate.

    Returns
    -------
    float or RenyiEstimate
        Bits, from 0 (all samples are equal) to log2(n) (all samples are far apart).

    Raises
    ------
    TypeError, ValueError
        If x is not a finite array of at least two samples, alpha or bandwidth are invalid, or both a kernel and a
        bandwidth are passed.

    Warns
    -----
    UndefinedWarning
        If a linear kernel is 0 everywhere, as a centred one of equal samples is; the result is NaN.
    PrecisionWarning
        If the eigenvalues that do not count could carry more than 0.001 bits. If m of them are left out, and t is n *
        2.2e-16, the entropy is at most log2((1 - m t)^alpha + m t^alpha / 2^((1 - alpha) S)) / (1 - alpha) bits above
        the result S. Samples that are equal do not add to m. Also if more than 16384 samples do not permit the
        tolerance.

    Notes
    -----
    With a tolerance, the leading eigenvectors are deflated and the trace of the rest is estimated by Lanczos quadrature
    from 16 vectors of random signs. The number of eigenvectors and of steps is raised until the standard error is at
    most 0.4 times the tolerance. It consists of the standard error of the mean over the 16 vectors, and of two further
    errors in bits: half the distance between the Gauss and the Gauss-Radau rules, which enclose the trace of the
    deflated matrix, and the second-order coupling between the two parts, by which the result was corrected. Where this
    takes too many eigenvectors, or rounding errors are too large, the result is the exact one.

    On a GPU, entropies of 64 to 512 float32 samples are computed in float32 if alpha is at least 1 and below 2. They
    differ by less than 2e-6 bits from those in float64.

    The order 2 needs no spectrum and is always exact. From 1024 samples on, its Gram matrix is not kept in memory.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> round(bitlens.renyi_entropy(np.array([0, 0, 1, 1])), 12)
    1.0
    >>> round(bitlens.renyi_entropy(np.eye(8), kernel=bitlens.Linear()), 12)
    3.0
    >>> x = np.random.default_rng(0).normal(size=(2000, 8))
    >>> estimate = bitlens.renyi_entropy(x, tolerance=0.01, full_output=True)
    >>> abs(estimate.value - bitlens.renyi_entropy(x)) < 0.01
    True
    """
    chosen = kernel_or_bandwidth(kernel, bandwidth)
    result = sum_of_entropies({"x": x}, [Term(1, [0])], alpha, chosen, 1, tolerance, seed, "x")
    return result if full_output else result.value


@overload
def renyi_joint_entropy(
    variables: Sequence[Array],
    alpha: float = ...,
    bandwidth: Bandwidth | None = ...,
    *,
    kernel: Kernel | None = ...,
    scale_bandwidth: bool = ...,
    tolerance: float | None = ...,
    full_output: Literal[False] = ...,
    seed: int = ...,
) -> float: ...
@overload
def renyi_joint_entropy(
    variables: Sequence[Array],
    alpha: float = ...,
    bandwidth: Bandwidth | None = ...,
    *,
    kernel: Kernel | None = ...,
    scale_bandwidth: bool = ...,
    tolerance: float | None = ...,
    full_output: Literal[True],
    seed: int = ...,
) -> RenyiEstimate: ...
@in_callers_library
def renyi_joint_entropy(
    variables: Sequence[Array],
    alpha: float = 1.01,
    bandwidth: Bandwidth | None = None,
    *,
    kernel: Kernel | None = None,
    scale_bandwidth: bool = True,
    tolerance: float | None = None,
    full_output: bool = False,
    seed: int = 0,
) -> float | RenyiEstimate:
    """Compute the joint matrix-based Renyi entropy of several variables of the same samples, in bits.

    `renyi_entropy` of the elementwise product of the variables' Gram matrices (Yu et al. 2018, eq. 3).

    Parameters
    ----------
    variables : sequence of arrays
        Variables as in `renyi_entropy`, with equal numbers of samples n.
    alpha, bandwidth, kernel
        As in `renyi_entropy`; a rule is applied to each variable separately. The product of several linear kernels
        needs their n x n matrices.
    scale_bandwidth : bool
        Whether every sigma is multiplied by the square root of the number of variables. False is the paper's plain
        product. Linear kernels have no sigma.
    tolerance, full_output, seed
        As in `renyi_entropy`.

    Returns
    -------
    float or RenyiEstimate
        Bits, from 0 to log2(n).

    Raises
    ------
    TypeError, ValueError
        As in `renyi_entropy`, or if the variables are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> round(bitlens.renyi_joint_entropy([a, b]), 12)
    2.0
    """
    if not len(variables):
        raise ValueError("variables: expected at least one array, got none")
    arrays = {f"variables[{i}]": x for i, x in enumerate(variables)}
    terms = [Term(1, list(range(len(arrays))))]
    divisor = len(arrays) if scale_bandwidth else 1
    chosen = kernel_or_bandwidth(kernel, bandwidth)
    result = sum_of_entropies(arrays, terms, alpha, chosen, divisor, tolerance, seed, "variables")
    return result if full_output else result.value


@overload
def renyi_mutual_information(
    x: Array,
    y: Array,
    alpha: float = ...,
    bandwidth: Bandwidth | None = ...,
    *,
    kernel: Kernel | None = ...,
    tolerance: float | None = ...,
    full_output: Literal[False] = ...,
    seed: int = ...,
) -> float: ...
@overload
def renyi_mutual_information(
    x: Array,
    y: Array,
    alpha: float = ...,
    bandwidth: Bandwidth | None = ...,
    *,
    kernel: Kernel | None = ...,
    tolerance: float | None = ...,
    full_output: Literal[True],
    seed: int = ...,
) -> RenyiEstimate: ...
@in_callers_library
def renyi_mutual_information(
    x: Array,
    y: Array,
    alpha: float = 1.01,
    bandwidth: Bandwidth | None = None,
    *,
    kernel: Kernel | None = None,
    tolerance: float | None = None,
    full_output: bool = False,
    seed: int = 0,
) -> float | RenyiEstimate:
    """Compute the matrix-based mutual information of two variables, in bits: S(X) + S(Y) - S(X, Y).

    The entropies are those of Yu et al. (2018, eq. 2 to 4), and each variable keeps its sigma in the joint entropy. The
    estimate is biased upward: compare it with its null distribution, by `permutation_test`.

    Parameters
    ----------
    x, y : arrays
        Variables of the same n samples, each as in `renyi_entropy`.
    alpha, bandwidth, kernel
        As in `renyi_entropy`.
    tolerance, full_output, seed
        As in `renyi_entropy`. All three entropies have the same random vectors. Tolerance and standard error are those
        of the mutual information.

    Returns
    -------
    float or RenyiEstimate
        Bits, at most log2(n). For orders other than 1 the value may be slightly negative.

    Raises
    ------
    TypeError, ValueError
        As in `renyi_entropy`, or if x and y are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> a = np.array([0, 0, 1, 1])
    >>> round(bitlens.renyi_mutual_information(a, a), 12)
    1.0
    """
    terms = [Term(1, [0]), Term(1, [1]), Term(-1, [0, 1])]
    chosen = kernel_or_bandwidth(kernel, bandwidth)
    result = sum_of_entropies({"x": x, "y": y}, terms, alpha, chosen, 1, tolerance, seed, "y")
    return result if full_output else result.value
