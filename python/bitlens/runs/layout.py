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
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1

MANIFEST = "manifest.json"
PROBE = "probe.safetensors"
METRICS = "metrics.jsonl"
EPOCHS = "epochs"
WEIGHTS = "weights"
RESULTS = "results"

INPUT = "input"
"""Name of layer 0; its values are the probe's, the same at every epoch."""
OUTPUT = "output"
"""Name of the last layer, the model's own output."""
GRADIENT_PREFIX = "gradient/"
"""Prefix of a layer's name for the gradients of each sample's loss with respect to the layer's output."""

_EPOCH_FILE = re.compile(r"(\d{4,})\.safetensors")


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
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """The content of the manifest's file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest; raises RunError if the file is damaged or from a newer bitlens."""
        try:
            content = json.loads(path.read_bytes())
        except ValueError as error:  # not JSON, or not UTF-8
            raise RunError(f"{path} is damaged: {error}") from None
        version = content.get("schema_version") if isinstance(content, dict) else None
        if not isinstance(version, int):
            raise RunError(f"{path} is not the manifest of a bitlens run")
        if version > SCHEMA_VERSION:
            raise RunError(
                f"{path} has schema {version}, this version of bitlens reads up to {SCHEMA_VERSION}; upgrade bitlens"
            )
        try:
            layers = tuple(_layer(entry) for entry in content.pop("layers"))
            return cls(layers=layers, classes=tuple(content.pop("classes")), **content)
        except (KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path} is damaged: {error}") from None


def _layer(entry: dict[str, Any]) -> Layer:
    field_ = entry.pop("receptive_field")
    axes = field_ and ReceptiveField(tuple(tuple((a, b) for a, b in axis) for axis in field_["axes"]))
    return Layer(**{**entry, "shape": tuple(entry["shape"]), "receptive_field": axes})


def epoch_file(run: Path, epoch: int) -> Path:
    """The file of an epoch's activations."""
    return run / EPOCHS / f"{epoch:04d}.safetensors"


def weights_file(run: Path, epoch: int) -> Path:
    """The file of an epoch's weights."""
    return run / WEIGHTS / f"{epoch:04d}.safetensors"


def dropped_file(run: Path, epoch: int) -> Path:
    """The file with the id of activations that were dropped."""
    return run / EPOCHS / f"{epoch:04d}.dropped"


def recorded_epochs(run: Path, what: str = EPOCHS) -> list[int]:
    """Epochs whose activations, or weights, are complete on disk, ascending."""
    folder = run / what
    if not folder.is_dir():
        return []
    matches = (_EPOCH_FILE.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(match[1]) for match in matches if match)
