"""The recorder of a loop in several processes, each of which has a part of the probe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.utils.data import DataLoader, Dataset

from bitlens.arrays import describe
from bitlens.network import Recorder
from bitlens.network.probe import gathered
from bitlens.network.state import refuse_shards


class DistributedRecorder:
    """A Recorder in a training with DistributedDataParallel; every process has one, and the first one writes.

    Each process passes its part of the probe when it creates the recorder, and the first process receives all parts.
    A snapshot runs the model on the first process alone. The others continue, and wait for it at their next exchange of
    gradients, or before that with `wait`.

    Parameters
    ----------
    model : torch.nn.Module
        The model, with or without its wrapper, on every process.
    store : path
        As in `Recorder`; only the first process uses it.
    probe : as in Recorder, or None
        The samples of this process. The probe of the run consists of those of all processes, in the order of their
        ranks. None: this process has none.
    mask : bool array of shape (n, tokens), optional
        As in `Recorder`, for the samples of this process.
    wait : bool
        Whether `snapshot` and the end of the recording return on every process only when the first one has written.
    **arguments
        Further arguments of `Recorder`.

    Raises
    ------
    RuntimeError
        If the processes are not connected; call ``torch.distributed.init_process_group`` first.
    RunError, TypeError, ValueError
        As in `Recorder`, on the first process.

    Examples
    --------
    >>> import tempfile, torch, bitlens
    >>> from bitlens.callbacks import DistributedRecorder
    >>> torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    >>> model = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(4, 2)))
    >>> with tempfile.TemporaryDirectory() as store:
    ...     with DistributedRecorder(model, store, (torch.rand(9, 4), None), show_size=False) as recorder:
    ...         recorder.snapshot(0, loss=2.3)
    ...     bitlens.open_run(store).epochs
    [0]
    >>> torch.distributed.destroy_process_group()
    """

    def __init__(
        self,
        model: nn.Module,
        store: str | os.PathLike[str],
        probe: Any,
        *,
        mask: Any = None,
        wait: bool = False,
        **arguments: Any,
    ) -> None:
        if not distributed.is_initialized():
            raise RuntimeError(
                "DistributedRecorder: expected connected processes, got one without a process group; call "
                "torch.distributed.init_process_group, or use bitlens.Recorder"
            )
        refuse_shards(model)
        self._wait = wait
        self._recorder: Recorder | None = None
        part = gathered(probe) if isinstance(probe, (DataLoader, Dataset)) else probe
        parts: list[Any] | None = [None] * distributed.get_world_size() if distributed.get_rank() == 0 else None
        distributed.gather_object(None if part is None else (part, mask), parts)
        if parts is not None:
            probes, masks = zip(*[given for given in parts if given is not None] or [(None, None)], strict=True)
            self._recorder = Recorder(model, store, _joined_probe(probes), mask=_joined(masks), **arguments)

    def __enter__(self) -> DistributedRecorder:
        if self._recorder is not None:
            self._recorder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._recorder is not None:
            self._recorder.__exit__(kind, error, trace)
        if error is None:
            self._wait_for_first()

    def snapshot(self, epoch: int, **metrics: float) -> None:
        """Record the network in its present state, on the first process; as in `Recorder`."""
        if self._recorder is not None:
            self._recorder.snapshot(epoch, **metrics)
        self._wait_for_first()

    def _wait_for_first(self) -> None:
        if self._wait:
            distributed.barrier()


def _joined_probe(probes: Sequence[Any]) -> Any:
    """One probe of all parts; what is not a probe is left to the checks of `Recorder`."""
    if all(isinstance(probe, tuple | list) and len(probe) == 2 for probe in probes):
        inputs, labels = zip(*probes, strict=True)
        return _joined(inputs), _joined(labels)
    return _joined(probes)


def _joined(parts: Sequence[Any]) -> Any:
    """The samples of all parts: tensors, arrays or lists, or tuples and dicts of these; None where all are None."""
    first = parts[0]
    if isinstance(first, Mapping) and all(isinstance(part, Mapping) and part.keys() == first.keys() for part in parts):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple) and all(isinstance(part, tuple) and len(part) == len(first) for part in parts):
        return tuple(_joined(values) for values in zip(*parts, strict=True))
    if all(isinstance(part, Tensor) for part in parts):
        return torch.cat([part.detach().cpu() for part in parts])
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    if all(isinstance(part, list) for part in parts):
        return [value for part in parts for value in part]
    if all(part is None for part in parts):
        return None
    kinds = ", ".join(describe(part) for part in parts)
    raise ValueError(f"probe: expected parts of one kind on all processes, got {kinds}")
