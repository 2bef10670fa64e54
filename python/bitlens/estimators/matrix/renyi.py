"""Matrix-based Renyi entropies of variables, and the mutual information of two variables.

The kernel of a variable is exp(-d^2 / (2 sigma^2)), and a joint entropy is that of the product of kernels (Yu et al.
2018, eq. 2 and 3). The product of many kernels tends to the identity matrix, whatever the kernels are. In a joint of C
channels every sigma is therefore multiplied by sqrt(C); `scale_bandwidth=False` is the paper's plain product.
"""

from __future__ import annotations

from collections.abc import Sequence

from bitlens.arrays import Array
from bitlens.estimators.matrix.bandwidths import Bandwidth, Median
from bitlens.estimators.matrix.gram import entropies, join_variables, joint_of_channels, variable_exponents


def renyi_entropy(x: Array, alpha: float = 1.01, bandwidth: Bandwidth = Median()) -> float:  # noqa: B008
    """Compute the matrix-based Renyi entropy of samples, in bits.

    S_alpha(A) = log2(tr A^alpha) / (1 - alpha), where A is the samples' Gram matrix divided by its trace (Yu et al.
    2018, eq. 2).

    Parameters
    ----------
    x : array of shape (n, ...), or integers of shape (n,)
        Samples along the first axis, the other axes are flattened; or class labels, whose kernel is 1 within a class
        and 0 between classes.
    alpha : float
        Order of the entropy, above 0; 1 is von Neumann's entropy. Below 1, eigenvalues of at most n * 2.2e-16 of the
        largest one do not count, because they cannot be told from rounding errors.
    bandwidth : float, Median, Silverman, NearestNeighbors, Dimension or Alignment
        Sigma in the unit of x, or a rule for it.

    Returns
    -------
    float
        Bits, from 0 (all samples are equal) to log2(n) (all samples are far apart).

    Raises
    ------
    TypeError, ValueError
        If x is not a finite array of at least two samples, or alpha or bandwidth are invalid.

    Warns
    -----
    PrecisionWarning
        If the eigenvalues that do not count could carry more than 0.001 bits. If m of them are left out, and t is n *
        2.2e-16, the entropy is at most log2((1 - m t)^alpha + m t^alpha / 2^((1 - alpha) S)) / (1 - alpha) bits above
        the result S. Samples that are equal do not add to m.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> round(bitlens.renyi_entropy(np.array([0, 0, 1, 1])), 12)
    1.0
    """
    exponents, context = variable_exponents(x, "x", bandwidth)
    return float(entropies(exponents, [[0]], alpha, context)[0])


def renyi_joint_entropy(
    variables: Sequence[Array],
    alpha: float = 1.01,
    bandwidth: Bandwidth = Median(),  # noqa: B008
    *,
    scale_bandwidth: bool = True,
) -> float:
    """Compute the joint matrix-based Renyi entropy of several variables of the same samples, in bits.

    `renyi_entropy` of the elementwise product of the variables' Gram matrices (Yu et al. 2018, eq. 3).

    Parameters
    ----------
    variables : sequence of arrays
        Variables as in `renyi_entropy`, with equal numbers of samples n.
    alpha, bandwidth
        As in `renyi_entropy`; a rule is applied to each variable separately.
    scale_bandwidth : bool
        Whether every sigma is multiplied by the square root of the number of variables. False is the paper's plain
        product.

    Returns
    -------
    float
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
    each = [variable_exponents(x, f"variables[{i}]", bandwidth) for i, x in enumerate(variables)]
    exponents = join_variables([of_x for of_x, _ in each], [context for _, context in each], "variables")
    joint = joint_of_channels(exponents, scale_bandwidth)
    return float(entropies(joint, [[0]], alpha, each[0][1])[0])


def renyi_mutual_information(
    x: Array,
    y: Array,
    alpha: float = 1.01,
    bandwidth: Bandwidth = Median(),  # noqa: B008
) -> float:
    """Compute the matrix-based mutual information of two variables, in bits: S(X) + S(Y) - S(X, Y).

    The entropies are those of Yu et al. (2018, eq. 2 to 4), and each variable keeps its sigma in the joint entropy. The
    estimate is biased upward: compare it with its null distribution, by `permutation_test`.

    Parameters
    ----------
    x, y : arrays
        Variables of the same n samples, each as in `renyi_entropy`.
    alpha, bandwidth
        As in `renyi_entropy`.

    Returns
    -------
    float
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
    (of_x, context_x), (of_y, context_y) = (
        variable_exponents(x, "x", bandwidth),
        variable_exponents(y, "y", bandwidth),
    )
    exponents = join_variables([of_x, of_y], [context_x, context_y], "y")
    entropy_x, entropy_y, joint_entropy = entropies(exponents, [[0], [1], [0, 1]], alpha, context_x)
    return float(entropy_x + entropy_y - joint_entropy)
