"""The writing side: everything appears whole or not at all, so a process may be killed at any moment."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from bitlens.arrays import NDArray
from bitlens.runs.layout import (
    EPOCHS,
    MANIFEST,
    METRICS,
    PROBE,
    RESULTS,
    WEIGHTS,
    Manifest,
    RunError,
    atomic_write,
    epoch_file,
    is_temporary,
    recorded_epochs,
    weights_file,
)


def probe_hash(probe: Mapping[str, NDArray]) -> str:
    """SHA-256 of the probe's arrays: runs of equal hash have seen the same samples."""
    digest = hashlib.sha256()
    for name in sorted(probe):
        array = np.ascontiguousarray(probe[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


class RunWriter:
    """Begins a run, or continues one that was cut off or ended.

    Parameters
    ----------
    store : path
        Folder of the run; made if it does not exist. A folder that holds something else is refused.
    manifest : Manifest
        What will be recorded; a run to be continued must have recorded the same.
    probe : mapping of str to array
        "inputs" and, where known, "labels".
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

    def write_epoch(self, epoch: int, tensors: Mapping[str, NDArray]) -> None:
        """Append the activations of one epoch; they are never overwritten."""
        path = epoch_file(self.path, epoch)
        if path.exists():
            raise RunError(f"epoch {epoch} is already recorded in {self.path}; recorded: {self.epochs}")
        # safetensors writes the memory of an array as it lies, whatever its strides.
        contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
        # Results of an epoch that was recorded, measured and dropped before are those of other activations.
        for stale in self.path.glob(f"{RESULTS}/*/*/{epoch:04d}.nc"):
            stale.unlink()
        atomic_write(path, lambda temporary: save_file(contiguous, temporary))

    def write_weights(self, epoch: int, weights: Mapping[str, NDArray]) -> None:
        """Keep the network's weights of one epoch, in place of those that a snapshot cut off may have left."""
        contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
        atomic_write(weights_file(self.path, epoch), lambda temporary: save_file(contiguous, temporary))

    def drop_epoch(self, epoch: int) -> None:
        """Remove an epoch's activations, once its measures are kept."""
        epoch_file(self.path, epoch).unlink()

    def write_metrics(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Append one line of metrics. The last line of an epoch counts."""
        line = json.dumps({"epoch": epoch, **metrics})
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _begin(self, manifest: Manifest, probe: Mapping[str, NDArray]) -> None:
        if self.path.exists():
            if not self.path.is_dir():
                raise RunError(f"store: {self.path} is a file; expected a folder for the run")
            # A start that was cut off has left nothing but these.
            foreign = [p.name for p in self.path.iterdir() if p.name not in (PROBE, EPOCHS) and not is_temporary(p)]
            if foreign:
                raise RunError(f"store: {self.path} holds {sorted(foreign)[0]!r} and is no run; choose a new folder")
        (self.path / EPOCHS).mkdir(parents=True, exist_ok=True)
        self._clean()
        contiguous = {name: np.ascontiguousarray(array) for name, array in probe.items()}
        atomic_write(self.path / PROBE, lambda temporary: save_file(contiguous, temporary))
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
        metrics = self.path / METRICS
        if metrics.exists():
            text = metrics.read_bytes()
            complete = text[: text.rfind(b"\n") + 1]
            if complete != text:
                atomic_write(metrics, lambda temporary: temporary.write_bytes(complete))
        updated = replace(manifest, versions={**existing.versions, **manifest.versions})
        if updated != existing:
            atomic_write(path, lambda temporary: temporary.write_text(updated.to_json(), "utf-8"))

    def _clean(self) -> None:
        for path in [
            *self.path.glob(".*.tmp"),
            *(p for room in (EPOCHS, WEIGHTS) for p in self.path.glob(f"{room}/.*.tmp")),
        ]:
            path.unlink(missing_ok=True)
