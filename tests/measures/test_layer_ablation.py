"""Neurons and labels over a run: the numbers by the library's functions, what is stored, what cannot be answered."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import bitlens
from bitlens import EqualWidth, OneBit, tables
from bitlens.runs import RunError

INPUTS = torch.rand(60, 1, 6, 6, generator=torch.Generator().manual_seed(0))
LABELS = (INPUTS[:, 0, :, :3].mean((1, 2)) > INPUTS[:, 0, :, 3:].mean((1, 2))).long()


def network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(48, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2),
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[bitlens.Run, torch.nn.Module]:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    path = tmp_path_factory.mktemp("runs") / "trained"
    with bitlens.Recorder(model, path, (INPUTS, LABELS), weights=[0, 2], show_size=False) as recorder:
        for epoch in range(3):
            recorder.snapshot(epoch)
            for _ in range(30):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(INPUTS), LABELS).backward()
                optimizer.step()
    return bitlens.open_run(path), model


def at_epoch(run: bitlens.Run, epoch: int) -> torch.nn.Module:
    model = network()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in run.weights(epoch).items()})
    return model


@pytest.mark.parametrize("quantizer", [OneBit(), EqualWidth(6)], ids=str)
def test_label_information_is_that_of_the_activations(trained, quantizer):
    run, _ = trained
    found = bitlens.label_information(run, "1", quantizer)
    assert found.epoch.values.tolist() == [0, 1, 2]
    for epoch in run.epochs:
        expected = bitlens.neuron_information(run.activations("1", epoch), LABELS, quantizer)
        for name, values in expected._asdict().items():
            np.testing.assert_array_equal(found[name].sel(epoch=epoch), values)
    assert found.mutual_information.attrs["units"] == "bits"
    assert quantizer in [known.parameters.quantizer for known in bitlens.label_information.known(run, "1")]


def test_the_curves_are_those_of_the_network_at_its_epoch(trained):
    run, model = trained
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = bitlens.layer_ablation(run, model, repeats=3, seed=5)
    assert found.epoch.values.tolist() == [0, 2]
    assert found.scope.values.tolist() == ["1", "4", "whole network"]
    assert found.order.values.tolist() == ["ascending", "descending", "random"]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for epoch in (0, 2):
        then = at_epoch(run, epoch)
        scores = {
            name: bitlens.neuron_information(then[: int(name) + 1](INPUTS).detach(), LABELS).mutual_information.numpy()
            for name in ("1", "4")
        }
        for scope, layers in (("1", ["1"]), ("4", ["4"]), ("whole network", ["1", "4"])):
            table, own = found.sel(epoch=epoch, scope=scope), {name: scores[name] for name in layers}
            curves = {
                order: bitlens.cumulative_ablation(then, (INPUTS, LABELS), layers, own, order, repeats=3, seed=5)
                for order in ("ascending", "descending", "random")
            }
            count = sum(len(one) for one in own.values())
            for order, curve in curves.items():
                np.testing.assert_array_equal(table.accuracy.sel(order=order)[: count + 1], curve.accuracy.mean(0))
                np.testing.assert_allclose(table.loss.sel(order=order)[: count + 1], curve.loss.mean(0))
            np.testing.assert_array_equal(table.random_accuracy[:, : count + 1], curves["random"].accuracy)
            np.testing.assert_array_equal(table.random_loss[:, : count + 1], curves["random"].loss)
            assert table.removed[: count + 1].values.tolist() == list(range(count + 1))
            assert np.isnan(table.removed[count + 1 :]).all()
            assert np.isnan(table.accuracy[:, count + 1 :]).all()
            ranked = list(zip(table.ranked_layer.values[:count], table.ranked_channel.values[:count], strict=True))
            assert ranked == curves["ascending"].neurons[0]
            assert set(table.ranked_channel.values[count:]) <= {-1}
            np.testing.assert_array_equal(table.score[:count], [own[name][channel] for name, channel in ranked])
    last = found.sel(epoch=2, scope="whole network")
    roles = bitlens.neuron_roles(*(x.values for x in (last.removed, *last.accuracy[:2], last.random_accuracy)))
    expected = [math.nan if value is None else value for value in roles]
    np.testing.assert_array_equal(last.roles, expected)
    assert float(last.accuracy[0, 0]) > 0.9
    for table in (found, tables.ablation_curves(found), tables.role_counts(found), tables.removal_means(found, 2)):
        assert tables.no_error(table).startswith("No error is given, because the samples that the accuracy is measured")
    xr.testing.assert_identical(bitlens.layer_ablation(bitlens.open_run(run.path), model, repeats=3, seed=5), found)


def test_a_network_that_has_learned_nothing_has_no_roles(tmp_path):
    model = network()
    with torch.no_grad():
        model[5].weight.zero_()
    with bitlens.Recorder(model, tmp_path / "run", (INPUTS, LABELS), weights=[0], show_size=False) as recorder:
        recorder.snapshot(0)
    assert bitlens.layer_ablation(bitlens.open_run(tmp_path / "run"), model, repeats=2).roles.isnull().all()


def test_other_scores_layers_data_and_steps(trained):
    run, model = trained
    found = bitlens.layer_ablation(
        run,
        model,
        ["4", "4"],
        data=(INPUTS[:20], LABELS[:20]),
        score="selectivity",
        quantizer=EqualWidth(3),
        mode="mean",
        repeats=2,
        steps=4,
        epochs=[2],
    )
    assert found.scope.values.tolist() == ["4"]
    assert found.removed.values.tolist() == [[[0, 2, 4, 6, 8]]]
    then = at_epoch(run, 2)
    scores = bitlens.neuron_information(then[:5](INPUTS[:20]).detach(), LABELS[:20], EqualWidth(3)).selectivity
    curve = bitlens.cumulative_ablation(then, (INPUTS[:20], LABELS[:20]), "4", scores, mode="mean", steps=4)
    np.testing.assert_array_equal(found.accuracy[0, 0, 0], curve.accuracy[0])
    assert found.attrs["score"] == "selectivity"


def test_a_layer_of_fewer_neurons_than_steps_is_measured_after_each(trained):
    """The layers have 3 and 8 neurons, the network 11."""
    found = bitlens.layer_ablation(*trained, repeats=1, steps=5, epochs=[2])
    removed = found.removed.sel(epoch=2)
    assert removed.sel(scope="1").values[:4].tolist() == [0, 1, 2, 3]
    assert np.isnan(removed.sel(scope="1").values[4:]).all()
    assert [removed.sel(scope=scope).values[-1] for scope in ("4", "whole network")] == [8, 11]


def test_layers_without_activation_functions(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Linear(4, 3))
    with bitlens.Recorder(model, tmp_path / "run", (torch.rand(9, 5), torch.arange(9) % 3), weights=[0]) as recorder:
        recorder.snapshot(0)
    assert bitlens.layer_ablation(bitlens.open_run(tmp_path / "run"), model).scope.values.tolist() == ["0"]


def test_a_run_that_cannot_be_answered(trained, tmp_path: Path):
    run, model = trained
    # (changes, message)
    for changes, message in (
        ({"layers": ["9"]}, "layer: no layer '9'"),
        ({"layers": ["input"]}, "layers: input was not recorded as the output of a module"),
        ({"layers": []}, "layers: none was recorded as the output of a module"),
        ({"score": "size"}, "score: expected 'mutual_information' or 'entropy' or 'selectivity', got 'size'"),
        ({"epochs": [1]}, "epochs: nothing is recorded and no result is stored for epoch 1"),
        ({"tolerance": 0.7}, "tolerance: expected a number between 0 and 0.5, got 0.7"),
        ({"model": torch.nn.Linear(2, 2)}, "model: the weights of .* do not fit it"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            bitlens.layer_ablation(run, **{"model": model, "epochs": [0]} | changes)
    with bitlens.Recorder(model, tmp_path / "bare", (INPUTS, None), show_size=False) as recorder:
        recorder.snapshot(0)
    bare = bitlens.open_run(tmp_path / "bare")
    with pytest.raises(RunError, match=r"^epochs: no weights were recorded in .*bare; record with weights=\[...\]$"):
        bitlens.layer_ablation(bare, model)
    with pytest.raises(RunError, match=r"bare was recorded without labels, which label_information needs$"):
        bitlens.label_information(bare, "1")
    with bitlens.Recorder(model, tmp_path / "plain", (INPUTS, None), weights=[0], show_size=False) as recorder:
        recorder.snapshot(0)
    plain = bitlens.open_run(tmp_path / "plain")
    with pytest.raises(RunError, match=r"without labels, which layer_ablation needs; give data=\(inputs, labels\)$"):
        bitlens.layer_ablation(plain, model)
    found = bitlens.layer_ablation(plain, model, data=(INPUTS, LABELS), repeats=1)
    assert found.accuracy.shape[1] == 3
    with pytest.warns(UserWarning, match="skipped (training performance|label information): .* without labels"):
        results = bitlens.measure(plain, samples=8, permutations=2)
    assert "input diversity" in results
    assert not [title for title in results if title.startswith(("label", "training"))]
