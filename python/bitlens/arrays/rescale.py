"""Scaling by powers of two, so that squares of very large or very small float64 values are finite and not zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from bitlens.arrays.context import array_namespace

# Between 1 / LARGEST_PEAK and LARGEST_PEAK nothing is scaled. The squares of such values lie between 2^-800 and 2^800:
# 2^200 of them can be added without overflow, and differences down to 2^-100 of a value keep all their digits.
LARGEST_PEAK = 2.0**400


def have_finite_squares(ends: tuple[float, float]) -> bool:
    """Whether values between these ends need no scaling, as long as all of them have the same scale."""
    peak = max(-ends[0], ends[1])
    return peak == 0 or 1 / LARGEST_PEAK <= peak <= LARGEST_PEAK


def need_no_rescaling(x: Any, axes: tuple[int, ...]) -> Any:
    """Whether values along these axes are finite and `rescale_for_squares` leaves them as they are.

    It answers without a wait for a GPU: the answer for the other axes is an array or tensor as well.
    """
    xp = array_namespace(x)
    peak = xp.maximum(xp.amax(x, axis=axes), -xp.amin(x, axis=axes))
    if x.dtype != xp.float64:
        return xp.isfinite(peak)
    return (peak <= LARGEST_PEAK) & ((peak >= 1 / LARGEST_PEAK) | (peak == 0))


def rescale_for_squares(x: Any, name: str, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Scale float64 values by a power of two if their squares would overflow or underflow.

    Parameters
    ----------
    x
        NumPy array or tensor of float32 or float64.
    name
        The caller's name of the argument, for the error message.
    axes
        The axes along which all values have the same scale.

    Returns
    -------
    scaled
        Values whose largest magnitude is in [1, 2) wherever they had to be scaled. An array that needs no scaling is
        returned itself, without a copy; this holds for every float32 array.
    unit
        The power of two by which `scaled` is to be multiplied, with length 1 along `axes`.

    Raises
    ------
    ValueError
        If scaling would make values so small that the squares of their differences underflow.
    """
    xp = array_namespace(x)
    if x.dtype != xp.float64:
        shape = (1,) * x.ndim
        return x, np.ones(shape) if isinstance(x, np.ndarray) else x.new_ones(shape, dtype=xp.float64)
    peak = xp.maximum(xp.amax(x, axis=axes, keepdims=True), -xp.amin(x, axis=axes, keepdims=True))
    return scale_to_peak(x, peak, name)


def scale_to_peak(x: Any, peak: Any, name: str) -> tuple[Any, Any]:
    """Scale float64 values, which may be a part of all, as `rescale_for_squares` does for their largest magnitude."""
    xp = array_namespace(x)
    extreme = (peak > LARGEST_PEAK) | ((peak < 1 / LARGEST_PEAK) & (peak > 0))
    if not extreme.any():
        return x, xp.ones_like(peak)
    exponent = xp.where(extreme, xp.frexp(peak)[1] - 1, 0)
    # In two steps, because 2^-exponent itself may lie outside the range of float64.
    half = exponent // 2
    scaled = xp.ldexp(xp.ldexp(x, -half), half - exponent)
    if (extreme & (abs(scaled) < 1 / LARGEST_PEAK) & (x != 0)).any():
        raise ValueError(
            f"{name}: expected nonzero magnitudes within a factor of 2^400 of the largest, {float(peak.max()):.3g}, "
            "got smaller ones; set these to 0 or scale the values"
        )
    return scaled, xp.ldexp(xp.ldexp(xp.ones_like(peak), half), exponent - half)
