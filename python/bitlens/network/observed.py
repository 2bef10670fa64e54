"""Two forward passes of a few samples, in which every module's calls and the axes of its outputs are observed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from bitlens.arrays import describe
from bitlens.network import batches
from bitlens.network.batches import Batch, Forward
from bitlens.network.outputs import first_tensor, tensors_of
from bitlens.network.state import eval_mode
from bitlens.network.tracing import Trace, Tracer

FEW, FEWER = 3, 2
"""Numbers of samples of the two passes."""
_TOLERANCE = 1e-3
_PASSIVE = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)


@dataclass(frozen=True)
class Observation:
    """One tensor in the output of one call of a module, or of the model."""

    module: nn.Module
    tensor: Tensor
    version: int
    """PyTorch's count of changes in place, when the module returned."""
    trace: Trace | None
    fewer: tuple[int, ...] | None
    """Its shape in the pass of fewer samples; None if it had no such output there."""
    passive: bool
    """Whether the module returned its input unchanged, up to the shape."""
    elementwise: bool
    """Whether all its operations act on single values and have no parameters."""

    @property
    def is_constant(self) -> bool:
        """Whether it does not depend on the input: it is the same for all samples, or it has no axis of samples."""
        if self.trace is not None or self.fewer is None or self.tensor.is_nested:
            return False
        if tuple(self.tensor.shape) == self.fewer:
            return True
        rows = self.tensor if len(self.tensor) == FEW else self.tensor.flatten()
        return bool((rows == rows[:1]).all())

    def is_output_of(self, other: Observation) -> bool:
        """Whether it has the values of the other one, up to the shape."""
        a, b = self.tensor, other.tensor
        return _storage(a) == _storage(b) and self.version == other.version and a.numel() == b.numel()


@dataclass(frozen=True)
class Observations:
    """What a forward pass has shown."""

    inputs: Tensor
    input_axis: int | None
    """The axis of the input on which the first weights act; None if it was not seen."""
    calls: dict[str, Observation]
    """By name of the output, in the order of the forward pass."""
    output: Observation
    depends_on_batch: bool
    """Whether the model's output for a sample depends on the other samples."""


def observe(model: nn.Module, inputs: Batch, forward: Forward | None) -> Observations:
    """Run the model on a few samples of the inputs and observe all its modules."""
    rows = _different_samples(batches.main_input(inputs))
    few = batches.mapped(inputs, lambda tensor: tensor[rows])
    with eval_mode(model), torch.no_grad():
        random = torch.get_rng_state()
        shapes: dict[str, tuple[int, ...]] = {}
        fewer = batches.fitted(model, batches.mapped(few, lambda tensor: tensor[:FEWER]))

        def note_shape(name: str, _module: nn.Module, tensor: Tensor, _passive: bool, _elementwise: bool) -> None:
            shapes[name] = () if tensor.is_nested else tuple(tensor.shape)

        with _every_module(model, note_shape, Tracer()):
            small = _output(batches.run(model, fewer, forward))
        torch.set_rng_state(random)
        tracer, calls = Tracer(model.parameters()), dict[str, Observation]()
        batch = batches.fitted(model, few)
        main = batches.main_input(batch)

        def note(name: str, module: nn.Module, tensor: Tensor, passive: bool, elementwise: bool) -> None:
            calls[name] = Observation(
                module, tensor, tensor._version, tracer.of(tensor), shapes.get(name), passive, elementwise
            )

        for tensor in batches.tensors(batch).values():
            tracer.start(tensor, places=tensor is main)
        with _every_module(model, note, tracer), tracer:
            output = _output(batches.run(model, batch, forward))
    _tell_of_scripts(model, calls)
    last = Observation(model, output, output._version, tracer.of(output), tuple(small.shape), False, False)
    return Observations(main, tracer.channel_axis_of_input, calls, last, _depends_on_batch(small, output))


