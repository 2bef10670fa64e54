"""Hooks into a forward pass: they read or replace the outputs of modules, and leave the model as it was."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.runs import RunError

_PASSIVE = ("torch.nn.modules.dropout", "torch.nn.modules.flatten")
"""Modules of these files return their input unchanged in evaluation mode, up to its shape."""
_BATCH = 256

Listener = Callable[[str, nn.Module, Tensor], Tensor | None]
Features = Callable[[Tensor], Tensor]


def default_modules(model: nn.Module) -> list[str]:
    """Names of the leaf modules that change the data: all except dropout, flatten and identity."""

    def passive(module: nn.Module) -> bool:
        return isinstance(module, nn.Identity) or any(cls.__module__ in _PASSIVE for cls in type(module).__mro__)

    return [
        name
        for name, module in model.named_modules()
        if name and not passive(module) and next(module.children(), None) is None
    ]


def check_modules(model: nn.Module, layers: Sequence[str]) -> list[str]:
    """The names without repetitions, after checking that the model has a module of each name."""
    known: Mapping[str, nn.Module] = dict(model.named_modules())
    for name in layers:
        if name not in known or not name:
            raise RunError(f"layers: the model has no module {name!r}; it has {[n for n in known if n]}")
    return list(dict.fromkeys(layers))


def modules_of(layers: Sequence[str]) -> list[str]:
    """Names of the modules whose outputs these layers are; a module that is called twice has two layers."""
    return list(dict.fromkeys(layer.split("#", 1)[0] for layer in layers))


def device_of(model: nn.Module) -> torch.device:
    """The device of the model's parameters; the CPU for a model without parameters."""
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


@contextmanager
def capture_outputs(model: nn.Module, modules: Sequence[str], listener: Listener) -> Iterator[None]:
    """Call `listener` with every output of the named modules, in the order of the forward pass.

    If the listener returns a tensor, this tensor replaces the output. If a module runs several times in one forward
    pass, its outputs are named name, name#2, name#3, ... Each call of the model restarts this count.
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
    """Run the block in evaluation mode; then restore the modes of all modules and all random number generators."""
    modes = [(module, module.training) for module in model.modules()]
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002, models may use the global generator
    cuda_in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = list(range(torch.cuda.device_count())) if cuda_in_use else []
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


class _LayerReached(Exception):  # noqa: N818, it signals no error
    """Ends a forward pass at the layer, because the modules after it are not needed."""


@contextmanager
def features_at(model: nn.Module, layer: str) -> Iterator[Features]:
    """A function from inputs to the output of a layer, in evaluation mode and without gradients of the parameters."""
    modules = modules_of([layer])
    check_modules(model, modules)
    outputs: list[Tensor] = []

    def listener(name: str, _module: nn.Module, output: Tensor) -> None:
        if name == layer:
            outputs.append(output)
            raise _LayerReached

    def features(inputs: Tensor) -> Tensor:
        try:
            model(inputs)
        except _LayerReached:
            return outputs.pop()
        raise RunError(f"layer: {layer!r} has no output for these images; choose a module that runs")

    with eval_mode(model), frozen(model), capture_outputs(model, modules, listener):
        yield features


def output_of(model: nn.Module, inputs: Tensor, layer: str) -> Tensor:
    """The output of a layer for all inputs, on the CPU."""
    with torch.no_grad(), features_at(model, layer) as features:
        batches = torch.split(inputs.to(device_of(model)), _BATCH)
        return torch.cat([features(batch).cpu() for batch in batches])
