"""The probe of a run: inputs, labels, prompts and texts of the samples, compared with the manifest when it is read."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from pathlib import Path

import numpy as np

from bitlens.arrays import NDArray
from bitlens.runs.layout import INPUT, PROBE, Layer, Manifest, RunError
from bitlens.runs.tensor_file import TensorFile

ModelInputs = NDArray | tuple[NDArray, ...] | dict[str, NDArray]

PROMPTS = "prompts"
"""Where samples are tokens: the number of the prompt of each, int64 [n]."""
_FURTHER = "inputs."
_TEXTS, _ENDS = "texts", "texts.ends"
"""The texts of all samples as one sequence of UTF-8 bytes, and the end of each in it, int64 [n]."""


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


def read_prompts(run: Path, manifest: Manifest) -> NDArray | None:
    """The number of the prompt of every sample, int64 [n], in ascending order; None if samples are not tokens."""
    with open_probe(run, manifest) as probe:
        if PROMPTS not in probe.entries:
            return None
        probe.entry(PROMPTS, (manifest.samples,), "int64")
        prompts = probe.read(PROMPTS)
    if prompts[0] < 0 or (np.diff(prompts) < 0).any():
        raise RunError(f"{run / PROBE} is damaged: {PROMPTS}: expected ascending numbers from 0 on")
    return prompts


def texts_as_arrays(texts: Iterable[str]) -> dict[str, NDArray]:
    """What a run stores of the texts of its samples."""
    parts = [text.encode("utf-8", "replace") for text in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return {_TEXTS: np.frombuffer(b"".join(parts), np.uint8), _ENDS: ends}


def read_texts(run: Path, manifest: Manifest) -> tuple[str, ...] | None:
    """The text of every sample; None if the run has none."""
    with open_probe(run, manifest) as probe:
        if _ENDS not in probe.entries:
            return None
        probe.entry(_ENDS, (manifest.samples,), "int64")
        ends, content = probe.read(_ENDS), probe.read(_TEXTS)
    starts = np.concatenate([[0], ends[:-1]])
    if content.dtype != np.uint8 or starts.min() < 0 or (ends < starts).any() or ends[-1] != content.size:
        raise RunError(f"{run / PROBE} is damaged: {_ENDS}: expected the ends of {content.size} bytes of text")
    joined = content.tobytes()
    return tuple(joined[first:end].decode("utf-8", "replace") for first, end in zip(starts, ends, strict=True))


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
