"""Hooks into a forward pass: they read or replace the outputs of modules, and leave the model as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from bitlens.network import batches
from bitlens.network.axes import LayerAxes
from bitlens.network.batches import Batch, Forward
from bitlens.network.outputs import tensors_of, with_tensor
from bitlens.network.state import eval_mode, frozen, unwrapped
from bitlens.runs import Layer, RunError

_BATCH = 256

Listener = Callable[[str, nn.Module, Tensor], Tensor | None]
Features = Callable[[Batch], Tensor]
RunBatch = Callable[[Batch], Any]


def split_name(model: nn.Module, name: str) -> tuple[str, str]:
    """The module in the name of an output, and the name of the tensor in what the module returns: lstm.h is (lstm, h).

    Raises
    ------
    RunError
        If the model has no such module.
    """
    known = dict(model.named_modules(remove_duplicate=False))
    module, tensor = name, ""
    while module and module not in known:
        module, _, last = module.rpartition(".")
        tensor = f"{last}.{tensor}".rstrip(".")
    if not module:
        raise RunError(f"layers: the model has no module {name!r}; it has {[n for n in known if n]}")
    return module, tensor


def check_modules(model: nn.Module, layers: Sequence[str]) -> list[str]:
    """The names without repetitions, after checking that the model has a module of each name."""
    for name in layers:
        split_name(model, name)
    return list(dict.fromkeys(layers))


def modules_of(layers: Sequence[str]) -> list[str]:
    """Names of the modules whose outputs these layers are; a module that is called twice has two layers."""
    return list(dict.fromkeys(layer.split("#", 1)[0] for layer in layers))


def device_of(model: nn.Module) -> torch.device:
    """The device of the model's parameters; the CPU for a model without parameters."""
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


@contextmanager
def capture_outputs(
    model: nn.Module, modules: Sequence[str], listener: Listener, forward: Forward | None = None
) -> Iterator[RunBatch]:
    """A function that runs the model on a batch and calls `listener` with every output of the named modules, in order.

    If the listener returns a tensor, this tensor replaces the output. If a module runs several times in the pass of one
    batch, its outputs are named name, name#2, name#3, ...
    """
    calls: dict[str, int] = {}
    wanted: dict[str, list[str]] = {}
    for name in modules:
        wanted.setdefault(split_name(model, name)[0], []).append(name)

    def hook_of(module_name: str, names: Sequence[str]) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(module: nn.Module, _arguments: Any, output: Any) -> Any:
            calls[module_name] = call = calls.get(module_name, 0) + 1
            changed = None
            for name in names:
                tensor = tensors_of(module, output).get(name[len(module_name) :].lstrip("."))
                if tensor is None:
                    continue
                replacement = listener(name if call == 1 else f"{name}#{call}", module, tensor)
                if replacement is not None:
                    output = changed = with_tensor(module, output, name[len(module_name) :].lstrip("."), replacement)
            return changed

        return hook

    def run(batch: Batch) -> Any:
        calls.clear()
        return batches.run(model, batch, forward)

    named = dict(model.named_modules(remove_duplicate=False))
    handles: list[RemovableHandle] = []
    try:
        for name, names in wanted.items():
            # TorchScript modules call their hooks, but lack the methods that register them.
            handles.append(nn.Module.register_forward_hook(named[name], hook_of(name, names)))
        yield run
    finally:
        for handle in handles:
            handle.remove()


class _LayerReached(Exception):  # noqa: N818, it signals no error
    """Ends a forward pass at the layer, because the modules after it are not needed."""


@contextmanager
def features_at(model: nn.Module, layer: str, forward: Forward | None = None) -> Iterator[Features]:
    """A function from inputs to the output of a layer, in evaluation mode and without gradients of the parameters."""
    model = unwrapped(model)
    modules = modules_of([layer])
    check_modules(model, modules)
    outputs: list[Tensor] = []

    def listener(name: str, _module: nn.Module, output: Tensor) -> None:
        if name == layer:
            outputs.append(output)
            raise _LayerReached

    with eval_mode(model), frozen(model), capture_outputs(model, modules, listener, forward) as run:

        def features(inputs: Batch) -> Tensor:
            try:
                run(inputs)
            except _LayerReached:
                return outputs.pop()
            raise RunError(f"layer: {layer!r} has no output for these images; choose a module that runs")

        yield features


def output_of(model: nn.Module, inputs: Batch, layer: Layer, forward: Forward | None = None) -> Tensor:
    """The output of a recorded layer for all inputs, [sample, channel, ...] on the CPU."""
    axes = LayerAxes.of(layer)
    with torch.no_grad(), features_at(model, layer.module, forward) as features:
        parts = [features(batches.fitted(model, part)) for part in batches.split(inputs, _BATCH)]
        return torch.cat([axes.as_recorded(part).cpu() for part in parts])
