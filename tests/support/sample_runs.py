"""Small runs for the tests of the explorer, each recorded in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import bitlens
import bitlens_explorer
from bitlens.measures import COMPUTED
from bitlens.runs import ResultKey, StoredArray, StoredResult
from tests.support.hidden_state_arrays import MASK, STATES

FLOW_SETTINGS = {"permutations": 3, "batch": 48}
LONG_SETTINGS = (
    ("layer_pair_information", {"samples": 64, "permutations": 2, "intervals": False}),
    ("layer_decomposition", {"permutations": 2, "pairs": 10, "batch": 64}),
    ("processing_inequalities", {"permutations": 2, "batch": 64}),
    ("information_plane", {"permutations": 2, "batch": 64}),
    ("information_plane", {"permutations": 2, "estimator": "binning"}),
    ("information_plane", {"permutations": 2, "estimator": "kde"}),
    ("layer_diversity", {}),
    ("channel_entropies", {}),
)
"""What is measured of the run with many epochs."""
TEXTS = [[f"*w{prompt}* {token}" for token in range(12)] for prompt in range(3)]
"""Texts of the tokens of three prompts."""
APP = Path(bitlens_explorer.__file__).parent
MARKUP = ["<b>zero</b>", "![one](http://example.com/1.png)", "*two*", "[three](http://example.com)"]


def record_tiny_run(store: Path, classes: list[str] | None = None) -> bitlens.Run:
    """Four classes of 48 small images, three epochs, of which the last predicts one class only; measured."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 4),
    )
    images, labels = torch.rand(48, 1, 8, 8), torch.arange(48) % 4
    with bitlens.Recorder(model, store, (images, labels), classes=classes, show_size=False) as recorder:
        for epoch in range(3):
            if epoch == 2:
                with torch.no_grad():
                    model[4].bias[2] = 100.0
            recorder.snapshot(epoch)
            with torch.no_grad():
                model[0].weight += 0.3 * torch.randn_like(model[0].weight)
    run = bitlens.open_run(store)
    bitlens.measure(run, samples=32, permutations=3, k=5)
    return run


def record_discarded_run(store: Path) -> bitlens.Run:
    """Discarding of two small images in two layers, at two of three epochs; once more with uncertainties."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 4)
    )
    images, labels = torch.rand(12, 1, 6, 8), torch.arange(12) % 4
    with bitlens.Recorder(model, store, (images, labels), weights=[0, 1], show_size=False) as recorder:
        for epoch in range(3):
            recorder.snapshot(epoch)
            with torch.no_grad():
                model[0].weight += 0.3
    run = bitlens.open_run(store)
    masks = torch.zeros(2, 6, 8, dtype=torch.bool)
    masks[:, 2:4, 2:5] = True
    found = bitlens.layer_discarding(run, model, ["1", "output"], [2, 7], masks=masks.numpy())
    # Training a decoder takes long, and the tests are about the drawing.
    (known,) = bitlens.layer_discarding.known(run)
    measured = stored_result(run, known.key, 1)
    maps = measured.variables["discarding"]
    uncertainty = StoredArray(maps.dims, maps.values * 0.5 - 1, maps.attributes)
    with_decoders = replace(known.parameters, training="a" * 64)
    key = bitlens.layer_discarding.key(known.target, with_decoders)
    of_search = {f"uncertainty_{name}": measured.variables[name] for name in ("converged", "shortfall")}
    variables = {**measured.variables, **of_search, "uncertainty": uncertainty}
    result = StoredResult(variables, measured.coordinates)
    run.results.save(key, 1, result, str(run.source("weights", 1)))
    assert found.sizes["epoch"] == 2
    return run


def result_file(run: bitlens.Run, key: ResultKey, epoch: int) -> Path:
    """Where the result of one epoch is stored."""
    return run.path / "results" / key.measure / f"{key.version}-{key.digest}" / f"{epoch:04d}.safetensors"


def spoil(file: Path) -> None:
    """Change one byte in the middle of a stored result, which only loading it notices."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def stored_result(run: bitlens.Run, key: ResultKey, epoch: int) -> StoredResult:
    """The stored result of one epoch, to be changed and saved again."""
    (series,) = run.results.load(key, [epoch])
    variables = {
        name: StoredArray(array.dims[1:], array.values[0], array.attributes) for name, array in series.variables.items()
    }
    return StoredResult(variables, series.coordinates)


