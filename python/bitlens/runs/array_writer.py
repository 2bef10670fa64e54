"""Recording arrays that another library has computed: activations of JAX or Keras, and stored hidden states."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bitlens.arrays import NDArray, check_integer, check_label_shape, describe, is_tensor
from bitlens.runs.class_labels import as_class_numbers, names_of_classes
from bitlens.runs.layout import GRADIENT_PREFIX, INPUT, MANIFEST, OUTPUT, Layer, Manifest, RunError
from bitlens.runs.probe_file import PROMPTS, texts_as_arrays
from bitlens.runs.reader import Run, open_run
from bitlens.runs.writer import RunWriter, probe_hash
from bitlens.runtime import software_versions

_DTYPES = ("float32", "float16")


def record_arrays(
    store: str | os.PathLike[str],
    epoch: int,
    arrays: Mapping[str, Any],
    *,
    inputs: Any = None,
    labels: Any = None,
    classes: Sequence[str] | None = None,
    metrics: Mapping[str, float] | None = None,
    model: str = "arrays",
    channel_axis: int | Mapping[str, int] = 1,
    dtype: str = "float32",
    prompts: Any = None,
    texts: Sequence[str] | None = None,
) -> None:
    """Record one epoch of activations that are arrays already, without PyTorch.

    The first call begins the run, and every later call adds an epoch of the same layers and samples. Measures that run
    the network, such as `layer_ablation`, need a run of `Recorder`.

    Parameters
    ----------
    store : path
        Folder of the run.
    epoch : int
        Number of the epoch, which must not be recorded yet.
    arrays : mapping of str to array
        The activations [sample, ...] of each layer, in the order in which the network computes them. Every array that
        has ``__array__`` or ``__dlpack__`` is possible. Name the logits "output": `training_performance` needs them.
    inputs : array [sample, ...], optional
        What the network was given; the run's layer "input". Without inputs, nothing is measured about them. Later
        calls may leave inputs, labels and classes out.
    labels : array [sample], optional
        Classes 0 to m - 1, or their names.
    classes : sequence of str, optional
        Names of the classes. Default: the sorted names in the labels, or the numbers of the classes.
    metrics : mapping of str to float, optional
        Numbers to store with the epoch, such as the loss.
    model : str
        Name of the network.
    channel_axis : int or mapping of str to int
        Axis of the channels, of all arrays and the inputs or by name: -1 for channels-last arrays such as those of
        Keras and Flax, and for hidden states [sample, token, feature]. Names that are left out have axis 1.
    dtype : {"float32", "float16"}
        Type in which activations are stored.
    prompts : array [sample], optional
        Where samples are tokens: the number of the prompt of each, from 0 on, in ascending order. See
        `from_hidden_states`. Later calls may leave prompts and texts out.
    texts : sequence of str, optional
        The text of each sample, such as that of a token.

    Raises
    ------
    RunError
        If the folder contains something else, the epoch is recorded already, or the run has other layers or samples.
    TypeError, ValueError
        If an array or another argument is not valid.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import bitlens
    >>> rng = np.random.default_rng(0)
    >>> images, labels = rng.random((20, 8, 8, 3)), ["cat", "dog"] * 10
    >>> with tempfile.TemporaryDirectory() as store:
    ...     for epoch in (0, 1):
    ...         states = {"conv": rng.random((20, 6, 6, 4)), "output": rng.random((20, 2))}
    ...         bitlens.record_arrays(store, epoch, states, inputs=images, labels=labels, channel_axis=-1)
    ...     run = bitlens.open_run(store)
    ...     run.epochs, [(layer.name, layer.shape) for layer in run.layers], run.classes
    ([0, 1], [('input', (3, 8, 8)), ('conv', (4, 6, 6)), ('output', (2,))], ('cat', 'dog'))
    """
    number = check_integer(epoch, "epoch")
    if number < 0:
        raise ValueError(f"epoch: expected 0 or more, got {epoch}")
    if dtype not in _DTYPES:
        raise ValueError(f"dtype: expected one of {_DTYPES}, got {dtype!r}")
    _check_names(arrays, channel_axis)
    values = {name: as_host_array(array, f"arrays[{name!r}]") for name, array in arrays.items()}
    samples = len(next(iter(values.values())))
    for name, array in values.items():
        if len(array) != samples:
            raise ValueError(f"arrays[{name!r}]: expected {samples} samples as in the first array, got {array.shape}")
    run = open_run(store) if (Path(store) / MANIFEST).is_file() else None
    probe, class_names = _probe(run, samples, inputs, labels, classes)
    probe |= _of_tokens(run, samples, prompts, texts)
    layers, tensors = [], {}
    if "inputs" in probe:
        layers.append(_layer(INPUT, probe["inputs"], channel_axis)[0])
    for name, array in values.items():
        layer, moved = _layer(name, array, channel_axis)
        layers.append(layer)
        tensors[name] = _stored(name, moved, dtype)
    manifest = Manifest(str(model), tuple(layers), samples, class_names, dtype, probe_hash(probe), software_versions())
    if run is not None:
        _check_agreement(run, manifest)
    numbers = {name: _number(value, name) for name, value in (metrics or {}).items()}
    with RunWriter(store, manifest, probe) as writer:
        if number in writer.epochs:
            raise RunError(f"epoch: {number} is already recorded in {store}; recorded epochs: {writer.epochs}")
        writer.write_arrays(number, tensors, numbers)


def _check_names(arrays: Any, channel_axis: int | Mapping[str, int]) -> None:
    if not isinstance(arrays, Mapping):
        raise TypeError(f"arrays: expected a mapping from names of layers to arrays, got {describe(arrays)}")
    if not arrays:
        raise ValueError("arrays: expected at least one layer, got an empty mapping")
    for name in arrays:
        if not isinstance(name, str) or not name:
            raise TypeError(f"arrays: expected names that are texts, got {name!r}")
        if name == INPUT or name.startswith(GRADIENT_PREFIX):
            raise ValueError(f"arrays: {name!r} has a meaning in runs; pass the inputs as inputs=, or rename the layer")
    if isinstance(channel_axis, Mapping):
        unknown = [name for name in channel_axis if name not in arrays and name != INPUT]
        if unknown:
            raise ValueError(f"channel_axis: expected layers among {[INPUT, *arrays]}, got {unknown[0]!r}")


def as_host_array(value: Any, name: str) -> NDArray:
    """Real numbers [sample, ...] as a NumPy array; bfloat16 becomes float32."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an array without a mask; fill or remove the masked values")
    try:
        if is_tensor(value):
            tensor = value.detach().cpu()
            array = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
        elif hasattr(value, "__array__"):
            array = np.asarray(value)
        elif hasattr(value, "__dlpack__"):
            array = np.from_dlpack(value)
        else:
            raise TypeError("it has neither __array__ nor __dlpack__")
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise TypeError(f"{name}: expected an array in the memory of the CPU, got {describe(value)}: {error}") from None
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected real numbers, got {array.dtype}; convert them")
    if array.ndim < 1 or 0 in array.shape:
        raise ValueError(f"{name}: expected shape (samples, ...) without empty axes, got {array.shape}")
    return np.asarray(array, array.dtype.newbyteorder("="))


