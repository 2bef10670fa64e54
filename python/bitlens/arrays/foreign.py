"""Lists, tables and arrays of other libraries become NumPy arrays, or tensors if they lie on a GPU."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from bitlens.arrays.context import NDArray, is_tensor

CPU = 1
"""The type of the CPU's memory in DLPack."""


def describe(x: object) -> str:
    """The type and shape of an argument, for an error message."""
    if isinstance(x, np.ndarray) or is_tensor(x):
        return f"{x.dtype} of shape {tuple(x.shape)}"  # type: ignore[attr-defined]
    return type(x).__name__


def as_array(x: Any, name: str) -> Any:
    """Return a NumPy array or a tensor as it is, and convert lists, tables and arrays of other libraries.

    An array of another library has `__dlpack__` or `__array__`. It becomes a NumPy array, or a tensor if it lies on a
    GPU and PyTorch was imported. The rows of a table are samples, and its columns must be numbers.

    Raises
    ------
    TypeError
        If x is not an array, has a mask, or has columns that are not numbers.
    """
    if is_tensor(x):
        return x
    array = x if isinstance(x, np.ndarray) else _converted(x, name)
    if isinstance(array, np.ma.MaskedArray) or _has_masked_item(x):
        raise TypeError(f"{name}: expected an array without a mask; fill or remove the masked values")
    return array


def as_host_array(x: Any, name: str) -> NDArray:
    """Convert as `as_array` does, and to a NumPy array on the CPU; a tensor is detached."""
    array = as_array(x, name)
    return np.asarray(array.detach().cpu() if is_tensor(array) else array)


def _converted(x: Any, name: str) -> Any:
    if (core := sys.modules.get("jax.core")) is not None and isinstance(x, core.Tracer):
        raise TypeError(
            f"{name}: expected an array with values, got a tracer of JAX; call it outside of jit, grad and vmap"
        )
    if not isinstance(x, (list, tuple, range)) and not hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        raise TypeError(f"{name}: expected a NumPy array or a PyTorch tensor, got {type(x).__name__}")
    try:
        if hasattr(x, "__dlpack_device__") and (device := x.__dlpack_device__())[0] != CPU:
            if "torch" not in sys.modules:
                raise TypeError(
                    f"it lies on device {tuple(device)} of DLPack; import torch before, which the kernels there need"
                )
            return sys.modules["torch"].from_dlpack(x)
        array = _on_cpu(x)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise TypeError(f"{name}: expected an array, got {type(x).__name__} that is not one: {error}") from None
    return _from_columns(x, name) if array.dtype.kind == "O" and hasattr(type(x), "columns") else array


def _on_cpu(x: Any) -> NDArray:
    if hasattr(x, "__dlpack__"):
        try:
            return np.from_dlpack(x)
        except (TypeError, ValueError, RuntimeError, BufferError):  # of a type that DLPack or NumPy's form of it lacks
            if not hasattr(x, "__array__"):
                raise
    return np.asanyarray(x)


def _from_columns(table: Any, name: str) -> NDArray:
    """The columns of a DataFrame or Arrow table whose types differ, such as booleans next to floats."""
    arrays = {label: np.asarray(table[label]) for label in getattr(table, "column_names", table.columns)}
    others = [
        f"{label!r} ({getattr(table[label], 'dtype', 'several columns')})"
        for label, column in arrays.items()
        if column.dtype.kind not in "biuf" or column.ndim != 1
    ]
    if others:
        raise TypeError(
            f"{name}: expected columns of numbers, got {', '.join(others)}; leave them out or convert them to numbers"
        )
    return np.column_stack(list(arrays.values()))


def _has_masked_item(x: Any) -> bool:
    """Whether conversion has dropped a mask: that of an array in a list, or of the chunks of a dask array."""
    if isinstance(x, (list, tuple)):
        return any(isinstance(item, np.ma.MaskedArray) for item in x)
    return isinstance(getattr(x, "_meta", None), np.ma.MaskedArray)
