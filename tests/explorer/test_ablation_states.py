"""The ablation page where results are missing, damaged, or still to be computed."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import torch

import bitlens
from bitlens.runs import ResultKey, StoredResult
from tests.explorer.test_ablation_page import measured
from tests.explorer.test_copied_python import copied_and_drawn
from tests.support.page_contents import chart, menus, notes, words
from tests.support.sample_runs import result_file, spoil, stored_result


@pytest.fixture
def spoilt(ablated_run, copied) -> bitlens.Run:
    return copied(ablated_run)


def without(run: bitlens.Run, measure: str) -> None:
    shutil.rmtree(run.path / "results" / measure)


def test_without_results_it_says_how_to_get_them(recorded_run, look):
    app = look(recorded_run.path, "ablation")
    said = words(app)
    assert "has not been measured, and the explorer does not run networks. This run has no weights" in said
    assert "weights=[" in app.code[0].value
    assert "bitlens.layer_ablation(run, model)" in app.code[0].value
    assert not [found for found in app.get("vega_lite_chart") if found.proto.alt.startswith("accuracy")]
    assert chart(app, "how many neurons of layer 1")  # which needs no network


def test_with_weights_only_the_measure_is_missing(spoilt, look):
    without(spoilt, "layer_ablation")
    app = look(spoilt.path, "ablation")
    assert "This run has the weights of epoch 0, 2." in words(app)
    assert str(spoilt.path) in app.code[0].value
    assert "Recorder" not in app.code[0].value


def test_without_a_network_neurons_are_measured_when_asked_for(spoilt, look):
    without(spoilt, "layer_ablation")
    app = look(spoilt.path, "ablation", t="2")
    assert "has not been measured at epoch 2 in 3 layers: 0, 3, output." in words(app)
    app.button(key="compute label information").click().run()
    assert "has not been measured at epoch 2" not in words(app)
    for layer in ("0", "1", "3", "4", "output"):
        _, rows = chart(app, f"how many neurons of layer {layer} have which")
        expected = bitlens.label_information(spoilt, layer, epochs=[2]).mutual_information[0]
        np.testing.assert_array_equal([row["bits"] for row in rows if row["layer"] == layer], expected)
    ((copied, drawn),) = copied_and_drawn(look(spoilt.path, "ablation", t="2"))
    pd.testing.assert_frame_equal(copied, drawn, check_names=False, check_dtype=False, check_index_type=False)


def test_a_neuron_whose_numbers_are_missing_offers_them(spoilt, look):
    without(spoilt, "label_information")
    app = look(spoilt.path, "ablation", t="2", scope="4")
    assert len(app.table) == 1
    app.button(key="compute label information").click().run()
    assert len(app.table) == 2


def test_an_epoch_without_results_shows_the_nearest(spoilt, look):
    app = look(spoilt.path, "ablation", t="1")
    said = words(app)
    assert (
        "Epoch 1 has not been measured with these settings. **This page shows epoch 2**, the nearest epoch with "
        "results." in said
    )
    assert "choose an epoch with results: 0, 2." in said
    assert "Cumulative ablation at epoch 2" in said
    _, _, found = measured(spoilt)
    _, rows = chart(app, "accuracy of layer 4")
    np.testing.assert_array_equal(
        [row["accuracy"] for row in rows if row["order"] == "lowest first"],
        found.accuracy.sel(scope="4", order="ascending")[:6],
    )


def save(run: bitlens.Run, key: ResultKey, epoch: int, result: StoredResult, kind: str = "weights") -> None:
    run.results.save(key, epoch, result, str(run.source(kind, epoch)))


@pytest.mark.parametrize("how", ["file", "note", "variable"])
def test_damaged_and_foreign_results_are_said(spoilt, look, how):
    name, known, _ = measured(spoilt)
    file = result_file(spoilt, known.key, 2)
    if how == "file":
        spoil(file)
    elif how == "note":
        (file.parent / "parameters.json").write_text("{")
    else:
        result = stored_result(spoilt, known.key, 2)
        variables = {name: array for name, array in result.variables.items() if name != "roles"}
        save(spoilt, known.key, 2, StoredResult(variables, result.coordinates))
    app = look(spoilt.path, "ablation", t="2", abl=name)
    said = notes(app) + words(app)
    assert ("expected the variables roles" if how == "variable" else "damaged") in said
    assert chart(app, "how many neurons of layer 4")  # what needs no network
    if how == "file":
        assert "This page shows epoch 0" in said
    if how != "note":
        assert chart(look(spoilt.path, "ablation", t="0", abl=name), "accuracy of the whole network")


def test_damaged_numbers_of_neurons_are_said(spoilt, look):
    (known,) = bitlens.label_information.known(spoilt, "4")
    result = stored_result(spoilt, known.key, 2)
    variables = {name: array for name, array in result.variables.items() if name != "selectivity"}
    save(spoilt, known.key, 2, StoredResult(variables, result.coordinates), "epoch")
    app = look(spoilt.path, "ablation", t="2", scope="4")
    assert "expected the variables selectivity" in words(app)
    assert chart(app, "mean activation of channel")  # the rest of the page


def test_settings_that_do_not_fit_the_run_are_left_out(spoilt, look):
    _, known, _ = measured(spoilt)
    result = stored_result(spoilt, known.key, 2)
    for other in ({"layers": ["x"]}, {"layers": []}, {"score": "size"}, {"mode": 3}, {"tolerance": "low"}):
        save(spoilt, ResultKey(known.key.measure, known.key.version, {**known.key.settings, **other}), 2, result)
    app = look(spoilt.path, "ablation", t="2")
    assert len(app.selectbox(key="query ablation").options) == 2
    assert notes(app).count("does not fit this run and is left out") == 2
    assert notes(app).count("cannot be read") == 3


def test_an_address_of_what_was_not_measured_is_left_out(ablated_run, look):
    app = look(ablated_run.path, "ablation", t="2", scope="0", place="9")
    assert "so they were left out: scope=0, place=9" in words(app)
    assert not {"scope", "place"} & set(app.query_params)
    app = look(ablated_run.path, "ablation", t="2", scope="4", place="0")
    assert "so they were left out: place=0" in words(app)
    assert "scope" not in look(ablated_run.path, "ablation", t="2", scope="nowhere").query_params


def test_where_only_results_are_kept_there_are_no_values(spoilt, look):
    (spoilt.path / "epochs" / "0002.safetensors").unlink()
    app = look(spoilt.path, "ablation", t="2", scope="4")
    assert "Only results were recorded at epoch 2; values were not recorded" in words(app)
    assert chart(app, "accuracy of the whole network")
    app = look(spoilt.path, "ablation", t="2", scope="1")
    assert "Only results were recorded at epoch 2; feature maps were not recorded" in words(app)
    without(spoilt, "layer_ablation")
    app = look(spoilt.path, "ablation", t="2")
    assert "in 3 layers, and only results were recorded at this epoch" in words(app)
    assert not [button for button in app.button if button.key == "compute label information"]


def test_without_labels(tmp_path, look):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    with bitlens.Recorder(
        model, tmp_path / "plain", (torch.rand(9, 5), None), weights=[0], show_size=False
    ) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "plain")
    app = look(run.path, "ablation")
    assert "recorded without labels, so labels are needed too" in words(app)
    assert "bitlens.layer_ablation(run, model, data=(test_images, test_labels))" in app.code[0].value
    assert "recorded without labels, which are needed here" in words(app)
    bitlens.layer_ablation(run, model, data=(torch.rand(8, 5), torch.arange(8) % 2), repeats=2)
    app = look(run.path, "ablation")
    said = words(app)
    assert "data " in said.partition("Settings:")[2]
    assert "on other data" in said
    assert "This run has no labels to average them by" in said
    assert len(chart(app, "accuracy of layer 1")[1]) == 3 * 5  # orders, and numbers of removed neurons
    for menu in menus(app):
        exec(menu.code[0].value, {})
