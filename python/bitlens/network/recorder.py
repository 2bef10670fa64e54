"""The recorder: it writes a network's activations on a fixed probe into a run, epoch by epoch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.arrays import NDArray, check_integer, describe
from bitlens.network import batches
from bitlens.network.activations import Write, check_gradients, collect, stored_shapes
from bitlens.network.batches import Forward
from bitlens.network.choice import named_layers
from bitlens.network.layers import describe_layers
from bitlens.network.logged_values import logged_values
from bitlens.network.probe import check_probe
from bitlens.network.recorded_size import epoch_bytes, size_lines
from bitlens.network.state import refuse_shards, unwrapped, weights_of
from bitlens.network.views import View, check_views
from bitlens.runs import Manifest, Run, RunError, RunWriter, open_run
from bitlens.runs.writer import probe_hash
from bitlens.runtime import software_versions

_DTYPES = ("float32", "float16")
_BATCH = 256


class Recorder:
    """Record a network while it trains, without changing its training.

    Every snapshot runs the probe through the model in evaluation mode and appends one epoch to the run. The model's
    modes, parameters, buffers, attributes and gradients and the random number generators are put back as they were, and
    all hooks are removed. A model in ``torch.compile`` or DistributedDataParallel is recorded without the wrapper. One
    whose parameters are distributed over processes, such as by FSDP, is refused.

    Parameters
    ----------
    model : torch.nn.Module
        Any module whose output is a tensor.
    store : path
        Folder of the run. An existing run is continued if it was recorded with the same model and probe.
    probe : (inputs, labels), or dict, or Dataset, or DataLoader
        Samples on which every snapshot runs the model. The inputs are a tensor, or a tuple or dict of tensors that the
        model is called with; axis 0 is the samples. The first tensor is the input layer of the run. The labels are
        classes 0 to m - 1, or texts, or None. A dict may hold them as "labels". A data set or a loader gives pairs or
        dicts.
    layers : str or sequence of str, optional
        Names of modules, patterns such as ``"*.mlp.act"``, or "blocks": the blocks of which the network is built. A
        module that returns several tensors is recorded by its first one; "lstm.h" names another. Default: the innermost
        modules that change the data, and modules that compute more after their last inner module; if they are more
        than 40, the blocks and the activations. The model's input and output are always recorded, as "input" and
        "output". Modules with these names are recorded as "module.input" and "module.output", and the second call of a
        module as "name#2".
    gradients : bool
        Whether to record also the gradient of each sample's cross-entropy at the output of every layer. A single output
        is taken as the logit of class 1.
    dtype : {"float32", "float16"}
        Type in which activations are stored.
    classes : sequence of str, optional
        Names of the classes. Labels that are texts are numbered in this order. Default: indices, or the sorted texts.
    every : int
        Keep only the activations of epochs 0, every, 2 every, and so on. The metrics of all epochs are kept.
    measures : sequence of callables
        Functions that are called with the run after every snapshot, while the activations of the epoch exist, also
        at epochs that `every` leaves out: ``lambda run: bitlens.channel_entropies(run, "conv1")``.
    log_to : callable, optional
        Called after every snapshot with a dict of the scalars that `measures` computed in it, and the epoch:
        ``lambda values, step: wandb_run.log(values, step=step)``. The names are
        "bitlens/<measure>/<layer>/<variable>", followed by "/input" or "/labels" where the information is about one of
        these. A variable of several channels or classes gives its mean without NaN. A measure may also return a mapping
        of names to numbers.
    weights : sequence of int
        Epochs at which the model's parameters and buffers are also written, for measures that run the network, such as
        `layer_discarding`: ``range(0, 100, 10)``.
    channel_axis : mapping of str to int
        Axis of the channels in the outputs of layers. Default: the axis on which weights act, followed through all
        operations. Where this does not decide, a warning says so, and `bitlens info` says how each axis was found.
    forward : callable, optional
        A function of the model and a batch of inputs that runs the model: ``lambda model, batch:
        model(**batch).last_hidden_state``. Default: the model is called with the batch.
    views : View or mapping of str to View, optional
        What counts as a sample and a channel, and what of a layer is recorded; for all layers, or by patterns of module
        names: ``View(tokens_as_samples=True)``, ``{"*.attn": View(heads=8)}``.
    mask : bool array of shape (n, tokens), optional
        Which tokens are not padding. The others are not samples where tokens are samples, and are recorded as 0 else.
        Default: where tokens are samples, the input "attention_mask" if there is one; else all.
    texts : sequence, optional
        The text of each sample; where tokens are samples, a sequence of the texts of all its positions.
    batch_size : int, optional
        Number of samples in one forward pass. Default: 256; all samples if the output for a sample depends on others.
    receptive_fields : bool
        Whether to find the receptive fields of the layers.
    show_size : bool
        Whether to print the size of one epoch before recording, and how to make it smaller.

    Raises
    ------
    RunError
        If the folder has other content or an open recorder, or a layer does not exist or cannot be recorded.
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
        probe: Any,
        layers: str | Sequence[str] | None = None,
        gradients: bool = False,
        dtype: str = "float32",
        *,
        classes: Sequence[str] | None = None,
        every: int = 1,
        measures: Sequence[Callable[[Run], object]] = (),
        log_to: Callable[[dict[str, float], int], object] | None = None,
        weights: Sequence[int] = (),
        channel_axis: Mapping[str, int] | None = None,
        forward: Forward | None = None,
        views: View | Mapping[str, View] | None = None,
        mask: Tensor | NDArray | None = None,
        texts: Sequence[str] | Sequence[Sequence[str]] | None = None,
        batch_size: int | None = None,
        receptive_fields: bool = True,
        show_size: bool = True,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model: expected a torch.nn.Module, got {describe(model)}")
        if dtype not in _DTYPES:
            raise ValueError(f"dtype: expected one of {_DTYPES}, got {dtype!r}")
        refuse_shards(model)
        self._model = unwrapped(model)
        self._store = Path(store)
        self._dtype = dtype
        self._every = check_integer(every, "every")
        if self._every < 1:
            raise ValueError(f"every: expected at least 1, got {every}")
        self._measures = tuple(measures)
        if log_to is not None and not callable(log_to):
            raise TypeError(f"log_to: expected a callable of values and epoch, got {log_to!r}")
        if log_to is not None and not self._measures:
            raise ValueError("log_to: expected measures whose values are logged, got none; pass measures=[...]")
        self._log_to = log_to
        self._weights = frozenset(check_integer(epoch, "weights") for epoch in weights)
        self._views = check_views(views)
        by_token = any(view.tokens_as_samples for view in self._views.values())
        self._probe = check_probe(probe, classes, mask, by_token, texts)
        if gradients and self._probe.labels is None:
            raise ValueError("gradients: expected labels in the probe, got none; pass labels or gradients=False")
        if gradients and by_token:
            raise ValueError("gradients: expected samples of the probe as samples, got tokens; pass gradients=False")
        self._gradients = gradients
        self._channel_axis = dict(channel_axis or {})
        self._chosen = layers
        if layers is not None:
            named_layers(self._model, layers)
        self._forward = batches.check_forward(forward)
        self._batch_size = None if batch_size is None else check_integer(batch_size, "batch_size")
        if self._batch_size is not None and self._batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
        self._receptive_fields = receptive_fields
        self._show_size = show_size
        self._writer: RunWriter | None = None

    def __enter__(self) -> Recorder:
        described = describe_layers(
            self._model,
            self._probe.inputs,
            self._chosen,
            self._channel_axis,
            forward=self._forward,
            fields=self._receptive_fields,
            views=self._views,
        )
        self._layers = described.layers
        if self._batch_size is None:
            self._batch_size = self._probe.samples if described.depends_on_batch else _BATCH
        if self._gradients:
            check_gradients(self._model, self._layers[-1], len(self._probe.classes))
        if described.tokens is not None:
            self._probe = self._probe.by_token(described.tokens)
        probe = self._probe.arrays(self._layers)
        manifest = Manifest(
            model=type(self._model).__name__,
            layers=self._layers,
            samples=self._probe.rows,
            classes=self._probe.classes,
            dtype=self._dtype,
            probe_sha256=probe_hash(probe),
            versions=software_versions(torch=torch.__version__),
            gradients=self._gradients,
            input_kind=self._probe.kind,
            input_names=self._probe.names,
            forward=batches.name_of(self._forward),
        )
        self._writer = RunWriter(self._store, manifest, probe)
        if self._show_size:
            lines = size_lines(self._layers, self._probe.rows, self._dtype, self._gradients, self._every)
            print(f"bitlens: {self._store}: " + "\nbitlens: ".join(lines), file=sys.stderr)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open_writer().close()
        self._writer = None

    @property
    def epochs(self) -> list[int]:
        """Epochs with recorded activations, to continue a training."""
        return self._open_writer().epochs

    @property
    def bytes_per_epoch(self) -> int:
        """Size of the activations of one epoch on disk, without the file header."""
        self._open_writer()
        return epoch_bytes(self._layers, self._probe.rows, self._dtype, self._gradients)

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
            writer.write_weights(number, weights_of(self._model))
        shapes = stored_shapes(self._layers, self._probe.rows, self._gradients)
        if number % self._every == 0:
            writer.write_epoch(number, shapes, self._dtype, lambda file: self._collect(file.write), values)
            results = [measure(open_run(self._store)) for measure in self._measures]
        elif self._measures:
            arrays = {name: np.empty(shape, self._dtype) for name, shape in shapes.items()}
            self._collect(lambda name, first, rows: arrays[name].__setitem__(slice(first, first + len(rows)), rows))
            with writer.unwritten_epoch(number, arrays, values) as run:
                results = [measure(run) for measure in self._measures]
        else:
            writer.write_metrics(number, values)
            return
        if self._log_to is not None:
            self._log_to(logged_values(results, number), number)

    def _collect(self, write: Write) -> None:
        collect(
            self._model,
            self._layers,
            self._probe,
            self._views,
            forward=self._forward,
            gradients=self._gradients,
            dtype=self._dtype,
            batch_size=self._batch_size or self._probe.samples,
            write=write,
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
