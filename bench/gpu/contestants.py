"""Define a case on a GPU and its contestants; copy inputs to the GPU and results back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle
from typing import Any

import numpy as np
import torch

from bench.timing import Contestant

Tensor = torch.Tensor
Inputs = list[tuple[Any, ...]]


@dataclass(frozen=True)
class GpuCase:
    """A task of a given size; `contestants` copies its data to a device."""

    title: str
    contestants: Callable[[torch.device], dict[str, Contestant]]
    bound: str
    """The work that no implementation can avoid, in operations or bytes."""
    gflop: float = 0.0
    gigabytes: float = 0.0


def rotating(function: Callable[..., Any], inputs: Inputs) -> Callable[[], Any]:
    """Return a function that uses the next input at every call, so that a small input does not stay in the cache."""
    turns: Iterator[tuple[Any, ...]] = cycle(inputs)
    return lambda: function(*next(turns))


def to_host(result: Any) -> Any:
    """Return a result as NumPy arrays, for its check."""
    if isinstance(result, tuple):
        return tuple(to_host(array) for array in result)
    if isinstance(result, Tensor):
        return result.cpu().numpy()
    return result if isinstance(result, float) else np.asarray(result.get() if hasattr(result, "get") else result)


def contestant(
    label: str,
    function: Callable[..., Any],
    inputs: Inputs,
    check: Callable[[Any], str],
    *,
    scale: float = 1,
    note: str = "",
) -> Contestant:
    """Return a contestant whose results are copied to the host before they are checked."""
    return Contestant(label, rotating(function, inputs), lambda result: check(to_host(result)), scale=scale, note=note)


def to_device(arrays: list[np.ndarray], device: torch.device) -> Inputs:
    """Copy arrays to a device; each is the only argument of a call."""
    return [(torch.from_numpy(array).to(device),) for array in arrays]


def has(library: str, device: torch.device) -> bool:
    """Whether a GPU library is installed and the device is a GPU."""
    return device.type == "cuda" and find_spec(library) is not None


def as_cupy(tensor: Tensor) -> Any:
    """Return a CuPy array that shares the tensor's memory."""
    import cupy

    return cupy.from_dlpack(tensor)


def as_jax(tensor: Tensor) -> Any:
    """Return a JAX array that shares the tensor's memory."""
    import jax

    return jax.dlpack.from_dlpack(tensor)
