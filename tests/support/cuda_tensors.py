"""Tensors that follow PyTorch's rules for CUDA on a machine without a GPU.

They say cuda:0 and compute on the CPU, and need a build whose CUDA back-end is emulated. As on a GPU, NumPy cannot read
them, and they do not mix with tensors in main memory. What makes the host wait for the GPU is noted in `WAITS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

CUDA = torch.device("cuda", 0)
WAITS: list[str] = []
"""What the host waited for since the list was cleared."""

_COPIES = ("aten._to_copy", "aten.copy_")
_INDEXING = ("aten.index.Tensor", "aten.index_put", "aten._index_put")
_READING = {
    "aten._local_scalar_dense.default": "item",
    "aten.nonzero.default": "nonzero",
    "aten.is_nonzero.default": "bool",
    "aten.equal.default": "equal",
    "aten.masked_select.default": "masked_select",
}
_FACTORIES = ("arange", "empty", "full", "ones", "tensor", "triu_indices", "zeros")


class CudaTensor(torch.Tensor):
    """A tensor that says cuda:0, and keeps its values in a tensor in main memory."""

    values: torch.Tensor

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> CudaTensor:
        shell = torch.Tensor._make_wrapper_subclass(
            cls,
            values.shape,
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device="meta",
        )
        shell.values = values.detach()
        return shell

    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _call(func, args, kwargs or {})

    def cpu(self) -> torch.Tensor:
        WAITS.append("copy to the CPU")
        return self.values.clone()

    def tolist(self) -> Any:
        WAITS.append("tolist")
        return self.values.tolist()

    def item(self) -> Any:
        WAITS.append("item")
        return self.values.item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor first.")

    def numpy(self, *_: Any, **__: Any) -> Any:
        return self.__array__()

    def resolve_neg(self) -> CudaTensor:
        return self

    def new_tensor(self, data: Any, *, dtype: torch.dtype | None = None, **_: Any) -> CudaTensor:
        WAITS.append("copy to the GPU")
        return CudaTensor(torch.as_tensor(data, dtype=dtype or self.dtype).clone())

    def __dlpack__(self, *, max_version: Any = None, **_: Any) -> Any:
        return self.values.__dlpack__(max_version=max_version)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # the memory that the emulated kernels read


def _values(argument: Any) -> Any:
    if isinstance(argument, CudaTensor):
        return argument.values
    return torch.device("cpu") if _is_gpu(argument) else argument


def _is_gpu(argument: Any) -> bool:
    """Whether this is the device; operators that keep it are told that it is "meta"."""
    return isinstance(argument, torch.device) and argument.type in ("cuda", "meta")


def _call(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call an operator of PyTorch on the values; refuse what a GPU refuses, and note waits."""
    name = str(func)
    arguments = tree_flatten((args, kwargs))[0]
    on_gpu = [argument for argument in arguments if isinstance(argument, CudaTensor)]
    others = [a for a in arguments if isinstance(a, torch.Tensor) and not isinstance(a, CudaTensor)]
    target = kwargs.get("device")
    to_cpu = isinstance(target, torch.device) and target.type == "cpu"
    to_gpu = _is_gpu(target)
    if on_gpu and not name.startswith((*_COPIES, *_INDEXING)):
        foreign = [other for other in others if other.dim() > 0]
        if foreign:
            raise RuntimeError(f"Expected all tensors to be on the same device: {name}, {tuple(foreign[0].shape)}")
    _note_waits(name, args, bool(on_gpu), to_cpu=to_cpu, to_gpu=to_gpu)
    result = func(*tree_map(_values, args), **tree_map(_values, kwargs))
    if func._schema.name.endswith("_") and args and isinstance(args[0], CudaTensor):
        return args[0]
    if "out" in kwargs:
        return kwargs["out"]
    if not ((on_gpu and not to_cpu) or to_gpu):
        return result
    return tree_map(lambda part: CudaTensor(part) if type(part) is torch.Tensor else part, result)


def _note_waits(name: str, args: Any, on_gpu: bool, *, to_cpu: bool, to_gpu: bool) -> None:
    if name in _READING and on_gpu:
        WAITS.append(_READING[name])
    if name.startswith("aten._to_copy") and ((to_cpu and on_gpu) or (to_gpu and not on_gpu)):
        WAITS.append("copy to the CPU" if to_cpu else "copy to the GPU")
    if name.startswith("aten.copy_") and isinstance(args[0], CudaTensor) != isinstance(args[1], CudaTensor):
        WAITS.append("copy")
    if not name.startswith(_INDEXING):
        return
    one_value = "put" in name and args[2].numel() == 1  # a mask that is filled is not counted by the host
    for index in args[1]:
        if isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8):
            if not one_value:
                WAITS.append("mask")
        elif isinstance(index, torch.Tensor) and not isinstance(index, CudaTensor):
            WAITS.append("index from the CPU")


class _Operators(TorchDispatchMode):
    """Sends operators without a CUDA tensor among their arguments here as well, such as copies to the GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _call(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """What a build of PyTorch without CUDA would refuse before it reaches an operator."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        device = options.get("device")
        if name in _FACTORIES and device is not None and torch.device(device).type == "cuda":
            del options["device"]
            return CudaTensor(func(*args, **options))
        if name == "sqrt" and isinstance(args[0], CudaTensor):
            # PyTorch's own root on the CPU comes from MKL, which rounds some roots otherwise than a GPU does.
            return CudaTensor(torch.from_numpy(np.sqrt(args[0].values.numpy())))
        if name == "pin_memory":
            locked = args[0].clone()
            locked.page_locked = True
            return locked
        if name == "to" and len(args) > 1 and isinstance(args[1], torch.device) and args[1].type == "cuda":
            if isinstance(args[0], CudaTensor):
                return args[0]
            if not (options.get("non_blocking") and hasattr(args[0], "page_locked")):
                WAITS.append("copy to the GPU")
            return CudaTensor(args[0].clone())
        if name == "__setitem__" and isinstance(args[0], CudaTensor):
            return _set_items(*args)
        if name == "__getitem__" and isinstance(args[0], CudaTensor) and isinstance(args[1], np.ndarray):
            WAITS.append("index from the CPU")
            return CudaTensor(args[0].values[torch.from_numpy(args[1])])
        return func(*args, **options)


def _set_items(target: CudaTensor, index: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        raise TypeError("can't assign a numpy.ndarray to a torch.cuda.DoubleTensor")
    if isinstance(index, CudaTensor) and index.dtype == torch.bool and isinstance(value, torch.Tensor):
        WAITS.append("mask")
    if isinstance(value, torch.Tensor) and not isinstance(value, CudaTensor):
        WAITS.append("copy to the GPU")
    target.values[tree_map(_values, index)] = _values(value)


@contextmanager
def cuda_rules() -> Iterator[None]:
    """PyTorch as it is where there is a GPU, for tensors that `CudaTensor` made."""
    with _Functions(), _Operators():
        yield
