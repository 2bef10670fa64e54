"""Matrix-based information between variables, and between the channels of a layer, as tensors with derivatives."""

from __future__ import annotations

import torch
from torch import Tensor

from bitlens.arrays import check_integer, check_positive
from bitlens.differentiable.kernels import (
    check_same_samples,
    check_variable,
    chosen_kernel,
    entropy_of_kernel,
    exponents,
    kernel_of,
    result_type,
)
from bitlens.differentiable.operators import matrix_entropies
from bitlens.estimators.matrix.bandwidths import Bandwidth, Median
from bitlens.estimators.matrix.channel_kernels import KernelPair
from bitlens.estimators.matrix.kernels import Gaussian, Kernel, Linear


def renyi_mutual_information(
    x: Tensor,
    y: Tensor,
    alpha: float = 1.01,
    bandwidth: Bandwidth | Tensor | None = None,
    *,
    kernel: Kernel | None = None,
) -> Tensor:
    """Compute the matrix-based mutual information of two variables, in bits, as a tensor with first derivatives.

    The value is that of `bitlens.renyi_mutual_information`: S(X) + S(Y) - S(X, Y). It is biased upward; as a term of a
    loss, only its derivative matters.

    Parameters
    ----------
    x, y : tensors
        Variables of the same n samples on one device, each as in `renyi_entropy`.
    alpha, bandwidth, kernel
        As in `renyi_entropy`.

    Returns
    -------
    Tensor
        Bits, as in `renyi_entropy`.

    Raises
    ------
    TypeError, ValueError, NotImplementedError
        As in `renyi_entropy`, or if x and y are not of the same samples.

    Examples
    --------
    >>> import torch
    >>> from bitlens.differentiable import renyi_mutual_information
    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> renyi_mutual_information(labels, labels)
    tensor(1.)
    """
    check_same_samples({"x": x, "y": y})
    order, chosen = check_positive(alpha, "alpha"), chosen_kernel(kernel, bandwidth)
    of_x, of_y = (kernel_of(variable, chosen, "bandwidth") for variable in (x, y))
    alone = entropy_of_kernel(of_x, order) + entropy_of_kernel(of_y, order)
    return (alone - entropy_of_kernel(of_x * of_y, order)).to(result_type([x, y]))


def multivariate_information(
    x: Tensor,
    maps: Tensor,
    alpha: float = 1.01,
    bandwidth: Bandwidth | Tensor | None = None,
    *,
    bandwidth_x: Bandwidth | Tensor | None = None,
    kernel: Kernel | None = None,
    scale_bandwidth: bool = True,
    tensor: bool = False,
    channel_axis: int = 1,
) -> Tensor:
    """Compute the information between x and all channels of a layer, in bits, as a tensor with first derivatives.

    The value is the field `information` of `bitlens.multivariate_information`, S(X) + S(T_1, ..., T_C) - S(X, T_1, ...,
    T_C). There is no permutation baseline.

    Parameters
    ----------
    x : tensor of shape (n, ...), or integers of shape (n,)
        The input or the labels, as in `renyi_entropy`.
    maps : tensor of shape (n, channels, ...)
        Feature maps on the device of x. In shape (n, channels) every unit is a channel.
    alpha : float
        Order of the entropies, above 0; see `renyi_entropy`.
    bandwidth : float, sequence of floats, tensor or rule
        Sigma of the channels, one sigma for each channel, or a rule for them, which is a constant of the derivative.
        The default is Median().
    bandwidth_x : float, tensor or rule
        Sigma of x; the default is Median().
    kernel : Gaussian, Linear or Cosine, optional
        The kernel of x and of every channel, instead of bandwidths. The result is NaN if a centred kernel of a channel
        is 0.
    scale_bandwidth : bool
        Whether the channels' sigmas are multiplied by sqrt(channels). Linear kernels have no sigma.
    tensor : bool
        Whether all values of a layer have one kernel, instead of one kernel for each channel.
    channel_axis : int
        The axis of the channels.

    Returns
    -------
    Tensor
        Bits, as in `renyi_entropy`.

    Raises
    ------
    TypeError, ValueError, NotImplementedError
        As in `renyi_entropy`, or if x and maps are not of the same samples.

    Examples
    --------
    >>> import torch
    >>> from bitlens.differentiable import multivariate_information
    >>> x = torch.linspace(0, 3, 40)[:, None]
    >>> round(float(multivariate_information(x, torch.cat([x.sin(), x.cos()], 1), bandwidth=0.5)), 2)
    1.15
    """
    check_same_samples({"x": x, "maps": maps})
    order = check_positive(alpha, "alpha")
    if kernel is None:
        kernels = KernelPair(chosen_kernel(None, bandwidth_x), chosen_kernel(None, bandwidth))
    else:
        kernels = KernelPair.of(kernel, bandwidth, bandwidth_x)  # type: ignore[arg-type]  # it refuses bandwidths
    channels = maps.flatten(1)[:, None] if tensor else _channels(maps, channel_axis)
    layer, target = _layer_kernel(channels, kernels.maps, scale_bandwidth), kernel_of(x, kernels.x, "bandwidth_x")
    alone = entropy_of_kernel(target, order) + entropy_of_kernel(layer, order)
    return (alone - entropy_of_kernel(target * layer, order)).to(result_type([x, maps]))


