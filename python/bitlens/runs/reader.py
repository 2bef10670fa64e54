"""Reading a run, also while it is being recorded."""

from __future__ import annotations

import os
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
from bitlens.runs.metrics import read_metrics
from bitlens.runs.result_store import ResultStore
from bitlens.runs.selection import Slice
from bitlens.runs.sources import file_id

if TYPE_CHECKING:
    from bitlens.runs.selection import Choice

_SOURCE_FOLDERS = {"epoch": EPOCHS, "weights": WEIGHTS}


def open_run(store: str | os.PathLike[str]) -> Run:
    """Open a recorded run.

    The run may still be recording: only complete epochs are read, and later ones appear as they are completed.

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
        If the folder is not a run, its manifest is damaged, or it was written by a newer bitlens.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.open_run("demo-run")  # written by `bitlens demo`
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
            raise RunError(
                f"{self.path} is not a bitlens run: {MANIFEST} is missing (recording may have been interrupted)"
            )
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
        """Epochs with complete activations, ascending; the folder is read at every access."""
        return recorded_epochs(self.path)

    @property
    def weight_epochs(self) -> list[int]:
        """Epochs with recorded weights, ascending; the folder is read at every access."""
        return recorded_epochs(self.path, WEIGHTS)

    @cached_property
    def inputs(self) -> NDArray:
        """The probe's inputs, as the model received them."""
        return self._read(self.path / PROBE, "inputs")

    @cached_property
    def labels(self) -> NDArray | None:
        """The class of every sample of the probe, int64 [n]; None if the probe has no labels."""
        return self._read(self.path / PROBE, "labels") if self.classes else None

    @property
    def metrics(self) -> dict[int, dict[str, float]]:
        """The metrics of every epoch, also of those whose activations were not kept.

        A damaged line, such as one that a full disk has cut off, is left out with a warning.
        """
        return read_metrics(self.path / METRICS)

    def layer(self, name: str) -> Layer:
        """The layer of a name; a module's name stands for its layer."""
        by_name = {layer.name: layer for layer in self.layers}
        by_module = {layer.module: layer for layer in self.layers}
        for layers in (by_name, by_module):
            if name and name in layers:
                return layers[name]
        raise RunError(f"layer: no layer {name!r} in {self.path}; it has {[layer.name for layer in self.layers]}")

    def evenly_spaced_samples(self, limit: int, label: Choice[int | str] = None) -> list[int]:
        """At most `limit` samples of the probe, or of some classes, evenly spaced through them."""
        count = check_integer(limit, "limit")
        if count < 1:
            raise ValueError(f"limit: expected at least 1, got {count}")
        samples = self.slice(label=label).samples.values
        spaced = np.unique(np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(np.int64))
        return [samples[i] for i in spaced]

    def activations(
        self, layer: str, epoch: int, *, channels: Sequence[int] | None = None, gradients: bool = False
    ) -> NDArray:
        """The output of a layer for every sample of the probe.

        Parameters
        ----------
        layer : str
            Name of the layer.
        epoch : int
            A recorded epoch. It does not matter for the input.
        channels : sequence of int, optional
            Read only these channels from disk. Default: all.
        gradients : bool
            Return the gradient of each sample's loss with respect to the layer's output instead, if it was recorded.

        Returns
        -------
        array of shape (n, channels, ...)
            The type is the recorded one, float16 or float32. The input is converted to floats.

        Raises
        ------
        RunError
            If the layer, the epoch or a channel is not in the run, or the file is damaged.
        """
        entry = self.layer(layer)
        if channels is not None and not all(0 <= c < entry.channels for c in channels):
            raise RunError(f"channels: layer {layer!r} has channels 0 to {entry.channels - 1}, got {list(channels)}")
        if entry.name == INPUT and not gradients:
            values = np.moveaxis(self.inputs, entry.channel_axis, 1)
            if values.dtype.kind in "iub":  # estimators take bytes for bin codes
                values = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
            return values if channels is None else values[:, list(channels)]
        path = epoch_file(self.path, epoch)
        if not path.exists():
            raise RunError(f"epoch: no activations of epoch {epoch} in {self.path}; there are {self.epochs}")
        return self._read(path, (GRADIENT_PREFIX if gradients else "") + entry.name, channels)

    def weights(self, epoch: int) -> dict[str, NDArray]:
        """The network's parameters and buffers by their names, at one of `weight_epochs`."""
        path = weights_file(self.path, epoch)
        if not path.exists():
            recorded = f"recorded: {self.weight_epochs}" if self.weight_epochs else "record with weights=[...]"
            raise RunError(f"epoch: the weights of epoch {epoch} are not in {self.path}; {recorded}")
        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise RunError(f"{path} is damaged: {error}") from None

    def source(self, kind: str, epoch: int) -> str | None:
        """The id of a recorded file, to save with the results measured from it; None if the file is absent.

        Ask for the id before the file is read: if the file is replaced meanwhile, the result then counts as stale.

        Parameters
        ----------
        kind : {"epoch", "weights", "probe"}
            Activations of an epoch, weights of an epoch, or the probe.
        epoch : int
            The epoch. It does not matter for the probe.
        """
        if kind in _SOURCE_FOLDERS:  # a Path would take longer than the rest, and loading asks once per result
            identity = file_id(f"{self.path}/{_SOURCE_FOLDERS[kind]}/{epoch:04d}.safetensors")
        elif kind == "probe":
            identity = file_id(f"{self.path}/{PROBE}")
        else:
            raise ValueError(f"kind: expected 'epoch', 'weights' or 'probe', got {kind!r}")
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
        """A part of the run: dCNN(x, l, c, t) of the paper. Nothing is read from disk yet.

        Every argument may be one value, whose axis is dropped, or a list or a slice. Without it, all are chosen.

        Parameters
        ----------
        label : class names or numbers
            x: the samples of these classes.
        sample : sample numbers
            x: these samples of the probe. With `label`, only those that are also of these classes.
        layer : names or numbers
            l: 0 is the input, -1 the output.
        channel : channel numbers
            c: the channels of the layer.
        epoch : epoch numbers
            t: a slice takes the recorded epochs from its start up to, but without, its stop.
        """
        return Slice.of(self, label=label, sample=sample, layer=layer, channel=channel, epoch=epoch)

    @staticmethod
    def _read(path: Path, name: str, channels: Sequence[int] | None = None) -> NDArray:
        try:
            with safe_open(path, framework="numpy") as file:
                if name not in file.keys():  # noqa: SIM118, not a mapping
                    raise RunError(f"{path} does not contain {name!r}")
                if channels is None:
                    return np.asarray(file.get_tensor(name))
                if not len(channels):
                    raise RunError("channels: expected at least one")
                part: Any = file.get_slice(name)[:, min(channels) : max(channels) + 1]
                return np.asarray(part)[:, np.asarray(channels) - min(channels)]
        except SafetensorError as error:
            raise RunError(f"{path} is damaged: {error}") from None
