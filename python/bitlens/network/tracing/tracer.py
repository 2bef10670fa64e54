"""A mode of PyTorch in which every operation also computes what the axes of its results are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from bitlens.network.tracing.axes import Axis, Places, Samples, Trace, other
from bitlens.network.tracing.call import Call, Operand
from bitlens.network.tracing.parts import Parts
from bitlens.network.tracing.rules import trace_of, weighted_axis


class Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the axes of the inputs through a forward pass that runs inside the mode.

    Parameters
    ----------
    parameters : iterable of Tensor
        The parameters of the network.
    """

    def __init__(self, parameters: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._traces: Any = WeakTensorKeyDictionary()
        self._parameters = {_memory(parameter) for parameter in parameters}
        self._weights: Any = WeakTensorKeyDictionary()
        self._parts = Parts()
        self.channel_axis_of_input: int | None = None
        """The axis of the main input that the first weights combine or scale; None until it is seen."""
        self._input: tuple[int, ...] = ()
        self.operations: list[tuple[str, bool]] = []
        """Name of every operation so far, and whether it acts on single values of traced tensors alone."""

    def start(self, tensor: Tensor, *, places: bool) -> None:
        """Trace an input of the network, [sample, ...]. The other axes of the main input are places."""
        axes: list[Axis] = [(Samples(tensor.shape[0]),)]
        for axis, size in enumerate(tensor.shape[1:], 1):
            lines = np.arange(size)
            axes.append((Places(size, axis, lines, lines + 1),) if places and size > 1 else other(size))
        self._traces[tensor] = Trace(tuple(axes))
        if places:
            self._input = tuple(tensor.shape)

    def of(self, tensor: Any) -> Operand:
        """The trace of a tensor; None if it does not depend on the input."""
        return self._traces.get(tensor) if isinstance(tensor, Tensor) else None

    def is_weight(self, tensor: Tensor) -> bool:
        """Whether a tensor is a parameter, or was computed from parameters alone."""
        return tensor in self._weights or _memory(tensor) in self._parameters

    def __torch_dispatch__(
        self, func: Any, types: Sequence[Any], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        arguments = list(args)
        # Arguments by name are put at their positions, where the rules look for them.
        for argument in func._schema.arguments[len(arguments) :]:
            arguments.append(kwargs.get(argument.name, argument.default_value))
        call = Call(func._overloadpacket.__name__, arguments, (), self.of, self.is_weight)
        shapes = [tuple(t.shape) for t, trace in call.operands() if trace is not None]
        output = func(*args, **kwargs)
        results = output if isinstance(output, (tuple, list)) else [output]
        call.results = [value for value in results if isinstance(value, Tensor)]
        if any(tensor.is_nested for tensor in (*call.results, *(operand for operand, _ in call.operands()))):
            return output  # their axes have no sizes, and are not followed
        if not shapes and any(self.is_weight(operand) for operand, _ in call.operands()):
            self._weights.update(dict.fromkeys(call.results, True))
        pointwise = torch.Tag.pointwise in func.tags
        if shapes and call.results:
            same = all(shape == tuple(result.shape) for shape in shapes for result in call.results)
            alone = all(trace is not None or tensor.numel() == 1 for tensor, trace in call.operands())
            self.operations.append((call.name, pointwise and same and alone))
            if call.name != "copy_":
                call.name = call.name.removesuffix("_")  # of operations in place
            self._note_channels_of_input(call)
            for result, trace in zip(call.results, trace_of(call, pointwise), strict=False):
                if trace is None:
                    self._traces.pop(result, None)
                else:
                    self._traces[result] = trace
        self._follow_views(func._schema, call)
        return output

    def _follow_views(self, schema: Any, call: Call) -> None:
        """Note which results are parts of others, and let what is written into a part be written into its whole."""
        for declared, argument in zip(schema.arguments, call.arguments, strict=False):
            if declared.alias_info is None or not isinstance(argument, Tensor):
                continue
            if not declared.alias_info.is_write:
                self._parts.note(call, argument)
                continue
            whole = self._parts.whole_of(argument)
            written = self.of(argument)
            if whole is not None and written is not None:
                self._traces[whole] = self._parts.written(argument, written, self.of(whole))

    def _note_channels_of_input(self, call: Call) -> None:
        axis = weighted_axis(call)
        if self.channel_axis_of_input is None and axis is not None and len(axis) == 1:
            (factor,) = axis
            if isinstance(factor, Places) and factor.size == self._input[factor.axis]:
                self.channel_axis_of_input = factor.axis


def _memory(tensor: Tensor) -> int:
    return (
        tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided and not tensor.is_nested else id(tensor)
    )
