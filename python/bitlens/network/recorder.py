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

from bitlens.arrays import NDArray, check_integer, describe
from bitlens.network.hooks import capture_outputs, check_modules, default_modules, device_of, eval_mode
from bitlens.network.layers import describe_layers
from bitlens.network.probe import check_probe, class_names
from bitlens.runs import Layer, Manifest, Run, RunError, RunWriter, open_run
from bitlens.runs.layout import GRADIENT_PREFIX, INPUT, OUTPUT
from bitlens.runs.writer import probe_hash
from bitlens.runtime import build_info

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
        activation, linear). The input and the model's output are always recorded, as "input" and "output"; modules of
        these names as "module.input" and "module.output", and a module's second call as "name#2".
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
        leaves out: ``lambda run: bitlens.channel_entropies(run, "conv1")``.
    weights : sequence of int
        Epochs at which the model's parameters and buffers are kept as well, for measures that need the network itself,
        such as `layer_discarding`: ``range(0, 100, 10)``.
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
            raise ValueError("gradients: the loss needs labels in the probe")
        self._gradients = gradients
        self._channel_axis = dict(channel_axis or {})
        self._chosen = layers is not None
        self._modules = default_modules(model) if layers is None else check_modules(model, layers)
        self._show_size = show_size
        self._writer: RunWriter | None = None

    def __enter__(self) -> Recorder:
        self._layers = describe_layers(self._model, self._inputs, self._modules, self._channel_axis, self._chosen)
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
        self._open_writer()
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
        number = check_integer(epoch, "epoch")
        if number < 0:
            raise ValueError(f"epoch: expected 0 or more, got {number}")
        if number in writer.epochs:
            raise RunError(f"epoch: {number} is already recorded in {self._store}; recorded: {writer.epochs}")
        values = {name: _number(value, name) for name, value in metrics.items()}
        if number in self._weights:
            writer.write_weights(number, self._parameters())
        key_frame = number % self._every == 0
        if not key_frame and not self._measures:
            writer.write_metrics(number, values)
            return
        activations = self._collect()
        # Metrics first: an epoch whose activations are complete then always has its metrics.
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
        found = {}
        for name, tensor in self._model.state_dict().items():
            if not isinstance(tensor, Tensor) or tensor.dtype == torch.bfloat16:
                raise TypeError(f"weights: {name} is {describe(tensor)}, which cannot be kept; leave weights out")
            found[name] = tensor.detach().cpu().numpy()
        return found

    def _check_logits(self) -> None:
        shape, classes = self._layers[-1].shape, len(self._classes)
        if len(shape) != 1 or shape[0] < classes:
            raise ValueError(f"gradients: the loss needs one output for each of {classes} classes, got shape {shape}")

    def _open_writer(self) -> RunWriter:
        if self._writer is None:
            raise RuntimeError("the recorder is not open: use it in a with statement")
        return self._writer

    def _collect(self) -> dict[str, NDArray]:
        """Run the probe through the model, batch by batch, into one array a layer."""
        n = len(self._inputs)
        recorded = [layer for layer in self._layers if layer.name != INPUT]
        prefixes = ("", GRADIENT_PREFIX) if self._gradients else ("",)
        arrays = {p + layer.name: np.empty((n, *layer.shape), self._dtype) for layer in recorded for p in prefixes}
        device = device_of(self._model)
        heard: dict[str, Tensor] = {}

        # What is heard must stay as it is though an in-place activation may follow, so that works on a copy.
        def listener(name: str, _module: nn.Module, tensor: Tensor) -> Tensor:
            heard[name] = tensor
            return tensor.clone()

        with (
            eval_mode(self._model),
            torch.set_grad_enabled(self._gradients),
            capture_outputs(self._model, self._modules, listener),
        ):
            for first in range(0, n, _BATCH):
                batch = slice(first, min(first + _BATCH, n))
                heard.clear()
                inputs = self._inputs[batch].clone().to(device)
                if self._gradients and inputs.is_floating_point():
                    inputs = inputs.requires_grad_()  # a frozen model has gradients at its layers all the same
                output = self._model(inputs)
                tensors = [output if layer.name == OUTPUT else _of(layer, heard) for layer in recorded]
                for layer, tensor in zip(recorded, tensors, strict=True):
                    arrays[layer.name][batch] = self._stored(layer, tensor)
                if self._gradients:
                    gradients = self._loss_gradients(output, tensors, batch)
                    for layer, gradient in zip(recorded, gradients, strict=True):
                        arrays[GRADIENT_PREFIX + layer.name][batch] = self._stored(layer, gradient)
        return arrays

    def _loss_gradients(self, output: Tensor, tensors: list[Tensor], batch: slice) -> list[Tensor]:
        assert self._labels is not None  # checked when the recorder was made
        # The sum over samples gives each sample the gradient of its own loss.
        loss = nn.functional.cross_entropy(output, self._labels[batch].to(output.device), reduction="sum")
        followed = [tensor for tensor in tensors if tensor.requires_grad]  # not what lies before a frozen embedding
        if not followed:
            raise ValueError("gradients: nothing in the model, and nothing that goes into it, has a gradient")
        found = iter(torch.autograd.grad(loss, followed, allow_unused=True))
        gradients = [next(found) if tensor.requires_grad else None for tensor in tensors]
        return [
            torch.zeros_like(tensor) if gradient is None else gradient
            for tensor, gradient in zip(tensors, gradients, strict=True)
        ]

    def _stored(self, layer: Layer, tensor: Tensor) -> NDArray:
        tensor = tensor.detach()
        if tensor.ndim == 1:
            tensor = tensor[:, None]
        values: NDArray = tensor.movedim(layer.channel_axis, 1).to("cpu", torch.float64).numpy()
        largest = np.abs(values, where=np.isfinite(values), out=np.zeros_like(values)).max()
        if largest > np.finfo(self._dtype).max:
            raise ValueError(
                f"dtype: layer {layer.name!r} has values up to {largest:.3g}, which {self._dtype} cannot hold"
                + ("; record with dtype='float32'" if self._dtype == "float16" else "")
            )
        return values


def _of(layer: Layer, heard: dict[str, Tensor]) -> Tensor:
    if layer.module not in heard:
        raise RunError(f"layers: {layer.name!r} gave no tensor for some of the probe, as it did when recording began")
    return heard[layer.module]


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None
