"""The comparison page: what it draws is what the library says, and runs that cannot be compared are named."""

from __future__ import annotations

import json
import shutil

import pytest
import xarray as xr

import bitlens
from bitlens import tables
from bitlens_explorer.views.compare.charts import later_matrices
from tests.support.page_contents import payloads


@pytest.fixture
def look_at_both(look, runs, recorded_run, markup_run):
    """Opens the page for two runs with one probe; `comparison` is the part that is shown."""

    def opened(comparison="training", others="markup", **address):
        return look(None, "compare", root=runs, run="tiny", vs=others, cp=comparison, **address)

    return opened


def charts_of(app) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("arrow_vega_lite_chart")]


def texts_of(app) -> str:
    kinds = ("markdown", "info", "warning", "error")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))


def test_without_another_run_it_says_what_to_do(look, run):
    app = look(run.path, "compare")
    assert "There is no other run in" in texts_of(app)
    assert "in the list above" not in texts_of(app)


def test_without_a_choice_it_offers_the_other_runs(look_at_both):
    app = look_at_both(others="")
    (choice,) = app.multiselect
    assert "markup" in choice.options
    assert "tiny" not in choice.options
    assert "choose another run" in texts_of(app)


def test_estimates_are_those_of_the_library(look_at_both, recorded_run, markup_run):
    app = look_at_both("estimates")
    runs = tables.named_runs([recorded_run, markup_run])
    expected = tables.comparison_texts(tables.run_comparison(runs))
    (shown,) = (frame.value for frame in app.dataframe if "quantity" in frame.value)
    assert shown.to_dict("records") == expected.to_dict("records")
    assert "tiny at epoch 2, markup at epoch 2" in texts_of(app)


def test_an_epoch_applies_to_all_runs_where_they_have_it(look_at_both):
    assert "tiny at epoch 1, markup at epoch 1" in texts_of(look_at_both("estimates", t="1"))


def test_parts_draw_without_an_error(look_at_both):
    for part in ("training", "later"):
        app = look_at_both(part, a="0", b="1")
        assert not app.error
        assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) >= 1
    app = look_at_both("later", a="0")
    assert "layer 0 is not measured with: 2, output" in texts_of(app)
    assert [button for button in app.button if button.label.startswith("Compute (2 pairs")]


def test_later_layers_have_matrices_with_one_scale(look, recorded_run, markup_run, tmp_path):
    run = bitlens.open_run(shutil.copytree(recorded_run.path, tmp_path / "tiny"))
    shutil.copytree(markup_run.path, tmp_path / "markup")
    found = [bitlens.layer_pair_information(run, "0", b, epochs=[2]).excess for b in ("1", "2")]
    app = look(None, "compare", root=tmp_path, run="tiny", vs="markup", cp="later", a="0", t="2")
    drawn = payloads(app)
    assert [matrix["title"] for matrix in drawn] == ["0 and 1", "0 and 2"]
    for matrix in drawn:
        assert (matrix["low"], matrix["high"]) == (min(f.min() for f in found), max(f.max() for f in found))
    assert "Channels of layer 0 and of each later layer, epoch 2" in [title.value for title in app.subheader]


def test_a_later_layer_without_values_leaves_the_scale_of_the_others():
    values = xr.DataArray([[0.5, 1.0]], dims=("channel_a", "channel_b"), coords={"channel_a": [0], "channel_b": [0, 1]})
    for empty_first in (False, True):
        tables_of = {"1": values, "2": values * float("nan")}
        drawn = later_matrices(dict(sorted(tables_of.items(), reverse=empty_first)), "0", "file")
        assert [(matrix.low, matrix.high) for matrix in drawn] == [(0.5, 1.0)] * 2


def test_the_address_has_the_second_network(look_at_both, recorded_run, runs):
    shutil.copytree(recorded_run.path, runs / "third")
    app = look_at_both("matrices", others="markup|third", a="0", b="1", vs2="third")
    assert payloads(app)[1]["title"] == "third at epoch 2"
    app.selectbox(key="query second").set_value("markup").run()
    assert app.query_params["vs2"] == "markup"
    assert payloads(app)[1]["title"] == "markup at epoch 2"
    app.multiselect(key="query others").set_value(["third"]).run()
    assert "vs2" not in app.query_params
    assert payloads(app)[1]["title"] == "third at epoch 2"
    shutil.rmtree(runs / "third")


def test_matrices_of_equal_runs_have_no_difference(look_at_both):
    app = look_at_both("matrices", a="0", b="1")
    tiny, markup, difference = payloads(app)
    titles = [drawn["title"] for drawn in (tiny, markup, difference)]
    assert titles == ["tiny at epoch 2", "markup at epoch 2", "markup - tiny"]
    assert tiny["values"] == markup["values"]
    assert difference["palette"] != tiny["palette"]


@pytest.mark.parametrize(
    ("part", "chosen"),
    [("training", []), ("later", ["query a"]), ("matrices", ["query a", "query b"]), ("samples", ["query a"])],
)
def test_layers_are_chosen_where_they_are_shown(look_at_both, part, chosen):
    app = look_at_both(part, a="0", b="1")
    assert [box.key for box in app.sidebar.selectbox if box.key.startswith("query")] == chosen
    if part == "matrices":
        app.selectbox(key="query a").set_value("1").run()
        app.selectbox(key="query b").set_value("2").run()
        assert (app.query_params["a"], app.query_params["b"]) == ("1", "2")
        assert "Information between layers 1 and 2" in [title.value for title in app.subheader]
        assert payloads(app)


def test_samples_of_other_probes_are_not_compared(look_at_both, discarded_run):
    app = look_at_both("samples", others="discarded", a="0")
    assert "different probes" in texts_of(app)
    assert not payloads(app)
    assert not look_at_both("maps", a="0").warning


def test_a_lost_run_is_named(look_at_both, runs, recorded_run):
    shutil.copytree(recorded_run.path, runs / "lost")
    (runs / "lost" / "manifest.json").write_text("{}")
    app = look_at_both(others="lost")
    assert "is not the manifest of a bitlens run" in texts_of(app)
    shutil.rmtree(runs / "lost")
    assert bitlens.open_run(recorded_run.path).epochs == [0, 1, 2]
