"""Everything that a probe may change in a network and its process is saved before it and put back after it."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.arrays import NDArray, describe
from bitlens.network.restoring import Restore
from bitlens.network.saved import saved_network

# Names, because to import these libraries takes seconds.
_SHARDED_MODULES = {"FullyShardedDataParallel": "FullyShardedDataParallel", "FSDPModule": "fully_shard"}
_SHARDED_PARAMETERS = {"_fsdp_flattened": "FullyShardedDataParallel", "ds_id": "DeepSpeed"}


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
    restore = saved_network(model)
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
            _to_eval(model)
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


def refuse_shards(model: nn.Module) -> None:
    """Refuse a model whose parameters are distributed over processes: one process alone would wait for the others."""
    if shards := _shards(model):
        raise ValueError(
            f"model: expected all parameters on every process, got {shards}; train with DistributedDataParallel to "
            "record"
        )


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


def _shards(model: nn.Module) -> str | None:
    """What of the model is distributed over processes; None if nothing is."""
    for module in model.modules():
        for cls in type(module).__mro__:
            if cls.__name__ in _SHARDED_MODULES:
                return f"a module of {_SHARDED_MODULES[cls.__name__]}"
    for name, parameter in model.named_parameters():
        if "DTensor" in (type(parameter).__name__, type(parameter.data).__name__):
            return f"{name} as DTensor"
        for attribute, library in _SHARDED_PARAMETERS.items():
            if hasattr(parameter, attribute):
                return f"{name} as a shard of {library}"
    return None


def _to_eval(model: nn.Module) -> None:
    try:
        model.eval()
    except NotImplementedError as error:  # of torch.export
        raise TypeError(
            f"model: expected a module with an evaluation mode, got {type(model).__name__}: {error}; record the model "
            "before it is exported"
        ) from None


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
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            failed.append(f"{name or 'the model'} ({error})")
    if failed:
        warnings.warn(
            f"the network has changed in a forward pass, and this could not be put back: {'; '.join(failed)}; "
            "train a network that was not probed to see whether it matters",
            stacklevel=4,
        )
