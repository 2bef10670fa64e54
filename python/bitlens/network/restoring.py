"""Functions that put back the content of one value, such as a tensor or a list, after something has changed it."""

from __future__ import annotations

import itertools
import operator
import types
from collections.abc import Callable, Iterator, MutableMapping, MutableSet
from typing import Any

import numpy as np
import torch
from torch import Tensor

Restore = Callable[[], None]


def same_script_attributes(module: Any) -> Restore:
    """For the attributes of a TorchScript module, which are not Python's."""
    saved = {name: module._c.getattr(name) for name in module._concrete_type.get_attributes()}

    def restore() -> None:
        for name, value in saved.items():
            module._c.setattr(name, value)

    return restore


def same_tensor(tensor: Tensor) -> Restore:
    """For the values, the memory and ``requires_grad`` of a dense tensor."""
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


def same_version(tensor: Tensor) -> Restore | None:
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


def same_array(array: np.ndarray[Any, Any]) -> Restore:
    """For the values of an array."""
    saved = array.copy()

    def restore() -> None:
        array[...] = saved

    return restore


def same_state(get: Callable[[], Any], set_: Callable[[Any], Any]) -> Restore:
    """For a state that one function returns and another one sets, such as that of a generator."""
    saved = get()
    return lambda: set_(saved)


def same_entries(mapping: MutableMapping[Any, Any]) -> Restore:
    """For the entries of a mapping and their order."""
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


def same_items(items: Any) -> Restore:
    """For the items of a list, a deque or an array of Python."""
    saved = list(items)

    def restore() -> None:
        if len(items) != len(saved) or any(a is not b for a, b in zip(items, saved, strict=True)):
            while len(items):  # without clear(), which array.array lacks
                items.pop()
            items.extend(saved)

    return restore


def same_members(members: MutableSet[Any]) -> Restore:
    """For the members of a set."""
    saved = set(members)

    def restore() -> None:
        if members != saved:
            members.clear()
            for member in saved:
                members.add(member)

    return restore


def class_attributes_of(cls: type) -> dict[str, Any]:
    """What the modules of a class share, without its methods and other descriptors."""
    return {
        name: value
        for name, value in vars(cls).items()
        if not (name.startswith("__") or callable(value) or hasattr(type(value), "__get__"))
    }


def same_class_attributes(cls: type, saved: dict[str, Any]) -> Restore:
    """For what the modules of a class share."""

    def restore() -> None:
        present = class_attributes_of(cls)
        for name in present.keys() - saved.keys():
            delattr(cls, name)
        for name, value in saved.items():
            if name not in present or present[name] is not value:
                setattr(cls, name, value)

    return restore


def same_cell(cell: types.CellType) -> Restore:
    """For a variable of the function around another function."""
    saved = cell.cell_contents

    def restore() -> None:
        cell.cell_contents = saved

    return restore


def same_position(iterator: Iterator[Any]) -> Restore:
    """Tell whether an iterator has moved on, as far as it shows, because it cannot be put back."""
    saved = _position(iterator)

    def restore() -> None:
        if _position(iterator) != saved:
            raise TypeError("it is an iterator, and has moved on")

    return restore


def _position(iterator: Iterator[Any]) -> Any:
    if isinstance(iterator, types.GeneratorType):
        frame = iterator.gi_frame
        return frame and (frame.f_lasti, {name: id(value) for name, value in frame.f_locals.items()})
    return repr(iterator) if isinstance(iterator, itertools.count) else operator.length_hint(iterator, -1)


def attributes_of(value: Any) -> dict[str, Any]:
    """The attributes of an object, those in slots as well."""
    slots = [slot for cls in type(value).__mro__ for slot in vars(cls).get("__slots__", ())]
    in_slots = {name: getattr(value, name) for name in slots if name != "__dict__" and hasattr(value, name)}
    return {**in_slots, **getattr(value, "__dict__", {})}


def same_attributes(value: Any, saved: dict[str, Any]) -> Restore:
    """For the attributes of an object."""

    def restore() -> None:
        present = attributes_of(value)
        for name in present.keys() - saved.keys():
            object.__delattr__(value, name)
        for name, entry in saved.items():
            if name not in present or present[name] is not entry:
                object.__setattr__(value, name, entry)

    return restore
