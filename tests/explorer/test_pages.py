"""The pages without a browser: they draw the results of the library, and the address holds their state."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bitlens
from bitlens import tables
from bitlens_explorer.state.address import from_address, to_address
from bitlens_explorer.state.query import Query
from tests.support.page_contents import chart, numbers, payloads, words

# What is drawn


def test_the_confusion_matrix_and_the_metrics_are_the_librarys(recorded_run, look):
    app = look(recorded_run.path, t="1")
    results = bitlens.training_performance(recorded_run).sel(epoch=1)
    (payload,) = payloads(app)
    np.testing.assert_array_equal(numbers(payload), results.confusion)
    assert (payload["rows"], payload["unit"], payload["y_title"], payload["x_title"]) == (
        ["0", "1", "2", "3"], "samples", "label", "predicted"
    )  # fmt: skip
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Epoch"] == "1"
    assert shown["Accuracy"] == f"{float(results.accuracy):.1%}"
    assert shown["Loss"] == f"{float(results.loss):.3f} bits"


def test_the_layers_are_listed_with_their_channel_axes(recorded_run, look):
    (listed,) = (table.value for table in look(recorded_run.path).dataframe if "channel axis" in table.value)
    expected = tables.layer_axes(recorded_run.layers)
    for column, name in (
        ("layer", "layer"),
        ("shape", "shape"),
        ("channel axis", "channel_axis"),
        ("found by", "decided"),
    ):
        assert listed[column].tolist() == expected[name].tolist()


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("label_given_predicted", "H(label | predicted"), ("predicted_given_label", "H(predicted | label")],
)
def test_entropies_are_drawn_in_bits_with_gaps_where_nothing_was_predicted(recorded_run, look, name, symbol):
    app = look(recorded_run.path)
    spec, rows = chart(app, symbol)
    expected = bitlens.training_performance(recorded_run)[name]
    assert len(rows) == expected.size
    for row in rows:
        value = float(expected.sel({"epoch": row["epoch"], "class": row["class"]}))
        drawn = np.nan if row["value"] is None else row["value"]
        np.testing.assert_equal(drawn, value)
    assert "(bits)" in json.dumps(spec)
    assert "class never predicted: 0 at epoch 2; 1, 3 at epoch 0 to 2; 2 at epoch 0." in words(app)


def test_the_chosen_cell_of_the_confusion_matrix_shows_its_samples(recorded_run, look):
    app = look(recorded_run.path, t="2", cm="1.2")
    assert "Label 1, predicted 2, epoch 2: 12 samples." in words(app).replace("**", "")
    (images,) = app.get("image")
    assert [image.caption for image in images.proto.imgs] == [f"sample {i}" for i in range(1, 48, 4)]


@pytest.mark.parametrize(("show", "variable"), [("mi", "mutual_information"), ("excess", "excess")])
@pytest.mark.parametrize("sort", ["index", "max", "mean"])
def test_the_layers_heat_map_is_the_librarys_in_the_librarys_order(recorded_run, look, show, variable, sort):
    app = look(recorded_run.path, "layers", a="0", b="1", t="1", sort=sort, show=show)
    values = bitlens.layer_pair_information(recorded_run, "0", "1", permutations=3, samples=32, epochs=[1])[variable][0]
    by = {"index": "index", "max": "maximum", "mean": "mean"}[sort]
    rows, columns = (bitlens.channel_order(values, name, by) for name in ("channel_b", "channel_a"))
    payload = payloads(app)[0]
    assert (payload["row_ids"], payload["column_ids"]) == (rows.tolist(), columns.tolist())
    np.testing.assert_allclose(numbers(payload), values.values.T[np.ix_(rows, columns)], rtol=1e-6)
    assert payload["unit"] == "bits"
    if show == "excess":
        assert payload["low"] == -payload["high"]
    else:
        assert (payload["low"], payload["high"]) == (float(values.min()), float(values.max()))
    assert len(payloads(app)) == 4  # and the same at three epochs


def test_layers_of_drawn_pairs_tell_how_many_were_drawn(run, look):
    drawn = bitlens.layer_pair_information(run, "0", "1", pairs=4, permutations=3, seed=5).isel(epoch=-1)
    (known,) = (known for known in bitlens.layer_pair_information.known(run, "0", "1") if known.parameters.pairs == 4)
    cell = (int(drawn.channel_a[1]), int(drawn.channel_b[0]))
    app = look(run.path, "layers", a="0", b="1", est=known.id, cell=f"{cell[0]}.{cell[1]}", sort="index")
    payload = payloads(app)[0]
    assert (payload["row_ids"], payload["column_ids"]) == (
        drawn.channel_b.values.tolist(),
        drawn.channel_a.values.tolist(),
    )
    assert "Mean excess over 4 of 16 pairs of channels, drawn at random" in words(app)
    assert f"{float(drawn.mutual_information[1, 0]):.3f} bits" in {metric.value for metric in app.metric}
    other = next(channel for channel in range(4) if channel not in drawn.channel_a)
    app = look(run.path, "layers", a="0", b="1", est=known.id, cell=f"{other}.{cell[1]}")
    assert f"Channels {other} and {cell[1]} were not drawn" in words(app)


def test_colours_can_span_all_epochs(recorded_run, look):
    app = look(recorded_run.path, "layers", a="0", b="1", t="1", range="all")
    values = bitlens.layer_pair_information(recorded_run, "0", "1", permutations=3, samples=32).mutual_information
    assert (payloads(app)[0]["low"], payloads(app)[0]["high"]) == (float(values.min()), float(values.max()))


def test_the_chosen_channels_show_numbers_and_maps_of_the_chosen_classes(recorded_run, look):
    app = look(recorded_run.path, "layers", a="0", b="output", t="1", cell="3.2", cls="1,3")
    assert "have not been measured" in words(app)  # not next to each other
    app = look(recorded_run.path, "layers", a="0", b="1", t="1", cell="3.2", cls="1,3")
    here = bitlens.layer_pair_information(recorded_run, "0", "1", permutations=3, samples=32, epochs=[1]).isel(epoch=0)
    here = here.sel(channel_a=3, channel_b=2)
    assert {metric.value for metric in app.metric} == {
        f"{float(here.mutual_information):.3f} bits", f"{float(here.excess):.3f} bits"
    }  # fmt: skip
    inputs, *maps = app.get("image")
    labels = [image.caption.split("label ")[1] for image in inputs.proto.imgs]
    assert len(labels) == 8
    assert set(labels) == {"1", "3"}
    assert [len(row.proto.imgs) for row in maps] == [8, 8]
    assert "layer 1, channel 2" in words(app)


def test_layers_without_maps_show_values(recorded_run, look):
    app = look(recorded_run.path, "layers", a="2", b="output", t="1", cell="0.1")
    values = bitlens.feature_maps(recorded_run, "output", 1, 1, [0]).values
    assert app.get("image")[-1].proto.imgs[0].caption == f"{values[0]:.3g}"


# The address


def test_an_address_is_read_and_written_back(recorded_run, look):
    address = {
        "t": "1",
        "a": "1",
        "b": "2",
        "cls": "0,3",
        "cell": "2.1",
        "sort": "mean",
        "show": "excess",
        "range": "all",
    }
    app = look(recorded_run.path, "layers", **address)
    assert {name: app.query_params[name] for name in address} == address
    assert app.query_params["run"] == "tiny"
    assert app.select_slider(key="query epoch").value == 1
    assert app.selectbox(key="query a").value == "1"
    assert [group.value for group in app.get("button_group") if group.key == "query classes"] == [[0, 3]]
    assert not app.toast


def test_a_value_that_the_browser_sends_late_does_not_restore_the_epoch(recorded_run, look):
    """Every message of the browser has the values of all widgets, those of an epoch ago if it was sent on the way."""
    app = look(recorded_run.path, "layers", t="0")
    late = app._tree.get_widget_states()
    next(button for button in app.button if button.label == "▶").click().run()
    assert app.query_params["t"] == "1"
    app._run(late)
    assert app.query_params["t"] == "1"


def test_the_query_survives_a_change_of_page_and_of_widgets(recorded_run, look):
    app = look(recorded_run.path, "layers", a="0", b="1", t="1", cell="2.1")
    app.select_slider(key="query epoch").set_value(0).run()
    assert app.query_params["t"] == "0"
    app.switch_page("views/embedding/page.py").run()
    assert (app.query_params["t"], app.query_params["cell"]) == ("0", "2.1")
    app.selectbox(key="query a").set_value("2").run()
    assert app.query_params["a"] == "2"
    assert "cell" not in app.query_params  # it belonged to the other layers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("t", "99"),
        ("t", "x"),
        ("a", "gone"),
        ("cls", "7"),
        ("cls", "1,,2"),
        ("cell", "0.99"),
        ("cell", "1"),
        ("cm", "9.9"),
        ("sort", "colour"),
        ("show", "?"),
        ("range", "0"),
        ("est", "1.2.3"),
    ],
)
def test_parts_of_a_stale_address_are_left_out_and_named(recorded_run, look, name, value):
    app = look(recorded_run.path, **{name: value})
    assert f"{name}={value}" in words(app)
    assert app.query_params.get(name) != value


def test_addresses_are_read_and_written_alike():
    asked = Query(
        run="r",
        epoch=3,
        a="a,b",
        b="ü&=",
        classes=(1, 2),
        estimator="32.3",
        cell=(4, 5),
        confused=(6, 7),
        channel=8,
        dims=(9, 1),
        selection="0123456789ab",
        space="two",
        sort="mean",
        quantity="excess",
        color_range="all",
    )
    assert from_address(to_address(asked)) == (asked, [])
    assert from_address({}) == (Query(), [])
    assert to_address(Query()) == {}
