"""Writing a run: every file appears whole or not at all, so the process may be killed at any moment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from bitlens.arrays import NDArray
from bitlens.runs.files import atomic_write, is_temporary, remove_leftovers
from bitlens.runs.layout import (
    EPOCHS,
    MANIFEST,
    METRICS,
    PROBE,
    WEIGHTS,
    Manifest,
    RunError,
    dropped_file,
    epoch_file,
    recorded_epochs,
    weights_file,
)
from bitlens.runs.metrics import append_metrics
from bitlens.runs.result_store import flush_epoch
from bitlens.runs.row_file import RowFile
from bitlens.runs.sources import file_id, id_metadata, new_id, write_id


def probe_hash(probe: Mapping[str, NDArray]) -> str:
    """SHA-256 of the probe's arrays; runs with equal hashes were recorded with the same samples."""
    digest = hashlib.sha256()
    for name in sorted(probe):
        array = np.ascontiguousarray(probe[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


class RunWriter:
    """Starts a run, or continues one that has ended or was interrupted.

    Parameters
    ----------
    store : path
        Folder of the run, which is created if it does not exist. A folder with other content is refused.
    manifest : Manifest
        What will be recorded. A run can be continued only if it was recorded with the same.
    probe : mapping of str to array
        "inputs" and, if they are known, "labels".
    """

    def __init__(self, store: str | os.PathLike[str], manifest: Manifest, probe: Mapping[str, NDArray]) -> None:
        self.path = Path(store)
        if (self.path / MANIFEST).is_file():
            self._continue(manifest)
        else:
            self._begin(manifest, probe)

    @property
    def epochs(self) -> list[int]:
        """Epochs already recorded."""
        return recorded_epochs(self.path)

    def write_epoch(
        self,
        epoch: int,
        shapes: Mapping[str, tuple[int, ...]],
        dtype: str,
        fill: Callable[[RowFile], object],
        metrics: Mapping[str, float],
    ) -> None:
        """Add the activations and the metrics of one epoch. Recorded activations are never overwritten.

        Parameters
        ----------
        epoch : int
            The epoch.
        shapes : mapping of str to tuple
            Name and shape [sample, ...] of every tensor.
        dtype : str
            Type in which they are stored.
        fill : callable
            Writes the rows of all tensors into the file that it is called with.
        metrics : mapping of str to float
            The metrics of the epoch.
        """
        path = epoch_file(self.path, epoch)
        if path.exists():
            raise RunError(f"epoch {epoch} is already recorded in {self.path}; recorded: {self.epochs}")

        def write(temporary: Path) -> None:
            with RowFile(temporary, shapes, dtype, id_metadata(new_id())) as file:
                fill(file)
            # The metrics are written before the file gets its name, because an epoch is recorded once its file exists:
            # readers then see it, and a second snapshot of it is refused. If the process ends between the two, the
            # epoch is not recorded, a resumed training takes its snapshot again, and the later line of metrics counts.
            # In the other order, the epoch would be recorded without metrics, and nothing could add them.
            self.write_metrics(epoch, metrics)

        atomic_write(path, write)

    def write_weights(self, epoch: int, weights: Mapping[str, NDArray]) -> None:
        """Write the network's weights of one epoch. Earlier weights are replaced, and their results become stale."""
        _write_tensors(weights_file(self.path, epoch), weights)

    def drop_epoch(self, epoch: int) -> None:
        """Remove an epoch's activations after their results are on disk. The id stays, so the results stay valid."""
        path = epoch_file(self.path, epoch)
        identity = file_id(path)
        flush_epoch(self.path, epoch)  # they could not be computed again
        if identity is not None:
            atomic_write(dropped_file(self.path, epoch), lambda temporary: write_id(temporary, identity))
        path.unlink()

    def write_metrics(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Append one line of metrics, which is the first step of a snapshot. The last line of an epoch counts.

        If activations of an earlier snapshot of the epoch were dropped, their results become stale.
        """
        if dropped_file(self.path, epoch).exists():
            atomic_write(dropped_file(self.path, epoch), lambda temporary: write_id(temporary, new_id()))
        append_metrics(self.path / METRICS, epoch, metrics)

    def _begin(self, manifest: Manifest, probe: Mapping[str, NDArray]) -> None:
        if self.path.exists():
            if not self.path.is_dir():
                raise RunError(f"store: {self.path} is a file; expected a folder for the run")
            # An interrupted start leaves only these.
            names = {path.name for path in self.path.iterdir()} - {PROBE, EPOCHS}
            foreign = sorted(name for name in names if not is_temporary(name))
            if foreign:
                raise RunError(f"store: {self.path} contains {foreign[0]!r} and is not a run; choose a new folder")
        (self.path / EPOCHS).mkdir(parents=True, exist_ok=True)
        self._clean()
        _write_tensors(self.path / PROBE, probe)
        atomic_write(self.path / MANIFEST, lambda temporary: temporary.write_text(manifest.to_json(), "utf-8"))

    def _continue(self, manifest: Manifest) -> None:
        path = self.path / MANIFEST
        existing = Manifest.read(path)
        for name in ("model", "layers", "probe_sha256", "classes", "dtype", "gradients"):
            if getattr(existing, name) != getattr(manifest, name):
                raise RunError(
                    f"store: {self.path} was recorded with another {name.removesuffix('_sha256')}, so it cannot be "
                    "continued; choose a new folder"
                )
        self._clean()
        updated = replace(manifest, versions={**existing.versions, **manifest.versions})
        if updated != existing:
            atomic_write(path, lambda temporary: temporary.write_text(updated.to_json(), "utf-8"))

    def _clean(self) -> None:
        remove_leftovers([self.path, self.path / EPOCHS, self.path / WEIGHTS])


def _write_tensors(path: Path, tensors: Mapping[str, NDArray]) -> None:
    # safetensors writes the memory of an array in its order there, without regard to the strides.
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    metadata = id_metadata(new_id())
    atomic_write(path, lambda temporary: save_file(contiguous, temporary, metadata))
