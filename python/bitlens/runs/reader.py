"""Reading a run, also while it is being recorded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bitlens.arrays import NDArray, check_integer
from bitlens.runs import probe_file
from bitlens.runs.layout import (
    EPOCHS,
    GRADIENT_PREFIX,
    INPUT,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    METRICS,
    PROBE,
    WEIGHTS,
    Layer,
    Manifest,
    RunError,
    epoch_file,
    weights_file,
)
from bitlens.runs.metrics import read_metrics
from bitlens.runs.remote import RemotePath, place_of
from bitlens.runs.result_store import ResultStore
from bitlens.runs.run_files import inside, read_file, recorded_epochs
from bitlens.runs.selection import Slice
from bitlens.runs.sources import file_id
from bitlens.runs.tensor_file import TensorFile

if TYPE_CHECKING:
    from bitlens.runs.selection import Choice

_SOURCE_FOLDERS = {"epoch": EPOCHS, "weights": WEIGHTS}


def open_run(store: str | os.PathLike[str]) -> Run:
    """Open a recorded run.

    The run may still be recording: only complete epochs are read, and later ones appear as they are completed.

    Parameters
    ----------
    store : path or str
        The run's folder, or a URL that fsspec can open, such as ``"s3://bucket/my-run"`` or
        ``"zip://my-run::file:///data/runs.zip"``. A run at a URL is read only: results of measures are not stored.

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
        self.path = place_of(store)
        manifest = self.path / MANIFEST
        try:
            content = read_file(self.path, manifest, MAX_MANIFEST_BYTES)
        except FileNotFoundError:
            raise RunError(
                f"{self.path} is not a bitlens run: {MANIFEST} is missing (recording may have been interrupted)"
            ) from None
        self.manifest = Manifest.read(manifest, content)
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

    @property
    def has_inputs(self) -> bool:
        """Whether the probe's inputs were recorded; runs of stored arrays may be without them."""
        return any(layer.name == INPUT for layer in self.layers)

    @cached_property
    def inputs(self) -> NDArray:
        """The first input of the probe, as the model received it; RunError if the run is without inputs."""
        return probe_file.read_inputs(self.path, self.manifest)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of all inputs of the model: the keys of a dict, the numbers of a tuple, or "inputs" for one tensor."""
        return probe_file.input_names(self.path, self.manifest)

    @cached_property
    def model_inputs(self) -> probe_file.ModelInputs:
        """All inputs of the model: an array, or a tuple or dict of arrays as in the probe. The first one is `inputs`.

        RunError if they are not stored: where tokens are samples, a run has the values of these tokens alone.
        """
        return probe_file.read_model_inputs(self.path, self.manifest, self.inputs)

    @cached_property
    def labels(self) -> NDArray | None:
        """The class of every sample of the probe, int64 [n]; None if the probe has no labels."""
        return probe_file.read_labels(self.path, self.manifest)

    @cached_property
    def prompts(self) -> NDArray | None:
        """Where samples are tokens: the number of the prompt of each, int64 [n]; None where samples are whole."""
        return probe_file.read_prompts(self.path, self.manifest)

    @cached_property
    def texts(self) -> tuple[str, ...] | None:
        """The text of every sample, such as that of a token; None where none was recorded."""
        return probe_file.read_texts(self.path, self.manifest)

    @property
    def metrics(self) -> dict[int, dict[str, float]]:
        """The metrics of every epoch, also without kept activations; a damaged line is left out with a warning."""
        return read_metrics(self.path, self.path / METRICS)

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
        if channels is not None and not len(channels):
            raise RunError("channels: expected at least one")
        if entry.name == INPUT and not gradients:
            values = probe_file.as_input_activations(self.inputs, entry, self.manifest.samples, self.path)
            return values if channels is None else values[:, list(channels)]
        path, name = epoch_file(self.path, epoch), (GRADIENT_PREFIX if gradients else "") + entry.name
        try:
            with TensorFile(self.path, path) as file:
                file.entry(name, (self.manifest.samples, *entry.shape), self.manifest.dtype)
                return file.read(name) if channels is None else file.read_channels(name, channels)
        except FileNotFoundError:
            raise RunError(f"epoch: no activations of epoch {epoch} in {self.path}; there are {self.epochs}") from None

    def weights(self, epoch: int) -> dict[str, NDArray]:
        """The network's parameters and buffers by their names, at one of `weight_epochs`."""
        try:
            with TensorFile(self.path, weights_file(self.path, epoch)) as file:
                return {name: file.read(name) for name in file.entries}
        except FileNotFoundError:
            recorded = f"recorded: {self.weight_epochs}" if self.weight_epochs else "record with weights=[...]"
            raise RunError(f"epoch: the weights of epoch {epoch} are not in {self.path}; {recorded}") from None

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
        if kind != "probe" and kind not in _SOURCE_FOLDERS:
            raise ValueError(f"kind: expected 'epoch', 'weights' or 'probe', got {kind!r}")
        parts = (PROBE,) if kind == "probe" else (_SOURCE_FOLDERS[kind], f"{epoch:04d}.safetensors")
        identity = self._id_of(*parts)
        return identity and f"{kind}:{identity}"

    def _last_source(self, kind: str, epoch: int) -> str | None:
        """As `source`; where activations were dropped, the id that they had."""
        source = self.source(kind, epoch)
        if source is not None or kind != "epoch":
            return source
        identity = self._id_of(EPOCHS, f"{epoch:04d}.dropped")
        return identity and f"epoch:{identity}"

    def _id_of(self, *parts: str) -> str | None:
        path = "/".join((str(self.path), *parts))  # a Path would take longer, and loading asks once per result
        try:
            if isinstance(self.path, RemotePath):
                return file_id(self.path / "/".join(parts))
            if os.path.islink(path) or os.path.islink(os.path.dirname(path)):  # noqa: PTH114, PTH120, as above
                inside(self.path, path)
            return file_id(path)
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror or error}") from None

    def slice(
        self,
        *,
        label: Choice[int | str] = None,
        sample: Choice[int] = None,
        layer: Choice[int | str] = None,
        channel: Choice[int] = None,
        epoch: Choice[int] = None,
    ) -> Slice:
        """A part of the run: dCNN(x, l, c, t) of the paper. No activations are read from disk yet.

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
        # The check comes before axes of the manifest's sizes are made.
        probe_file.open_probe(self.path, self.manifest).close()
        return Slice.of(self, label=label, sample=sample, layer=layer, channel=channel, epoch=epoch)
