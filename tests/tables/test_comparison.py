"""Comparisons of runs: differences, their errors and outcomes, and what is not comparable."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens import tables
from bitlens.estimators.intervals import interval


def record(store: Path, samples: int, shift: float, layers: int = 1) -> bitlens.Run:
    torch.manual_seed(0)
    hidden = [layer for _ in range(layers) for layer in (torch.nn.Linear(6, 6), torch.nn.ReLU())]
    model = torch.nn.Sequential(*hidden, torch.nn.Linear(6, 3))
    torch.manual_seed(1)
    images, labels = torch.rand(samples, 6) + shift, torch.arange(samples) % 3
    with bitlens.Recorder(model, store, (images, labels), show_size=False) as recorder:
        for epoch in range(2):
            recorder.snapshot(epoch)
            with torch.no_grad():
                model[0].weight += 0.5
    return bitlens.open_run(store)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, bitlens.Run]:
    folder = tmp_path_factory.mktemp("compared")
    made = {
        "first": record(folder / "first", 200, 0.0),
        "deeper": record(folder / "deeper", 200, 0.0, layers=2),
        "other": record(folder / "other", 150, 1.0),
    }
    for run in made.values():
        bitlens.layer_diversity(run, k=5)
        bitlens.training_performance(run)
    return made


def row(table, run: str, layer: str, quantity: str) -> dict:
    (found,) = table[(table.run == run) & (table.layer == layer) & (table.quantity == quantity)].to_dict("records")
    return found


def test_overview_says_which_probe_is_another(runs):
    overview = tables.run_overview(runs)
    assert overview.run.tolist() == list(runs)
    assert overview.same_probe.tolist() == [True, True, False]
    assert overview.samples.tolist() == [200, 200, 150]
    assert overview.epochs.tolist() == ["2: 0 to 1"] * 3
    with pytest.raises(ValueError, match="runs: expected at least one run, got none"):
        tables.run_overview({})


def test_a_difference_has_the_error_of_two_independent_estimates(runs):
    table = tables.run_comparison({name: runs[name] for name in ("first", "deeper")})
    entropy = {name: bitlens.layer_diversity(runs[name], k=5).sel(epoch=1, layer="0") for name in ("first", "deeper")}
    value = {name: float(found.inter_sample_entropy) for name, found in entropy.items()}
    error = {name: float(found.standard_error) for name, found in entropy.items()}
    found = row(table, "deeper", "0", "inter-sample entropy")
    assert found["value"] == value["deeper"]
    assert found["difference"] == value["deeper"] - value["first"]
    assert found["difference_error"] == pytest.approx(math.hypot(*error.values()), rel=1e-15)
    low, high = interval(found["difference"], found["difference_error"])
    assert found["outcome"] == ("within error" if low <= 0 <= high else "differs")
    assert row(table, "first", "0", "inter-sample entropy")["outcome"] == ""


def test_a_run_does_not_differ_from_itself(runs):
    table = tables.run_comparison({"a": runs["first"], "b": runs["first"]})
    second = table[table.run == "b"]
    assert (second.difference == 0).all()
    assert set(second.outcome) == {"within error", "no error known"}


def test_what_cannot_be_compared_is_said(runs, tmp_path):
    table = tables.run_comparison(runs)
    assert row(table, "other", "0", "inter-sample entropy")["outcome"] == "not comparable: another number of samples"
    assert math.isnan(row(table, "other", "0", "inter-sample entropy")["difference"])
    assert row(table, "other", "", "accuracy")["outcome"] == "no error known"
    extra = next(layer.name for layer in runs["deeper"].layers if layer.name not in {"input", "0", "1", "output"})
    assert row(table, "first", extra, "inter-sample entropy")["outcome"] == "no such layer"
    assert row(table, "deeper", extra, "inter-sample entropy")["outcome"] == "not comparable: only here"
    more = record(tmp_path / "more", 200, 0.0)
    bitlens.layer_diversity(more, k=6)
    table = tables.run_comparison({"first": runs["first"], "more": more})
    assert row(table, "more", "0", "inter-sample entropy")["outcome"] == "not comparable: other parameters"
    assert row(table, "more", "", "accuracy")["outcome"] == "not measured"
    bitlens.layer_diversity(more, k=5)
    table = tables.run_comparison({"first": runs["first"], "more": more})
    assert row(table, "more", "0", "inter-sample entropy")["outcome"] == "within error"


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        (("measured", "a lower bound"), "not comparable: a lower bound"),
        (("not measurable with these samples", "a lower bound"), "not comparable: not measurable"),
        (("measured", "not above chance"), "differs"),
    ],
)
def test_bounds_are_not_subtracted(runs, monkeypatch, verdicts, outcome):
    from bitlens.tables import comparison

    one, other = (
        comparison._Estimate("0", "excess", "bits", v, 0.01, t) for v, t in zip((0.5, 0.1), verdicts, strict=True)
    )
    known = bitlens.layer_diversity.known(runs["first"])[0]
    found = comparison._difference(other, known, (one, known, comparison._SOURCES[0]), equal_samples=True)
    assert found["outcome"] == outcome


def test_epochs(runs):
    table = tables.run_comparison({"first": runs["first"], "deeper": runs["deeper"]}, epoch=0)
    assert set(table.epoch) == {0}
    with pytest.raises(ValueError, match=r"epoch: first has no results at epoch 7; it has results at \[0, 1\]"):
        tables.run_comparison(runs, epoch=7)


def test_a_run_without_results_is_not_measured(runs, tmp_path):
    empty = record(tmp_path / "empty", 30, 0.0)
    table = tables.run_comparison({"first": runs["first"], "empty": empty})
    assert set(table[table.run == "empty"].outcome) == {"not measured"}
    assert table[table.run == "empty"].epoch.isna().all()
    with pytest.raises(ValueError, match="runs: no results to compare in empty; measure first: bitlens measure RUN"):
        tables.run_comparison({"empty": empty})


def test_names_are_those_of_the_folders(runs, tmp_path):
    again = record(tmp_path / "first", 30, 0.0)
    assert list(tables.named_runs(list(runs.values()))) == ["first", "deeper", "other"]
    assert list(tables.named_runs([runs["first"], again])) == [str(runs["first"].path), str(again.path)]
    with pytest.raises(ValueError, match=r"runs: expected different runs, got .*first twice; name each run once"):
        tables.named_runs([again, again])


def test_texts_have_a_column_for_each_run(runs):
    table = tables.run_comparison(runs)
    texts = tables.comparison_texts(table)
    assert texts.columns.tolist()[3:] == ["first", "deeper", "other", "deeper - first", "other - first"]
    (line,) = texts[(texts.layer == "0") & (texts.quantity == "inter-sample entropy")].to_dict("records")
    found = row(table, "deeper", "0", "inter-sample entropy")
    assert line["deeper"] == f"{found['value']:.3f} ± {found['standard_error']:.3f}"
    number = f"{found['difference']:+.3f} ± {found['difference_error']:.3f}"
    assert line["deeper - first"] == f"{number}: {found['outcome']}"
    assert line["other - first"] == "not comparable: another number of samples"
    (accuracy,) = texts[texts.quantity == "accuracy"].to_dict("records")
    assert np.isclose(float(accuracy["other - first"]), row(table, "other", "", "accuracy")["difference"], atol=5e-4)
    with pytest.raises(ValueError, match="expected the table of run_comparison, got one without layer"):
        tables.comparison_texts(texts[["unit"]])
