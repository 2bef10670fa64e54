"""The probe of a run: inputs and labels of the samples, compared with the manifest before any array is made."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from bitlens.arrays import NDArray
from bitlens.runs.layout import INPUT, PROBE, Layer, Manifest, RunError
from bitlens.runs.tensor_file import TensorFile

ModelInputs = NDArray | tuple[NDArray, ...] | dict[str, NDArray]

_FURTHER = "inputs."


def open_probe(run: Path, manifest: Manifest) -> TensorFile:
    """Open the probe's file; RunError if it is missing, or its sizes and types are not those of the manifest."""
    try:
        probe = TensorFile(run, run / PROBE)
    except FileNotFoundError:
        raise RunError(f"{run / PROBE} is missing; the run is damaged, so record it again or copy it whole") from None
    try:
        _check(probe, manifest)
    except BaseException:
        probe.close()
        raise
    return probe


def read_inputs(run: Path, manifest: Manifest) -> NDArray:
    """The inputs as the model received them; RunError if the run is without inputs."""
    if _input_layer(manifest) is None:
        raise RunError(f"{run} was recorded without inputs")
    with open_probe(run, manifest) as probe:
        return probe.read("inputs")


def input_names(run: Path, manifest: Manifest) -> tuple[str, ...]:
    """Names of all tensors that the model received; the main one is "inputs" where its name is not stored."""
    if manifest.input_names:
        return manifest.input_names
    with open_probe(run, manifest) as probe:
        further = sorted(name.removeprefix(_FURTHER) for name in probe.entries if name.startswith(_FURTHER))
    numbers = tuple(map(str, range(len(further) + 1)))
    return numbers if further and set(further) == set(numbers[1:]) else ("inputs", *further)


def read_model_inputs(run: Path, manifest: Manifest, main: NDArray) -> ModelInputs:
    """Everything that the model received, as the structure that it was; RunError if that is not stored."""
    kind, names = manifest.input_kind, input_names(run, manifest)
    if kind == "tokens":
        raise RunError(
            f"run: expected the inputs of whole samples, got single tokens in {run}; record without tokens_as_samples"
        )
    if not kind and names[0] == "inputs" and len(names) > 1:
        raise RunError(
            f"run: expected the names of all inputs, got {', '.join(names[1:])} without the first in {run}, which an "
            "older version of bitlens recorded; record it again"
        )
    with open_probe(run, manifest) as probe:
        arrays = [main]
        for name in names[1:]:
            entry = probe.entry(_FURTHER + name)
            if entry.shape[:1] != (manifest.samples,):
                raise RunError(
                    f"{probe.path} is damaged: {name}: expected {manifest.samples} samples, got shape {entry.shape}"
                )
            arrays.append(probe.read(_FURTHER + name))
    if kind == "dict":
        return dict(zip(names, arrays, strict=True))
    return tuple(arrays) if kind == "tuple" or len(arrays) > 1 else main


def read_labels(run: Path, manifest: Manifest) -> NDArray | None:
    """The class of every sample, int64 [n]; None if the probe has no labels."""
    if not manifest.classes:
        return None
    with open_probe(run, manifest) as probe:
        labels = probe.read("labels")
    count = len(manifest.classes)
    wrong = np.flatnonzero((labels < 0) | (labels >= count))
    if len(wrong):
        raise RunError(
            f"{run / PROBE} is damaged: labels: expected 0 to {count - 1} for {count} classes, "
            f"got {labels[wrong[0]]} at sample {wrong[0]}"
        )
    return labels.astype(np.int64)


def as_input_activations(inputs: NDArray, layer: Layer, samples: int, run: Path) -> NDArray:
    """The inputs as activations [sample, channel, ...] of floats."""
    try:
        values = np.moveaxis(inputs, layer.channel_axis, 1)
    except ValueError:
        values = inputs
    if values.shape != (samples, *layer.shape):
        raise RunError(
            f"{run} is damaged: expected inputs of shape {(samples, *layer.shape)} with axis {layer.channel_axis} as "
            f"the channels, got shape {inputs.shape}"
        )
    if values.dtype.kind in "iub":  # estimators take bytes for bin codes
        return values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    return values


def _input_layer(manifest: Manifest) -> Layer | None:
    return next((layer for layer in manifest.layers if layer.name == INPUT), None)


def _check(probe: TensorFile, manifest: Manifest) -> None:
    samples, layer = manifest.samples, _input_layer(manifest)
    if manifest.classes and (kind := probe.entry("labels", (samples,)).dtype).kind not in "iu":
        raise RunError(f"{probe.path} is damaged: labels: expected integers, got {kind}")
    if layer is not None and prod(shape := probe.entry("inputs").shape) != samples * prod(layer.shape):
        raise RunError(
            f"{probe.path} is damaged: inputs: expected {samples} samples of shape {layer.shape}, got shape {shape}"
        )
