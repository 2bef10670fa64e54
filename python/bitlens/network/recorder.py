"""The recorder: a network's activations on a fixed probe, epoch by epoch, into a run."""

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

from bitlens.arrays import NDArray, describe, integer
from bitlens.machine import build_info
from bitlens.network.receptive_field import receptive_fields
from bitlens.network.tracing import (
    channel_axis_of,
    check_modules,
    default_modules,
    device_of,
    kind_of,
    listening,
    undisturbed,
)
from bitlens.runs import Layer, Manifest, ReceptiveField, Run, RunError, RunWriter, open_run
from bitlens.runs.layout import GRADIENT_PREFIX, INPUT, OUTPUT
from bitlens.runs.writer import probe_hash

_BATCH = 256
_DTYPES = ("float32", "float16")


class Recorder:
    """Records a network while it trains, without changing its training.

    Every snapshot runs the probe through the model in evaluation mode and appends one epoch to the run. The model's
    modes, gradients and random numbers are left as they were, and nothing stays attached to it.

    Parameters
    ----------
    model : torch.nn.Module
        Any module whose output is a tensor.
    store : path
        Folder of the run. A run that is there is continued, if it was recorded with the same model and probe.
    probe : (inputs, labels)
        Samples that every snapshot looks at, along the first axis, as the model takes them; labels are classes 0 to
        m - 1, or None.
    layers : sequence of str, optional
        Names of modules to record. Default: leaf modules that change the data (convolution, pooling, normalisation,
        activation, linear). The input and the model's output are always recorded.
    gradients : bool
        Whether to record the gradient of each sample's cross-entropy at every layer's output as well.
    dtype : {"float32", "float16"}
        What activations are stored as.
    classes : sequence of str, optional
        Names of the classes. Default: their numbers.
    every : int
        Keep the activations of epochs 0, every, 2 every, ... only; metrics are kept of all.
    measures : sequence of callables
        Called with the run after every snapshot, when its activations are still there, also at epochs that `every`
        leaves out: ``lambda run: bitlens.channel_information(run, "conv1")``.
    channel_axis : mapping of str to int
        Where a layer's output has its channels, for layers where that is not clear from the module: axis 1 for
        convolutions, the last for linear layers on tokens.

    Raises
    ------
    RunError, TypeError, ValueError
        If the folder holds something else, or the probe, layers or dtype do not fit.

    Examples
    --------
    >>> import tempfile, torch, bitlens
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 10))
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
        channel_axis: Mapping[str, int] | None = None,
        show_size: bool = True,
    ) -> None:
        if dtype not in _DTYPES:
            raise ValueError(f"dtype: expected one of {_DTYPES}, got {dtype!r}")
        self._model = model
        self._store = Path(store)
        self._dtype = dtype
        self._every = integer(every, "every")
        if self._every < 1:
            raise ValueError(f"every: expected at least 1, got {every}")
        self._measures = tuple(measures)
        self._inputs, self._labels = _probe(*probe)
        self._classes = _classes(self._labels, classes)
        if gradients and self._labels is None:
            raise ValueError("gradients: the loss needs labels in the probe")
        self._gradients = gradients
        self._channel_axis = dict(channel_axis or {})
        self._chosen = layers is not None
        self._modules = default_modules(model) if layers is None else check_modules(model, layers)
        self._show_size = show_size
        self._writer: RunWriter | None = None

    def __enter__(self) -> Recorder:
        self._layers, self._axes = self._trace()
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
            print(f"bitlens: {self._store}: {self.bytes_per_epoch / 2**20:.1f} MiB an epoch", file=sys.stderr)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer = None

    @property
    def epochs(self) -> list[int]:
        """Epochs that the run has already, for a training that goes on."""
        return self._open_writer().epochs

    @property
    def bytes_per_epoch(self) -> int:
        """What the activations of one epoch take on disk."""
        values = sum(int(np.prod(layer.shape)) for layer in self._layers if layer.name != INPUT)
        copies = 2 if self._gradients else 1
        return copies * values * len(self._inputs) * np.dtype(self._dtype).itemsize

    def snapshot(self, epoch: int, **metrics: float) -> None:
        """Record the network as it is now.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0 (before training) on; one that is not recorded yet.
        **metrics : float
            Numbers to keep with the epoch: loss=..., accuracy=...
        """
        writer = self._open_writer()
        number = integer(epoch, "epoch")
        if number < 0:
            raise ValueError(f"epoch: expected 0 or more, got {number}")
        if number in writer.epochs:
            raise RunError(f"epoch: {number} is already recorded in {self._store}; recorded: {writer.epochs}")
        values = {name: _number(value, name) for name, value in metrics.items()}
        key_frame = number % self._every == 0
        # Metrics first: an epoch whose activations are complete then always has its metrics.
        writer.write_metrics(number, values)
        if not key_frame and not self._measures:
            return
        writer.write_epoch(number, self._collect())
        run = open_run(self._store)
        for measure in self._measures:
            measure(run)
        if not key_frame:
            writer.drop_epoch(number)

    def _open_writer(self) -> RunWriter:
        if self._writer is None:
            raise RuntimeError("the recorder is not open: use it in a with statement")
        return self._writer

    def _trace(self) -> tuple[tuple[Layer, ...], dict[str, int]]:
        """Learn from a pass of two samples what the layers are, in the order in which they run."""
        heard: dict[str, tuple[nn.Module, Tensor]] = {}

        def listener(name: str, module: nn.Module, tensor: Tensor) -> None:
            heard[name] = (module, tensor)

        with undisturbed(self._model), torch.no_grad(), listening(self._model, self._modules, listener):
            x = self._inputs[:2].clone().to(device_of(self._model))
            output = self._model(x)
        if not isinstance(output, Tensor):
            raise TypeError(f"model: expected a module that gives a tensor, got {type(output).__name__}")
        silent = [name for name in self._modules if name not in heard]
        if silent and self._chosen:
            raise RunError(f"layers: {silent[0]!r} gives no tensor in the forward pass")

        fields = self._receptive_fields()
        axes: dict[str, int] = {}
        layers = [self._layer(INPUT, "input", self._inputs, "", axes, self._channel_axis.get(INPUT, 1), None)]
        previous = (x.ndim, self._channel_axis.get(INPUT, 1))
        output_module, output_kind = "", "output"
        last = next(reversed(heard), None)
        for name, (module, tensor) in heard.items():
            axis = self._channel_axis.get(name, channel_axis_of(module, tensor, previous))
            previous = (tensor.ndim, axis)
            if (
                name == last and tensor is output
            ):  # the model ends in this module: one record, under the name of the output
                output_module, output_kind = name, kind_of(module)
                continue
            layers.append(self._layer(name, kind_of(module), tensor, name, axes, axis, fields.get(name)))
        axis = self._channel_axis.get(OUTPUT, previous[1] if output.ndim == previous[0] else 1)
        layers.append(self._layer(OUTPUT, output_kind, output, output_module, axes, axis, fields.get(output_module)))
        return tuple(layers), axes

    def _layer(
        self,
        name: str,
        kind: str,
        tensor: Tensor,
        module: str,
        axes: dict[str, int],
        axis: int,
        field: ReceptiveField | None,
    ) -> Layer:
        if tensor.ndim == 1:
            tensor = tensor[:, None]
        if not 0 < axis < tensor.ndim:
            raise ValueError(f"channel_axis: {name!r} has axes 1 to {tensor.ndim - 1} beside its samples, got {axis}")
        axes[name] = axis
        return Layer(name, kind, tuple(tensor.movedim(axis, 1).shape[1:]), module, field)

    def _receptive_fields(self) -> dict[str, ReceptiveField]:
        if self._inputs.ndim < 3 or not self._inputs.is_floating_point() or self._channel_axis.get(INPUT, 1) != 1:
            return {}
        return receptive_fields(self._model, self._inputs.shape[1:], self._modules)

    def _collect(self) -> dict[str, NDArray]:
        """Run the probe through the model, batch by batch, into one array a layer."""
        n = len(self._inputs)
        recorded = [layer for layer in self._layers if layer.name != INPUT]
        prefixes = ("", GRADIENT_PREFIX) if self._gradients else ("",)
        arrays = {p + layer.name: np.empty((n, *layer.shape), self._dtype) for layer in recorded for p in prefixes}
        names = [layer.name for layer in recorded if layer.name != OUTPUT]
        device = device_of(self._model)
        heard: dict[str, Tensor] = {}

        # What is heard must stay as it is though an in-place activation may follow, so that works on a copy.
        def listener(name: str, _module: nn.Module, tensor: Tensor) -> Tensor:
            heard[name] = tensor
            return tensor.clone()

        with (
            undisturbed(self._model),
            torch.set_grad_enabled(self._gradients),
            listening(self._model, self._modules, listener),
        ):
            for first in range(0, n, _BATCH):
                batch = slice(first, min(first + _BATCH, n))
                heard.clear()
                inputs = self._inputs[batch].clone().to(device)
                if self._gradients and inputs.is_floating_point():
                    inputs = inputs.requires_grad_()  # a frozen model has gradients at its layers all the same
                output = self._model(inputs)
                tensors = {name: heard[name] for name in names} | {OUTPUT: output}
                for name, tensor in tensors.items():
                    arrays[name][batch] = self._stored(name, tensor)
                if self._gradients:
                    for name, gradient in self._loss_gradients(tensors, batch, device).items():
                        arrays[GRADIENT_PREFIX + name][batch] = self._stored(name, gradient)
        return arrays

    def _loss_gradients(self, tensors: dict[str, Tensor], batch: slice, device: torch.device) -> dict[str, Tensor]:
        assert self._labels is not None  # checked when the recorder was made
        # The sum over samples gives each sample the gradient of its own loss.
        loss = nn.functional.cross_entropy(tensors[OUTPUT], self._labels[batch].to(device), reduction="sum")
        gradients = torch.autograd.grad(loss, list(tensors.values()), allow_unused=True)
        return {
            name: torch.zeros_like(tensor) if gradient is None else gradient
            for (name, tensor), gradient in zip(tensors.items(), gradients, strict=True)
        }

    def _stored(self, name: str, tensor: Tensor) -> NDArray:
        tensor = tensor.detach()
        if tensor.ndim == 1:
            tensor = tensor[:, None]
        values = tensor.movedim(self._axes[name], 1).to(device="cpu", dtype=torch.float32).numpy()
        if self._dtype == "float16" and np.isfinite(values).all() and np.abs(values).max() > np.finfo(np.float16).max:
            raise ValueError(
                f"dtype: layer {name!r} has values up to {np.abs(values).max():.3g}, which float16 cannot hold; record "
                "with dtype='float32'"
            )
        return values


def _probe(inputs: Any, labels: Any) -> tuple[Tensor, Tensor | None]:
    for value, name in ((inputs, "inputs"), (labels, "labels")):
        if not isinstance(value, (Tensor, np.ndarray)) and not (value is None and name == "labels"):
            raise TypeError(f"probe: expected {name} as a tensor or an array, got {describe(value)}")
    x = torch.as_tensor(inputs).detach().cpu().contiguous()
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"probe: expected inputs of shape (samples, ...), got {tuple(x.shape)}")
    if labels is None:
        return x, None
    y = torch.as_tensor(labels).detach().cpu()
    if y.is_floating_point() or y.is_complex():
        raise TypeError(f"probe: expected integer labels, got {y.dtype}")
    if y.shape != (len(x),):
        raise ValueError(f"probe: expected {len(x)} labels, got shape {tuple(y.shape)}")
    if y.min() < 0:
        raise ValueError(f"probe: expected labels from 0 on, got {int(y.min())}")
    return x, y.to(torch.int64).contiguous()


def _classes(labels: Tensor | None, names: Sequence[str] | None) -> tuple[str, ...]:
    if labels is None:
        if names is not None:
            raise ValueError("classes: the probe has no labels")
        return ()
    count = int(labels.max()) + 1
    if names is None:
        return tuple(str(i) for i in range(count))
    if len(names) < count:
        raise ValueError(f"classes: expected names for {count} classes, got {len(names)}")
    return tuple(str(name) for name in names)


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None
