"""The pixels page: it draws the results of the library, and says what is missing."""

from __future__ import annotations

import base64
import json
import shutil

import numpy as np
import pytest
import torch
import xarray as xr

import bitlens
from bitlens.measures import Known
from bitlens.runs import ResultKey, StoredArray, StoredResult
from bitlens_explorer.views.pixels.units import to_maps
from tests.support.page_contents import chart, menus, notes, numbers, payloads, words
from tests.support.sample_runs import result_file, spoil, stored_result


def measured(run: bitlens.Run, number: int = 0) -> tuple[str, Known, xr.Dataset]:
    """Name of one set of settings, what is known of it, and its results at epoch 1."""
    known = bitlens.layer_discarding.known(run)[number]
    return known.id, known, run_at(run, known, 1)


def run_at(run: bitlens.Run, known: Known, epoch: int) -> xr.Dataset:
    return bitlens.layer_discarding.load(run, known, [epoch]).sel(epoch=epoch)


def under(payload: dict) -> np.ndarray:
    """The grey picture below a map."""
    values = np.frombuffer(base64.b64decode(payload["under"]["values"]), "<f4")
    return values.reshape(len(payload["rows"]), payload["under"]["columns"])


def of_title(app, start: str) -> dict:
    (found,) = (payload for payload in payloads(app) if payload["title"].startswith(start))
    return found


@pytest.fixture
def spoilt(discarded_run, copied) -> bitlens.Run:
    return copied(discarded_run)


def record(store, model: torch.nn.Module, probe: torch.Tensor, **given: object) -> bitlens.Run:
    with bitlens.Recorder(model, store, (probe, None), weights=[0], show_size=False) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(store)
    bitlens.layer_discarding(run, model, **given)
    return run


# What is drawn


@pytest.mark.parametrize(
    ("kind", "variable"), [("strict information", "discarding"), ("reconstruction", "uncertainty")]
)
def test_the_strip_holds_the_librarys_maps(discarded_run, look, kind, variable):
    name, _, found = measured(discarded_run, 1)
    app = look(discarded_run.path, "pixels", t="1", dis=name, px="7", pl="output")
    payload = of_title(
        app, f"{kind} {'discarding (SID)' if variable == 'discarding' else 'uncertainty (RU)'} of images"
    )
    drawn = numbers(payload).reshape(2, 6, 3, 8).swapaxes(1, 2)  # image, column of maps, row, column
    assert np.isnan(drawn[:, 0]).all()
    expected = found[variable].transpose("sample", "layer", "input_0", "input_1", "input_2").values[:, :, 0]
    np.testing.assert_allclose(drawn[:, 1:], expected, rtol=1e-6)
    np.testing.assert_allclose(under(payload).reshape(2, 6, 8), discarded_run.inputs[[2, 7], 0], rtol=1e-6)
    assert payload["tile_names"] == [["2: label 2", "7: label 3"], ["input", "1", "output"]]
    assert (payload["unit"], payload["tile"]) == ("bits", [6, 8])
    assert (payload["low"], payload["high"]) == (float(found[variable].min()), float(found[variable].max()))
    assert payload["selected"] == [1 * 3 + 2, 0]


def test_the_scale_is_that_of_all_epochs(discarded_run, look):
    _, parameters, _ = measured(discarded_run)
    both = [run_at(discarded_run, parameters, epoch).discarding for epoch in (0, 1)]
    ends = (min(float(one.min()) for one in both), max(float(one.max()) for one in both))
    for epoch in ("0", "1"):
        payload = of_title(look(discarded_run.path, "pixels", t=epoch), "strict information discarding (SID) of images")
        assert (payload["low"], payload["high"]) == ends


def test_the_chosen_map_lies_over_its_image_with_its_numbers(discarded_run, look):
    _, _, found = measured(discarded_run)
    app = look(discarded_run.path, "pixels", t="1", px="7", pl="output")
    payload = of_title(app, "strict information discarding (SID) of image 7 in layer output")
    one = found.sel(sample=7, layer="output")
    np.testing.assert_allclose(numbers(payload), one.discarding[0], rtol=1e-6)
    np.testing.assert_allclose(under(payload), discarded_run.inputs[7, 0], rtol=1e-6)
    assert payload["opacity"] == 0.6
    assert app.metric[0].value == f"{float(one.discarding.mean()):.3f} bits"
    said = dict(zip(app.table[0].value.iloc[:, 0], app.table[0].value["value"], strict=True))
    assert said["SID of all units"] == f"{float(one.discarding.sum()):.1f} bits"
    assert said["change of the features (target: alpha = 1.5)"] == f"{float(one.constraint):.3f}"
    assert said["standard error of the mean SID"] == f"{float(one.spread):.4f} bits"
    assert said["mean SID below its maximum by at most"] == f"{float(one.shortfall):.4f} bits"
    assert said["concentration"] == f"{float(one.concentration):.3f} bits"
    assert said["converged"] == "yes"
    app.slider(key="opacity").set_value(0).run()
    assert of_title(app, "strict information discarding (SID) of image 7")["opacity"] == 0


