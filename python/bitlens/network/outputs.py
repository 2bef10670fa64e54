"""The tensors in what a module returns: a tensor, or a tuple, a dictionary or an object of them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

_NAMES: tuple[tuple[type[nn.Module], dict[str, str]], ...] = (
    (nn.LSTM, {"1.0": "h", "1.1": "c"}),
    (nn.RNNBase, {"1": "h"}),
    (nn.MultiheadAttention, {"1": "weights"}),
)
"""Names for the further tensors of modules that return plain tuples."""


def tensors_of(module: nn.Module, output: Any) -> dict[str, Tensor]:
    """The tensors in a module's output by their names; the first has the name ""."""
    names = next((names for kind, names in _NAMES if isinstance(module, kind)), {})
    found: dict[str, Tensor] = {}
    for path, tensor in _leaves(output, ()):
        name = ".".join(path)
        found["" if not found else names.get(name, name)] = tensor
    return found


def first_tensor(output: Any) -> Tensor | None:
    """The first tensor in a model's output, such as the logits of a language model's output object."""
    return next((tensor for _, tensor in _leaves(output, ())), None)


def with_tensor(module: nn.Module, output: Any, name: str, tensor: Tensor) -> Any:
    """A copy of the output in which this tensor stands for the one of this name."""
    old = tensors_of(module, output)[name]
    return _replaced(output, old, tensor)


def _entries(output: Any) -> list[tuple[str, Any]]:
    if isinstance(output, Mapping):
        return [(str(key), value) for key, value in output.items()]
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return list(zip(output._fields, output, strict=True))
    if isinstance(output, (tuple, list)):
        return [(str(i), value) for i, value in enumerate(output)]
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return [(field.name, getattr(output, field.name)) for field in dataclasses.fields(output)]
    return []


def _leaves(output: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    if isinstance(output, Tensor):
        yield path, output
    for key, value in _entries(output):
        yield from _leaves(value, (*path, key))


def _replaced(output: Any, old: Tensor, new: Tensor) -> Any:
    if output is old:
        return new
    values = {key: _replaced(value, old, new) for key, value in _entries(output)}
    if not values:
        return output
    if isinstance(output, Mapping):
        changed = copy.copy(output)
        for key, value in zip(output, values.values(), strict=True):
            if value is not output[key]:
                changed[key] = value  # type: ignore[index]
        return changed
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return type(output)(*values.values())
    if isinstance(output, (tuple, list)):
        return type(output)(values.values())
    return dataclasses.replace(output, **values)


def as_real_tensor(tensor: Tensor) -> Tensor:
    """The tensor without its gradient; that of a quantized layer is dequantized, and floats of 8 bits are converted.

    Raises
    ------
    TypeError
        If it is not a dense tensor of real numbers.
    """
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_complex():
        raise TypeError("its values are complex; let a module return torch.view_as_real of them")
    if tensor.is_nested or tensor.layout != torch.strided:
        raise TypeError(f"it is not a dense tensor, but {'nested' if tensor.is_nested else tensor.layout}")
    # PyTorch has few operations for floats of 8 bits, not even isfinite.
    return tensor.float() if tensor.is_floating_point() and tensor.element_size() == 1 else tensor
