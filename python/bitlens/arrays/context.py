"""Where arrays live: the device, stream and allocation of the arrays that a function was given."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np

from bitlens import _core
from bitlens.arrays.memory import check_memory

NDArray: TypeAlias = np.ndarray[Any, Any]


class ForeignArray(Protocol):
    """An array that results are like: a tensor, or an array of a library that lends its memory by DLPack."""

    @property
    def shape(self) -> Any:
        """The number of values along each axis."""


class Table(Protocol):
    """A DataFrame, a Series, or another object that NumPy arrays are made of."""

    def to_numpy(self, *args: Any, **kwargs: Any) -> Any:
        """The values as a NumPy array."""


ArrayLike: TypeAlias = NDArray | Sequence[float | NDArray | Sequence[Any]] | Table
"""Arguments whose results are NumPy arrays."""
Array: TypeAlias = ArrayLike | ForeignArray
"""Arguments of every kind."""
Foreign = TypeVar("Foreign", bound=ForeignArray)
"""The library of an argument and of its results."""

_PAGE_LOCKED_BYTES = 2**20
"""PyTorch keeps page-locked memory, which other programs cannot use, so that little of it is taken."""


def is_tensor(x: object) -> bool:
    """Whether x is a PyTorch tensor; PyTorch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def array_namespace(x: object) -> Any:
    """The module whose functions take x: PyTorch for a tensor, else NumPy."""
    return sys.modules["torch"] if is_tensor(x) else np


def as_numpy(array: Any) -> NDArray:
    """A kernel's array on the CPU."""
    return np.asarray(array.cpu() if is_tensor(array) else array)


@dataclass(frozen=True)
class ArrayContext:
    """The kind and device of a function's input arrays, which its results have as well."""

    device: Any = None
    """The torch device; None for NumPy."""

    @classmethod
    def of(cls, x: Any) -> ArrayContext:
        """The context of a NumPy array or a tensor."""
        return cls(x.device) if is_tensor(x) else cls()

    @property
    def on_cuda(self) -> bool:
        """Whether the arrays are on a GPU."""
        return self.device is not None and self.device.type == "cuda"

    def empty(self, shape: Sequence[int], dtype: str) -> Any:
        """Allocate a kernel's output: a NumPy array, or a tensor on the CUDA device."""
        if self.on_cuda:
            torch = sys.modules["torch"]
            return torch.empty(tuple(shape), dtype=getattr(torch, dtype), device=self.device)
        size = math.prod(shape)
        check_memory(size * np.dtype(dtype).itemsize, f"{size} intermediate values")
        return np.empty(shape, dtype)

    def ones(self, count: int) -> Any:
        """Allocate a vector of ones, float64."""
        result = self.empty((count,), "float64")
        result[...] = 1
        return result

    def spectrum_workspace(self, matrices: int, n: int, dtype: str = "float64") -> Any:
        """Allocate memory for those n x n matrices that a GPU decomposes at the same time in this type.

        It is empty if a matrix fits into the shared memory of a block, and on the CPU, whose kernels allocate their
        own.
        """
        columns = 0
        if matrices and self.on_cuda:
            with self.device_guard():
                columns = _core.cuda_workspace_for_matrix(n, dtype == "float64")
        return self.empty((min(matrices, 2 * self.multiprocessors) if columns else 0, columns), "float64")

    @property
    def multiprocessors(self) -> int:
        """The number of the GPU's multiprocessors; 0 on the CPU."""
        if not self.on_cuda:
            return 0
        return int(sys.modules["torch"].cuda.get_device_properties(self.device).multi_processor_count)

    def to_device(self, array: NDArray) -> Any:
        """Move a NumPy array to where the kernels run.

        A small one is copied through page-locked memory, so that the host need not wait until the GPU is idle.
        """
        if not self.on_cuda:
            return array
        tensor = sys.modules["torch"].from_numpy(array)
        if array.nbytes > _PAGE_LOCKED_BYTES:
            return tensor.to(self.device)
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def astype(self, array: Any, dtype: str) -> Any:
        """Copy a kernel's array into one of another type."""
        result = self.empty(array.shape, dtype)
        result[...] = array
        return result

    def device_guard(self) -> AbstractContextManager[object]:
        """Make the arrays' CUDA device the current device while a kernel is launched."""
        if not self.on_cuda:
            return nullcontext()
        return sys.modules["torch"].cuda.device(self.device)  # type: ignore[no-any-return]

    @property
    def stream(self) -> int:
        """The handle of PyTorch's current stream on the device; 0 on the CPU, where kernels ignore it."""
        if not self.on_cuda:
            return 0
        return int(sys.modules["torch"].cuda.current_stream(self.device).cuda_stream)


def call_kernel(context: ArrayContext, function: Callable[..., None], *arguments: Any) -> None:
    """Call an operation of the compiled module that has a CPU and a CUDA version."""
    with context.device_guard():
        function(*arguments, context.stream)
