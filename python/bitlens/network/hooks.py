"""Listening to a forward pass: which modules give which tensors, without leaving a trace in the model."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.runs import RunError

# Modules by the room of torch.nn they come from; the words are the run's layer kinds.
_KINDS = {
    "torch.nn.modules.conv": "convolution",
    "torch.nn.modules.pooling": "pooling",
    "torch.nn.modules.batchnorm": "normalization",
    "torch.nn.modules.instancenorm": "normalization",
    "torch.nn.modules.normalization": "normalization",
    "torch.nn.modules.activation": "activation",
    "torch.nn.modules.linear": "linear",
    "torch.nn.modules.sparse": "embedding",
}
# In evaluation mode these pass on what they are given.
_PASSIVE = ("torch.nn.modules.dropout", "torch.nn.modules.flatten")

Listener = Callable[[str, nn.Module, Tensor], Tensor | None]


def kind_of(module: nn.Module) -> str:
    """A layer kind: of the module's own class or the one it derives from; else its class name."""
    for cls in type(module).__mro__:
        if cls.__module__ in _KINDS and cls is not nn.Identity:
            return _KINDS[cls.__module__]
    return type(module).__name__


def default_modules(model: nn.Module) -> list[str]:
    """Leaf modules that change the data: all but dropout, flatten and identity."""

    def passive(module: nn.Module) -> bool:
        return isinstance(module, nn.Identity) or any(cls.__module__ in _PASSIVE for cls in type(module).__mro__)

    return [
        name
        for name, module in model.named_modules()
        if name and not passive(module) and next(module.children(), None) is None
    ]


@contextmanager
def capture_outputs(model: nn.Module, modules: Sequence[str], listener: Listener) -> Iterator[None]:
    """Call `listener` with every output of the named modules, in order; what it returns, if anything, replaces the output.

    A module that runs several times in a forward pass is named name, name#2, name#3, ... The first call of the model
    starts the count anew.
    """
    calls: dict[str, int] = {}

    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], Tensor | None]:
        def hook(module: nn.Module, _arguments: Any, output: Any) -> Tensor | None:
            calls[name] = calls.get(name, 0) + 1
            if not isinstance(output, Tensor):
                return None
            return listener(name if calls[name] == 1 else f"{name}#{calls[name]}", module, output)

        return hook

    handles = [model.register_forward_pre_hook(lambda *_: calls.clear())]
    try:
        handles += [model.get_submodule(name).register_forward_hook(hook_of(name)) for name in modules]
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every module's mode and all random number generators are as before."""
    modes = [(module, module.training) for module in model.modules()]
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002, models may use the global generator
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices):
            model.eval()
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Parameters want no gradients inside, so that signals run to the input alone; afterwards they are as before."""
    wanted = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        for parameter in wanted:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, required in wanted.items():
            parameter.requires_grad_(required)


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters lie; the CPU for a model without any."""
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


def check_modules(model: nn.Module, layers: Sequence[str]) -> list[str]:
    """The names of modules that the model has."""
    known: Mapping[str, nn.Module] = dict(model.named_modules())
    for name in layers:
        if name not in known or not name:
            raise RunError(f"layers: the model has no module {name!r}; it has {[n for n in known if n]}")
    return list(dict.fromkeys(layers))
