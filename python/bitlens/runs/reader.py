"""The reading side: a run as it stands, also while it is being written."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from bitlens.arrays import NDArray, check_integer
from bitlens.runs.layout import (
    EPOCHS,
    GRADIENT_PREFIX,
    INPUT,
    MANIFEST,
    METRICS,
    PROBE,
    WEIGHTS,
    Layer,
    Manifest,
    RunError,
    epoch_file,
    recorded_epochs,
    weights_file,
)
from bitlens.runs.result_store import ResultStore
from bitlens.runs.selection import Slice
from bitlens.runs.sources import file_id

if TYPE_CHECKING:
    from bitlens.runs.selection import Choice

_SOURCE_FILES = {
    "epoch": f"{EPOCHS}/{{:04d}}.safetensors",
    "weights": f"{WEIGHTS}/{{:04d}}.safetensors",
    "probe": PROBE,
}


def open_run(store: str | os.PathLike[str]) -> Run:
    """Open a recorded run.

    It may still be written to: what is read are complete epochs only, and new ones show as they come.

    Parameters
    ----------
    store : path
        The run's folder.

    Returns
    -------
    Run

    Raises
    ------
    RunError
        If there is no run, its manifest is damaged, or it was written by a newer bitlens.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.open_run("demo-run")  # what `bitlens demo` has written
    >>> run.epochs, run.layer("conv1").shape
    ([0, 1], (6, 8, 8))
    >>> run.slice(label=0, layer="conv1", channel=3, epoch=1).array().shape
    (27, 8, 8)
    >>> bitlens.open_run("no-such-run")
    Traceback (most recent call last):
        ...
    bitlens.runs.layout.RunError: no-such-run: there is no such folder
    """
    return Run(store)


class Run:
    """A recorded run; `open_run` opens one.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.Run("demo-run")
    >>> run.layers[1].name, run.layers[1].kind, run.layers[1].receptive_field.box(0, 3)
    ('conv1', 'convolution', ((0, 3), (1, 6)))
    >>> run.activations("pool1", epoch=1, channels=[2, 5]).shape
    (359, 2, 4, 4)
    """

    def __init__(self, store: str | os.PathLike[str]) -> None:
        self.path = Path(store)
        if not self.path.is_dir():
            raise RunError(f"{self.path}: there is no such folder")
        manifest = self.path / MANIFEST
        if not manifest.is_file():
            raise RunError(f"{self.path} holds no {MANIFEST}: it is no run, or its recording was cut off at the start")
        self.manifest = Manifest.read(manifest)
        self.results = ResultStore(self.path, self._last_source)

    def __repr__(self) -> str:
        return f"<Run {self.path}: {self.manifest.model}, {len(self.layers)} layers, {len(self.epochs)} epochs>"

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The recorded layers, from the input to the output."""
        return self.manifest.layers

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty where the probe has no labels."""
        return self.manifest.classes

    @property
    def epochs(self) -> list[int]:
        """Epochs with complete activations, ascending; looked up anew each time."""
        return recorded_epochs(self.path)

    @property
    def weight_epochs(self) -> list[int]:
        """Epochs whose weights were kept, ascending; looked up anew each time."""
        return recorded_epochs(self.path, WEIGHTS)

    @cached_property
    def inputs(self) -> NDArray:
        """The probe's inputs, as the model was given them."""
        return self._read(self.path / PROBE, "inputs")

    @cached_property
    def labels(self) -> NDArray | None:
        """The probe's classes, int64 [n]; None where they are not known."""
        return self._read(self.path / PROBE, "labels") if self.classes else None

    @property
    def metrics(self) -> dict[int, dict[str, float]]:
        """The metrics of every epoch, also of those whose activations were not kept.

        A damaged line, such as one that a full disk has cut off, is left out with a warning.
        """
        path = self.path / METRICS
        if not path.exists():
            return {}
        lines = path.read_bytes().split(b"\n")[:-1]  # a line that is still being written has no end
        rows: dict[int, dict[str, float]] = {}
        damaged = []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):  # not JSON, or not UTF-8
                row = None
            if isinstance(row, dict) and type(row.get("epoch")) is int:
                rows[row.pop("epoch")] = row
            else:
                damaged.append(number)
        if damaged:
            warnings.warn(f"{path} is damaged at lines {damaged}; their metrics are left out", stacklevel=2)
        return dict(sorted(rows.items()))

    def layer(self, name: str) -> Layer:
        """A layer by its name, or by its module's."""
        for found in ({layer.name: layer for layer in self.layers}, {layer.module: layer for layer in self.layers}):
            if name and name in found:
                return found[name]
        raise RunError(f"layer: no layer {name!r} in {self.path}; it has {[layer.name for layer in self.layers]}")

    def evenly_spaced_samples(self, limit: int, label: Choice[int | str] = None) -> list[int]:
        """At most `limit` samples of the probe, or of some classes, evenly spaced through them."""
        count = check_integer(limit, "limit")
        if count < 1:
            raise ValueError(f"limit: expected at least 1, got {count}")
        found = self.slice(label=label).samples.values
        spaced = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(np.int64))
        return [found[i] for i in spaced]

    def activations(
        self, layer: str, epoch: int, *, channels: Sequence[int] | None = None, gradients: bool = False
    ) -> NDArray:
        """What a layer gave for every sample of the probe.

        Parameters
        ----------
        layer : str
            Name of the layer.
        epoch : int
            A recorded epoch; any, for the input.
        channels : sequence of int, optional
            Only these are read from disk.
        gradients : bool
            The gradients of each sample's loss at the layer's output instead, where they were recorded.

        Returns
        -------
        array of shape (n, channels, ...)
            As stored, float16 or float32; the input as floats.
        """
        found = self.layer(layer)
        if channels is not None and not all(0 <= c < found.channels for c in channels):
            raise RunError(f"channels: layer {layer!r} has channels 0 to {found.channels - 1}, got {list(channels)}")
        if found.name == INPUT and not gradients:
            values = np.moveaxis(self.inputs, found.channel_axis, 1)
            if values.dtype.kind in "iub":  # bytes would be taken for codes
                values = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
            return values if channels is None else values[:, list(channels)]
        path = epoch_file(self.path, epoch)
        if not path.exists():
            raise RunError(f"epoch: no activations of epoch {epoch} in {self.path}; there are {self.epochs}")
        return self._read(path, (GRADIENT_PREFIX if gradients else "") + found.name, channels)

    def weights(self, epoch: int) -> dict[str, NDArray]:
        """The network's parameters and buffers by their names, at one of `weight_epochs`."""
        path = weights_file(self.path, epoch)
        if not path.exists():
            kept = f"there are those of {self.weight_epochs}" if self.weight_epochs else "none were kept"
            raise RunError(f"epoch: no weights of epoch {epoch} in {self.path}; {kept}")
        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise RunError(f"{path} is damaged: {error}") from None

    def source(self, kind: str, epoch: int) -> str | None:
        """The id of a recorded file, which a result of it is saved with; None if the file is absent.

        Take it before the file is read: if the file is replaced meanwhile, the result is then stale rather than wrong.

        Parameters
        ----------
        kind : {"epoch", "weights", "probe"}
            Activations of an epoch, weights of an epoch, or the probe.
        epoch : int
            The epoch; any, for the probe.
        """
        if kind not in _SOURCE_FILES:
            raise ValueError(f"kind: expected one of {list(_SOURCE_FILES)}, got {kind!r}")
        identity = file_id(f"{self.path}/{_SOURCE_FILES[kind].format(epoch)}")
        return identity and f"{kind}:{identity}"

    def _last_source(self, kind: str, epoch: int) -> str | None:
        """As `source`; where activations were dropped, the id that they had."""
        source = self.source(kind, epoch)
        if source is not None or kind != "epoch":
            return source
        identity = file_id(f"{self.path}/{EPOCHS}/{epoch:04d}.dropped")
        return identity and f"epoch:{identity}"

    def slice(
        self,
        *,
        label: Choice[int | str] = None,
        sample: Choice[int] = None,
        layer: Choice[int | str] = None,
        channel: Choice[int] = None,
        epoch: Choice[int] = None,
    ) -> Slice:
        """The paper's dCNN(x, l, c, t): a part of the cube, nothing of it read yet.

        Every argument may be left out (all), one value (its axis goes away), a list or a slice.

        Parameters
        ----------
        label : class names or numbers
            x: samples of these classes.
        sample : sample numbers
            x: these samples of the probe; with `label`, those that are both.
        layer : names or numbers
            l: 0 is the input, -1 the output.
        channel : channel numbers
            c.
        epoch : epoch numbers
            t; a slice takes the recorded epochs from its start to before its stop.
        """
        return Slice.of(self, label=label, sample=sample, layer=layer, channel=channel, epoch=epoch)

    @staticmethod
    def _read(path: Path, name: str, channels: Sequence[int] | None = None) -> NDArray:
        try:
            with safe_open(path, framework="numpy") as file:
                if name not in file.keys():  # noqa: SIM118, not a mapping
                    raise RunError(f"{path} holds no {name!r}")
                if channels is None:
                    return np.asarray(file.get_tensor(name))
                if not len(channels):
                    raise RunError("channels: expected at least one")
                part: Any = file.get_slice(name)[:, min(channels) : max(channels) + 1]
                return np.asarray(part)[:, np.asarray(channels) - min(channels)]
        except SafetensorError as error:
            raise RunError(f"{path} is damaged: {error}") from None
