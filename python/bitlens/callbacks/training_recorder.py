"""The recorder of a training that another library drives, on the first of its processes."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import Any

from torch import nn

from bitlens.network import Recorder
from bitlens.network.state import refuse_shards
from bitlens.runs import RunError


class TrainingRecorder:
    """Opens a Recorder when training starts, and takes each epoch once.

    Every process of a distributed training has one. All of them check the arguments, so that a mistake ends all of
    them, and only the first process records.

    Parameters
    ----------
    store, probe
        As in `Recorder`.
    arguments : mapping
        Further arguments of `Recorder`.
    """

    def __init__(self, store: str | os.PathLike[str], probe: Any, arguments: Mapping[str, Any]) -> None:
        known = [name for name in inspect.signature(Recorder).parameters if name not in ("model", "store", "probe")]
        for name, value in arguments.items():
            if name not in known:
                raise TypeError(
                    f"{name}: expected an argument of bitlens.Recorder, got {value!r}; it has {', '.join(known)}"
                )
        self._store = store
        self._probe = probe
        self._arguments = dict(arguments)
        self._recorder: Recorder | None = None

    def open(self, model: nn.Module, *, trained: nn.Module | None = None, first_process: bool) -> None:
        """Open the run on the first process; the others check the arguments.

        `trained` is the module that is trained, with all wrappers around it. Default: the recorded model.
        """
        refuse_shards(model if trained is None else trained)
        recorder = Recorder(model, self._store, self._probe, **self._arguments)
        self._recorder = recorder.__enter__() if first_process else None

    def start(self) -> None:
        """Take epoch 0 of a training that starts, which must not continue the run of another training."""
        if self._recorder is not None and self._recorder.epochs:
            raise RunError(
                f"store: {self._store} has epochs {_listed(self._recorder.epochs)} of another training, and this "
                "training starts from the beginning; choose a new folder, or resume from a checkpoint"
            )
        self.record(0, {})

    def record(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take the epoch on the first process, unless the run has it: a training that resumed repeats some epochs."""
        if self._recorder is not None and epoch not in self._recorder.epochs:
            # A line of metrics has the number of its epoch under this name, so that no metric can have it.
            self._recorder.snapshot(epoch, **{name: value for name, value in metrics.items() if name != "epoch"})

    def close(self) -> None:
        """End the recording. The run stays as it is, and a later training can continue it."""
        if self._recorder is not None:
            self._recorder.__exit__(None, None, None)
            self._recorder = None


def _listed(epochs: list[int]) -> str:
    return ", ".join(map(str, epochs)) if len(epochs) < 5 else f"{epochs[0]} to {epochs[-1]}"
