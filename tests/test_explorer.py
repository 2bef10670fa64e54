"""The explorer without a browser: what its pages draw is what the library says, and what is not there is said."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import bitlens

pytest.importorskip("streamlit", reason="the explorer is an extra")

from streamlit.testing.v1 import AppTest

import bitlens_explorer
from bitlens.runs import RunError
from bitlens_explorer import figures, opening, query, recorded
from bitlens_explorer.components import heatmap
from bitlens_explorer.launch import command, environment
from bitlens_explorer.query import Query
from bitlens_explorer.words import listed, plain

APP = Path(bitlens_explorer.__file__).parent
MARKUP = ["<b>zero</b>", "![one](http://example.com/1.png)", "*two*", "[three](http://example.com)"]


def record_tiny_run(store: Path, classes: list[str] | None = None) -> bitlens.Run:
    """Four classes of 48 small images, three epochs, of which the last predicts one class only; measured."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 4),
    )
    images, labels = torch.rand(48, 1, 8, 8), torch.arange(48) % 4
    with bitlens.Recorder(model, store, (images, labels), classes=classes, show_size=False) as recorder:
        for epoch in range(3):
            if epoch == 2:
                with torch.no_grad():
                    model[4].bias[2] = 100.0
            recorder.snapshot(epoch)
            with torch.no_grad():
                model[0].weight += 0.3 * torch.randn_like(model[0].weight)
    run = bitlens.open_run(store)
    bitlens.measure(run, samples=32, permutations=3, k=5)
    return run


@pytest.fixture(scope="module")
def recorded_run(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    return record_tiny_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture
def run(recorded_run: bitlens.Run, tmp_path: Path) -> bitlens.Run:
    """A run of the test's own, to be spoilt."""
    shutil.copytree(recorded_run.path, tmp_path / "tiny")
    return bitlens.open_run(tmp_path / "tiny")


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch):
    """Opens a page of the explorer at an address."""

    def opened(at: Path | None, page: str = "training", *, root: Path | None = None, **address: str) -> AppTest:
        given = environment(at, root)
        for name in (opening.RUN_VARIABLE, opening.ROOT_VARIABLE):
            monkeypatch.setenv(name, given[name])
        app = AppTest.from_file(str(APP / "main.py"), default_timeout=60)
        for name, value in address.items():
            app.query_params[name] = value
        app.run()
        if page != "training":
            app.switch_page(f"views/{page}.py").run()
        assert not app.exception
        return app

    return opened


def words(app: AppTest) -> str:
    """All that is said on a page, as a reader sees it."""
    elements = [*app.title, *app.subheader, *app.markdown, *app.info, *app.error, *app.warning, *app.toast]
    said = "\n".join(element.value for element in elements).replace("\u2060", "")
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", said)


def payloads(app: AppTest) -> list[dict]:
    """What the heat maps of a page are sent."""
    return [json.loads(element.proto.json) for element in app.get("bidi_component")]


def numbers(payload: dict) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(payload["values"]), "<f4")
    return values.reshape(len(payload["rows"]), len(payload["columns"]))


def chart(app: AppTest, alt: str) -> tuple[dict, list[dict]]:
    """Specification and largest data set of the chart with this alternative text."""
    (found,) = (element.proto for element in app.get("vega_lite_chart") if element.proto.alt.startswith(alt))
    tables = [pa.ipc.open_stream(data.data.data).read_all() for data in found.datasets]
    return json.loads(found.spec), max(tables, key=len).to_pylist()


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
    values = bitlens.layer_information(recorded_run, "0", "1", permutations=3, samples=32, epochs=[1])[variable][0]
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


def test_colours_can_span_all_epochs(recorded_run, look):
    app = look(recorded_run.path, "layers", a="0", b="1", t="1", range="all")
    values = bitlens.layer_information(recorded_run, "0", "1", permutations=3, samples=32).mutual_information
    assert (payloads(app)[0]["low"], payloads(app)[0]["high"]) == (float(values.min()), float(values.max()))


def test_the_chosen_channels_show_numbers_and_maps_of_the_chosen_classes(recorded_run, look):
    app = look(recorded_run.path, "layers", a="0", b="output", t="1", cell="3.2", cls="1,3")
    assert "have not been measured" in words(app)  # not next to each other
    app = look(recorded_run.path, "layers", a="0", b="1", t="1", cell="3.2", cls="1,3")
    here = bitlens.layer_information(recorded_run, "0", "1", permutations=3, samples=32, epochs=[1]).isel(epoch=0)
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


def test_the_query_survives_a_change_of_page_and_of_widgets(recorded_run, look):
    app = look(recorded_run.path, "layers", a="0", b="1", t="1", cell="2.1")
    app.select_slider(key="query epoch").set_value(0).run()
    assert app.query_params["t"] == "0"
    app.switch_page("views/training.py").run()
    assert (app.query_params["t"], app.query_params["cell"]) == ("0", "2.1")
    app.selectbox(key="query a").set_value("2").run()
    assert app.query_params["a"] == "2"
    assert "cell" not in app.query_params  # it belonged to the other layers


