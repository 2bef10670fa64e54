"""Copies of everything in a network that can change, and functions that put it back."""

from __future__ import annotations

import functools
import random
import types
from collections import deque
from collections.abc import Iterator, MutableMapping, MutableSequence, MutableSet
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.network.restoring import (
    Restore,
    attributes_of,
    class_attributes_of,
    same_array,
    same_attributes,
    same_cell,
    same_class_attributes,
    same_entries,
    same_items,
    same_members,
    same_position,
    same_script_attributes,
    same_state,
    same_tensor,
    same_version,
)

_GROUPS = ("_parameters", "_buffers", "_modules")


def saved_network(model: nn.Module) -> dict[str, Restore]:
    """For everything in a network that can change, a function that puts its content back, by its name.

    Modules that are hidden from PyTorch, such as those in a list, are included.

    Raises
    ------
    TypeError
        If a lazy module has no parameters yet.
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(tensor, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer)):
            raise TypeError(f"model: expected initialized parameters, got {name!r} without; run the model once before")
    home = {type(module).__module__ for module in model.modules()} - {"builtins"}
    saving = _Saving(home)
    saving.save(model, "")
    return saving.restore


class _Saving:
    """A walk through a network, which collects the functions that put it back."""

    def __init__(self, home: set[str]) -> None:
        self.restore: dict[str, Restore] = {}
        self._home = home
        self._seen: dict[int, Any] = {}

    def save(self, value: Any, name: str) -> None:
        """Add the functions for a value and for everything in it. Unknown objects are passed over."""
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, torch.jit.ScriptModule) and "_c" in vars(value):
            self.restore[f"{name}.attributes"] = same_script_attributes(value)
        function, inner = self._parts(value)
        if function is not None:
            self.restore[name] = function
        for suffix, entry in inner:
            self.save(entry, (name + suffix).lstrip("."))

    def _parts(self, value: Any) -> tuple[Restore | None, list[tuple[str, Any]]]:
        """The function that puts back the content of a value, and the values in it by the ends of their names."""
        if isinstance(value, nn.Module):
            classes = [cls for cls in type(value).__mro__ if _is_own_class(cls)]
            return same_entries(vars(value)), [*_module_entries(value), *((f".{c.__name__}", c) for c in classes)]
        if _is_own_class(value):
            attributes = class_attributes_of(value)
            return same_class_attributes(value, attributes), [(f".{key}", entry) for key, entry in attributes.items()]
        if isinstance(value, Tensor):
            return (same_tensor if value.layout == torch.strided and not value.is_nested else same_version)(value), []
        if isinstance(value, np.ndarray):
            return (same_array(value) if value.flags.writeable else None), []
        if isinstance(value, torch.Generator):
            return same_state(value.get_state, value.set_state), []
        if isinstance(value, random.Random):
            return same_state(value.getstate, value.setstate), []
        if isinstance(value, np.random.Generator):
            bits = value.bit_generator
            return same_state(lambda: bits.state, lambda state: setattr(bits, "state", state)), []
        if isinstance(value, np.random.RandomState):
            return same_state(value.get_state, value.set_state), []
        if isinstance(value, MutableMapping):
            return same_entries(value), [(f"[{key!r}]", entry) for key, entry in value.items()]
        if isinstance(value, (MutableSequence, deque)):
            return same_items(value), [(f"[{i}]", entry) for i, entry in enumerate(value)]
        if isinstance(value, MutableSet):
            return same_members(value), []
        if isinstance(value, tuple):
            return None, [(f"[{i}]", entry) for i, entry in enumerate(value)]
        if isinstance(value, types.MethodType):
            return None, [(".__self__", value.__self__)]
        if isinstance(value, functools.partial):
            return None, [(".func", value.func), (".args", value.args), (".keywords", value.keywords)]
        if isinstance(value, types.FunctionType):
            return None, [(f".{name}", cell) for name, cell in _cells(value)]
        if isinstance(value, types.CellType):
            return same_cell(value), [("", value.cell_contents)]
        if isinstance(value, Iterator):
            return same_position(value), []
        if self._is_helper(value):
            attributes = attributes_of(value)
            return same_attributes(value, attributes), [(f".{key}", entry) for key, entry in attributes.items()]
        return None, []

    def _is_helper(self, value: Any) -> bool:
        """Whether an object is one in which a network keeps state: from its own file, a dataclass or a namespace.

        Other objects, such as a trainer or a tokenizer, may lead to everything in the process.
        """
        if isinstance(value, type):
            return False
        return type(value).__module__ in self._home or is_dataclass(value) or isinstance(value, types.SimpleNamespace)


def _module_entries(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """The attributes of a module, and its parameters, buffers and modules, by the ends of their names."""
    for name, value in vars(module).items():
        if name in _GROUPS:  # first, so that their entries have the names that PyTorch uses
            yield from ((f".{key}", entry) for key, entry in value.items())
        yield f".{name}", value


def _is_own_class(value: Any) -> bool:
    """Whether it is a class of modules that is not PyTorch's."""
    return isinstance(value, type) and issubclass(value, nn.Module) and not value.__module__.startswith("torch.")


def _cells(function: types.FunctionType) -> list[tuple[str, types.CellType]]:
    """The variables of a function that belong to the function around it, as far as they have values."""
    cells = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # it may have no value yet
            _ = cell.cell_contents
            cells.append((name, cell))
    return cells