def _probe(
    run: Run | None, samples: int, inputs: Any, labels: Any, classes: Sequence[str] | None
) -> tuple[dict[str, NDArray], tuple[str, ...]]:
    """Inputs and labels with the names of the classes; what a later call leaves out is that of the run."""
    probe: dict[str, NDArray] = {}
    if inputs is not None:
        probe["inputs"] = as_host_array(inputs, "inputs")
        if len(probe["inputs"]) != samples:
            raise ValueError(f"inputs: expected {samples} samples as in the arrays, got {probe['inputs'].shape}")
        if probe["inputs"].ndim == 1:
            probe["inputs"] = probe["inputs"][:, None]
    elif run is not None and run.has_inputs:
        probe["inputs"] = run.inputs
    if labels is not None:
        probe["labels"], names = _classes(labels, samples, classes or (run.classes if run else None) or None)
        return probe, names
    if run is not None and run.labels is not None:
        probe["labels"] = run.labels
        return probe, run.classes if classes is None else tuple(map(str, classes))
    if classes is not None:
        raise ValueError("classes: expected labels as well, got none; pass labels=")
    return probe, ()


def _of_tokens(run: Run | None, samples: int, prompts: Any, texts: Sequence[str] | None) -> dict[str, NDArray]:
    """Prompts and texts of the samples; what a later call leaves out is that of the run."""
    stored: dict[str, NDArray] = {}
    if prompts is not None:
        numbers = as_host_array(prompts, "prompts")
        if numbers.shape != (samples,) or numbers.dtype.kind not in "iu":
            raise ValueError(
                f"prompts: expected an integer for each of {samples} samples, got {numbers.dtype} of {numbers.shape}"
            )
        numbers = numbers.astype(np.int64)
        if numbers[0] < 0 or (np.diff(numbers) < 0).any():
            raise ValueError("prompts: expected ascending numbers from 0 on, got others; sort the samples by prompt")
        stored[PROMPTS] = numbers
    elif run is not None and run.prompts is not None:
        stored[PROMPTS] = run.prompts
    if texts is not None:
        given = [texts] if isinstance(texts, str) else list(texts)
        if len(given) != samples or not all(isinstance(text, str) for text in given):
            raise ValueError(f"texts: expected a text for each of {samples} samples, got {len(given)} of {given[:1]}")
        return stored | texts_as_arrays(given)
    return stored if run is None or run.texts is None else stored | texts_as_arrays(run.texts)