def total_correlation(
    maps: Tensor,
    alpha: float = 1.01,
    bandwidth: Bandwidth | Tensor = Median(),  # noqa: B008
    *,
    scale_bandwidth: bool = True,
    channel_axis: int = 1,
) -> Tensor:
    """Compute the total correlation of the channels of a layer, in bits, as a tensor with first derivatives.

    T = S(T_1) + ... + S(T_C) - S(T_1, ..., T_C) (Yu et al. 2021, "Measuring dependence with matrix-based entropy
    functional", eq. 5). Channels that have nothing in common have a small one, so that it serves as a penalty that
    decorrelates channels.

    Parameters
    ----------
    maps : tensor of shape (n, channels, ...)
        Feature maps with at least two channels.
    alpha, bandwidth, channel_axis
        As in `multivariate_information`.
    scale_bandwidth : bool
        Whether the channels' sigmas are multiplied by sqrt(channels), in all terms. With the plain product, the joint
        entropy of many channels is near its maximum, log2 n, and has almost no derivative.

    Returns
    -------
    Tensor
        Bits, as in `renyi_entropy`.

    Raises
    ------
    TypeError, ValueError, NotImplementedError
        As in `renyi_entropy`, or if there are fewer than two channels.

    Examples
    --------
    >>> import torch
    >>> from bitlens.differentiable import total_correlation
    >>> x = torch.linspace(-1, 1, 60)[:, None]
    >>> bool(total_correlation(torch.cat([x, x], 1)) > total_correlation(torch.cat([x, x[torch.randperm(60)]], 1)))
    True
    """
    check_variable(maps, "maps")
    order = check_positive(alpha, "alpha")
    channels = _channels(maps, channel_axis)
    count = channels.shape[1]
    if count < 2:
        raise ValueError(f"maps: expected at least 2 channels, got {count}")
    of_channels = exponents(channels, bandwidth, "bandwidth", count if scale_bandwidth else 1)
    with_slopes = torch.is_grad_enabled() and of_channels.requires_grad
    kernels = torch.exp(torch.cat([of_channels, of_channels.sum(0, keepdim=True)]))
    entropies: Tensor = matrix_entropies(kernels, order, with_slopes)[0]
    return (entropies[:count].sum() - entropies[count]).to(result_type([maps]))


def _layer_kernel(channels: Tensor, kernel: Gaussian | Linear, scale_bandwidth: bool) -> Tensor:
    """Compute the product of the kernels of all channels [n, channels, values], float64 [n, n]."""
    if isinstance(kernel, Linear):
        return torch.stack([kernel_of(channel, kernel, "") for channel in channels.unbind(1)]).prod(0)
    of_channels = exponents(channels, kernel.bandwidth, "bandwidth", channels.shape[1] if scale_bandwidth else 1)
    return torch.exp(of_channels.sum(0))


def _channels(maps: Tensor, channel_axis: int) -> Tensor:
    """Return feature maps as [n, channels, values]."""
    if maps.ndim < 2:
        raise ValueError(f"maps: expected shape (samples, channels, ...), got {tuple(maps.shape)}")
    axis = check_integer(channel_axis, "channel_axis")
    if not -maps.ndim < axis < maps.ndim or axis % maps.ndim == 0:
        raise ValueError(f"channel_axis: expected an axis of maps other than 0, got {axis} for {maps.ndim} axes")
    return maps.movedim(axis, 1).reshape(maps.shape[0], maps.shape[axis], -1)
