"""Everything that a probe may change in a network and its process is saved before it and put back after it."""

from __future__ import annotations

import random
import sys
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence, MutableSet
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.arrays import NDArray, describe

Restore = Callable[[], None]


@contextmanager
def preserved(model: nn.Module) -> Iterator[None]:
    """Run the block; then put back everything that it has changed in the network, and the random number generators.

    These are the modes of all modules, the parameters and buffers, the hooks, and the Python attributes of modules:
    numbers, tensors, arrays, generators, and containers of them. The modes are put back by ``train()``, because a
    module may do work there: a LoRA layer merges its weights in evaluation mode.

    Warns
    -----
    UserWarning
        If something could not be put back. The message names it.
    """
    restore = _saved_network(model)
    modes = [(module, module.training) for module in model.modules()]
    with same_random_numbers():
        try:
            yield
        finally:
            _put_back(restore, modes)


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Run the block with the network in evaluation mode, and preserve the network.

    Compiled modules run eagerly, so that hooks are called, and transformers do not pack their samples into nested
    tensors.
    """
    with preserved(model), torch.inference_mode(mode=False), _eager(), _without_fast_path():
        if any(module.training for module in model.modules()):
            model.eval()
        yield


@contextmanager
def same_random_numbers() -> Iterator[None]:
    """Run the block; then put back the global random number generators of Python, NumPy and PyTorch."""
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002, models may use the global generator
    cuda_in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = list(range(torch.cuda.device_count())) if cuda_in_use else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Run the block without gradients of the parameters; then restore each parameter's ``requires_grad``.

    Gradients are then computed only for the input.
    """
    required = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        for parameter in required:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, requires_grad in required.items():
            parameter.requires_grad_(requires_grad)


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside ``torch.compile``, DataParallel and DistributedDataParallel.

    Its forward pass gives the same values. It calls hooks, and it does not wait for other processes.
    """
    while True:
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
            continue
        inner = getattr(model, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def weights_of(model: nn.Module) -> dict[str, NDArray]:
    """The parameters and buffers by their names, as arrays that ``load_state_dict`` gives back exactly."""
    weights = {}
    for name, tensor in model.state_dict().items():
        if not isinstance(tensor, Tensor) or tensor.is_quantized or tensor.layout != torch.strided:
            raise TypeError(f"weights: expected storable tensors, got {describe(tensor)} for {name}; omit weights")
        weights[name] = as_storable(tensor)
    return weights


def as_storable(tensor: Tensor) -> NDArray:
    """The values as an array; those of bfloat16 as float32, which holds them exactly."""
    tensor = tensor.detach().cpu()
    array: NDArray = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array


def _eager() -> AbstractContextManager[None]:
    # Without its compiler, PyTorch has compiled nothing, and to import it takes seconds.
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    stance: AbstractContextManager[None] = torch.compiler.set_stance("force_eager")
    return stance


@contextmanager
def _without_fast_path() -> Iterator[None]:
    """Disable the fused kernels of transformers, which skip the modules inside and use nested tensors for padding."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _saved_network(model: nn.Module) -> dict[str, Restore]:
    """For everything in every module that can change, a function that puts its content back."""
    seen: set[int] = set()
    home = {type(module).__module__ for module in model.modules()} - {"builtins"}
    restore: dict[str, Restore] = {}
    for prefix, module in model.named_modules():
        restore[prefix] = _same_entries(vars(module), dict(vars(module)))
        for name, value in vars(module).items():
            group = value if name in ("_parameters", "_buffers") else {name: value}
            for key, entry in group.items():
                _save(entry, f"{prefix}.{key}".lstrip("."), restore, seen, home)
            if group is value:
                restore[f"{prefix}.{name}"] = _same_entries(value, dict(value))
    return restore


def _put_back(restore: dict[str, Restore], modes: list[tuple[nn.Module, bool]]) -> None:
    failed = []
    # From the root to the leaves, because train() also sets the modes of all modules below.
    for module, mode in modes:
        if module.training != mode:
            module.train(mode)
    for module, mode in modes:  # where train() does not set this mode
        if module.training != mode:
            module.training = mode
    for name, function in restore.items():
        try:
            function()
        except (RuntimeError, TypeError, ValueError) as error:
            failed.append(f"{name or 'the model'} ({error})")
    if failed:
        warnings.warn(
            f"the network has changed in a forward pass, and this could not be put back: {'; '.join(failed)}; "
            "train a network that was not probed to see whether it matters",
            stacklevel=4,
        )


def _save(value: Any, name: str, restore: dict[str, Restore], seen: set[int], home: set[str]) -> None:
    """Add a function that puts back the content of a value and of everything in it. Other objects are passed over."""
    if id(value) in seen:
        return
    seen.add(id(value))
    inner: dict[str, Any] = {}
    if isinstance(value, Tensor):
        if value.layout == torch.strided and not value.is_meta and not _is_lazy(value):
            restore[name] = _same_tensor(value)
    elif isinstance(value, np.ndarray):
        if value.flags.writeable:
            restore[name] = _same_array(value)
    elif isinstance(value, torch.Generator):
        restore[name] = _same_state(value.get_state, value.set_state)
    elif isinstance(value, random.Random):
        restore[name] = _same_state(value.getstate, value.setstate)
    elif isinstance(value, np.random.Generator):
        bits = value.bit_generator
        restore[name] = _same_state(lambda: bits.state, lambda state: setattr(bits, "state", state))
    elif isinstance(value, np.random.RandomState):
        restore[name] = _same_state(value.get_state, value.set_state)
    elif isinstance(value, MutableMapping):
        restore[name] = _same_entries(value, dict(value))
        inner = {f"[{key!r}]": entry for key, entry in value.items()}
    elif isinstance(value, (MutableSequence, deque)):
        restore[name] = _same_items(value)
        inner = {f"[{i}]": entry for i, entry in enumerate(value)}
    elif isinstance(value, MutableSet):
        restore[name] = _same_members(value)
    elif isinstance(value, tuple):
        inner = {f"[{i}]": entry for i, entry in enumerate(value)}
    elif _is_helper(value, home):
        restore[name] = _same_entries(vars(value), dict(vars(value)))
        inner = {f".{key}": entry for key, entry in vars(value).items()}
    for suffix, entry in inner.items():
        _save(entry, name + suffix, restore, seen, home)


def _is_helper(value: Any, home: set[str]) -> bool:
    """Whether an object is one in which a network keeps state: from its own file, a dataclass or a namespace.

    Other objects, such as a trainer or a tokenizer, may lead to everything in the process.
    """
    if isinstance(value, (type, nn.Module, types.FunctionType, types.MethodType)) or not hasattr(value, "__dict__"):
        return False
    return type(value).__module__ in home or is_dataclass(value) or isinstance(value, types.SimpleNamespace)


def _is_lazy(value: Tensor) -> bool:
    return isinstance(value, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer))


def _same_tensor(tensor: Tensor) -> Restore:
    # The copy is in the memory of the CPU, because that of the device may be just large enough for the training.
    with torch.no_grad():
        saved = tensor.detach().to("cpu", copy=True)
    data = tensor.data

    def restore() -> None:
        with torch.no_grad():
            if tensor.shape == saved.shape and tensor.dtype == saved.dtype and tensor.device == data.device:
                if not _equal_bits(tensor.detach().cpu(), saved):
                    tensor.data.copy_(
                        saved
                    )  # through .data, so that a graph that waits for its backward pass stays valid
            else:
                tensor.data = saved.to(data.device)

    return restore


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


def _same_entries(mapping: MutableMapping[Any, Any], saved: dict[Any, Any]) -> Restore:
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
