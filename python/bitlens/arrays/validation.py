"""Every check of the arguments of public functions, and the conversion of arrays to the layouts that kernels take."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from bitlens import _core
from bitlens.arrays.context import Array, ArrayContext, NDArray, is_tensor
from bitlens.arrays.foreign import as_array, as_host_array, describe
from bitlens.arrays.gradients import warn_of_lost_gradient

MAX_BINS = _core.MAX_BINS
"""The largest number of bins of every estimator and measure: the index of a bin is stored in one byte."""


def is_uint8_array(x: object) -> bool:
    """Whether x is a dense array of unsigned bytes, which estimators of channel pairs take for distance codes."""
    if is_tensor(x):
        tensor: Any = x
        torch = sys.modules["torch"]
        supported_device = tensor.device.type in ("cpu", "cuda")
        return bool(tensor.dtype == torch.uint8 and tensor.layout == torch.strided and supported_device)
    return isinstance(x, np.ndarray) and x.dtype == np.uint8 and not isinstance(x, np.ma.MaskedArray)


def as_real_array(
    x: Array, name: str, *, cuda: bool = False, deferred: bool = False
) -> tuple[Any, ArrayContext, tuple[float, float]]:
    """Check that x is a dense, finite, non-empty array of real numbers, and convert it to float32 or float64.

    Lists and arrays of other libraries are converted as in `as_array`.

    Half precision and integers of up to 16 bits become float32. Other integers become float64, which is exact up to
    2^53. Values are constants: a tensor that requires a gradient is detached, with a `GradientWarning`.

    Parameters
    ----------
    x
        NumPy array, PyTorch tensor, list or array of another library.
    name
        The caller's name of the argument, for error messages.
    cuda
        Whether the operation has a CUDA kernel. If not, a CUDA tensor is refused.
    deferred
        Whether values on a GPU are not looked at, so that the host need not wait. The caller looks at them later.

    Returns
    -------
    array
        NumPy array, or CUDA tensor.
    context
        The kind and device of x.
    ends
        The smallest and the largest value; NaN if they were not looked at.

    Raises
    ------
    TypeError, ValueError
        If x is not such an array.
    """
    given = as_array(x, name)
    array, context = _from_tensor(given, name, cuda) if is_tensor(given) else (_from_numpy(given, name), ArrayContext())
    if 0 in array.shape:
        raise ValueError(f"{name}: is empty, got shape {tuple(array.shape)}")
    if deferred and context.on_cuda:
        return array, context, (math.nan, math.nan)
    ends = _smallest_and_largest(array)
    if not np.isfinite(ends).all():
        raise ValueError(f"{name}: contains NaN or infinity; every value must be finite")
    return array, context, ends


def _from_tensor(tensor: Any, name: str, cuda: bool) -> tuple[Any, ArrayContext]:
    torch = sys.modules["torch"]
    if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized:
        raise TypeError(f"{name}: expected a dense real tensor, got {tensor.layout} {tensor.dtype}")
    context = ArrayContext(tensor.device)
    if context.on_cuda and not cuda:
        raise ValueError(f"{name}: lies on {tensor.device}, but this function runs on the CPU; pass {name}.cpu()")
    if not context.on_cuda and tensor.device.type != "cpu":
        raise ValueError(f"{name}: lies on {tensor.device}; expected a CPU or CUDA tensor")
    warn_of_lost_gradient(tensor, name)
    tensor = tensor.detach().resolve_neg()
    if tensor.dtype not in (torch.float32, torch.float64):
        more_than_16_bits = tensor.dtype in (torch.int32, torch.int64, torch.uint32, torch.uint64)
        tensor = tensor.to(torch.float64 if more_than_16_bits else torch.float32)
    return (tensor if context.on_cuda else tensor.numpy()), context


def _from_numpy(x: NDArray, name: str) -> NDArray:
    if x.dtype.kind == "V" and np.can_cast(x.dtype, np.float32):  # bfloat16 and others of the package ml_dtypes
        x = x.astype(np.float32)
    if x.dtype.kind not in "fiub" or x.dtype.itemsize > 8:
        raise TypeError(f"{name}: expected an array of real numbers, got {describe(x)}")
    if not x.dtype.isnative:
        raise TypeError(
            f"{name}: expected native byte order, got {x.dtype.str}; use x.astype(x.dtype.newbyteorder('='))"
        )
    if x.dtype not in (np.float32, np.float64):
        return x.astype(np.float64 if x.dtype.kind in "iu" and x.dtype.itemsize > 2 else np.float32)
    # A field of packed records is not aligned, or its strides are not multiples of a value: kernels cannot read it.
    return np.asarray(x) if x.flags.aligned and not any(step % x.itemsize for step in x.strides) else x.copy()


def _smallest_and_largest(x: Any) -> tuple[float, float]:
    """Not finite if any value is not finite."""
    if isinstance(x, np.ndarray) and x.flags.c_contiguous:
        ends = np.empty(2)
        _core.value_range(x.reshape(-1), ends)
        return float(ends[0]), float(ends[1])
    if isinstance(x, np.ndarray):
        return float(x.min()), float(x.max())
    torch = sys.modules["torch"]
    low, high = torch.stack(torch.aminmax(x)).tolist()  # one wait for the GPU
    return low, high


def as_samples(x: Array, name: str, *, at_least: int) -> tuple[Any, ArrayContext, tuple[float, float]]:
    """Convert an array [n, ...] to contiguous rows [n, d], one for each sample; also return its context and range."""
    array, context, ends = as_real_array(x, name, cuda=True)
    if array.ndim < 2:
        raise ValueError(f"{name}: expected shape (samples, ...), got {tuple(array.shape)}; a single feature is (n, 1)")
    if array.shape[0] < at_least:
        raise ValueError(f"{name}: expected at least {at_least} samples, got {array.shape[0]}")
    array = array.reshape(array.shape[0], -1)
    return array.contiguous() if context.on_cuda else np.ascontiguousarray(array), context, ends


def as_channel_maps(
    x: Array, name: str, *, channel_axis: int = 1, cuda: bool = False, deferred: bool = False
) -> tuple[Any, ArrayContext, tuple[float, float]]:
    """Convert an array [n, channels, ...] to [n, channels, values]; also return its context and range.

    In an array [n, channels] every map consists of a single value. The parameters are those of `as_real_array`.
    """
    array, context, ends = as_real_array(x, name, cuda=cuda, deferred=deferred)
    if array.ndim < 2:
        raise ValueError(f"{name}: expected shape (samples, channels, ...), got {tuple(array.shape)}")
    axis = check_integer(channel_axis, "channel_axis")
    if not -array.ndim < axis < array.ndim or axis % array.ndim == 0:
        raise ValueError(f"channel_axis: expected an axis of {name} other than 0, got {axis} for {array.ndim} axes")
    if axis % array.ndim != 1:
        array = array.movedim(axis, 1) if context.on_cuda else np.moveaxis(array, axis, 1)
    array = array.reshape(array.shape[0], array.shape[1], -1)
    if context.on_cuda:
        array = array.contiguous()
    elif array.strides[2] != array.itemsize and array.shape[2] > 1:
        array = np.ascontiguousarray(array)
    return array, context, ends


def as_class_indices(labels: Array, n: int, name: str) -> NDArray:
    """Convert the class labels of n samples, integers of any type or booleans, to int64 on the CPU."""
    array = as_host_array(labels, name)
    if array.dtype.kind in "f" and array.ndim == 2:
        check_label_shape(array, n, name)
    if array.dtype.kind not in "iub":
        raise TypeError(
            f"{name}: expected integers, got {array.dtype}; number the classes with "
            "np.unique(labels, return_inverse=True)[1]"
        )
    check_label_shape(array, n, name)
    if array.size and array.min() < 0:
        raise ValueError(f"{name}: expected classes from 0 on, got {array.min()}")
    return array.astype(np.int64)


def check_label_shape(labels: Any, n: int, name: str) -> None:
    """Check that there is one label for each of n samples; the error says what to do with one-hot codes."""
    shape = tuple(labels.shape)
    if shape != (n,):
        column = "[:, 0]" if shape[1:] == (1,) else ".argmax(axis=1)"
        advice = f"; pass {name.split(': ')[-1]}{column}" if len(shape) == 2 and shape[0] == n else ""
        raise ValueError(f"{name}: expected shape ({n},) to match the samples, got {shape}{advice}")


def check_integer(value: object, name: str) -> int:
    """Return value as an int if it is an integer; True and 1.0 are refused."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}") from None


