"""The results layer of the explorer follows the declarations of the measures, and copied Python follows the figures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import pytest
import torch

import bitlens
from bitlens import tables
from bitlens.measures import MEASURES, parameter
from bitlens.runs import ResultKey
from bitlens_explorer.results.flow import matrix_groups, shared_names
from bitlens_explorer.results.known import described, known_sets
from bitlens_explorer.results.traced import Traced, call
from tests.explorer.test_copied_python import copied_and_drawn
from tests.support.page_contents import chart, notes, payloads, words
from tests.support.sample_runs import record_epochs, result_file, spoil, stored_result

PAIRS = bitlens.layer_pair_information


@dataclass(frozen=True)
class WeightedParameters(PAIRS.Parameters):
    weighting: float = parameter(1.0, "A parameter that a later version adds.", absent=1.0)


def test_one_more_parameter_needs_no_change_in_the_explorer(run, look, monkeypatch):
    monkeypatch.setattr(type(PAIRS), "Parameters", WeightedParameters)
    PAIRS(run, "0", "1", samples=32, permutations=3, weighting=2.0)
    old, new = known_sets(run, PAIRS, "0", "1")
    assert "weighting 1.0" in described(old)
    assert "weighting 2.0" in described(new)
    app = look(run.path, "layers", a="0", b="1", t="1", est=new.id)
    assert app.selectbox(key="query estimator").options == [described(old), described(new)]
    assert payloads(app)
    assert "weighting 2.0" in words(app).casefold()
    for copied, drawn in copied_and_drawn(app):
        pd.testing.assert_frame_equal(copied, drawn, check_dtype=False)
    assert all("weighting=2.0" in block.code[0].value for block in app.get("popover"))
    assert payloads(look(run.path, "layers", a="0", b="1", t="1", est=old.id))


def test_settings_of_information_flow_are_what_its_measures_share(recorded_run):
    names = shared_names()
    assert {"alpha", "bandwidth", "batch"} <= set(names)
    assert not {"permutations", "estimator", "pairs"} & set(names)  # defaults differ, or one measure has them
    (group,) = matrix_groups(recorded_run)
    assert {known.key.measure for known in group.members} == {
        "information_plane",
        "processing_inequalities",
        "layer_decomposition",
    }


def test_every_measure_can_be_described(recorded_run):
    described_measures = set()
    for name, measure in MEASURES.items():
        for known in known_sets(recorded_run, measure):
            fields = [field.name.replace("_", " ") for field in measure.Parameters.fields()]
            shown = [name for name in fields if name in described(known)]
            values = [getattr(known.parameters, field.name) for field in measure.Parameters.fields()]
            assert len(shown) >= sum(value is not None for value in values)
            described_measures.add(name)
    assert described_measures == set(recorded_run.results.measures())


def test_traced_values_and_their_python_agree(recorded_run):
    results = Traced(bitlens.layer_diversity(recorded_run, k=5), "bitlens.layer_diversity(run, k=5)").assigned("result")
    table = call(tables.layer_diversity, results.sel(epoch=[0, 2])).rows(layer=["0", "1"], epoch=2)
    table = table.columns(["layer", "bound"])
    names: dict[str, object] = {}
    exec(table.code(recorded_run), names)
    assert len(table.value) == 2
    pd.testing.assert_frame_equal(names["table"], table.value)


def test_nested_arguments_keep_their_lines(recorded_run):
    by_layer = {
        name: Traced(bitlens.label_information(recorded_run, name), f"bitlens.label_information(run, {name!r})")
        for name in ("0", "1")
    }
    table = call(tables.label_information, by_layer)
    names: dict[str, object] = {}
    exec(table.code(recorded_run), names)
    pd.testing.assert_frame_equal(names["table"], table.value)
    with pytest.raises(ValueError, match="at least one layer"):
        call(tables.label_information, {})


def test_a_damaged_result_is_said_and_computed_again(run, look):
    (known,) = bitlens.training_performance.known(run)
    spoil(result_file(run, known.key, 1))
    app = look(run.path, t="1")
    assert "training performance at epoch 1: the results are damaged and left out" in notes(app)
    assert payloads(app)
    assert notes(look(run.path, t="1")) == ""


def test_a_stale_result_is_computed_again(run, look):
    (known,) = bitlens.training_performance.known(run)
    run.results.save(known.key, 1, stored_result(run, known.key, 1), "epoch:" + "f" * 32)
    assert 1 not in bitlens.training_performance.stored(run).epoch
    assert payloads(look(run.path, t="1"))
    assert 1 in bitlens.training_performance.stored(bitlens.open_run(run.path)).epoch


def test_results_of_other_versions_and_of_old_files_are_said(run, look):
    (known,) = bitlens.training_performance.known(run)
    other = replace(known.key, version=99)
    run.results.save(other, 1, stored_result(run, known.key, 1), str(run.source("epoch", 1)))
    (run.path / "results" / "training_performance" / "0123456789abcdef").mkdir()
    app = look(run.path)
    assert "results of training_performance version 99 are ignored, not version 2" in notes(app)
    assert "were written by bitlens 0.1.0 and are ignored" in notes(app)
    assert payloads(app)
    assert "version 99" not in notes(look(run.path, "channels"))  # which shows no training performance


def test_parameters_of_a_newer_version_are_named(run, look):
    known = bitlens.layer_pair_information.known(run, "0")[0]
    newer = ResultKey(known.key.measure, known.key.version, {**known.key.settings, "weighting": "<b>new</b>"})
    run.results.save(newer, 1, stored_result(run, known.key, 1), str(run.source("epoch", 1)))
    name = next(k.id for k in bitlens.layer_pair_information.known(run, "0") if k.unknown)
    app = look(run.path, "layers", a="0", b="1", t="1", est=name)
    assert "not known to this version of bitlens: weighting <b>new</b>" in words(app).casefold()
    for copied, drawn in copied_and_drawn(app):
        pd.testing.assert_frame_equal(copied, drawn, check_dtype=False)


def test_a_damaged_list_of_parameters_is_said(run, look):
    (known,) = bitlens.training_performance.known(run)
    (result_file(run, known.key, 1).parent / "parameters.json").write_text("{")
    app = look(run.path)
    assert "parameters.json is damaged or missing" in notes(app)
    assert payloads(app)
    assert notes(look(run.path)) == ""


def test_every_result_of_a_group_is_its_address(recorded_run, look):
    name = bitlens.layer_decomposition.known(recorded_run, "1")[0].id
    app = look(recorded_run.path, "flow", set=name)
    assert app.query_params["set"] == name
    assert chart(app, "information plane")


def test_a_stale_address_of_settings_is_said(recorded_run, look):
    app = look(recorded_run.path, "flow", set="gone", plane="?")
    assert not {"set", "plane"} & app.query_params.keys()
    assert chart(app, "information plane")


def test_one_layer_with_gradients(tmp_path, look):
    run = record_epochs(tmp_path / "one", torch.nn.Sequential(torch.nn.Linear(3, 4)), torch.rand(24, 3), True, True)
    bitlens.processing_inequalities(run, permutations=2, epochs=[1])
    assert chart(look(run.path, "flow", t="1"), "forward chain")
