"""A run of known values, to be damaged, and everything that reads it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bitlens.runs import Layer, Manifest, ReceptiveField, Run, RunError, RunWriter, open_run

SAMPLES = 6
LAYERS = (
    Layer("input", "input", (1, 4, 5)),
    Layer("conv", "convolution", (2, 3, 4), 1, "conv", ReceptiveField((((0, 2), (1, 3), (2, 4)), ((0, 2),) * 4))),
    Layer("output", "linear", (3,), 1, "fc"),
)
INPUTS = np.arange(SAMPLES * 20, dtype=np.float32).reshape(SAMPLES, 1, 4, 5)
LABELS = np.arange(SAMPLES) % 3


def activations() -> dict[str, np.ndarray]:
    maps = np.arange(SAMPLES * 24, dtype=np.float32).reshape(SAMPLES, 2, 3, 4)
    return {"conv": maps, "output": np.ones((SAMPLES, 3), np.float32)}


def record_known_run(store: Path) -> None:
    """Two epochs with activations, weights and metrics."""
    manifest = Manifest("Net", LAYERS, SAMPLES, ("a", "b", "c"), "float32", "f" * 64, {"bitlens": "0.1.0"})
    with RunWriter(store, manifest, {"inputs": INPUTS, "labels": LABELS}) as writer:
        for epoch in (0, 1):
            writer.write_weights(epoch, {"weight": np.ones((3, 24), np.float32), "count": np.array(7)})
            writer.write_arrays(epoch, activations(), {"loss": 0.5})


CALLS: dict[str, Callable[[Run], object]] = {
    "repr": repr,
    "layers": lambda run: [(layer.channels, layer.is_spatial, run.layer(layer.name)) for layer in run.layers],
    "epochs": lambda run: (run.epochs, run.weight_epochs),
    "inputs": lambda run: run.inputs,
    "labels": lambda run: run.labels,
    "metrics": lambda run: run.metrics,
    "activations": lambda run: [run.activations(layer.name, 1) for layer in run.layers],
    "channels": lambda run: [run.activations(layer.name, 1, channels=[layer.channels - 1]) for layer in run.layers],
    "gradients": lambda run: run.activations("conv", 1, gradients=True),
    "weights": lambda run: run.weights(1),
    "slice": lambda run: run.slice(layer="conv", channel=slice(None), epoch=1).array(),
    "slice of a class": lambda run: run.slice(label=1, layer="conv").array(),
    "samples": lambda run: run.evenly_spaced_samples(4),
    "sources": lambda run: [run.source(kind, 1) for kind in ("epoch", "weights", "probe")],
    "results": lambda run: run.results.keys(),
}


def read_all(store: Path) -> dict[str, str]:
    """Call everything that reads a run; the messages of the calls that were refused."""
    messages = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            run = open_run(store)
        except RunError as error:
            return {"open_run": str(error)}
        for name, call in CALLS.items():
            try:
                call(run)
            except RunError as error:
                messages[name] = str(error)
    messages.pop("gradients", None)  # they were not recorded
    return messages
