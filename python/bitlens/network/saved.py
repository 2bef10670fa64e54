"""Copies of everything in a network that can change, and functions that put it back."""

from __future__ import annotations

import random
import types
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence, MutableSet
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Restore = Callable[[], None]
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
            self.restore[f"{name}.attributes"] = _same_script_attributes(value)
        function, inner = self._parts(value)
        if function is not None:
            self.restore[name] = function
        for suffix, entry in inner:
            self.save(entry, (name + suffix).lstrip("."))

    def _parts(self, value: Any) -> tuple[Restore | None, list[tuple[str, Any]]]:
        """The function that puts back the content of a value, and the values in it by the ends of their names."""
        if isinstance(value, nn.Module):
            return _same_entries(vars(value)), list(_module_entries(value))
        if isinstance(value, Tensor):
            return (_same_tensor if value.layout == torch.strided and not value.is_nested else _same_version)(value), []
        if isinstance(value, np.ndarray):
            return (_same_array(value) if value.flags.writeable else None), []
        if isinstance(value, torch.Generator):
            return _same_state(value.get_state, value.set_state), []
        if isinstance(value, random.Random):
            return _same_state(value.getstate, value.setstate), []
        if isinstance(value, np.random.Generator):
            bits = value.bit_generator
            return _same_state(lambda: bits.state, lambda state: setattr(bits, "state", state)), []
        if isinstance(value, np.random.RandomState):
            return _same_state(value.get_state, value.set_state), []
        if isinstance(value, MutableMapping):
            return _same_entries(value), [(f"[{key!r}]", entry) for key, entry in value.items()]
        if isinstance(value, (MutableSequence, deque)):
            return _same_items(value), [(f"[{i}]", entry) for i, entry in enumerate(value)]
        if isinstance(value, MutableSet):
            return _same_members(value), []
        if isinstance(value, tuple):
            return None, [(f"[{i}]", entry) for i, entry in enumerate(value)]
        if self._is_helper(value):
            attributes = _attributes(value)
            return _same_attributes(value, attributes), [(f".{key}", entry) for key, entry in attributes.items()]
        return None, []

    def _is_helper(self, value: Any) -> bool:
        """Whether an object is one in which a network keeps state: from its own file, a dataclass or a namespace.

        Other objects, such as a trainer or a tokenizer, may lead to everything in the process.
        """
        if isinstance(value, (type, types.FunctionType, types.MethodType)):
            return False
        return type(value).__module__ in self._home or is_dataclass(value) or isinstance(value, types.SimpleNamespace)


def _module_entries(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """The attributes of a module, and its parameters, buffers and modules, by the ends of their names."""
    for name, value in vars(module).items():
        if name in _GROUPS:  # first, so that their entries have the names that PyTorch uses
            yield from ((f".{key}", entry) for key, entry in value.items())
        yield f".{name}", value


def _same_script_attributes(module: Any) -> Restore:
    """For the attributes of a TorchScript module, which are not Python's."""
    saved = {name: module._c.getattr(name) for name in module._concrete_type.get_attributes()}

    def restore() -> None:
        for name, value in saved.items():
            module._c.setattr(name, value)

    return restore


def _same_tensor(tensor: Tensor) -> Restore:
    # The copy is in the memory of the CPU, because that of the device may be just large enough for the training.
    with torch.no_grad():
        saved = None if tensor.is_meta else tensor.detach().to("cpu", copy=True)
    data, required = tensor.data, tensor.requires_grad
    version = None if tensor.is_inference() else tensor._version

    def restore() -> None:
        with torch.no_grad(), torch.inference_mode(tensor.is_inference()):
            if _place(tensor) != _place(data):
                tensor.data = data
            # Changes through .data are not counted, so that a graph that waits for its backward pass stays valid.
            if saved is not None and not _equal_bits(data.cpu(), saved):
                data.copy_(saved)
        if tensor.is_leaf and tensor.requires_grad != required:
            tensor.requires_grad_(required)
        if version is not None and tensor._version != version:
            torch._C._autograd._unsafe_set_version_counter((tensor,), (version,))

    return restore


def _same_version(tensor: Tensor) -> Restore | None:
    """Tell whether a sparse or nested tensor was changed in place, which cannot be put back."""
    if tensor.is_inference():
        return None
    version = tensor._version

    def restore() -> None:
        if tensor._version != version:
            raise TypeError("it is sparse or nested, and was changed in place")

    return restore


def _place(tensor: Tensor) -> tuple[Any, ...]:
    """What tells whether two tensors are the same memory, read in the same way."""
    memory = 0 if tensor.is_meta else tensor.data_ptr()
    return memory, tensor.dtype, tensor.device, tuple(tensor.shape), tensor.stride()


def _equal_bits(a: Tensor, b: Tensor) -> bool:
    if a.is_quantized:
        return torch.equal(a, b)
    return torch.equal(a.contiguous().reshape(-1).view(torch.uint8), b.contiguous().reshape(-1).view(torch.uint8))


def _same_array(array: np.ndarray[Any, Any]) -> Restore:
    saved = array.copy()

    def restore() -> None:
        array[...] = saved

    return restore


def _same_state(get: Callable[[], Any], set_: Callable[[Any], Any]) -> Restore:
    saved = get()
    return lambda: set_(saved)


def _same_entries(mapping: MutableMapping[Any, Any]) -> Restore:
    saved = dict(mapping)

    def restore() -> None:
        in_order = list(mapping) == list(saved)
        for key in list(mapping):
            if key not in saved or not in_order:
                del mapping[key]
        for key, value in saved.items():
            if not in_order or mapping[key] is not value:
                mapping[key] = value

    return restore


def _same_items(items: Any) -> Restore:
    saved = list(items)

    def restore() -> None:
        if len(items) != len(saved) or any(a is not b for a, b in zip(items, saved, strict=True)):
            items.clear()
            items.extend(saved)

    return restore


def _same_members(members: MutableSet[Any]) -> Restore:
    saved = set(members)

    def restore() -> None:
        if members != saved:
            members.clear()
            for member in saved:
                members.add(member)

    return restore


def _attributes(value: Any) -> dict[str, Any]:
    """The attributes of an object, those in slots as well."""
    slots = [slot for cls in type(value).__mro__ for slot in vars(cls).get("__slots__", ())]
    in_slots = {name: getattr(value, name) for name in slots if name != "__dict__" and hasattr(value, name)}
    return {**in_slots, **getattr(value, "__dict__", {})}


def _same_attributes(value: Any, saved: dict[str, Any]) -> Restore:
    def restore() -> None:
        present = _attributes(value)
        for name in present.keys() - saved.keys():
            object.__delattr__(value, name)
        for name, entry in saved.items():
            if name not in present or present[name] is not entry:
                object.__setattr__(value, name, entry)

    return restore
