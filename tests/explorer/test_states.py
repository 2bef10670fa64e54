"""Messages of the explorer where something is missing or forbidden; never a traceback."""

from __future__ import annotations

import io
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

import bitlens
from bitlens.runs import RunError
from bitlens_explorer.results.export import file_name, to_csv
from bitlens_explorer.state.run_access import locate
from bitlens_explorer.ui.text import escape_markdown, number_ranges
from tests.support.page_contents import numbers, payloads, words
from tests.support.sample_runs import APP, MARKUP, record_tiny_run, result_file

# What is not there


def test_without_a_run_the_page_says_how_to_get_one(look, tmp_path):
    app = look(None, root=tmp_path)
    assert "No run is open, and" in words(app)
    assert "bitlens.Recorder" in app.code[0].value


def test_runs_in_the_root_are_offered(recorded_run, look):
    app = look(None, root=recorded_run.path.parent)
    next(button for button in app.button if button.label == "Open tiny").click().run()
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
    [
        ("none", "manifest.json is missing"),
        ("damaged", "is damaged"),
        ("binary", "is damaged"),
        ("layers", "is damaged"),
        ("newer", "upgrade bitlens"),
    ],
)
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
    assert run.results.measures() == ["training_performance"]  # which takes milliseconds; looking computes nothing else
    for key, name in [
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
    (known,) = bitlens.layer_pair_information.known(run, "input", "2")
    assert known.parameters.changed() == {"samples": 48}
    assert known.epochs == (0, 1, 2)
    assert payloads(app)
    app = look(run.path, "layers", a="1", b="0")
    assert "but their exchange has" in words(app)


def test_an_epoch_that_one_pair_was_not_measured_at(run, look):
    (known,) = bitlens.layer_pair_information.known(run, "0")
    result_file(run, known.key, 1).unlink()
    app = look(run.path, "layers", a="0", b="1", t="1")
    assert "have not been measured with these parameters at epoch 1" in words(app)
    app.button(key="compute information").click().run()
    assert payloads(app)


def test_an_epoch_whose_activations_were_not_kept(run, look):
    (run.path / "epochs" / "0000.safetensors").unlink()
    app = look(run.path, "layers", a="0", b="1", t="0", cell="0.0")
    assert "Only results were recorded at epoch 0" in words(app)
    assert "choose epoch 1 or 2" in words(app)
    assert payloads(app)
    assert "Only results were recorded at epoch 0" in words(look(run.path, t="0", cm="0.0"))


@pytest.mark.parametrize(
    ("page", "gone", "said"),
    [
        ("training", "manifest.json", "manifest.json is missing"),
        ("flow", "results", "The information plane has not been measured with these settings at epoch 0 to 2"),
        ("layers", "epochs/0002.safetensors", "Only results were recorded at epoch 2"),
        ("channels", ".", "nothing exists in this folder"),
        ("embedding", "epochs", "record the network again"),
        ("embedding", "epochs/0002.safetensors", "choose epoch 0 or 1."),
    ],
)
def test_what_vanishes_while_it_is_open_is_said(run, look, page, gone, said):
    app = look(run.path, page, a="0", b="1", cell="0.0", t="2")
    assert said not in words(app)
    where = run.path / gone
    shutil.rmtree(where) if where.is_dir() else where.unlink()
    app.run()
    assert said in words(app)
    assert "Next:" in words(app)
    assert not app.exception


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
    bitlens.measure(bitlens.open_run(tmp_path / "plain"), k=5, permutations=3, skipped=lambda _: None)
    assert "recorded without labels" in words(look(tmp_path / "plain"))
    app = look(tmp_path / "plain", "layers", cell="0.0")
    assert len(app.get("image")) == 3


def test_a_table_says_where_it_comes_from(recorded_run):
    frame = bitlens.training_performance(recorded_run).confusion[1].to_pandas()
    about = {"epoch": 1, "estimator": "two\nlines"}
    text = to_csv(recorded_run, frame, about)
    notes = [line for line in text.splitlines() if line.startswith("# ")]
    assert notes[:4] == ["# run: tiny", "# model: Sequential", "# epoch: 1", "# estimator: two lines"]
    read = pd.read_csv(io.StringIO(text), comment="#", index_col=0)
    np.testing.assert_array_equal(read.to_numpy(), frame.to_numpy())
    assert file_name(recorded_run, "layers", "conv/1", "../x", ending="csv") == "bitlens_tiny_layers_conv-1_x.csv"


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
    assert escape_markdown(MARKUP[1]) in said
    pills = look(run.path, "layers", t="2").get("button_group")[-1].proto
    assert [option.content for option in pills.options] == [escape_markdown(name) for name in MARKUP]
    assert f"**{escape_markdown('run_*bold*')}**" in said


def test_pages_do_no_arithmetic():
    for page in (APP / "views").glob("*/page.py"):
        assert not re.search(r"^\s*(import|from) (numpy|torch|pandas)", page.read_text(), re.M), page.name


def test_words():
    assert number_ranges([0, 1, 2, 5, 7, 8]) == "0 to 2, 5, 7 to 8"
    assert escape_markdown("a\n*b*") == r"a \*b\*"
    with pytest.raises(RunError, match="not a path"):
        locate("\0")