def _different_samples(inputs: Tensor) -> Tensor:
    """Numbers of a few samples that differ: among equal ones, a network that centres over its batch shows nothing."""
    rows = [0]
    for i in range(1, len(inputs)):
        if len(rows) == FEW:
            break
        if not any(torch.equal(inputs[i], inputs[row]) for row in rows):
            rows.append(i)
    return torch.tensor(rows)[torch.arange(FEW) % len(rows)]


def _tell_of_scripts(model: nn.Module, calls: dict[str, Observation]) -> None:
    scripts = {name: module for name, module in model.named_modules() if isinstance(module, torch.jit.ScriptModule)}
    silent = [f"{outer}.{name}".lstrip(".") for outer, script in scripts.items() for name, _ in script.named_children()]
    silent = [name for name in dict.fromkeys(silent) if name not in calls]
    if silent:
        warnings.warn(
            f"modules inside TorchScript call no hooks, so these are not recorded: {', '.join(silent)}; record the "
            "model before it is compiled by torch.jit",
            stacklevel=6,
        )


def _output(output: Any) -> Tensor:
    tensor = first_tensor(output)
    if tensor is None or tensor.ndim == 0:
        raise TypeError(
            f"model: expected an output tensor of shape (samples, ...), got {describe(output)}; pass forward=, a "
            "function of model and batch that returns one"
        )
    return tensor


def _depends_on_batch(small: Tensor, large: Tensor) -> bool:
    if small.shape[1:] != large.shape[1:] or len(large) != FEW or not large.dtype.is_floating_point:
        return False
    a, b = small.double(), large[: len(small)].double()
    finite = b[b.isfinite()].abs()
    scale = float(finite.max()) if len(finite) else 0.0
    return not torch.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True)


def _storage(tensor: Tensor) -> int:
    return (
        tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided and not tensor.is_nested else id(tensor)
    )


Note = Callable[[str, nn.Module, Tensor, bool, bool], None]


class _every_module:  # noqa: N801, a context manager
    """Hooks on all modules, which note every tensor that they return."""

    def __init__(self, model: nn.Module, note: Note, tracer: Tracer) -> None:
        self._model = model
        self._note = note
        self._tracer = tracer
        self._calls: dict[str, int] = {}
        self._starts: list[tuple[int, list[tuple[int, int, int]]]] = []
        self._handles: list[Any] = []

    def __enter__(self) -> None:
        inside = ""
        for name, module in self._model.named_modules():
            if inside and name.startswith(inside):
                continue
            inside = f"{name}." if isinstance(module, ParametrizationList) else ""
            if name and not inside:
                # TorchScript modules call their hooks, but lack the methods that register them.
                before = nn.Module.register_forward_pre_hook(module, self._before, with_kwargs=True)
                self._handles += [before, nn.Module.register_forward_hook(module, self._hook_of(name))]

    def __exit__(self, *_error: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _before(self, _module: nn.Module, arguments: Sequence[Any], named: dict[str, Any]) -> None:
        inputs = [value for value in (*arguments, *named.values()) if isinstance(value, Tensor)]
        states = [(_storage(value), value._version, value.numel()) for value in inputs]
        self._starts.append((len(self._tracer.operations), states))

    def _hook_of(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _arguments: Any, output: Any) -> None:
            start, inputs = self._starts.pop()
            operations = self._tracer.operations[start:]
            self._calls[name] = call = self._calls.get(name, 0) + 1
            for key, tensor in tensors_of(module, output).items():
                state = (_storage(tensor), tensor._version, tensor.numel())
                passive = isinstance(module, _PASSIVE) or (state in inputs and not _moves(operations))
                elementwise = bool(operations) and all(single for _, single in operations)
                self._note(
                    name + (f".{key}" if key else "") + (f"#{call}" if call > 1 else ""),
                    module,
                    tensor,
                    passive,
                    elementwise,
                )

        return hook


def _moves(operations: list[tuple[str, bool]]) -> bool:
    """Whether the order of the axes was changed, so that a view has another meaning than its base."""
    return any(name in ("permute", "transpose", "t") for name, _ in operations)
