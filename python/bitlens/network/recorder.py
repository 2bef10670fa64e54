"""The recorder: it writes a network's activations on a fixed probe into a run, epoch by epoch."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.arrays import NDArray, check_integer, describe
from bitlens.network.activations import collect
from bitlens.network.hooks import check_modules, default_modules
from bitlens.network.layers import describe_layers
from bitlens.network.probe import check_probe, class_names
from bitlens.runs import Manifest, Run, RunError, RunWriter, open_run
from bitlens.runs.layout import INPUT
from bitlens.runs.writer import probe_hash
from bitlens.runtime import build_info

_DTYPES = ("float32", "float16")


class Recorder:
    """Record a network while it trains, without changing its training.

    Every snapshot runs the probe through the model in evaluation mode and appends one epoch to the run. The model's
    modes and gradients and the random number generators are restored, and all hooks are removed.

    Parameters
    ----------
    model : torch.nn.Module
        Any module whose output is a tensor.
    store : path
        Folder of the run. An existing run is continued if it was recorded with the same model and probe.
    probe : (inputs, labels)
        Samples on which every snapshot runs the model. Axis 0 is the samples; the inputs have the form that the model
        expects. The labels are classes 0 to m - 1, or None.
    layers : sequence of str, optional
        Names of modules to record. Default: leaf modules that change the data (convolution, pooling, normalisation,
        activation, linear). The model's input and output are always recorded, as "input" and "output". Modules with
        these names are recorded as "module.input" and "module.output", and the second call of a module as "name#2".
    gradients : bool
        Whether to record also the gradient of each sample's cross-entropy at the output of every layer.
    dtype : {"float32", "float16"}
        Type in which activations are stored.
    classes : sequence of str, optional
        Names of the classes. Default: their indices.
    every : int
        Keep only the activations of epochs 0, every, 2 every, and so on. The metrics of all epochs are kept.
    measures : sequence of callables
        Functions that are called with the run after every snapshot, while the activations of the epoch exist, also
        at epochs that `every` leaves out: ``lambda run: bitlens.channel_entropies(run, "conv1")``.
    weights : sequence of int
        Epochs at which the model's parameters and buffers are also written, for measures that run the network, such as
        `layer_discarding`: ``range(0, 100, 10)``.
    channel_axis : mapping of str to int
        Axis of the channels in the outputs of layers, where the default is wrong. The default is axis 1 for
        convolutions, and the last axis for linear layers on tokens.
    show_size : bool
        Whether to print the size of one epoch before recording.

    Raises
    ------
    RunError
        If the folder contains something else or another run, another recorder has the run open, or a layer does not
        exist or cannot be recorded.
    TypeError, ValueError
        If the probe or another argument is not valid.

    Examples
    --------
    >>> import tempfile, torch, bitlens
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    >>> images, labels = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
    >>> with tempfile.TemporaryDirectory() as store:
    ...     with bitlens.Recorder(model, store, (images, labels), show_size=False) as recorder:
    ...         recorder.snapshot(0, loss=2.3)
    ...     run = bitlens.open_run(store)
    ...     [layer.name for layer in run.layers], run.activations("1", epoch=0).shape
    (['input', '0', '1', 'output'], (20, 4, 6, 6))
    """

    def __init__(
        self,
        model: nn.Module,
        store: str | os.PathLike[str],
        probe: tuple[Tensor | NDArray, Tensor | NDArray | None],
        layers: Sequence[str] | None = None,
        gradients: bool = False,
        dtype: str = "float32",
        *,
        classes: Sequence[str] | None = None,
        every: int = 1,
        measures: Sequence[Callable[[Run], object]] = (),
        weights: Sequence[int] = (),
        channel_axis: Mapping[str, int] | None = None,
        show_size: bool = True,
    ) -> None:
        if dtype not in _DTYPES:
            raise ValueError(f"dtype: expected one of {_DTYPES}, got {dtype!r}")
        self._model = model
        self._store = Path(store)
        self._dtype = dtype
        self._every = check_integer(every, "every")
        if self._every < 1:
            raise ValueError(f"every: expected at least 1, got {every}")
        self._measures = tuple(measures)
        self._weights = frozenset(check_integer(epoch, "weights") for epoch in weights)
        self._inputs, self._labels = check_probe(probe)
        self._classes = class_names(self._labels, classes)
        if gradients and self._labels is None:
            raise ValueError("gradients: expected labels in the probe, got none; pass labels or gradients=False")
        self._gradients = gradients
        self._channel_axis = dict(channel_axis or {})
        self._require_all = layers is not None
        self._modules = default_modules(model) if layers is None else check_modules(model, layers)
        self._show_size = show_size
        self._writer: RunWriter | None = None

    def __enter__(self) -> Recorder:
        self._layers = describe_layers(self._model, self._inputs, self._modules, self._channel_axis, self._require_all)
        if self._gradients:
            self._check_logits()
        probe = {"inputs": self._inputs.numpy()}
        if self._labels is not None:
            probe["labels"] = self._labels.numpy()
        manifest = Manifest(
            model=type(self._model).__name__,
            layers=self._layers,
            samples=len(self._inputs),
            classes=self._classes,
            dtype=self._dtype,
            probe_sha256=probe_hash(probe),
            versions={
                "bitlens": str(build_info()["version"]),
                "torch": torch.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            gradients=self._gradients,
        )
        self._writer = RunWriter(self._store, manifest, probe)
        if self._show_size:
            print(f"bitlens: {self._store}: {self.bytes_per_epoch / 2**20:.1f} MiB per epoch", file=sys.stderr)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    @property
    def epochs(self) -> list[int]:
        """Epochs with recorded activations, to continue a training."""
        return self._open_writer().epochs

    @property
    def bytes_per_epoch(self) -> int:
        """Size of the activations of one epoch on disk, without the file header."""
        self._open_writer()
        values = sum(int(np.prod(layer.shape)) for layer in self._layers if layer.name != INPUT)
        copies = 2 if self._gradients else 1
        return copies * values * len(self._inputs) * np.dtype(self._dtype).itemsize

    def snapshot(self, epoch: int, **metrics: float) -> None:
        """Record the network in its present state.

        Parameters
        ----------
        epoch : int
            Number of the epoch; 0 is before training. The epoch must not be recorded yet.
        **metrics : float
            Numbers to write with the epoch, such as loss=... and accuracy=...
        """
        writer = self._open_writer()
        number = check_integer(epoch, "epoch")
        if number < 0:
            raise ValueError(f"epoch: expected 0 or more, got {number}")
        if number in writer.epochs:
            raise RunError(f"epoch: {number} is already recorded in {self._store}; recorded epochs: {writer.epochs}")
        values = {name: _number(value, name) for name, value in metrics.items()}
        if number in self._weights:
            writer.write_weights(number, self._parameters())
        key_frame = number % self._every == 0
        if not key_frame and not self._measures:
            writer.write_metrics(number, values)
            return
        labels = self._labels if self._gradients else None
        activations = collect(self._model, self._modules, self._layers, self._inputs, labels, self._dtype)
        # The metrics are written first, because an epoch is recorded once its file of activations exists: readers then
        # see it, and a second snapshot of it is refused. If the process ends between the two writes, the epoch is not
        # recorded, a resumed training takes its snapshot again, and the later line of metrics counts. In the other
        # order, the epoch would be recorded without metrics, and nothing could add them.
        writer.write_metrics(number, values)
        writer.write_epoch(number, activations)
        try:
            run = open_run(self._store)
            for measure in self._measures:
                measure(run)
        finally:
            if not key_frame:
                writer.drop_epoch(number)

    def _parameters(self) -> dict[str, NDArray]:
        parameters = {}
        for name, tensor in self._model.state_dict().items():
            if not isinstance(tensor, Tensor) or tensor.dtype == torch.bfloat16:
                raise TypeError(f"weights: expected storable tensors, got {describe(tensor)} for {name}; omit weights")
            parameters[name] = tensor.detach().cpu().numpy()
        return parameters

    def _check_logits(self) -> None:
        shape, classes = self._layers[-1].shape, len(self._classes)
        if len(shape) != 1 or shape[0] < classes:
            raise ValueError(
                f"gradients: expected one output for each of {classes} classes for the loss, got shape {shape}"
            )

    def _open_writer(self) -> RunWriter:
        if self._writer is None:
            raise RuntimeError("the recorder is not open; use it in a with statement")
        return self._writer


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None