def _classes(labels: Any, samples: int, classes: Sequence[str] | None) -> tuple[NDArray, tuple[str, ...]]:
    """Labels as int64 and the names of the classes."""
    given = labels.detach().cpu().numpy() if is_tensor(labels) else np.asarray(labels)
    check_label_shape(given, samples, "labels")
    given, names = as_class_numbers(given, classes, "labels")
    if given.dtype.kind not in "iub":
        raise TypeError(f"labels: expected integers or texts, got {given.dtype}; convert them")
    low, high = int(given.min()), int(given.max())
    if low < 0:
        raise ValueError(f"labels: expected classes from 0 on, got {low} to {high}")
    return given.astype(np.int64), names_of_classes(high, names, "labels")


def _layer(name: str, array: NDArray, channel_axis: int | Mapping[str, int]) -> tuple[Layer, NDArray]:
    """The description of a layer, and its values with the channels on axis 1."""
    given = channel_axis.get(name, 1) if isinstance(channel_axis, Mapping) else channel_axis
    values = array[:, None] if array.ndim == 1 else array
    axis = check_integer(given, "channel_axis")
    if not -values.ndim < axis < values.ndim or axis == 0:
        raise ValueError(f"channel_axis: expected 1 to {values.ndim - 1} or -1 for {name!r}, got {axis}")
    moved = np.moveaxis(values, axis, 1)
    kind = {INPUT: "input", OUTPUT: "output"}.get(name, "array")
    return Layer(name, kind, moved.shape[1:], axis % values.ndim), moved


def _stored(name: str, values: NDArray, dtype: str) -> NDArray:
    with np.errstate(over="ignore"):
        stored = values.astype(dtype)
    if (np.isinf(stored) & np.isfinite(values)).any():
        raise ValueError(f"dtype: layer {name!r} has values that {dtype} cannot represent; scale them or use float32")
    return stored


def _check_agreement(run: Run, manifest: Manifest) -> None:
    """Raise RunError with what differs between a run and the arrays that are added to it."""
    recorded = run.manifest
    if recorded.samples != manifest.samples:
        raise RunError(
            f"arrays: {run.path} has {recorded.samples} samples, got {manifest.samples}; choose a new folder"
        )
    names, given = [layer.name for layer in recorded.layers], [layer.name for layer in manifest.layers]
    if names != given:
        raise RunError(f"arrays: {run.path} has the layers {names}, got {given}; choose a new folder")
    for old, new in zip(recorded.layers, manifest.layers, strict=True):
        if (old.shape, old.channel_axis) != (new.shape, new.channel_axis):
            raise RunError(
                f"arrays: layer {old.name!r} of {run.path} has shape {old.shape} with channel axis {old.channel_axis}, "
                f"got {new.shape} with channel axis {new.channel_axis}; choose a new folder"
            )
    if recorded.classes != manifest.classes:
        raise RunError(f"classes: {run.path} has the classes {recorded.classes}, got {manifest.classes}")
    if recorded.probe_sha256 != manifest.probe_sha256:
        what = "inputs, labels, prompts, texts"
        raise RunError(f"{what}: {run.path} was recorded with others; pass the same, or choose a new folder")


def _number(value: Any, name: str) -> float:
    if name == "epoch":
        raise ValueError("metrics: expected names other than 'epoch', which is an argument; choose another name")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"metrics: expected a number for {name!r}, got {value!r}") from None