def check_seed(seed: object) -> int:
    """Return the seed of a random generator."""
    number = check_integer(seed, "seed")
    if number < 0:
        raise ValueError(f"seed: expected 0 or more, got {number}")
    return number


def check_number(value: Any, name: str) -> float:
    """Return value as a float if it is a number of any type, or an array or tensor of one number without axes."""
    try:
        if isinstance(value, (str, bytes, bool, np.bool_)) or getattr(value, "ndim", False):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None


def check_positive(value: Any, name: str) -> float:
    """Return value as a float if it is a finite number above 0."""
    number = check_number(value, name)
    if not 0 < number < math.inf:
        raise ValueError(f"{name}: expected a finite number above 0, got {value}")
    return number


def check_value_range(value_range: Any, dtype: object) -> tuple[float, float]:
    """Return the two ends of a range that the caller passed as `value_range`, for values of this type.

    The float32 nearest to 0.1 is larger than 0.1, and a range up to 0.1 should include it. Ranges of float32 values are
    therefore widened to the nearest float32.
    """
    try:
        low, high = (float(end) for end in as_array(value_range, "value_range").tolist())
    except (TypeError, ValueError):
        raise TypeError(f"value_range: expected two numbers (low, high), got {value_range!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"value_range: expected finite low < high, got ({low}, {high})")
    if str(dtype).endswith("float32"):
        largest = float(np.finfo(np.float32).max)
        nearest = [float(np.float32(min(max(end, -largest), largest))) for end in (low, high)]
        low, high = min(low, nearest[0]), max(high, nearest[1])
    return low, high


def check_bin_count(bins: object, name: str = "bins") -> int:
    """Return a number of bins whose indices fit into one byte."""
    count = check_integer(bins, name)
    if not 2 <= count <= MAX_BINS:
        raise ValueError(f"{name}: expected 2 to {MAX_BINS}, got {count}")
    return count


def check_neighbor_count(k: object, n: int, *, at_least: int) -> int:
    """Return a number of neighbours that each of n samples has."""
    count = check_integer(k, "k")
    if not at_least <= count < n:
        raise ValueError(f"k: expected {at_least} to n - 1 = {n - 1} for {n} samples, got {count}")
    return count


def check_same_samples(a: Any, b: Any) -> None:
    """Check that a and b have equally many samples along axis 0."""
    if a.shape[0] != b.shape[0]:
        raise ValueError(f"b: expected the {a.shape[0]} samples of a, got {b.shape[0]}")


def check_same_device(contexts: Sequence[ArrayContext], name: str) -> None:
    """Check that all arrays are on the CPU, or all on the same GPU."""
    first = contexts[0]
    for context in contexts:
        if (context.on_cuda or first.on_cuda) and context.device != first.device:
            devices = [str(place.device or "the CPU") for place in (first, context)]
            raise ValueError(f"{name}: expected arrays on one device, got {' and '.join(devices)}; move one of them")