@pytest.mark.parametrize(
    ("name", "value"),
    [("t", "99"), ("t", "x"), ("a", "gone"), ("cls", "7"), ("cls", "1,,2"), ("cell", "0.99"), ("cell", "1"), ("cm", "9.9"),
     ("sort", "colour"), ("show", "?"), ("range", "0"), ("est", "1.2.3")],
)  # fmt: skip
def test_parts_of_a_stale_address_are_left_out_and_named(recorded_run, look, name, value):
    app = look(recorded_run.path, **{name: value})
    assert f"{name}={value}" in words(app)
    assert app.query_params.get(name) != value


def test_addresses_are_read_and_written_alike():
    asked = Query("r", 3, "a,b", "ü&=", (1, 2), "32.3", (4, 5), (6, 7), "mean", "excess", "all")
    assert query.from_address(query.to_address(asked)) == (asked, [])
    assert query.from_address({}) == (Query(), [])
    assert query.to_address(Query()) == {}


# What is not there


def test_without_a_run_the_page_says_how_to_get_one(look, tmp_path):
    app = look(None, root=tmp_path)
    assert "No run is open, and there is none in" in words(app)
    assert "bitlens.Recorder" in app.code[0].value


def test_runs_in_the_root_are_offered(recorded_run, look):
    app = look(None, root=recorded_run.path.parent)
    app.button(key="open 0").click().run()
    assert app.title[0].value == "Training"
    assert app.query_params["run"] == "tiny"


def _spoil(run: bitlens.Run, how: str) -> None:
    manifest = run.path / "manifest.json"
    if how == "none":
        manifest.unlink()
    elif how == "damaged":
        manifest.write_text(manifest.read_text()[:100])
    elif how == "binary":
        manifest.write_bytes(b"\xff\xfe\x00")
    elif how == "layers":
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "layers": ["conv"]}))
    else:
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema_version": 99}))


@pytest.mark.parametrize(
    ("how", "said"),
    [("none", "holds no manifest.json"), ("damaged", "is damaged"), ("binary", "cannot be read"), ("layers", "cannot be "),
     ("newer", "upgrade bitlens")],
)  # fmt: skip
def test_a_folder_that_is_no_readable_run(run, look, how, said):
    _spoil(run, how)
    app = look(run.path)
    assert said in words(app)
    assert "Next:" in words(app)


def test_a_run_without_epochs(run, look):
    for folder in ("epochs", "results"):
        shutil.rmtree(run.path / folder)
    assert "no epoch is complete yet" in words(look(run.path))


def test_unmeasured_results_are_computed_when_asked_for(run, look):
    shutil.rmtree(run.path / "results")
    app = look(run.path)
    assert run.results.measures() == []  # looking computes nothing
    for key, name in [
        ("compute training", "training_performance"),
        ("compute input", "input_diversity"),
        ("compute layers", "layer_diversity"),
    ]:
        app.button(key=key).click().run()
        assert name in run.results.measures()
        assert not app.exception
    np.testing.assert_array_equal(numbers(payloads(app)[0]), bitlens.training_performance(run, epochs=[2]).confusion[0])


def test_unmeasured_layers(run, look):
    app = look(run.path, "layers", a="input", b="2")
    assert "Layers input and 2 have not been measured" in words(app)
    app.button(key="compute information").click().run()
    assert app.query_params["a"] == "input"
    assert recorded.information_epochs(
        run, "input", "2", {"bins": 32, "permutations": 20, "samples": 48, "seed": 0}
    ) == [0, 1, 2]
    assert payloads(app)
    app = look(run.path, "layers", a="1", b="0")
    assert "The other way round they have" in words(app)


def test_an_epoch_that_one_pair_was_not_measured_at(run, look):
    (parameters,) = [p for p in run.results.recorded("layer_information") if p["a"] == "0"]
    for path in run.path.glob("results/layer_information/*/parameters.json"):
        if json.loads(path.read_text()) == parameters:
            (path.parent / "0001.nc").unlink()
    app = look(run.path, "layers", a="0", b="1", t="1")
    assert "have not been measured so at epoch 1" in words(app)
    app.button(key="compute information").click().run()
    assert payloads(app)


def test_an_epoch_whose_activations_were_not_kept(run, look):
    (run.path / "epochs" / "0000.safetensors").unlink()
    app = look(run.path, "layers", a="0", b="1", t="0", cell="0.0")
    assert "Only results were recorded at epoch 0" in words(app)
    assert "choose epoch 1 or 2" in words(app)
    assert payloads(app)
    assert "Only results were kept of epoch 0" in words(look(run.path, t="0", cm="0.0"))


