"""Matrix-based Renyi entropies as tensors with derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bitlens.arrays import check_positive
from bitlens.differentiable.kernels import (
    check_same_samples,
    check_variable,
    chosen_kernel,
    entropy_of,
    entropy_of_kernel,
    kernel_of,
    result_type,
)
from bitlens.estimators.matrix.bandwidths import Bandwidth
from bitlens.estimators.matrix.kernels import Kernel


def renyi_entropy(
    x: Tensor, alpha: float = 1.01, bandwidth: Bandwidth | Tensor | None = None, *, kernel: Kernel | None = None
) -> Tensor:
    """Compute the matrix-based Renyi entropy of samples, in bits, as a tensor with first derivatives.

    The value is that of `bitlens.renyi_entropy`.

    Parameters
    ----------
    x : tensor of shape (n, ...), or integers of shape (n,)
        Samples along the first axis, or class labels. At least two samples. One-hot rows are samples, whose Gaussian
        kernel is not 0 between classes: for labels, pass ``rows.argmax(1)``.
    alpha : float
        Order of the entropy, above 0. The orders 2 to 8 need no spectrum and take the least time. Below 1, derivatives
        are not bounded where an eigenvalue tends to 0.
    bandwidth : float, tensor, Median, Silverman, NearestNeighbors, Dimension or Alignment, optional
        Sigma in the unit of x, or a rule for it. The default is Median(). **A rule is a constant of the derivative**:
        sigma follows from the values of x, but no gradient flows through it. A sigma in a tensor has a gradient. The
        labels of an Alignment are a tensor.
    kernel : Gaussian, Linear or Cosine, optional
        The kernel, instead of a bandwidth.

    Returns
    -------
    Tensor
        Bits, from 0 to log2(n), without dimensions, on the device of x. It has the type of x; float32 for half
        precision and for labels. NaN if x contains NaN or infinity, or its linear kernel is 0 everywhere.

    Raises
    ------
    TypeError, ValueError
        If x is not a real tensor of at least two samples, or a parameter is invalid.
    NotImplementedError
        If a second derivative is computed.

    Notes
    -----
    The values are not checked, because a check would wait for a GPU: NaN gives NaN.

    *torch.compile*: the functions of this package compile with ``fullgraph=True``.

    *Autocast* has no effect: all types are converted to float64, and gradients have the type of x.

    *vmap*: ``torch.vmap(renyi_entropy)`` takes a batch [batch, n, ...] and returns [batch]. The matrices of a batch are
    computed at the same time.

    *Devices*: on the CPU, derivatives of orders from 1 to 2 come from a compiled kernel. On CUDA they come from the
    eigenvectors that PyTorch computes.

    Examples
    --------
    >>> import torch
    >>> from bitlens.differentiable import renyi_entropy
    >>> x = torch.tensor([[0.0], [1.0], [3.0]], requires_grad=True)
    >>> renyi_entropy(x, alpha=2, bandwidth=1.0).backward()
    >>> [round(derivative, 4) for derivative in x.grad[:, 0].tolist()]
    [-0.5633, 0.5067, 0.0566]
    """
    check_variable(x, "x")
    order, chosen = check_positive(alpha, "alpha"), chosen_kernel(kernel, bandwidth)
    return entropy_of(x, chosen, "bandwidth", order).to(result_type([x]))


def renyi_joint_entropy(
    variables: Sequence[Tensor],
    alpha: float = 1.01,
    bandwidth: Bandwidth | Tensor | None = None,
    *,
    kernel: Kernel | None = None,
    scale_bandwidth: bool = True,
) -> Tensor:
    """Compute the joint matrix-based Renyi entropy of variables, in bits, as a tensor with first derivatives.

    The value is that of `bitlens.renyi_joint_entropy`.

    Parameters
    ----------
    variables : sequence of tensors
        Variables as in `renyi_entropy`, with equal numbers of samples n, on one device.
    alpha, bandwidth, kernel
        As in `renyi_entropy`; a rule is applied to each variable separately.
    scale_bandwidth : bool
        Whether every sigma is multiplied by the square root of the number of variables.

    Returns
    -------
    Tensor
        Bits, from 0 to log2(n), as in `renyi_entropy`.

    Raises
    ------
    TypeError, ValueError, NotImplementedError
        As in `renyi_entropy`, or if the variables are not of the same samples.

    Examples
    --------
    >>> import torch
    >>> from bitlens.differentiable import renyi_joint_entropy
    >>> renyi_joint_entropy([torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])])
    tensor(2.)
    """
    if not len(variables):
        raise ValueError("variables: expected at least one tensor, got none")
    check_same_samples({f"variables[{i}]": x for i, x in enumerate(variables)})
    order, chosen = check_positive(alpha, "alpha"), chosen_kernel(kernel, bandwidth)
    if len(variables) == 1:
        return entropy_of(variables[0], chosen, "bandwidth", order).to(result_type(variables))
    divisor = len(variables) if scale_bandwidth else 1
    kernels = [kernel_of(x, chosen, "bandwidth", divisor) for x in variables]
    joint = torch.stack(kernels).prod(0) if len(kernels) > 2 else kernels[0] * kernels[1]
    return entropy_of_kernel(joint, order).to(result_type(variables))
