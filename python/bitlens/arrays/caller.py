"""The caller of a public function: results become arrays of its library, and warnings name its line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import wraps
from types import FrameType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from bitlens.arrays.context import ArrayContext, is_tensor
from bitlens.arrays.foreign import CPU

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def in_callers_library(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Convert the arrays in the result of a public function to the library and device of its first array argument.

    Arrays of text stay NumPy arrays, and so does everything if the first array is a NumPy array, a list or a DataFrame.
    A function that is an argument, such as the statistic of a test, is called with arrays of the caller's library.
    """

    @wraps(function)
    def public(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        library = _library_of((*args, *kwargs.values()))
        if library is None:
            return function(*args, **kwargs)
        called: Any = function
        result = called(*map(library.for_caller, args), **{name: library.for_caller(v) for name, v in kwargs.items()})
        converted: Result = library.to_caller(result)
        return converted

    return public


def warn_caller(message: str, category: type[Warning]) -> None:
    """Issue a warning at the line outside of bitlens that called it."""
    warnings.warn(message, category, stacklevel=2 + len(_frames_of_bitlens()))


def public_function() -> str:
    """The name of the function of bitlens that was called from outside."""
    return [frame for frame in _frames_of_bitlens() if frame.f_globals is not globals()][-1].f_code.co_name


def _frames_of_bitlens() -> list[FrameType]:
    """The frames above the caller of this function that belong to bitlens, innermost first."""
    frames = []
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("bitlens."):
        frames.append(frame)
        frame = frame.f_back
    return frames


@dataclass(frozen=True)
class _Library:
    """Where results go: the functions that make arrays of the caller's library from NumPy arrays and from tensors."""

    of_array: Callable[[Any], Any]
    of_tensor: Callable[[Any], Any]

    def for_caller(self, argument: Any) -> Any:
        """An argument as it is; a function such that it is called with arrays of the caller's library."""
        if not callable(argument) or isinstance(argument, type):
            return argument
        return lambda *arrays: argument(*map(self.to_caller, arrays))

    def to_caller(self, value: Any) -> Any:
        """Convert the arrays in a result, which may be a tuple, list or dataclass of arrays and others."""
        if isinstance(value, np.ndarray):
            return self.of_array(value) if value.dtype.kind in "biuf" else value
        if is_tensor(value):
            return self.of_tensor(value)
        if isinstance(value, (tuple, list)):
            converted = map(self.to_caller, value)
            return type(value)._make(converted) if hasattr(value, "_make") else type(value)(converted)
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{each.name: self.to_caller(getattr(value, each.name)) for each in fields(value)})
        return value


def _library_of(arguments: Iterable[Any]) -> _Library | None:
    """The library of the first argument that is an array, a table or a list; None for NumPy.

    A list of arrays, such as hidden states by layer, is of the library of its first array.
    """
    for argument in arguments:
        is_list = isinstance(argument, (list, tuple)) and len(argument) > 0
        first = argument[0] if is_list else argument
        if is_tensor(first):
            return _torch(first.device)
        if isinstance(first, np.ndarray):
            return None
        if hasattr(first, "__dlpack_device__"):  # tracers of JAX have __dlpack__ alone
            return _other(first)
        if is_list or (hasattr(first, "__array__") and not isinstance(first, np.generic)):
            return None
    return None


def _torch(device: Any) -> _Library:
    context = ArrayContext(device)

    def tensor(array: Any) -> Any:
        return context.to_device(_own(array)) if context.on_cuda else sys.modules["torch"].from_numpy(_own(array))

    return _Library(tensor, lambda tensor: tensor)


def _other(array: Any) -> _Library | None:
    """The library of an array that is neither NumPy's nor PyTorch's; None if it cannot take arrays through DLPack."""
    if hasattr(array, "__array_namespace__"):
        module = array.__array_namespace__()
    else:  # CuPy before version 14
        module = sys.modules[type(array).__module__.partition(".")[0]]
    if not hasattr(module, "from_dlpack"):
        return None
    try:
        kind, index = array.__dlpack_device__()
    except BufferError:  # of an array in parts on several devices, which is refused where its argument is known
        return None
    if kind == CPU:
        place = {"device": array.device} if hasattr(array, "device") else {}
        return _Library(lambda result: module.from_dlpack(_own(result), **place), module.from_dlpack)
    if "torch" not in sys.modules:
        return None
    on_gpu = _torch(sys.modules["torch"].device("cuda", index))
    return _Library(lambda result: module.from_dlpack(on_gpu.of_array(result)), module.from_dlpack)


def _own(result: Any) -> Any:
    """A result that others may write to, which PyTorch and older DLPack ask for."""
    return np.require(result, None, ["C", "W"])
