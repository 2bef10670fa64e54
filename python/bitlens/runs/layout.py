"""The layout of a run on disk, which writer and reader share.

::

    RUN/
      manifest.json            what was recorded
      probe.safetensors        inputs, and labels if they are known
      epochs/0012.safetensors  one tensor [sample, channel, ...] for each layer
      epochs/0012.dropped      the id of activations that were dropped
      weights/0012.safetensors the network's parameters and buffers, at chosen epochs
      metrics.jsonl            one JSON object for each epoch
      results/                 results of measures, see result_store.py
      writer.lock              locked while a writer has the run open, see writer_lock.py
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bitlens.runs import manifest_fields as fields

SCHEMA_VERSION = 1

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 2**26
PROBE = "probe.safetensors"
METRICS = "metrics.jsonl"
LOCK = "writer.lock"
EPOCHS = "epochs"
WEIGHTS = "weights"
RESULTS = "results"

INPUT = "input"
"""Name of layer 0; its values are the probe's, the same at every epoch."""
OUTPUT = "output"
"""Name of the last layer, the model's own output."""
INPUT_KINDS = ("tensor", "tuple", "dict", "tokens")
"""What a model is called with. Where tokens are samples, only the values of these tokens are stored."""
GRADIENT_PREFIX = "gradient/"
"""Prefix of a layer's name for the gradients of each sample's loss with respect to the layer's output."""


class RunError(ValueError):
    """A run is missing or damaged, or does not contain what was asked for."""


@dataclass(frozen=True)
class ReceptiveField:
    """The inputs that each position of a layer's feature maps depends on.

    For every spatial axis and every position along it, the interval [first, end) of the input's axis.
    """

    axes: tuple[tuple[tuple[int, int], ...], ...]

    def box(self, *position: int) -> tuple[tuple[int, int], ...]:
        """The box in the input that one position sees, as an interval [first, end) for each axis."""
        if len(position) != len(self.axes):
            raise ValueError(f"position: expected {len(self.axes)} coordinates, got {len(position)}")
        return tuple(axis[p] for axis, p in zip(self.axes, position, strict=True))


@dataclass(frozen=True)
class Layer:
    """A recorded layer."""

    name: str
    kind: str
    """Kind of operation: convolution, pooling, normalization, activation, linear, ..."""
    shape: tuple[int, ...]
    """Shape of one sample: (channels, ...)."""
    channel_axis: int = 1
    """Axis of the channels in the model's tensor [sample, ...]; in the run it is always axis 1."""
    module: str = ""
    """Name of the module whose output it is; empty for the input."""
    receptive_field: ReceptiveField | None = None
    sample_axis: int = 0
    """Axis of the samples in the model's tensor; in the run it is always axis 0."""
    folded: int = 1
    """Positions that the model's axis of the samples holds for each sample; in the run they are axis 2."""
    decided: str = ""
    """How the axis of the channels was found."""
    view: str = ""
    """What of the module's output was recorded; empty for all of it."""

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.shape[0]

    @property
    def is_spatial(self) -> bool:
        """Whether the channels are two-dimensional maps."""
        return len(self.shape) == 3


@dataclass(frozen=True)
class Manifest:
    """What was recorded, and with which versions of the software."""

    model: str
    layers: tuple[Layer, ...]
    samples: int
    classes: tuple[str, ...]
    """Names of the classes; empty if the probe has no labels."""
    dtype: str
    probe_sha256: str
    versions: dict[str, str] = field(default_factory=dict)
    gradients: bool = False
    input_kind: str = ""
    """How the model received its inputs, one of `INPUT_KINDS`; empty in runs of older versions and of stored arrays."""
    input_names: tuple[str, ...] = ()
    """Names of the inputs in a dict, or their numbers in a tuple."""
    forward: str = ""
    """Name of the function that ran the model; empty if the model was called."""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """The content of the manifest's file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, path: Path, content: bytes) -> Manifest:
        """Read a manifest from the content of its file; raises RunError if it is damaged or from a newer bitlens."""
        try:
            entry = json.loads(content)
        except (ValueError, RecursionError) as error:  # not JSON, or not UTF-8
            raise RunError(f"{path} is damaged: {error}") from None
        version = entry.get("schema_version") if isinstance(entry, dict) else None
        if type(version) is not int or version < 1:
            raise RunError(f"{path} is not the manifest of a bitlens run")
        if version > SCHEMA_VERSION:
            raise RunError(
                f"{path} has schema {version}, this version of bitlens reads up to {SCHEMA_VERSION}; upgrade bitlens"
            )
        try:
            manifest = cls(**fields.read_fields(entry, cls, _MANIFEST_CHECKS))
        except ValueError as error:
            raise RunError(f"{path} is damaged: {error}") from None
        names = [layer.name for layer in manifest.layers]
        if not names or len(set(names)) < len(names):
            raise RunError(f"{path} is damaged: layers: expected layers of different names, got {names}")
        return manifest


def _receptive_field(value: Any) -> ReceptiveField | None:
    if value is None:
        return None
    return ReceptiveField(**fields.read_fields(value, ReceptiveField, _RECEPTIVE_FIELD_CHECKS))


def _layer(value: Any) -> Layer:
    return Layer(**fields.read_fields(value, Layer, _LAYER_CHECKS))


# One check for each field of each class: what JSON holds becomes what the class takes.
_RECEPTIVE_FIELD_CHECKS: dict[str, fields.Check] = {"axes": fields.list_of(fields.list_of(fields.interval))}
_LAYER_CHECKS: dict[str, fields.Check] = {
    "name": fields.name,
    "kind": fields.text,
    "shape": fields.sample_shape,
    "channel_axis": fields.integer(-32, 32),
    "module": fields.text,
    "receptive_field": _receptive_field,
    "sample_axis": fields.integer(0, 32),
    "folded": fields.integer(1, 2**40),
    "decided": fields.text,
    "view": fields.text,
}
_MANIFEST_CHECKS: dict[str, fields.Check] = {
    "model": fields.text,
    "layers": fields.list_of(_layer),
    "samples": fields.integer(1, 2**24),
    "classes": fields.list_of(fields.text),
    "dtype": fields.one_of("float32", "float16"),
    "probe_sha256": fields.text,
    "versions": fields.texts_by_name,
    "gradients": fields.truth,
    "input_kind": fields.one_of("", *INPUT_KINDS),
    "input_names": fields.list_of(fields.text),
    "forward": fields.text,
    "schema_version": fields.integer(1, SCHEMA_VERSION),
}


def epoch_file(run: Path, epoch: int) -> Path:
    """The file of an epoch's activations."""
    return run / EPOCHS / f"{epoch:04d}.safetensors"


def weights_file(run: Path, epoch: int) -> Path:
    """The file of an epoch's weights."""
    return run / WEIGHTS / f"{epoch:04d}.safetensors"


def dropped_file(run: Path, epoch: int) -> Path:
    """The file with the id of activations that were dropped."""
    return run / EPOCHS / f"{epoch:04d}.dropped"
