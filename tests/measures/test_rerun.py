"""Measures that run the network again: with all inputs of the probe, and by the function that recorded it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor, nn

import bitlens
from bitlens.runs import RunError
from bitlens.runs.layout import MANIFEST, PROBE
from bitlens.runs.tensor_file import write_tensors
from tests.measures.test_networks import record

pytestmark = pytest.mark.filterwarnings("error:model. with the weights")

IMAGES = torch.rand(30, 1, 6, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(30) % 3


class TwoInputs(nn.Module):
    """A branch of images and a branch of category numbers, whose sum is classified."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right = nn.Sequential(nn.Flatten(), nn.Linear(36, 5)), nn.Embedding(7, 5)
        self.relu, self.head = nn.ReLU(), nn.Linear(5, 3)

    def forward(self, images: Tensor, number: Tensor) -> Tensor:
        logits: Tensor = self.head(self.relu(self.left(images) + self.right(number)))
        return logits


NUMBERS = torch.arange(30) % 7
PAIR = IMAGES, NUMBERS
BY_NAME = {"images": IMAGES, "number": NUMBERS}


def twice(model: nn.Module, batch: Any) -> Any:
    return {"logits": 2 * (model(**batch) if isinstance(batch, dict) else model(*batch))}


@pytest.mark.parametrize("forward", [None, twice])
@pytest.mark.parametrize("inputs", [PAIR, BY_NAME], ids=["tuple", "dict"])
def test_ablation_of_a_network_of_two_inputs(inputs: Any, forward: Any, tmp_path: Path) -> None:
    model = TwoInputs()
    run = record(model, tmp_path / "run", (inputs, LABELS), forward=forward)
    stored = run.model_inputs
    assert type(stored) is type(inputs)
    if isinstance(stored, dict):
        assert list(stored) == list(run.input_names) == ["images", "number"]
    for i in stored if isinstance(stored, dict) else range(2):
        np.testing.assert_array_equal(stored[i], inputs[i])  # type: ignore[index]
    found = bitlens.layer_ablation(run, model, repeats=2, forward=forward)
    hidden = model.relu(model.left(IMAGES) + model.right(NUMBERS)).detach()
    scores = bitlens.neuron_information(hidden, LABELS, permutations=0).mutual_information
    curve = bitlens.cumulative_ablation(model, (inputs, LABELS), "relu", scores, forward=forward)
    np.testing.assert_array_equal(found.accuracy[0, 0, 0], curve.accuracy[0])
    np.testing.assert_allclose(found.loss[0, 0, 0], curve.loss[0])
    same = bitlens.layer_ablation(run, model, repeats=2, data=(inputs, LABELS), forward=forward)
    xr.testing.assert_equal(same, found)