def test_the_other_map_lies_over_the_image_when_asked_for(discarded_run, look):
    name, _, found = measured(discarded_run, 1)
    app = look(discarded_run.path, "pixels", t="1", dis=name, map="ru")
    payload = of_title(app, "reconstruction uncertainty (RU) of image 2 in layer 1")
    np.testing.assert_allclose(numbers(payload), found.uncertainty.sel(sample=2, layer="1")[0], rtol=1e-6)
    assert {"mean RU of a unit", "RU converged"} <= set(app.table[0].value.iloc[:, 0])
    app.button_group(key="query map").set_value("sid").run()
    assert "map" not in app.query_params


def test_curves_are_the_librarys_means(discarded_run, look):
    _, parameters, _ = measured(discarded_run)
    app = look(discarded_run.path, "pixels", t="1")
    for name, axis in (("discarding", "SID (bits a unit)"), ("concentration", "concentration (bits a unit)")):
        spec, rows = chart(app, f"{name} by layer at epoch 1")
        assert axis in json.dumps(spec)
        assert [row["layer"] for row in rows] == ["1", "output"]
        over_epochs = chart(app, f"{name} of each layer by epoch")[1]
        assert len(over_epochs) == 4
        for row in [*rows, *over_epochs]:
            values = run_at(discarded_run, parameters, row["epoch"])[name].sel(layer=row["layer"])
            values = values.mean([dim for dim in values.dims if dim != "sample"])
            assert row["mean"] == pytest.approx(float(values.mean()), rel=1e-12)
            assert row["std"] == pytest.approx(float(values.std(ddof=1)), rel=1e-12)
            assert (row["images"], row["not_converged"]) == (2, 0)
    assert words(app).count("No error over images is given for SID, RU and concentration, because") > 2


def test_one_of_several_settings_is_chosen(discarded_run, look):
    first, second = (known.id for known in bitlens.layer_discarding.known(discarded_run))
    app = look(discarded_run.path, "pixels", t="1", px="7")
    box = app.selectbox(key="query discarding")
    assert [", training a" in option for option in box.options] == [False, True]
    assert all("layers 1, output, samples 2, 7, alpha 1.5" in option for option in box.options)
    assert box.value == first
    box.set_value(second).run()
    assert app.query_params["dis"] == second
    assert of_title(app, "reconstruction uncertainty (RU) of images")
    app = look(discarded_run.path, "pixels", dis="nothing")
    assert "dis=nothing" in words(app)


def test_classes_and_selections_hold_here_too(discarded_run, look):
    app = look(discarded_run.path, "pixels", t="1", cls="3")
    assert of_title(app, "strict information discarding (SID) of images")["tile_names"][0] == ["7: label 3"]
    assert "bars" not in words(app).lower()  # of one image
    name = bitlens.save_selection(discarded_run, [0, 1])
    app = look(discarded_run.path, "pixels", t="1", sel=name)
    assert "Measured images: 2, 7" in words(app)
    assert payloads(app) == []


def test_many_images_come_in_pages_and_colours_as_their_mean(tmp_path, look):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Flatten(), torch.nn.Linear(32, 3))
    run = record(tmp_path / "colours", model, torch.rand(9, 3, 6, 6), layers=["0"], samples=list(range(8)))
    app = look(run.path, "pixels", px="6")
    payload = of_title(app, "strict information discarding (SID) of images")
    assert payload["tile_names"] == [["6", "7"], ["input", "0"]]
    found = measured_at_0(run)
    drawn = numbers(payload).reshape(2, 6, 2, 6).swapaxes(1, 2)[:, 1]
    np.testing.assert_allclose(drawn, found.discarding.sel(layer="0", sample=[6, 7]).mean("input_0"), rtol=1e-6)
    assert "Each value, of the maps and of the input, is the mean over the 3 channels." in words(app)
    app.selectbox(key="part of Images").set_value(0).run()
    assert len(of_title(app, "strict information discarding (SID) of images")["tile_names"][0]) == 6


def measured_at_0(run: bitlens.Run):
    (known,) = bitlens.layer_discarding.known(run)
    return run_at(run, known, 0)


def test_large_images_are_drawn_as_means_of_pixels(discarded_run):
    values = measured(discarded_run)[2].discarding
    drawn, step = to_maps(discarded_run, values, 4)
    assert (step, drawn.sizes["row"], drawn.sizes["column"]) == (2, 3, 4)
    np.testing.assert_allclose(drawn[0, 0, 1, 2], values[0, 0, 0, 2:4, 4:6].mean(), rtol=1e-12)


def test_an_address_of_what_was_not_measured_is_left_out(discarded_run, look):
    app = look(discarded_run.path, "pixels", t="1", px="5", pl="0")
    assert "so they were left out: px=5, pl=0" in words(app)
    assert not {"px", "pl"} & set(app.query_params)
    assert "Image 2: label 2, layer 1, epoch 1" in words(app)