def record_ablated_run(store: Path) -> bitlens.Run:
    """Ablation of two layers and the network at two of three epochs; and of one layer with other settings."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(48, 5),
        torch.nn.ReLU(),
        torch.nn.Linear(5, 4),
    )
    labels = torch.arange(24) % 4
    images = torch.rand(24, 1, 6, 6) + torch.eye(6)[labels].unsqueeze(1).unsqueeze(3)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    with bitlens.Recorder(model, store, (images, labels), weights=[0, 2], show_size=False) as recorder:
        for epoch in range(3):
            recorder.snapshot(epoch)
            for _ in range(30):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
    run = bitlens.open_run(store)
    bitlens.layer_ablation(run, model, repeats=3)
    bitlens.layer_ablation(run, model, ["4"], score="entropy", mode="mean", repeats=2, steps=2, epochs=[2])
    for layer in ("1", "4"):
        bitlens.label_information(run, layer, epochs=[2])
    return run


def record_token_run(store: Path, **options: object) -> bitlens.Run:
    """Hidden states of three prompts in two layers."""
    states = bitlens.from_hidden_states(STATES, MASK, **options)
    bitlens.record_arrays(store, 0, **states, labels=np.arange(25) % 2)
    return bitlens.open_run(store)


def record_epochs(
    store: Path, model: torch.nn.Module, samples: torch.Tensor, labelled: bool, gradients: bool
) -> bitlens.Run:
    """Three epochs of a model whose first layer changes; nothing is measured."""
    labels = torch.arange(len(samples)) % 4 if labelled else None
    with bitlens.Recorder(model, store, (samples, labels), gradients=gradients, show_size=False) as recorder:
        for epoch in range(3):
            recorder.snapshot(epoch)
            with torch.no_grad():
                model[0].weight += 0.3 * torch.randn_like(model[0].weight)
    return bitlens.open_run(store)


def convolutions() -> torch.nn.Sequential:
    """A small network with three layers of maps."""
    layers = torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Tanh(), torch.nn.MaxPool2d(2), torch.nn.Flatten()
    return torch.nn.Sequential(*layers, torch.nn.Linear(64, 4))


def record_flowing_run(store: Path) -> bitlens.Run:
    """With gradients; information flow is measured, with every estimator."""
    torch.manual_seed(0)
    run = record_epochs(store, convolutions(), torch.rand(48, 1, 8, 8), True, True)
    for estimator in ("renyi", "binning", "kde"):
        bitlens.information_plane(run, estimator, **FLOW_SETTINGS)
    bitlens.processing_inequalities(run, **FLOW_SETTINGS)
    for layer in ("0", "1", "2"):
        bitlens.layer_decomposition(run, layer, batch=48)
    return run


def record_long_run(store: Path, epochs: int = 100) -> bitlens.Run:
    """A convolutional network with 12 layers at many epochs, of small images, measured cheaply: takes minutes."""
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    labels = torch.arange(128) % 10
    images = torch.rand(128, 1, 8, 8) + torch.rand(10, 1, 8, 8)[labels]
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    given = {"gradients": True, "weights": [epochs - 1], "dtype": "float16", "show_size": False}
    with bitlens.Recorder(model, store, (images, labels), **given) as recorder:
        for epoch in range(epochs):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            recorder.snapshot(epoch, loss=float(loss.detach()))
    run, ends = bitlens.open_run(store), [0, epochs - 1]
    bitlens.measure(run, ["training_performance", "input_diversity"])
    for name, settings in LONG_SETTINGS:
        for target in COMPUTED[name].targets(run):
            COMPUTED[name](run, *target, epochs=ends, **settings)
    bitlens.layer_discarding(run, model, ["0"], 2, epochs=ends[1:])
    bitlens.layer_ablation(run, model, ["1", "3"], repeats=2, steps=8, epochs=ends[1:])
    _fill_epochs(run, ends)
    return run


def _fill_epochs(run: bitlens.Run, ends: list[int]) -> None:
    """Store results of all epochs between two measured ones: their numbers lie between those of both."""
    for measure in COMPUTED.values():
        for known in measure.known(run) if measure.by_epoch else ():
            if list(known.epochs) != ends:
                continue
            first, last = (stored_result(run, known.key, epoch) for epoch in ends)
            for epoch in range(ends[0] + 1, ends[1]):
                weight = (epoch - ends[0]) / (ends[1] - ends[0])
                between = {
                    name: replace(array, values=(1 - weight) * array.values + weight * last.variables[name].values)
                    if array.values.dtype.kind == "f"
                    else array
                    for name, array in first.variables.items()
                }
                source = str(run.source("epoch", epoch))
                run.results.save(known.key, epoch, replace(first, variables=between), source)
