"""The kernels of variables as tensors: gradients flow from them to the samples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bitlens.arrays import check_positive, describe
from bitlens.differentiable.operators import matrix_entropies, sigmas, squared_distances
from bitlens.estimators.matrix.bandwidths import (
    Alignment,
    Bandwidth,
    Dimension,
    Median,
    NearestNeighbors,
    Silverman,
)
from bitlens.estimators.matrix.kernels import Clamped, Gaussian, Kernel, Linear, kernel_or_bandwidth
from bitlens.estimators.matrix.linear_kernel import COLLAPSED, ROUNDED_ROW


def check_variable(x: Tensor, name: str) -> int:
    """Return the number of samples of a variable: real samples [n, ...], or integer labels [n]."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a tensor, got {describe(x)}; use the function of bitlens for other arrays")
    if x.is_complex():
        raise TypeError(f"{name}: expected a real tensor, got {describe(x)}")
    if x.ndim == 0 or (x.ndim == 1 and x.is_floating_point()):
        raise ValueError(
            f"{name}: expected shape (samples, ...), got {tuple(x.shape)}; a single feature is (n, 1), classes are "
            "integers"
        )
    if x.shape[0] < 2:
        raise ValueError(f"{name}: expected at least 2 samples, got {x.shape[0]}")
    if 0 in x.shape:
        raise ValueError(f"{name}: is empty, got shape {tuple(x.shape)}")
    return int(x.shape[0])


def check_same_samples(variables: dict[str, Tensor]) -> None:
    """Check the variables of a joint entropy, which must be of the same samples and on one device."""
    sizes = [check_variable(x, name) for name, x in variables.items()]
    first = next(iter(variables.values()))
    for (name, x), size in zip(variables.items(), sizes, strict=True):
        if size != sizes[0]:
            raise ValueError(f"{name}: expected the {sizes[0]} samples of {next(iter(variables))}, got {size}")
        if x.device != first.device:
            raise ValueError(f"{name}: expected a tensor on {first.device}, got one on {x.device}; move one of them")


def chosen_kernel(kernel: Kernel | None, bandwidth: Bandwidth | Tensor | None) -> Gaussian | Linear:
    """Return the kernel that a caller chose by one of two arguments, as `kernel_or_bandwidth` does."""
    if kernel is None and bandwidth is None:
        return Gaussian(Median())  # torch.compile does not trace the default of a field
    return kernel_or_bandwidth(kernel, bandwidth)  # type: ignore[arg-type]  # a tensor is a sigma


def kernel_of(x: Tensor, kernel: Gaussian | Linear, argument: str, divisor: float = 1) -> Tensor:
    """Compute the float64 kernel [n, n] of a variable, whose exponents are divided by `divisor`."""
    if x.ndim == 1:
        return (x[:, None] == x).to(torch.float64)
    if isinstance(kernel, Gaussian):
        return torch.exp(exponents(x.flatten(1)[:, None], kernel.bandwidth, argument, divisor)[0])
    rows = _linear_rows(x, kernel)
    return rows @ rows.mT


def exponents(values: Tensor, bandwidth: Bandwidth | Tensor, argument: str, divisor: float = 1) -> Tensor:
    """Compute the logarithms of the kernels of values [n, channels, length] in every channel, float64 [channels, n, n].

    They are -d^2 / (2 sigma^2), divided by `divisor`. A sigma that follows from a rule is a constant of the derivative.
    """
    precise = values if values.dtype == torch.float64 else values.to(torch.float32)
    squares: Tensor = squared_distances(precise)
    sigma = _sigma(squares, bandwidth, values.shape[2], argument)
    return squares / (-2 * divisor * sigma**2)[:, None, None]


def _sigma(squares: Tensor, bandwidth: Bandwidth | Tensor, values: int, argument: str) -> Tensor:
    channels, constant, labels = len(squares), squares.detach(), None
    if isinstance(bandwidth, Alignment):
        labels = bandwidth.labels
        if labels is not None and not isinstance(labels, Tensor):
            raise TypeError(f"{argument}: expected an Alignment with labels in a tensor, got {describe(labels)}")
    if isinstance(bandwidth, Median | Dimension | Silverman | NearestNeighbors | Alignment):
        of_rule: Tensor = sigmas(constant, values, type(bandwidth).__name__, _parameter(bandwidth), labels)
        return of_rule
    if isinstance(bandwidth, Tensor):
        given = bandwidth.to(squares)
    elif isinstance(bandwidth, Sequence):
        given = squares.new_tensor([check_positive(sigma, argument) for sigma in bandwidth])
    else:
        given = squares.new_tensor(check_positive(bandwidth, argument))
    if given.shape not in ((), (channels,)):
        raise ValueError(
            f"{argument}: expected one sigma for each of {channels} channels, got shape {tuple(given.shape)}"
        )
    return given.expand(channels)


def _parameter(rule: Median | Dimension | Silverman | NearestNeighbors | Alignment) -> float | None:
    if isinstance(rule, Silverman):
        return rule.h
    if isinstance(rule, NearestNeighbors):
        return float(rule.m)
    return rule.smallest if isinstance(rule, Alignment) else None


def _linear_rows(x: Tensor, kernel: Linear) -> Tensor:
    """The rows [n, d] that a linear kernel multiplies; all are NaN if the kernel is 0 but for rounding."""
    if isinstance(kernel, Clamped):
        raise TypeError(f"kernel: expected Gaussian(), Linear() or Cosine(), got {kernel!r}, which has no derivative")
    eps = torch.finfo(x.dtype).eps if x.is_floating_point() else torch.finfo(torch.float32).eps
    rows = x.flatten(1).to(torch.float64)
    given = (rows**2).sum(1).detach()
    if kernel.center:
        rows = rows - rows.mean(0)
    squares = (rows**2).sum(1)
    least = (ROUNDED_ROW * eps) ** 2 * given.mean() if kernel.center else given.new_zeros(())
    present = squares.detach() > least
    collapsed = squares.detach().sum() <= ((COLLAPSED * eps) ** 2 * given.sum() if kernel.center else 0)
    if kernel.unit:
        rows = rows / torch.where(present, squares, 1.0).sqrt()[:, None]
    return torch.where(collapsed, torch.nan, torch.where(present[:, None], rows, 0.0))


def entropy_of(x: Tensor, kernel: Gaussian | Linear, argument: str, alpha: float) -> Tensor:
    """Compute the entropy in bits of one variable, whose linear kernel is the smaller one of its two Gram matrices."""
    if x.ndim > 1 and isinstance(kernel, Linear):
        rows = _linear_rows(x, kernel)
        return entropy_of_kernel(rows @ rows.mT if rows.shape[0] <= rows.shape[1] else rows.mT @ rows, alpha)
    return entropy_of_kernel(kernel_of(x, kernel, argument), alpha)


def entropy_of_kernel(kernel: Tensor, alpha: float) -> Tensor:
    """Compute the entropy in bits of one kernel [n, n], a tensor of no dimension."""
    with_slopes = torch.is_grad_enabled() and kernel.requires_grad
    entropies: Tensor = matrix_entropies(kernel[None], alpha, with_slopes)[0]
    return entropies[0]


def result_type(variables: Sequence[Tensor]) -> torch.dtype:
    """The type of a result: that of the samples, at least float32."""
    dtype = torch.get_default_dtype()
    types = [x.dtype for x in variables if x.is_floating_point()]
    return torch.float64 if torch.float64 in types else torch.float32 if types else dtype