def test_ablation_of_a_transformer_with_an_attention_mask(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    size = {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "vocab_size": 50,
        "num_labels": 3, "initializer_range": 0.5,
    }  # fmt: skip
    model = transformers.BertForSequenceClassification(transformers.BertConfig(**size))
    mask = (torch.arange(8) < torch.arange(30)[:, None] % 5 + 3).long()
    inputs = {"input_ids": torch.randint(1, 50, (30, 8)), "attention_mask": mask}
    run = record(model, tmp_path / "run", {**inputs, "labels": LABELS})
    found = bitlens.layer_ablation(run, model, repeats=1, steps=3)
    first, second = (f"bert.encoder.layer.{i}.intermediate.intermediate_act_fn" for i in range(2))
    assert [scope for scope in found.scope.values if "intermediate" in scope] == [first, second]
    model.eval()
    with torch.no_grad():
        assert (model(inputs["input_ids"]).logits - model(**inputs).logits).abs().max() > 0.1  # the mask matters
        whole = accuracy(model(**inputs).logits)
        model.get_submodule(first).register_forward_hook(lambda _module, _inputs, output: 0 * output)
        without_first = accuracy(model(**inputs).logits)
    assert whole != without_first
    np.testing.assert_allclose(found.accuracy[..., 0], whole)
    np.testing.assert_allclose(found.accuracy.sel(scope=first)[0, :, 3], without_first)


def accuracy(logits: Tensor) -> float:
    return float((logits.argmax(1) == LABELS).double().mean())


class Wrapped(nn.Module):
    """An encoder that a function has to call, because its forward pass takes one more input."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor, number: Tensor) -> Tensor:
        logits: Tensor = self.encoder(images) + number[:, None]
        return logits


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))


def encode(model: nn.Module, batch: Any) -> Any:
    return model.encoder(batch["images"])


TRAINING = torch.rand(9, 1, 6, 6)
OF_IMAGES: dict[str, Callable[..., xr.Dataset]] = {
    "layer_discarding": lambda run, model, layer, **how: bitlens.layer_discarding(
        run, model, [layer], [3], training=TRAINING, cells=1, **how
    ),
    "layer_deconvolution": lambda run, model, layer, **how: bitlens.layer_deconvolution(run, model, layer, **how),
}


@pytest.mark.parametrize("name", OF_IMAGES)
def test_images_in_a_dict_and_a_function(name: str, tmp_path: Path) -> None:
    plain = record(network(), tmp_path / "plain", (IMAGES, LABELS))
    model = Wrapped(network())
    run = record(model, tmp_path / "run", ({"images": IMAGES}, LABELS), forward=encode)
    expected = OF_IMAGES[name](plain, network(), "1")
    found = OF_IMAGES[name](run, model, "encoder.1", forward=encode)
    for variable in expected:
        np.testing.assert_array_equal(found[variable], expected[variable])


class Untouched(nn.Module):
    """A network that no refused call may run or change."""

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        raise AssertionError("work was done")


MEASURES = {**OF_IMAGES, "layer_ablation": lambda run, model, layer, **how: bitlens.layer_ablation(run, model, **how)}


@pytest.mark.parametrize("name", MEASURES)
def test_what_is_refused_before_any_work(name: str, tmp_path: Path) -> None:
    several = record(TwoInputs(), tmp_path / "several", (BY_NAME, LABELS), forward=twice)
    measure, layer = MEASURES[name], several.layers[1].name
    message = r"^forward: expected the function that .*several was recorded with \(twice\), got None; pass forward=$"
    with pytest.raises(RunError, match=message):
        measure(several, Untouched(), layer)
    with pytest.raises(TypeError, match=r"^forward: expected a function of model and batch, got int; pass one$"):
        measure(several, Untouched(), layer, forward=3)
    if name in OF_IMAGES:
        message = rf"^run: expected one input, the images of {name}, got 2 in .*several \(images, number\); record a"
        with pytest.raises(RunError, match=message):
            measure(several, Untouched(), layer, forward=twice)
    tokens = nn.Sequential(nn.Embedding(9, 4), nn.ReLU(), nn.Linear(4, 3))
    probe = torch.arange(40).reshape(8, 5) % 9, torch.arange(40).reshape(8, 5) % 3
    by_token = record(tokens, tmp_path / "tokens", probe, views=bitlens.View(tokens_as_samples=True))
    with pytest.raises(RunError, match=r"^run: expected whole samples .*, got single tokens in .*; record without"):
        measure(by_token, Untouched(), "1")
    with pytest.raises(RunError, match=r"^run: expected the inputs of whole samples, got single tokens in "):
        _ = by_token.model_inputs


def test_a_recorder_refuses_what_is_no_function(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"^forward: expected a function of model and batch, got str; pass one$"):
        record(network(), tmp_path / "run", (IMAGES, None), forward="encode")
    with pytest.raises(TypeError, match=r"^probe: expected names of the inputs that are texts, got \[0\]$"):
        record(network(), tmp_path / "run", ({0: IMAGES}, None))


def older(run: bitlens.Run) -> bitlens.Run:
    """The run as a version of bitlens wrote it that did not store the structure of the inputs."""
    path = run.path / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(
        json.dumps({k: v for k, v in manifest.items() if k not in ("input_kind", "input_names", "forward")})
    )
    return bitlens.open_run(run.path)


def test_runs_of_older_versions(tmp_path: Path) -> None:
    model = TwoInputs()
    pair = older(record(model, tmp_path / "pair", (PAIR, LABELS)))
    assert isinstance(pair.model_inputs, tuple)
    assert pair.input_names == ("0", "1")
    assert bitlens.layer_ablation(pair, model, repeats=1).scope.values.tolist() == ["relu"]
    single = older(record(network(), tmp_path / "single", (IMAGES, LABELS), forward=lambda model, x: model(x)))
    np.testing.assert_array_equal(single.model_inputs, IMAGES)
    assert bitlens.layer_ablation(single, network(), repeats=1).scope.values.tolist() == ["1"]
    by_name = older(record(model, tmp_path / "by_name", (BY_NAME, LABELS)))
    assert by_name.input_names == ("inputs", "number")
    message = r"^run: expected the names of all inputs, got number without the first in .*by_name, .*; record it again$"
    with pytest.raises(RunError, match=message):
        bitlens.layer_ablation(by_name, model)
    with bitlens.Recorder(model, by_name.path, (BY_NAME, LABELS), show_size=False) as recorder:
        recorder.snapshot(1)
    continued = bitlens.open_run(by_name.path)  # it has the names now
    assert list(continued.model_inputs) == ["images", "number"]
    assert bitlens.layer_ablation(continued, model, repeats=1).epoch.values.tolist() == [0]


def test_a_damaged_probe(tmp_path: Path) -> None:
    run = record(TwoInputs(), tmp_path / "run", (BY_NAME, LABELS))
    arrays = {"inputs": IMAGES.numpy(), "labels": LABELS.numpy()}
    write_tensors(run.path / PROBE, {**arrays, "inputs.number": NUMBERS[:4].numpy()}, {})
    with pytest.raises(RunError, match=r"is damaged: number: expected 30 samples, got shape \(4,\)$"):
        _ = bitlens.open_run(run.path).model_inputs
    write_tensors(run.path / PROBE, arrays, {})
    with pytest.raises(RunError, match=r"does not contain 'inputs\.number'$"):
        _ = bitlens.open_run(run.path).model_inputs
