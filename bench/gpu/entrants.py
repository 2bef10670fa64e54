"""What a case on a GPU is, and how inputs get there and results come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle
from typing import Any

import numpy as np
import torch

from bench.contest import Contestant

Tensor = torch.Tensor
Inputs = list[tuple[Any, ...]]


@dataclass(frozen=True)
class GpuCase:
    """A task of stated size; `contestants` puts its data on a device."""

    title: str
    contestants: Callable[[torch.device], dict[str, Contestant]]
    floor: str
    """What no implementation gets below: how many operations, or bytes."""
    gflop: float = 0.0
    gigabytes: float = 0.0


def rotating(function: Callable[..., Any], inputs: Inputs) -> Callable[[], Any]:
    """Calls on one input after another, so that a small one does not stay in the cache; the first call has the first."""
    turns: Iterator[tuple[Any, ...]] = cycle(inputs)
    return lambda: function(*next(turns))


def on_host(found: Any) -> Any:
    """As NumPy, for a check."""
    if isinstance(found, tuple):
        return tuple(on_host(part) for part in found)
    if isinstance(found, Tensor):
        return found.cpu().numpy()
    return found if isinstance(found, float) else np.asarray(found.get() if hasattr(found, "get") else found)


def entrant(
    label: str,
    function: Callable[..., Any],
    inputs: Inputs,
    check: Callable[[Any], str],
    *,
    scale: float = 1,
    note: str = "",
) -> Contestant:
    """A contestant whose results come to the host to be checked."""
    return Contestant(label, rotating(function, inputs), lambda found: check(on_host(found)), scale=scale, note=note)


def put(arrays: list[np.ndarray], device: torch.device) -> Inputs:
    """Each as the argument of a call."""
    return [(torch.from_numpy(array).to(device),) for array in arrays]


def has(library: str, device: torch.device) -> bool:
    """Whether a library of the GPU can be a contestant."""
    return device.type == "cuda" and find_spec(library) is not None


def as_cupy(tensor: Tensor) -> Any:
    """The same memory."""
    import cupy

    return cupy.from_dlpack(tensor)


def as_jax(tensor: Tensor) -> Any:
    """The same memory."""
    import jax

    return jax.dlpack.from_dlpack(tensor)
