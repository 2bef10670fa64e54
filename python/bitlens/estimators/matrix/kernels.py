"""Kernels of matrix-based entropies: Gaussian, linear and cosine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from bitlens.estimators.matrix.bandwidths import Bandwidth, Median


@dataclass(frozen=True)
class Gaussian:
    """The kernel exp(-d^2 / (2 sigma^2)) of samples at distance d; the bandwidth is sigma or a rule for it."""

    bandwidth: Bandwidth = Median()  # noqa: RUF009


@dataclass(frozen=True)
class Linear:
    """The dot product of samples, which may be centred and then divided by their norms.

    Centring subtracts the mean sample, so that the kernel does not depend on an offset. Division by the norms makes the
    kernel a cosine. A sample whose norm is 0 keeps the kernel 0 with every sample.
    """

    center: bool = False
    """Whether the mean sample is subtracted first."""
    unit: bool = False
    """Whether each sample is divided by its norm, after the mean is subtracted."""


@dataclass(frozen=True)
class Cosine:
    """The cosine of the angle between samples, which is Linear(unit=True)."""

    center: bool = False
    """Whether the mean sample is subtracted first."""


@dataclass(frozen=True)
class Clamped(Linear):
    """A linear kernel whose negative elements are replaced by 0, as one public code does; see `published_settings`."""


Kernel: TypeAlias = Gaussian | Linear | Cosine


def as_kernel(kernel: object, name: str = "kernel") -> Gaussian | Linear:
    """Check that an argument is a kernel; a Cosine becomes the equal Linear."""
    if isinstance(kernel, Cosine):
        return Linear(kernel.center, unit=True)
    if isinstance(kernel, Gaussian | Linear):
        return kernel
    raise TypeError(f"{name}: expected Gaussian(), Linear() or Cosine(), got {kernel!r}")


def as_linear_kernel(kernel: object, name: str = "kernel") -> Linear:
    """Check that an argument is a linear kernel; a Cosine becomes the equal Linear."""
    linear = as_kernel(kernel, name)
    if not isinstance(linear, Linear):
        raise TypeError(f"{name}: expected Linear() or Cosine(), got {kernel!r}")
    return linear


def kernel_or_bandwidth(kernel: Kernel | None, bandwidth: Bandwidth | None) -> Gaussian | Linear:
    """The kernel that a caller chose by one of two arguments, of which bandwidth is short for Gaussian(bandwidth)."""
    if kernel is None:
        return Gaussian() if bandwidth is None else Gaussian(bandwidth)
    if bandwidth is not None:
        raise ValueError(
            f"bandwidth: expected none together with a kernel, got {bandwidth!r} and {kernel!r}; pass kernel= alone, "
            "such as Gaussian(bandwidth)"
        )
    return as_kernel(kernel)
