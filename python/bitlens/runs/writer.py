"""Writing a run: every file appears whole or not at all, so the process may be killed at any moment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from bitlens.arrays import NDArray
from bitlens.runs.files import atomic_write, is_temporary, remove_leftovers
from bitlens.runs.layout import (
    EPOCHS,
    LOCK,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    METRICS,
    PROBE,
    WEIGHTS,
    Manifest,
    RunError,
    dropped_file,
    epoch_file,
    weights_file,
)
from bitlens.runs.live_run import LiveRun
from bitlens.runs.metrics import append_metrics
from bitlens.runs.result_folders import flush_epoch
from bitlens.runs.row_file import RowFile
from bitlens.runs.run_files import inside, read_file, recorded_epochs
from bitlens.runs.sources import id_metadata, new_id
from bitlens.runs.tensor_file import write_tensors
from bitlens.runs.writer_lock import WriterLock


def probe_hash(probe: Mapping[str, NDArray]) -> str:
    """SHA-256 of the probe's arrays; runs with equal hashes were recorded with the same samples."""
    digest = hashlib.sha256()
    for name in sorted(probe):
        array = np.ascontiguousarray(probe[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


class RunWriter:
    """Starts a run, or continues one that has ended or was interrupted. A run has one writer at a time.

    Parameters
    ----------
    store : path
        Folder of the run, which is created if it does not exist. A folder with other content is refused.
    manifest : Manifest
        What will be recorded. A run can be continued only if it was recorded with the same.
    probe : mapping of str to array
        "inputs" and, if they are known, "labels".

    Raises
    ------
    RunError
        If another writer has the run open, in this or another process. The message names it.
    """

    def __init__(self, store: str | os.PathLike[str], manifest: Manifest, probe: Mapping[str, NDArray]) -> None:
        self.path = Path(store)
        _check_folder(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = WriterLock(self.path)
        try:
            if self._file(MANIFEST).is_file():
                self._continue(manifest)
            else:
                self._begin(manifest, probe)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another writer open the run. A writer that is collected as garbage, or whose process ends, is closed."""
        self._lock.release()

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
        self._lock.check()
        path = inside(self.path, epoch_file(self.path, epoch))
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

    def write_arrays(
        self, epoch: int, arrays: Mapping[str, NDArray], metrics: Mapping[str, float] | None = None
    ) -> None:
        """Add one epoch as `write_epoch` does, from arrays [sample, ...] of one type that are in memory together."""
        (dtype,) = {array.dtype.name for array in arrays.values()}

        def fill(file: RowFile) -> None:
            for name, array in arrays.items():
                file.write(name, 0, array)

        self.write_epoch(epoch, {name: array.shape for name, array in arrays.items()}, dtype, fill, metrics or {})

    def write_weights(self, epoch: int, weights: Mapping[str, NDArray]) -> None:
        """Write the network's weights of one epoch.

        Earlier weights are replaced. Their results become stale, and so do those of activations of the epoch that were
        dropped, because they came from the network with the earlier weights.
        """
        self._lock.check()
        path = inside(self.path, weights_file(self.path, epoch))
        if path.exists():
            self._forget_dropped(epoch)
        write_tensors(path, weights, id_metadata(new_id()))

    @contextmanager
    def unwritten_epoch(
        self, epoch: int, arrays: Mapping[str, NDArray], metrics: Mapping[str, float]
    ) -> Iterator[LiveRun]:
        """Record an epoch of which only metrics and results are kept: measure the run inside the block.

        Parameters
        ----------
        epoch : int
            The epoch.
        arrays : mapping of str to array
            The tensors that its file would have.
        metrics : mapping of str to float
            Its metrics.
        """
        self._lock.check()
        self.write_metrics(epoch, metrics)
        identity = new_id()
        try:
            yield LiveRun(self.path, epoch, arrays, identity)
        finally:
            flush_epoch(self.path, epoch)  # the results could not be computed again
            write_tensors(self._dropped(epoch), {}, id_metadata(identity))

    def write_metrics(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Append one line of metrics, which is the first step of a snapshot. The last line of an epoch counts.

        If activations of an earlier snapshot of the epoch were dropped, their results become stale.
        """
        self._lock.check()
        self._forget_dropped(epoch)
        append_metrics(self._file(METRICS), epoch, metrics)

    def _forget_dropped(self, epoch: int) -> None:
        """Give dropped activations of an epoch another id, so that their results are stale."""
        if self._dropped(epoch).exists():
            write_tensors(self._dropped(epoch), {}, id_metadata(new_id()))

    def _dropped(self, epoch: int) -> Path:
        return inside(self.path, dropped_file(self.path, epoch))

    def _file(self, name: str) -> Path:
        return inside(self.path, self.path / name)

    def _begin(self, manifest: Manifest, probe: Mapping[str, NDArray]) -> None:
        self._file(EPOCHS).mkdir(exist_ok=True)
        self._clean()
        write_tensors(self._file(PROBE), probe, id_metadata(new_id()))
        self._write_manifest(manifest)

    def _continue(self, manifest: Manifest) -> None:
        path = self.path / MANIFEST
        existing = Manifest.read(path, read_file(self.path, path, MAX_MANIFEST_BYTES))
        for name in ("model", "layers", "probe_sha256", "classes", "dtype", "gradients"):
            if getattr(existing, name) != getattr(manifest, name):
                raise RunError(
                    f"store: {self.path} was recorded with another {name.removesuffix('_sha256')}, so it cannot be "
                    "continued; choose a new folder"
                )
        self._clean()
        updated = replace(manifest, versions={**existing.versions, **manifest.versions})
        if updated != existing:
            self._write_manifest(updated)

    def _write_manifest(self, manifest: Manifest) -> None:
        content = manifest.to_json().encode()
        atomic_write(self._file(MANIFEST), lambda temporary: temporary.write_bytes(content))

    def _clean(self) -> None:
        remove_leftovers([self.path, self.path / EPOCHS, self.path / WEIGHTS])


def _check_folder(path: Path) -> None:
    """Raise RunError if the folder is neither a run, nor empty, nor what an interrupted start leaves."""
    if not path.exists():
        return
    if not path.is_dir():
        raise RunError(f"store: {path} is a file; expected a folder for the run")
    names = {entry.name for entry in path.iterdir()}
    foreign = sorted(name for name in names - {PROBE, EPOCHS, LOCK} if not is_temporary(name))
    if foreign and MANIFEST not in names:
        raise RunError(f"store: {path} contains {foreign[0]!r} and is not a run; choose a new folder")