def test_a_class_and_a_cell_without_samples(tmp_path, recorded_run, look):
    app = look(recorded_run.path, t="2", cm="0.3")
    assert "No sample is in this cell" in words(app)
    run = record_tiny_run(tmp_path / "five", classes=["a", "b", "c", "d"])
    manifest = json.loads((run.path / "manifest.json").read_text())
    (run.path / "manifest.json").write_text(json.dumps({**manifest, "classes": [*"abcd", "empty"]}))
    app = look(run.path, "layers", a="0", b="1", cell="0.0", cls="4")
    assert "no sample of class empty" in words(app)


def test_a_run_without_labels(tmp_path, look):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2))
    with bitlens.Recorder(model, tmp_path / "plain", (torch.rand(20, 3), None), show_size=False) as recorder:
        recorder.snapshot(0)
    bitlens.measure(bitlens.open_run(tmp_path / "plain"), k=5, permutations=3)
    assert "recorded without labels" in words(look(tmp_path / "plain"))
    app = look(tmp_path / "plain", "layers", cell="0.0")
    assert len(app.get("image")) == 3


def test_a_damaged_result_is_said(run, look):
    next(run.path.glob("results/training_performance/*/0001.nc")).write_bytes(b"no netCDF")
    assert "is damaged" in words(look(run.path))


def test_a_table_says_where_it_comes_from(recorded_run):
    frame = bitlens.training_performance(recorded_run).confusion[1].to_pandas()
    about = {"epoch": 1, "estimator": "two\nlines"}
    text = figures.csv(recorded_run, frame, about)
    notes = [line for line in text.splitlines() if line.startswith("# ")]
    assert notes[:4] == ["# run: tiny", "# model: Sequential", "# epoch: 1", "# estimator: two lines"]
    read = pd.read_csv(io.StringIO(text), comment="#", index_col=0)
    np.testing.assert_array_equal(read.to_numpy(), frame.to_numpy())
    assert (
        figures.file_name(recorded_run, "layers", "conv/1", "../x", ending="csv") == "bitlens_tiny_layers_conv-1_x.csv"
    )


# What must not happen


@pytest.mark.parametrize("text", ["..", "../secret", "/etc", "tiny/../../secret", "link", "\0", "a" * 5000])
def test_runs_outside_the_root_are_refused(run, look, tmp_path, text):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (tmp_path / "link").symlink_to(outside)
    app = look(None, root=tmp_path, run=text)
    assert "This run cannot be opened" in words(app)
    assert "Next:" in words(app)
    if text in ("..", "/etc", "link"):
        assert "lies outside" in words(app)


def test_names_are_shown_as_they_are_written(tmp_path, look):
    run = record_tiny_run(tmp_path / "run_*bold*", classes=MARKUP)
    app = look(run.path, t="2", cm="1.2")
    (payload,) = payloads(app)
    assert payload["rows"] == MARKUP
    said = "\n".join(element.value for element in [*app.markdown, *app.title])
    assert MARKUP[1] not in said
    assert plain(MARKUP[1]) in said
    pills = app.get("button_group")[0].proto
    assert [option.content for option in pills.options] == [plain(name) for name in MARKUP]
    assert f"**{plain('run_*bold*')}**" in said


def test_looking_needs_no_rights_to_write(run, look):
    for path in [run.path, *run.path.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(path.stat().st_mtime_ns for path in run.path.rglob("*"))
    for page in ("training", "layers"):
        look(run.path, page)
    assert sorted(path.stat().st_mtime_ns for path in run.path.rglob("*")) == before


def test_the_server_is_for_this_machine_only_and_tells_nobody(run):
    line = " ".join(command(8123))
    for part in ("--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--server.port=8123",
                 "--client.showErrorDetails=none"):  # fmt: skip
        assert part in line
    assert environment(run.path)[opening.ROOT_VARIABLE] == str(run.path.resolve().parent)


def test_pages_do_no_arithmetic():
    for page in (APP / "views").glob("*.py"):
        assert not re.search(r"^\s*(import|from) (numpy|torch|pandas)", page.read_text(), re.M), page.name


def test_the_component_is_one_script_that_writes_no_markup():
    script = heatmap.sources()["js"]
    assert "import {" not in script
    assert "innerHTML" not in script
    assert script.count("export default") == 1


def test_words():
    assert listed([0, 1, 2, 5, 7, 8]) == "0 to 2, 5, 7 to 8"
    assert plain("a\n*b*") == r"a \*b\*"
    with pytest.raises(RunError, match="no path"):
        opening.locate("\0")


def test_the_heat_maps_arithmetic():
    if not (node := shutil.which("node")):
        pytest.skip("node is not installed")
    test = Path(__file__).with_name("test_explorer_cells.test.mjs")
    done = subprocess.run([node, "--test", str(test)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
