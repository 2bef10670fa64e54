"""Information discarding over a run: the kept weights, its numbers by hand, and what it cannot answer."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens import tables
from bitlens.runs import RunError

IMAGES = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 3


def network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3)
    )


@pytest.fixture
def run(tmp_path: Path) -> bitlens.Run:
    model = network()
    with bitlens.Recorder(model, tmp_path / "run", (IMAGES, LABELS), weights=[0, 2], every=2) as recorder:
        for epoch in range(3):
            recorder.snapshot(epoch)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.mul_(1.5).add_(0.01)
    return bitlens.open_run(tmp_path / "run")


def at(run: bitlens.Run, epoch: int) -> torch.nn.Module:
    model = network()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in run.weights(epoch).items()})
    return model.eval()


def test_kept_weights_are_the_networks(run: bitlens.Run) -> None:
    assert run.weight_epochs == [0, 2]
    assert run.weights(0).keys() == network().state_dict().keys()
    for epoch in (0, 2):
        with torch.no_grad():
            torch.testing.assert_close(at(run, epoch)(IMAGES).numpy(), run.activations("output", epoch))


def test_weights_without_activations(tmp_path: Path) -> None:
    model = network()
    with bitlens.Recorder(model, tmp_path / "run", (IMAGES, LABELS), weights=range(0, 9, 3), every=2) as recorder:
        for epoch in range(5):
            recorder.snapshot(epoch)
    run = bitlens.open_run(tmp_path / "run")
    assert (run.epochs, run.weight_epochs) == ([0, 2, 4], [0, 3])
    found = bitlens.layer_discarding(run, model, ["2"], 1)
    assert found.epoch.values.tolist() == [0, 3]


def test_by_hand(run: bitlens.Run) -> None:
    found = bitlens.layer_discarding(run, network(), samples=[3, 7], seed=4)
    assert found.layer.values.tolist() == ["0", "1", "2", "output"]
    for epoch in (0, 2):
        for layer in ("1", "4"):
            by_hand = bitlens.information_discarding(at(run, epoch), IMAGES[[3, 7]], layer, seed=4)
            row = found.sel(epoch=epoch, layer=run.layer(layer).name)
            np.testing.assert_array_equal(row.discarding, by_hand.entropies)
            for name in ("constraint", "spread", "shortfall", "limited", "converged"):
                np.testing.assert_array_equal(row[name], getattr(by_hand, name).double())
    assert (found.discarding.attrs["units"], found.attrs["samples"]) == ("bits", "[3, 7]")
    for table in (found, tables.discarding_by_layer(found), tables.discarding_by_layer(found.sel(epoch=2))):
        assert tables.no_error(table).startswith("No error over images is given for SID, RU and concentration, because")


def test_concentration_and_uncertainty(run: bitlens.Run) -> None:
    masks = np.zeros((2, 8, 8), bool)
    masks[:, 2:6, 2:6] = True
    training = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    found = bitlens.layer_discarding(run, network(), ["2"], [0, 1], masks=masks, training=training, epochs=[2])
    strict = found.discarding.sel(epoch=2, layer="2").to_numpy()
    np.testing.assert_allclose(found.concentration[0, 0], bitlens.concentration(strict, masks))
    decoder = bitlens.train_decoder(at(run, 2), training, "2")
    by_hand = bitlens.reconstruction_uncertainty(at(run, 2), IMAGES[:2], "2", decoder)
    np.testing.assert_allclose(found.uncertainty[0, 0], by_hand.entropies, atol=1e-5)
    for name in ("shortfall", "converged"):
        np.testing.assert_allclose(found[f"uncertainty_{name}"][0, 0], getattr(by_hand, name).double(), atol=1e-5)
    assert found.uncertainty_shortfall.attrs["units"] == found.shortfall.attrs["units"] == "bits"


def test_it_is_kept(run: bitlens.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bitlens.layer_discarding(run, network(), ["0"], 2)
    monkeypatch.setattr("bitlens.network.information_discarding", None)
    second = bitlens.layer_discarding(run, network(), ["0"], 2)
    assert first.equals(second)
    assert bitlens.layer_discarding.known(run)[0].epochs == (0, 2)


def test_other_weights_of_the_model_do_not_matter(run: bitlens.Run) -> None:
    model = network()
    with torch.no_grad():
        model[0].weight.zero_()
    bitlens.layer_discarding(run, model, ["0"], 1, epochs=[0])
    assert not model[0].weight.any()
    assert model.training


def plain(tmp_path: Path) -> bitlens.Run:
    with bitlens.Recorder(network(), tmp_path / "plain", (IMAGES, LABELS)) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(tmp_path / "plain")


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"layers": ["9"]}, RunError, "layer: no layer '9'"),
        ({"layers": ["input"]}, RunError, "layers: input was not recorded as the output of a module"),
        ({"layers": []}, RunError, "layers: none was recorded as the output of a module"),
        ({"samples": [12]}, RunError, "samples: expected some of 0 to 11, got [12]"),
        ({"samples": 0}, ValueError, "limit: expected at least 1, got 0"),
        ({"masks": np.zeros((10, 4, 4), bool)}, ValueError, "masks: expected shape (n, height, width)"),
        ({"epochs": [1]}, RunError, "epochs: nothing is recorded and no result is stored for epoch 1"),
        ({"model": torch.nn.Linear(64, 3)}, RunError, "do not fit it"),
        ({"model": "network"}, TypeError, "model: expected a torch.nn.Module, got str"),
    ],
)
def test_refused(run: bitlens.Run, changed: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        bitlens.layer_discarding(**({"run": run, "model": network()} | changed))


def test_a_run_without_weights_says_so(tmp_path: Path) -> None:
    run = plain(tmp_path)
    with pytest.raises(RunError, match=r"no weights were recorded in .*plain; record with weights"):
        bitlens.layer_discarding(run, network())
    with pytest.raises(RunError, match=r"the weights of epoch 0 are not in .*plain; record with weights="):
        run.weights(0)


def test_damaged_weights_are_said(run: bitlens.Run) -> None:
    (run.path / "weights" / "0002.safetensors").write_bytes(b"nothing")
    with pytest.raises(RunError, match=re.escape("0002.safetensors is damaged")):
        run.weights(2)
    with pytest.raises(RunError, match=r"the weights of epoch 1 are not in .*; recorded: \[0, 2\]"):
        run.weights(1)


def test_weights_that_numpy_does_not_know_are_exact_or_refused(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 3)).bfloat16()
    with bitlens.Recorder(model, tmp_path / "run", (torch.rand(6, 4), None), weights=[0, 1]) as recorder:
        recorder.snapshot(0)
        stored = bitlens.open_run(tmp_path / "run").weights(0)["0.weight"]
        assert torch.equal(torch.from_numpy(stored).bfloat16(), model[0].weight)
        model.register_buffer("scale", torch.ones(1).to_sparse())
        with pytest.raises(
            TypeError, match=r"weights: expected storable tensors, got torch.float32 of shape .* for scale"
        ):
            recorder.snapshot(1)
