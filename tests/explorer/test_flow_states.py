"""The page on information flow in its states: missing, damaged and partial results, and runs of other kinds."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
import torch

import bitlens
from tests.support.page_contents import chart, notes, words
from tests.support.sample_runs import convolutions, record_epochs, result_file, spoil

SETTINGS = {"permutations": 3, "batch": 48}
NULL = {"information": "", "null_mean": "null ", "null_std": "null deviation "}


@pytest.fixture
def spoilt(flowing_run, copied) -> bitlens.Run:
    return copied(flowing_run)


def assert_drawn(rows: list[dict], columns: dict[str, object]) -> None:
    """Each column of the rows has the values of a table by epoch and layer."""
    for row in rows:
        for name, table in columns.items():
            at = {dim: row[dim] for dim in ("epoch", "layer") if dim in table.dims}
            drawn = np.nan if row[name] is None else row[name]  # JSON has no NaN
            np.testing.assert_equal(drawn, float(table.sel(at)))


def all_rows(app, alt: str) -> list[dict]:
    """Rows of all data sets of a chart, also those of its rules."""
    (found,) = (element.proto for element in app.get("vega_lite_chart") if element.proto.alt.startswith(alt))
    return [row for data in found.datasets for row in pa.ipc.open_stream(data.data.data).read_all().to_pylist()]


def with_bandwidth(run: bitlens.Run, bandwidth: object) -> str:
    """The id of the matrix-based plane with a bandwidth."""
    known = bitlens.information_plane.known(run)
    return next(k.id for k in known if k.parameters.estimator == "renyi" and k.parameters.bandwidth == bandwidth)


def test_nothing_is_computed_before_the_button_is_pressed(spoilt, look):
    shutil.rmtree(spoilt.path / "results")
    app = look(spoilt.path, "flow")
    assert spoilt.results.measures() == []
    assert app.get("vega_lite_chart") == []
    assert words(app).count("Next:") == 4
    for measure in ("information_plane", "processing_inequalities", "layer_decomposition"):
        app.button(key=f"compute {measure}").click().run()
        assert measure in spoilt.results.measures()
    assert len(app.get("vega_lite_chart")) == 10
    plane = bitlens.information_plane(spoilt)
    assert_drawn(chart(app, "information plane")[1], {"input": plane.information.sel(about="input")})
    assert [button.label for button in app.button if "Compute" in button.label] == []


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
def test_the_page_opens_on_what_was_measured(spoilt, look):
    shutil.rmtree(spoilt.path / "results" / "information_plane")
    paper = {"permutations": 2, "batch": 48, **bitlens.published_settings("paper")}
    plane = bitlens.information_plane(spoilt, **paper)
    app = look(spoilt.path, "flow")
    settings = app.selectbox(key="query settings")
    assert settings.value == with_bandwidth(spoilt, bitlens.Silverman(5.0))
    assert ["(information plane not measured)" in option for option in settings.options] == [False, True]
    assert_drawn(chart(app, "information plane")[1], {"input": plane.information.sel(about="input")})
    shutil.rmtree(spoilt.path / "results" / "information_plane")
    binned = bitlens.information_plane(spoilt, "binning", **SETTINGS)
    app = look(spoilt.path, "flow")
    assert app.session_state["query plane"] == "binning"
    assert_drawn(chart(app, "information plane")[1], {"input": binned.information.sel(about="input")})


def test_a_run_without_gradients_and_without_one_of_the_estimators(recorded_run, look):
    app = look(recorded_run.path, "flow", plane="kde")
    assert "The information plane has not been measured with these settings at epoch 0 to 2" in words(app)
    assert app.button(key="compute information_plane")
    assert chart(app, "saturation")
    assert "No loss gradients were recorded" in words(app)
    assert not [chart for chart in app.get("vega_lite_chart") if chart.proto.alt.startswith("backward")]
    assert {row["chain"] for row in chart(app, "violations")[1]} == {"forward"}


def test_an_epoch_without_results(spoilt, look):
    for path in spoilt.path.glob("results/*/*/0001.safetensors"):
        path.unlink()
    app = look(spoilt.path, "flow", t="1")
    for what in ("The information plane has", "The chains have", "The decomposition has"):
        assert f"{what} not been measured with these settings at epoch 1" in words(app)
    assert len(chart(app, "information plane")[1]) == 8
    before = spoilt.results.keys("processing_inequalities")
    app.button(key="compute processing_inequalities").click().run()
    assert spoilt.results.keys("processing_inequalities") == before  # with the same settings
    assert chart(app, "forward chain")


def test_results_of_epochs_whose_activations_were_not_kept(spoilt, look):
    bitlens.training_performance(spoilt)
    for path in spoilt.path.glob("epochs/*"):
        path.unlink()
    app = look(spoilt.path, "flow")
    assert len(app.get("vega_lite_chart")) == 10
    assert "Next:" not in words(app)
    shutil.rmtree(spoilt.path / "results" / "information_plane")
    assert "not been measured, and the run has no activations" in words(look(spoilt.path, "flow"))


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
def test_more_epochs_are_computed_with_any_bandwidth(spoilt, look):
    for path in spoilt.path.glob("results/processing_inequalities/*"):
        shutil.rmtree(path)
    bitlens.processing_inequalities(spoilt, bandwidth=bitlens.Silverman(0.7), permutations=2, epochs=[0])
    (known,) = bitlens.processing_inequalities.known(spoilt)
    app = look(spoilt.path, "flow", set=known.id)
    app.button(key="compute processing_inequalities").click().run()
    (known,) = bitlens.processing_inequalities.known(spoilt)
    assert known.epochs == (0, 1, 2)


@pytest.mark.parametrize("how", ["file", "note", "foreign"])
def test_damaged_and_foreign_results_are_said(spoilt, look, how):
    (known,) = bitlens.processing_inequalities.known(spoilt)
    file = result_file(spoilt, known.key, 1)
    if how == "file":
        spoil(file)
    elif how == "note":
        (file.parent / "parameters.json").write_text("{")
    else:
        other = bitlens.layer_decomposition.known(spoilt)[0]
        file.write_bytes(result_file(spoilt, other.key, 1).read_bytes())
    app = look(spoilt.path, "flow", t="1")
    assert "damaged" in notes(app)
    assert "The chains have not been measured with these settings at epoch" in words(app)
    assert len(app.get("vega_lite_chart")) == {"note": 7}.get(how, 8)  # all others; violations of the other epochs


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


def test_a_run_without_labels_with_channels(tmp_path, look):
    run = record_epochs(tmp_path / "plain", convolutions(), torch.rand(24, 1, 8, 8), False, False)
    bitlens.layer_decomposition(run, "0")
    app = look(run.path, "flow")
    assert len(app.get("vega_lite_chart")) == 2  # the shares about the input
    assert "not been measured with these settings at epoch 0 to 2: 1, 2." in words(app)
