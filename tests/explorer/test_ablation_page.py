"""The ablation page: it draws the results of the library."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr

import bitlens
from bitlens.measures import Known
from bitlens_explorer.results.known import described
from bitlens_explorer.ui.charts import PETROFF
from tests.explorer.test_copied_python import copied_and_drawn
from tests.support.page_contents import chart, words

NAMES = {"ascending": "lowest first", "descending": "highest first", "random": "random (mean)"}


def measured(run: bitlens.Run, number: int = 0, epoch: int = 2) -> tuple[str, Known, xr.Dataset]:
    """Name of one set of settings, what is known of it, and its results at an epoch."""
    known = bitlens.layer_ablation.known(run)[number]
    return known.id, known, bitlens.layer_ablation.load(run, known, [epoch]).sel(epoch=epoch)


def size(found, scope: str) -> int:
    return int((found.ranked_channel.sel(scope=scope) >= 0).sum())


def rules(app, alt: str) -> list[int]:
    """Where rules stand in a chart: its smallest data set."""
    (found,) = (element.proto for element in app.get("vega_lite_chart") if element.proto.alt.startswith(alt))
    tables = [pa.ipc.open_stream(data.data.data).read_all() for data in found.datasets]
    return [row["neurons turned off"] for row in min(tables, key=len).to_pylist()]


@pytest.mark.parametrize(("curve", "axis"), [("accuracy", "accuracy"), ("loss", "loss (bits)")])
def test_curves_are_the_librarys_side_by_side(ablated_run, look, curve, axis):
    _, _, found = measured(ablated_run)
    app = look(ablated_run.path, "ablation", t="2", curve=curve)
    tops = set()
    for scope in ("1", "4", "whole network"):
        name = "the whole network" if scope == "whole network" else f"layer {scope}"
        spec, rows = chart(app, f"{curve} of {name} against")
        one = found.sel(scope=scope)
        number = size(found, scope)
        assert sorted({row["removed"] for row in rows}) == list(range(number + 1))
        for order, drawn in NAMES.items():
            values = [row[curve] for row in rows if row["order"] == drawn]
            np.testing.assert_array_equal(values, one[curve].sel(order=order)[: number + 1])
        repeats = one[f"random_{curve}"].transpose("repeat", "step").values[:, : number + 1]
        random = [row for row in rows if row["order"] == "random (mean)"]
        np.testing.assert_array_equal([row[f"{curve}_lowest"] for row in random], repeats.min(axis=0))
        np.testing.assert_array_equal([row[f"{curve}_highest"] for row in random], repeats.max(axis=0))
        text = json.dumps(spec)
        assert f'"title": "{axis}"' in text
        assert '"title": "neurons turned off"' in text
        lines = next(layer["encoding"] for layer in spec["layer"] if "strokeDash" in layer["encoding"])
        colors, dashes = (lines[channel]["scale"]["range"] for channel in ("color", "strokeDash"))
        assert len(set(colors) & set(PETROFF)) == 3
        assert len({tuple(dash) for dash in dashes}) == 3
        tops.add(tuple(lines["y"]["scale"]["domain"]))
    assert len(tops) == 1  # one scale for all
    assert tops.pop()[1] >= float(found[curve].max())
    assert "Simpson's paradox" in words(app)
    assert "The range of the random orders is not an error." in words(app)


def test_the_curve_is_switched_and_stays_in_the_address(ablated_run, look):
    app = look(ablated_run.path, "ablation", t="2")
    app.button_group(key="query curve").set_value("loss").run()
    assert app.query_params["curve"] == "loss"
    assert chart(app, "loss of the whole network")


def test_scores_of_each_layer_are_drawn_on_one_axis(ablated_run, look):
    _, _, found = measured(ablated_run)
    app = look(ablated_run.path, "ablation", t="2")
    bins = []
    for layer in ("1", "4"):
        spec, rows = chart(app, f"how many neurons of layer {layer} have which I(Y; neuron) (bits)")
        expected = bitlens.label_information(ablated_run, layer, epochs=[2]).mutual_information[0]
        drawn = {row["channel"]: row["bits"] for row in rows if row["layer"] == layer}
        np.testing.assert_allclose([drawn[i] for i in range(len(drawn))], expected, rtol=1e-6, atol=1e-12)
        own = spec["layer"][1]
        assert own["transform"] == [{"filter": {"field": "layer", "equal": layer}}]
        bins.append((own["encoding"]["x"]["bin"], own["encoding"]["x"]["scale"]))
        low, high = own["encoding"]["x"]["bin"]["extent"]
        assert (low, high) == tuple(own["encoding"]["x"]["scale"]["domain"])
        assert high >= float(found.score.max()) >= float(found.score.min()) >= low
    assert bins[0] == bins[1]


def test_counts_are_the_librarys_with_their_rule(ablated_run, look):
    _, _, found = measured(ablated_run)
    app = look(ablated_run.path, "ablation", t="2")
    table = app.table[0].value
    assert table.iloc[:, 0].tolist() == ["layer 1", "layer 4", "the whole network"]
    roles = found.roles.transpose("scope", "role")
    for role in ("needed", "redundant", "synergistic", "inactive", "sufficient", "decisive"):
        assert table[role].tolist() == [f"{value:.0f}" for value in roles.sel(role=role).values]
    for role, shown in (("apart_ascending", "lowest first"), ("apart_descending", "highest first")):
        expected = ["never" if math.isnan(value) else f"{value:.0f}" for value in roles.sel(role=role).values]
        assert table[f"{shown} apart after"].tolist() == expected
    assert "a tolerance of 5 %" in words(app)
    assert "Not counted" not in words(app)
    assert "No error is given, because" in words(app)


def test_a_network_no_better_than_without_has_no_counts(ablated_run, look):
    app = look(ablated_run.path, "ablation", t="0")
    assert set(app.table[0].value["needed"]) == {"not counted"}
    assert set(app.table[0].value["lowest first apart after"]) == {"not counted"}
    assert "Not counted: layer 1, layer 4, the whole network." in words(app)
    assert "There the network performs no better than without its neurons" in words(app)


def test_a_place_shows_its_neuron(ablated_run, look):
    _, _, found = measured(ablated_run)
    for scope, name in (("1", "layer 1"), ("whole network", "the whole network")):
        number = size(found, scope)
        for place in (1, number):
            app = look(ablated_run.path, "ablation", t="2", scope=scope, place=str(place))
            one = found.sel(scope=scope, rank=place - 1)
            layer, channel = str(one.ranked_layer.values), int(one.ranked_channel)
            said = words(app)
            assert (
                f"Layer {layer}, channel {channel}**: information about the label {float(one.score):.3f} bits" in said
            )
            assert f"number {place}, lowest first, or {number + 1 - place}, highest first" in said
            numbers = bitlens.label_information(ablated_run, layer, epochs=[2]).sel(epoch=2, channel=channel)
            shown = dict(zip(app.table[1].value.iloc[:, 0], app.table[1].value["value"], strict=True))
            for key in ("entropy", "mutual_information", "selectivity"):
                label = {"mutual_information": "information about the label"}.get(key, key)
                bias = float(numbers[f"{key}_bias"])
                assert shown[label] == f"{float(numbers[key]):.3f} bits (expected error {bias:+.3f})"
            assert shown["class separated best"] == ablated_run.classes[int(numbers.preferred_class)]
            assert rules(app, f"accuracy of {name}") == [place, number + 1 - place]


def test_layers_of_maps_show_them_and_others_their_means_by_class(ablated_run, look):
    _, _, found = measured(ablated_run)
    app = look(ablated_run.path, "ablation", t="2", scope="1", place="2")
    channel = int(found.sel(scope="1", rank=1).ranked_channel)
    assert f"Feature maps of layer 1, channel {channel}" in words(app).replace("**", "")
    assert [len(row.proto.imgs) for row in app.get("image")] == [8, 8]  # inputs and maps
    app = look(ablated_run.path, "ablation", t="2", scope="4", place="2")
    channel = int(found.sel(scope="4", rank=1).ranked_channel)
    assert "Layer 4 has single values and no maps" in words(app)
    _, rows = chart(app, f"mean activation of channel {channel} of layer 4 by class")
    values, labels = ablated_run.activations("4", 2)[:, channel], np.array(ablated_run.labels)
    assert [row["class"] for row in rows] == list(ablated_run.classes)
    expected = [values[labels == number].mean(dtype=float) for number in range(4)]
    np.testing.assert_allclose([row["mean activation"] for row in rows], expected, rtol=1e-6)


def test_the_slider_and_the_scope_are_in_the_address(ablated_run, look):
    app = look(ablated_run.path, "ablation", t="2")
    assert app.slider(key="query place").value == 8
    app.slider(key="query place").set_value(3).run()
    assert app.query_params["place"] == "3"
    app.selectbox(key="query scope").set_value("4").run()
    assert (app.query_params["scope"], "place" in app.query_params) == ("4", False)
    assert app.slider(key="query place").value == 5


def test_one_of_several_settings_is_chosen(ablated_run, look):
    sets = bitlens.layer_ablation.known(ablated_run)
    first, second = (known.id for known in sets)
    app = look(ablated_run.path, "ablation", t="2", scope="1")
    box = app.selectbox(key="query ablation")
    assert (box.value, box.options) == (first, [described(known) for known in sets])
    box.set_value(second).run()
    assert (app.query_params["abl"], "scope" in app.query_params) == (second, False)
    said = words(app)
    assert (
        "layers 4, score entropy, quantizer One bit (threshold 0.0), mode mean, repeats 2, steps 2, tolerance 0.05"
        in said
    )
    assert "Compare the layers with the network" not in said
    _, rows = chart(app, "accuracy of layer 4")
    assert [row["removed"] for row in rows if row["order"] == "lowest first"] == [0, 2, 5]
    assert chart(app, "how many neurons of layer 4 have which H(neuron) (bits)")
    assert "abl=nothing" in words(look(ablated_run.path, "ablation", abl="nothing"))


@pytest.mark.parametrize("number", [0, 1], ids=["layers and network", "one layer"])
@pytest.mark.parametrize("address", [{}, {"curve": "loss", "place": "2"}], ids=str)
def test_copied_lines_give_the_table(ablated_run, look, number, address):
    name, _, found = measured(ablated_run, number)
    pairs = copied_and_drawn(look(ablated_run.path, "ablation", t="2", abl=name, scope="4", **address))
    assert len(pairs) == 5
    for copied, drawn in pairs:
        pd.testing.assert_frame_equal(copied, drawn, check_names=False, check_dtype=False, check_index_type=False)
    curve, table = address.get("curve", "accuracy"), pairs[0][1]
    drawn = table[(table.scope == "4") & (table.order == "ascending")][curve]
    assert drawn.iloc[-1] == float(found[curve].sel(scope="4", order="ascending").dropna("step")[-1])
