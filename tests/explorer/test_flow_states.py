"""The information-flow page where results, labels or gradients are missing, and where results are damaged."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

import bitlens
from bitlens_explorer.results.flow import matrix_settings
from bitlens_explorer.views.flow.settings import arguments
from tests.support.page_contents import assert_drawn, chart, words
from tests.support.sample_runs import convolutions, record_epochs


def test_a_stale_address_is_said(flowing_run, look):
    app = look(flowing_run.path, "flow", set="gone", plane="?")
    assert not {"set", "plane"} & app.query_params.keys()
    assert chart(app, "information plane")


def test_nothing_is_computed_before_the_button_is_pressed(flowing_copy, look):
    shutil.rmtree(flowing_copy.path / "results")
    app = look(flowing_copy.path, "flow")
    assert flowing_copy.results.measures() == []
    assert app.get("vega_lite_chart") == []
    assert words(app).count("Next:") == 4
    for measure in ("information_plane", "processing_inequalities", "layer_decomposition"):
        app.button(key=f"compute {measure}").click().run()
        assert measure in flowing_copy.results.measures()
    assert len(app.get("vega_lite_chart")) == 10
    plane = bitlens.information_plane(flowing_copy)
    assert_drawn(chart(app, "information plane")[1], {"input": plane.information.sel(about="input")})
    assert [button.label for button in app.button if "Compute" in button.label] == []


def test_a_run_without_gradients_and_without_one_of_the_estimators(recorded_run, look):
    app = look(recorded_run.path, "flow", plane="kde")
    assert "The information plane has not been measured with these settings at epoch 0 to 2" in words(app)
    assert app.button(key="compute information_plane")
    assert chart(app, "saturation")
    assert "No loss gradients were recorded" in words(app)
    assert not [chart for chart in app.get("vega_lite_chart") if chart.proto.alt.startswith("backward")]
    assert {row["chain"] for row in chart(app, "violations")[1]} == {"forward"}


def test_an_epoch_without_results(flowing_copy, look):
    for path in flowing_copy.path.glob("results/*/*/0001.nc"):
        path.unlink()
    app = look(flowing_copy.path, "flow", t="1")
    for what in ("The information plane has", "The chains have", "The decomposition has"):
        assert f"{what} not been measured with these settings at epoch 1" in words(app)
    assert len(chart(app, "information plane")[1]) == 8
    before = flowing_copy.results.recorded("processing_inequalities")
    app.button(key="compute processing_inequalities").click().run()
    assert flowing_copy.results.recorded("processing_inequalities") == before  # with the same settings
    assert chart(app, "forward chain")


def test_results_of_epochs_whose_activations_were_not_kept(flowing_copy, look):
    bitlens.training_performance(flowing_copy)
    for path in flowing_copy.path.glob("epochs/*"):
        path.unlink()
    app = look(flowing_copy.path, "flow")
    assert len(app.get("vega_lite_chart")) == 10
    assert "Next:" not in words(app)
    shutil.rmtree(flowing_copy.path / "results" / "information_plane")
    assert "not been measured, and the run has no activations" in words(look(flowing_copy.path, "flow"))


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
def test_a_rule_of_ones_own_is_left_to_python(flowing_copy, look):
    for path in flowing_copy.path.glob("results/processing_inequalities/*"):
        shutil.rmtree(path)
    bitlens.processing_inequalities(flowing_copy, bandwidth=bitlens.Silverman(0.7), permutations=2, epochs=[0])
    name = next(name for name in matrix_settings(flowing_copy) if "Silverman" in name)
    assert "measure it in Python" in words(look(flowing_copy.path, "flow", set=name))
    assert arguments({"bandwidth": "5.5"}) == {"bandwidth": 5.5}


@pytest.mark.parametrize("how", ["file", "note", "foreign"])
def test_damaged_and_foreign_results_are_said(flowing_copy, look, how):
    folder = next(flowing_copy.path.glob("results/processing_inequalities/*"))
    if how == "file":
        (folder / "0001.nc").write_bytes(b"no netCDF")
    elif how == "note":
        (folder / "parameters.json").write_text("{")
    else:
        shutil.copy(next(flowing_copy.path.glob("results/layer_decomposition/*/0001.nc")), folder / "0001.nc")
    app = look(flowing_copy.path, "flow")
    assert ("does not fit this run" if how == "foreign" else "damaged") in words(app)
    if how != "note":
        assert len(app.get("vega_lite_chart")) == 7  # all others


def test_a_run_without_labels_and_with_one_layer(tmp_path, look):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2))
    run = record_epochs(tmp_path / "plain", model, torch.rand(20, 3), False, False)
    bitlens.information_plane(run, permutations=3)
    bitlens.processing_inequalities(run, permutations=3)
    app = look(run.path, "flow")
    assert "This run has no labels, so only the input is shown" in words(app)
    assert "No layer has several maps" in words(app)
    spec, rows = chart(app, "information plane")
    assert "I(input; layer) (bits)" in json.dumps(spec)
    assert_drawn(rows, {"input": bitlens.information_plane(run, permutations=3).information.sel(about="input")})
    assert len(chart(app, "forward chain")[1]) == 1
    assert "0 violations." in words(app)


def test_one_layer_with_gradients(tmp_path, look):
    run = record_epochs(tmp_path / "one", torch.nn.Sequential(torch.nn.Linear(3, 4)), torch.rand(24, 3), True, True)
    bitlens.processing_inequalities(run, permutations=2, epochs=[1])
    assert chart(look(run.path, "flow", t="1"), "forward chain")


def test_a_run_without_labels_with_channels(tmp_path, look):
    run = record_epochs(tmp_path / "plain", convolutions(), torch.rand(24, 1, 8, 8), False, False)
    bitlens.layer_decomposition(run, "0")
    app = look(run.path, "flow")
    assert len(app.get("vega_lite_chart")) == 2  # the shares about the input
    assert "not been measured with these settings at epoch 0 to 2: 1, 2." in words(app)
