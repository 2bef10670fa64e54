"""A run in which the activations of one epoch are in memory and never become a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from bitlens.arrays import NDArray
from bitlens.runs.layout import GRADIENT_PREFIX, INPUT
from bitlens.runs.reader import Run


class LiveRun(Run):
    """A run that is being recorded, for measures of an epoch whose activations are not written.

    Parameters
    ----------
    store : path
        Folder of the run.
    epoch : int
        The epoch.
    arrays : mapping of str to array
        The tensors that the epoch's file would have.
    identity : str
        The id that the file would have, which is kept with the results.
    """

    def __init__(self, store: str | os.PathLike[str], epoch: int, arrays: Mapping[str, NDArray], identity: str) -> None:
        self._live_epoch = epoch
        self._arrays = arrays
        self._identity = identity
        super().__init__(store)

    @property
    def epochs(self) -> list[int]:
        """The recorded epochs and the one in memory, ascending."""
        return sorted({*super().epochs, self._live_epoch})

    def activations(
        self, layer: str, epoch: int, *, channels: Sequence[int] | None = None, gradients: bool = False
    ) -> NDArray:
        """As in `Run`; a copy of what is in memory for its epoch."""
        name = self.layer(layer).name
        if epoch != self._live_epoch or (name == INPUT and not gradients):
            return super().activations(layer, epoch, channels=channels, gradients=gradients)
        values = self._arrays[(GRADIENT_PREFIX if gradients else "") + name]
        return values.copy() if channels is None else values[:, list(channels)]

    def source(self, kind: str, epoch: int) -> str | None:
        """As in `Run`."""
        if kind == "epoch" and epoch == self._live_epoch:
            return f"epoch:{self._identity}"
        return super().source(kind, epoch)
