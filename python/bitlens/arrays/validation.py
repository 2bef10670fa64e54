"""Arrays in: the one place that knows NumPy from PyTorch, and where every input is checked.

Kernels and estimators work on NumPy arrays, or on CUDA tensors where there is a CUDA kernel. CPU tensors are looked at
through NumPy without a copy. PyTorch is never imported here: an array can only be a tensor if somebody has imported it.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bitlens import _core

if TYPE_CHECKING:
    import torch

    Array: TypeAlias = np.ndarray[Any, Any] | torch.Tensor
else:
    Array: TypeAlias = Any

NDArray: TypeAlias = np.ndarray[Any, Any]

MAX_BINS = 256
"""Bin codes are one byte."""


@dataclass(frozen=True)
class ArrayContext:
    """Where an array came from, and so where its results go back to."""

    device: Any = None
    """The torch device; None for NumPy."""

    @property
    def on_cuda(self) -> bool:
        """Whether the arrays lie on a GPU."""
        return self.device is not None and self.device.type == "cuda"

    def empty(self, shape: Sequence[int], dtype: str) -> Any:
        """An output for a kernel, on the kernel's side: NumPy, or a tensor on the CUDA device."""
        if self.on_cuda:
            torch = sys.modules["torch"]
            return torch.empty(tuple(shape), dtype=getattr(torch, dtype), device=self.device)
        return np.empty(shape, dtype)

    def spectrum_workspace(self, matrices: int, n: int) -> Any:
        """Room for the lower triangles of so many n x n matrices, for those that a GPU works on at once."""
        places = min(matrices, 2 * self.multiprocessors)
        return self.empty((places, n * (n + 1) // 2 if places else 0), "float64")

    @property
    def multiprocessors(self) -> int:
        """Of the GPU; 0 on the CPU."""
        if not self.on_cuda:
            return 0
        return int(sys.modules["torch"].cuda.get_device_properties(self.device).multi_processor_count)

    def to_device(self, array: NDArray) -> Any:
        """An array made on the CPU, on the kernel's side."""
        return sys.modules["torch"].from_numpy(array).to(self.device) if self.on_cuda else array

    def astype(self, array: Any, dtype: str) -> Any:
        """A copy of an array on the kernel's side, in another type."""
        result = self.empty(array.shape, dtype)
        result[...] = array
        return result

    def to_caller(self, result: Any) -> Any:
        """The kernel's output as the caller's kind of array."""
        if self.device is None or self.on_cuda:
            return result
        return sys.modules["torch"].from_numpy(np.ascontiguousarray(result))

    def device_guard(self) -> AbstractContextManager[object]:
        """Makes the arrays' CUDA device the current one while a kernel is launched."""
        if not self.on_cuda:
            return nullcontext()
        return sys.modules["torch"].cuda.device(self.device)  # type: ignore[no-any-return]

    @property
    def stream(self) -> int:
        """The handle of PyTorch's current stream on the device; 0 on the CPU, where it is not looked at."""
        if not self.on_cuda:
            return 0
        return int(sys.modules["torch"].cuda.current_stream(self.device).cuda_stream)


def is_tensor(x: object) -> bool:
    """Whether x is a PyTorch tensor, without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def array_namespace(x: object) -> Any:
    """NumPy, or PyTorch for a tensor."""
    return sys.modules["torch"] if is_tensor(x) else np


def is_uint8_array(x: object) -> bool:
    """Whether x is an array of unsigned bytes, which estimators of codes take for codes."""
    if is_tensor(x):
        tensor: Any = x
        torch = sys.modules["torch"]
        known = tensor.device.type in ("cpu", "cuda")
        return bool(tensor.dtype == torch.uint8 and tensor.layout == torch.strided and known)
    return isinstance(x, np.ndarray) and x.dtype == np.uint8 and not isinstance(x, np.ma.MaskedArray)


def describe(x: object) -> str:
    """What came, for an error message."""
    if isinstance(x, np.ndarray) or is_tensor(x):
        return f"{x.dtype} of shape {tuple(x.shape)}"  # type: ignore[attr-defined]
    return type(x).__name__


def as_real_array(x: Array, name: str, *, cuda: bool = False) -> tuple[Any, ArrayContext, tuple[float, float]]:
    """Check that x is a dense, finite, non-empty array of real numbers; give it as float32 or float64, and its range.

    Half precision and integers of up to 16 bits become float32, other integers float64, once, here: exactly up to 2^53. Values are
    taken as constants: a tensor that requires a gradient is detached.

    Parameters
    ----------
    x
        NumPy array or PyTorch tensor.
    name
        How the caller names the argument.
    cuda
        Whether the operation has a CUDA kernel. If not, a CUDA tensor is refused.
    """
    if is_tensor(x):
        array, context = _from_tensor(x, name, cuda)
    elif isinstance(x, np.ndarray):
        array, context = _from_numpy(x, name), ArrayContext()
    else:
        raise TypeError(f"{name}: expected a NumPy array or a PyTorch tensor, got {type(x).__name__}")
    if 0 in array.shape:
        raise ValueError(f"{name}: is empty, got shape {tuple(array.shape)}")
    ends = _value_range(array)
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
    tensor = tensor.detach().resolve_neg()
    if tensor.dtype not in (torch.float32, torch.float64):
        wide = tensor.dtype in (torch.int32, torch.int64, torch.uint32, torch.uint64)
        tensor = tensor.to(torch.float64 if wide else torch.float32)
    return (tensor if context.on_cuda else tensor.numpy()), context


def _from_numpy(x: NDArray, name: str) -> NDArray:
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an array without a mask; fill or drop what is masked")
    if x.dtype.kind not in "fiub" or x.dtype.itemsize > 8:
        raise TypeError(f"{name}: expected an array of real numbers, got {describe(x)}")
    if not x.dtype.isnative:
        raise TypeError(
            f"{name}: expected native byte order, got {x.dtype.str}; use x.astype(x.dtype.newbyteorder('='))"
        )
    if x.dtype not in (np.float32, np.float64):
        return x.astype(np.float64 if x.dtype.kind in "iu" and x.dtype.itemsize > 2 else np.float32)
    # A field of packed records lies between whole values, where no kernel can read it.
    return np.asarray(x) if x.flags.aligned and not any(step % x.itemsize for step in x.strides) else x.copy()


def _value_range(x: Any) -> tuple[float, float]:
    """Smallest and largest value; not finite, if any value is not."""
    if isinstance(x, np.ndarray) and x.flags.c_contiguous:
        ends = np.empty(2)
        _core.value_range(x.reshape(-1), ends)
        return float(ends[0]), float(ends[1])
    return float(x.min()), float(x.max())


def rescale_for_squares(x: Any, name: str, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Scale float64 values by a power of two where their squares would overflow or vanish; gives the unit as well.

    The scale is one along `axes`. Values that need none, and all of float32, are given back as they are.
    """
    xp = array_namespace(x)
    if x.dtype != xp.float64:
        return x, np.ones((1,) * x.ndim)
    peak = xp.maximum(xp.amax(x, axis=axes, keepdims=True), -xp.amin(x, axis=axes, keepdims=True))
    extreme = (peak > 2.0**400) | ((peak < 2.0**-400) & (peak > 0))
    if not extreme.any():
        return x, xp.ones_like(peak)
    exponent = xp.where(extreme, xp.frexp(peak)[1] - 1, 0)
    half = exponent // 2  # 2 to the whole of it may be no float64
    scaled = xp.ldexp(xp.ldexp(x, -half), half - exponent)
    if (extreme & (abs(scaled) < 2.0**-400) & (x != 0)).any():
        raise ValueError(
            f"{name}: values up to {float(peak.max()):.3g} beside far smaller ones span more than float64 can tell"
        )
    return scaled, xp.ldexp(xp.ldexp(xp.ones_like(peak), half), exponent - half)


def samples(x: Array, name: str, *, at_least: int) -> tuple[Any, ArrayContext, tuple[float, float]]:
    """An array [n, ...] as [n, d], one row a sample, and its range."""
    array, context, ends = as_real_array(x, name, cuda=True)
    if array.ndim < 2:
        raise ValueError(f"{name}: expected shape (samples, ...), got {tuple(array.shape)}; a single feature is (n, 1)")
    if array.shape[0] < at_least:
        raise ValueError(f"{name}: expected at least {at_least} samples, got {array.shape[0]}")
    array = array.reshape(array.shape[0], -1)
    return array.contiguous() if context.on_cuda else np.ascontiguousarray(array), context, ends


def channel_maps(
    x: Array, name: str, *, channel_axis: int = 1, cuda: bool = False
) -> tuple[Any, ArrayContext, tuple[float, float]]:
    """An array [n, channels, ...] as [n, channels, values], and its range; in [n, channels] every map is one value."""
    array, context, ends = as_real_array(x, name, cuda=cuda)
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
    """The classes of n samples, as int64 on the CPU."""
    given: Any = labels
    array = np.asarray(given.detach().cpu() if is_tensor(given) else given)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integers, got {array.dtype}")
    if array.shape != (n,):
        raise ValueError(f"{name}: expected shape ({n},) to match the samples, got {array.shape}")
    if array.size and array.min() < 0:
        raise ValueError(f"{name}: expected classes from 0 on, got {array.min()}")
    return array.astype(np.int64)


def check_integer(value: object, name: str) -> int:
    """A whole number; True and 1.0 are none."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}") from None


def bin_count(bins: object) -> int:
    """A number of bins that one byte can count."""
    count = check_integer(bins, "bins")
    if not 2 <= count <= MAX_BINS:
        raise ValueError(f"bins: expected 2 to {MAX_BINS}, got {count}")
    return count


def neighbor_count(k: object, n: int, *, at_least: int) -> int:
    """A number of neighbours that n samples can have."""
    count = check_integer(k, "k")
    if not at_least <= count < n:
        raise ValueError(f"k: expected {at_least} to n - 1 = {n - 1} for {n} samples, got {count}")
    return count


def same_samples(a: Any, b: Any) -> None:
    """Both arrays must describe the same samples along axis 0."""
    if a.shape[0] != b.shape[0]:
        raise ValueError(f"b: expected the {a.shape[0]} samples of a, got {b.shape[0]}")


def call_kernel(context: ArrayContext, function: Callable[..., None], *arguments: Any) -> None:
    """Call an operation of the compiled module that runs on both back-ends."""
    with context.device_guard():
        function(*arguments, context.stream)
