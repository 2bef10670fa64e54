"""Tests of the simulation of intervals: known coverage, resuming, and the table of the page."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path

import pytest
from bench import data, store
from bench.coverage import __main__ as command
from bench.coverage import simulation
from bench.coverage.laws import LAWS
from bench.coverage.simulation import Law, Sizes
from bench.coverage.table import BLOCK, replace_block, table
from bench.timing import MissingError

from bitlens.estimators.intervals import Interval, interval

PAGE = Path(__file__).parents[2] / "docs" / "intervals.md"


def mean(arrays, seed, errors, *, scale):
    """The mean of normal values, whose standard error is known and multiplied by `scale`."""
    (values,) = arrays
    error = scale * values.std(ddof=1) / math.sqrt(len(values))
    of_mean = float(values.mean()), error if errors else math.nan
    return {name: Interval(*of, *interval(*of)) for name, of in (("mean", of_mean), ("constant", (1.0, 0.0)))}


def law(title, *, scale=1.0, **fields):
    return Law("mean", title, 100, lambda random, n: (random.normal(5, size=n),), partial(mean, scale=scale), **fields)


TINY = {one.name: one for one in (law("right"), law("narrow", scale=0.3), law("wide", scale=3.0))}


def stored(path):
    return json.loads(path.read_text())["laws"]


def test_the_coverage_of_known_errors(tmp_path):
    path = tmp_path / "found.json"
    assert command.main(["--output", str(path), "--singles", "300", "--truth", "300"], TINY) == 0
    right, narrow, wide = (result["results"]["mean"] for result in stored(path).values())
    assert right["mean"] == pytest.approx(5, abs=0.03)
    assert right["deviation"] == pytest.approx(0.1, rel=0.15)
    assert [right["ratio"], narrow["ratio"], wide["ratio"]] == pytest.approx([1, 0.3, 3], rel=0.15)
    assert 0.92 < right["covered"] < 0.99  # 96.7 % with the t distribution of 15 degrees of freedom
    assert narrow["covered"] < 0.65
    assert wide["covered"] == 1
    assert 0.3 < narrow["too_low"] / (1 - narrow["covered"]) < 0.7
    assert stored(path)["mean: right, n = 100"]["results"]["constant"]["ratio"] is None


# (share of intervals that cover, expected estimate in standard deviations, whether noise may decide)
NEAR = [(0.87, 9, True), (0.93, 9, True), (0.865, 9, False), (0.935, 9, False), (0.97, 9, True), (0.99, 9, True)]
NEAR += [(0.965, 9, False), (0.995, 9, False), (0.98, 1, False)]


@pytest.mark.parametrize(("covered", "mean", "near"), NEAR)
def test_a_coverage_near_its_limit_has_more_sets(covered, mean, near):
    """The interval of a set contains the expected estimate with the wanted frequency, by the number of the set."""

    def estimate(arrays, number, errors):
        value = mean + (1 if number % 2 else -1)
        hit = number % 200 < 200 * covered
        return {"value": Interval(value, 1.0 if errors else math.nan, mean - 9.0, mean + 9.0 if hit else mean - 8.0)}

    one = Law("f", "by number", 1, lambda random, n: (random.normal(size=n),), estimate)
    *steps, found = simulation.simulate(one, Sizes(200, 200, 0))
    assert found["singles"] == steps.count(True) == (1000 if near else 200)
    assert found["results"]["value"]["covered"] == pytest.approx(covered, abs=0.005)


def test_laws_that_are_stored_are_not_simulated_again(tmp_path, monkeypatch, capsys):
    path = tmp_path / "found.json"
    arguments = ["--output", str(path), "--singles", "5", "--truth", "5"]
    assert command.main([*arguments, "--laws", "right", "narrow"], TINY) == 0
    first = stored(path)
    assert list(first) == ["mean: right, n = 100", "mean: narrow, n = 100"]
    simulated = []
    simulate = simulation.simulate
    monkeypatch.setattr(command, "simulate", lambda law, sizes: simulated.append(law.title) or simulate(law, sizes))
    assert command.main(arguments, TINY) == 0
    assert simulated == ["wide"]
    assert {name: stored(path)[name] for name in first} == first
    assert command.main([*arguments, "--fresh", "--laws", "right"], TINY) == 0
    assert stored(path) == {"mean: right, n = 100": first["mean: right, n = 100"]}  # the same seed, the same numbers
    assert "about 0 min left" in capsys.readouterr().err


def test_an_interrupted_run_keeps_the_laws_that_are_done(tmp_path, monkeypatch, capsys):
    def interrupted(law, sizes):
        if law.title == "narrow":
            raise KeyboardInterrupt
        return simulation.simulate(law, sizes)

    path = tmp_path / "found.json"
    monkeypatch.setattr(command, "simulate", interrupted)
    assert command.main(["--output", str(path), "--singles", "5", "--truth", "5"], TINY) == 130
    assert list(stored(path)) == ["mean: right, n = 100"]
    assert f"interrupted; the laws simulated so far are in {path}" in capsys.readouterr().err


def test_laws_without_their_data_are_skipped(tmp_path, monkeypatch, capsys):
    def missing():
        raise MissingError("needs MNIST")

    monkeypatch.setattr(data, "mnist", missing)
    path = tmp_path / "found.json"
    images = law("images", needs_mnist=True)
    assert command.main(["--output", str(path), "--singles", "5", "--truth", "5"], {**TINY, images.name: images}) == 0
    assert len(stored(path)) == 3
    assert "mean: images, n = 100: skipped, needs MNIST" in capsys.readouterr().err


REFUSED = [
    (["--laws", "nonsense"], "--laws: expected a part of the name of a law, got nonsense; see --list"),
    (["--singles", "1"], "--singles: expected 2 or more, got 1"),
    (["--singles", "6"], "has results with singles 5, which cannot be in the same table; use --fresh"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_refused(arguments, message, tmp_path, capsys):
    path = tmp_path / "found.json"
    store.write(path, {"settings": Sizes(5, 400, 0).settings(), "laws": {}})
    with pytest.raises(SystemExit) as stopped:
        command.main(["--output", str(path), *arguments], TINY)
    assert stopped.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


CELLS = [
    ({"covered": 0.95, "mean": 1.0}, "95 %, 1.00 (1.000 ± 0.100)"),
    ({"covered": 0.99, "mean": 1.0}, "**99 %, too high**, 1.00 (1.000 ± 0.100)"),
    ({"covered": 0.99, "mean": 0.1}, "99 %, 1.00 (0.100 ± 0.100)"),
    ({"covered": 0.895, "mean": 0.1}, "**89.5 %, too low**, 1.00 (0.100 ± 0.100)"),
    (
        {"covered": 0.95, "mean": 1.0, "with_interval": 0.8},
        "95 % of the 80 % of sets with an interval, 1.00 (1.000 ± 0.100)",
    ),
    ({"covered": 1.0, "mean": 1.0, "deviation": 0.0, "ratio": None}, "constant (1.000)"),
]


@pytest.mark.parametrize(("result", "text"), CELLS)
def test_misses_are_marked(result, text):
    result = {"deviation": 0.1, "ratio": 1.0, "mean_error": 0.1, "too_low": 0.0, "with_interval": 1.0, **result}
    one = {"family": "f, k = 1", "title": "gauss", "n": 64, "fresh": 9, "singles": 200, "results": {"excess": result}}
    found = table({"settings": {"singles": 200}, "laws": {"f: gauss": one}})
    assert f"| gauss | excess | {text} |" in found
    assert "**`f`, k = 1**" in found


def test_the_marked_block_of_the_page_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- python -m bench.coverage -->\nold\n<!-- end of table -->\nafter\n")
    path = tmp_path / "found.json"
    arguments = ["--output", str(path), "--page", str(page), "--singles", "5", "--truth", "5", "--laws", "right"]
    assert command.main(arguments, TINY) == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- python -m bench.coverage -->\nEach cell has 5 single sets")
    assert text.endswith("|\n<!-- end of table -->\nafter\n")
    assert "old" not in text
    page.write_text("nothing is marked")
    with pytest.raises(ValueError, match=r"expected the lines <!-- python -m bench\.coverage -->"):
        replace_block(page, "new")


def test_the_page_has_the_table_of_the_stored_results():
    results = store.read(store.COVERAGE)
    assert BLOCK.search(PAGE.read_text("utf-8"))[0].split("\n", 1)[1].rsplit("\n", 1)[0] == table(results)
    assert list(results["laws"]) == list(LAWS)
    assert results["settings"] == Sizes(200, 400, 0).settings()


@pytest.mark.parametrize("family", sorted({law.family for law in LAWS.values()}))
def test_one_law_of_each_function(family):
    law = next(law for law in LAWS.values() if law.family == family)
    *steps, found = simulation.simulate(Law(**{**vars(law), "truth_factor": 1}), Sizes(2, 2, 0))
    assert steps == [False, False, True, True]
    assert all(result["mean_error"] > 0 for result in found["results"].values())
