"""Arrays of a library that has nothing but the array API's way to exchange arrays, on the CPU or on a GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch


class OtherArray:
    """A tensor that is lent through DLPack and is no tensor to `isinstance`."""

    def __init__(self, tensor: torch.Tensor, device: tuple[int, int] | None = None):
        self.tensor = tensor
        self.place = device or tensor.__dlpack_device__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.place

    def __dlpack__(self, **options: Any) -> Any:
        return self.tensor.__dlpack__(**options)

    def __array_namespace__(self) -> Any:
        return SimpleNamespace(from_dlpack=lambda other: OtherArray(torch.from_dlpack(other)))
