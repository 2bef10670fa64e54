"""The results layer of the explorer follows the declarations of the measures, and copied Python follows the figures."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

import bitlens
from bitlens import tables
from bitlens.measures import MEASURES, parameter
from bitlens_explorer.results.flow import matrix_groups, shared_names
from bitlens_explorer.results.known import described, known_sets
from bitlens_explorer.results.traced import Traced, call
from tests.explorer.test_copied_python import copied_and_drawn
from tests.support.page_contents import payloads, words

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
    assert all("weighting=2.0" in block.code[0].value for block in app.expander if block.label == "Copy as Python")
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