# What is not there


def test_without_results_it_says_how_to_get_them(recorded_run, look):
    app = look(recorded_run.path, "pixels")
    assert "has not been measured, and the explorer does not run networks. This run has no weights" in words(app)
    assert "weights=[" in app.code[0].value
    assert "bitlens.layer_discarding(run, model)" in app.code[0].value


def test_with_weights_only_the_measure_is_missing(spoilt, look):
    shutil.rmtree(spoilt.path / "results")
    app = look(spoilt.path, "pixels")
    assert "This run has the weights of epoch 0 to 1" in words(app)
    assert str(spoilt.path) in app.code[0].value
    assert "Recorder" not in app.code[0].value


def test_an_epoch_without_results_offers_others(discarded_run, look):
    app = look(discarded_run.path, "pixels", t="2")
    assert "Epoch 2 has not been measured with these settings" in words(app)
    assert payloads(app) == []
    assert len(chart(app, "discarding of each layer by epoch")[1]) == 4
    app.button(key="to epoch 1").click().run()
    assert app.query_params["t"] == "1"
    assert payloads(app)


def save(run: bitlens.Run, key: ResultKey, epoch: int, result: StoredResult) -> None:
    run.results.save(key, epoch, result, str(run.source("weights", epoch)))


@pytest.mark.parametrize("how", ["file", "note", "foreign", "layers"])
def test_damaged_and_foreign_results_are_said(spoilt, look, how):
    name, known, _ = measured(spoilt)
    file = result_file(spoilt, known.key, 1)
    if how == "file":
        spoil(file)
    elif how == "note":
        (file.parent / "parameters.json").write_text("{")
    else:
        result = stored_result(spoilt, known.key, 1)
        variables, coordinates = dict(result.variables), dict(result.coordinates)
        if how == "foreign":
            del variables["discarding"]
        else:
            coordinates["layer"] = StoredArray(("layer",), np.array(["1", "elsewhere"]), {})
        save(spoilt, known.key, 1, StoredResult(variables, coordinates))
    app = look(spoilt.path, "pixels", t="1", dis=name)
    expected = {
        "file": "layer discarding at epoch 1: the results are damaged",
        "note": "parameters.json is damaged or missing",
        "foreign": "expected the variables discarding",
        "layers": "name other layers than the run",
    }
    assert expected[how] in (notes(app) + words(app))
    if how == "file":  # the other epoch is drawn all the same
        assert payloads(look(spoilt.path, "pixels", t="0", dis=name))


def test_settings_that_do_not_fit_the_run_are_left_out(spoilt, look):
    _, known, _ = measured(spoilt)
    result = stored_result(spoilt, known.key, 1)
    for other in ({"layers": ["x"]}, {"samples": [99]}, {"alpha": "much"}):
        key = ResultKey(known.key.measure, known.key.version, {**known.key.settings, **other})
        save(spoilt, key, 1, result)
    app = look(spoilt.path, "pixels", t="1")
    assert len(app.selectbox(key="query discarding").options) == 2
    assert notes(app).count("does not fit this run and is left out") == 2
    assert notes(app).count("cannot be read") == 1


def test_what_has_not_converged_is_marked(spoilt, look):
    name, known, _ = measured(spoilt)
    result = stored_result(spoilt, known.key, 1)
    converged = result.variables["converged"]
    values = np.array(converged.values)
    values[1, 1] = 0  # layer output, sample 7
    changed = StoredArray(converged.dims, values, converged.attributes)
    save(spoilt, known.key, 1, StoredResult({**result.variables, "converged": changed}, result.coordinates))
    app = look(spoilt.path, "pixels", t="1", dis=name, px="7", pl="output")
    said = words(app)
    assert "1 of 4 maps have not converged" in said
    assert "image 7 in output" in said
    assert "Not converged." in said
    assert "⚠ no" in app.table[0].value["value"].tolist()
    assert "Triangles: not all images have converged" in said
    assert [row["not_converged"] for row in chart(app, "discarding by layer")[1]] == [0, 1]


def test_inputs_that_are_no_images_have_units(tmp_path, look):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    run = record(tmp_path / "plain", model, torch.rand(9, 5), samples=[1, 4])
    app = look(run.path, "pixels", px="4", pl="1")
    assert "not images and have no pixels" in words(app)
    payload = of_title(app, "strict information discarding (SID) of sample 4")
    found = measured_at_0(run)
    np.testing.assert_allclose(numbers(payload), found.discarding.sel(sample=4), rtol=1e-6)
    assert (payload["x_title"], payload["y_title"], payload["unit"]) == ("unit of the input", "layer", "bits")
    assert payload["rows"] == found.layer.values.tolist()
    assert app.metric[0].value == f"{float(found.discarding.sel(sample=4, layer='1').mean()):.3f} bits"
    app.selectbox(key="query image").set_value(1).run()
    assert app.query_params["px"] == "1"
    for menu in menus(app):
        exec(menu.code[0].value, {})
