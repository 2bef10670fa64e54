"""Tests of the command lines: every result is stored at once, and wrong requests are refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bench import __main__ as command
from bench import growth, machine, store
from bench.cases import CASES
from bench.timing import Case

import bitlens
from tests.support.bench_records import record, results

ROOT = Path(__file__).parents[2]


@pytest.fixture
def quiet_machine(monkeypatch):
    monkeypatch.setattr(machine, "environment", lambda: results()["environment"])


def one_case(name, rounds, step):
    if name == "wrong":
        return {"error": "off by 1"}
    if name == "interrupted":
        raise KeyboardInterrupt
    return record(2.0, title=name)


CHEAP = {name: Case(name, {}, dict) for name in ("first", "second", "interrupted", "wrong", "last")}


@pytest.mark.usefixtures("quiet_machine")
def test_every_case_is_stored_as_soon_as_it_is_measured(tmp_path, monkeypatch, capsys):
    path = tmp_path / "found.json"
    seen = []
    write = store.write

    def watched(target, found):
        write(target, found)
        seen.append(list(json.loads(path.read_text())["cases"]))

    monkeypatch.setattr(store, "write", watched)
    monkeypatch.setattr(command, "time_case_in_process", one_case)
    arguments = ["--no-memory", "--output", str(path)]
    assert command.main(["second", "first", *arguments], CHEAP) == 0
    assert seen == [["second"], ["first", "second"]]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]

    assert command.main(["last", "interrupted", *arguments], CHEAP) == 130
    assert list(json.loads(path.read_text())["cases"]) == ["first", "second", "last"]
    assert command.main(["wrong", *arguments], CHEAP) == 1
    assert "refused: off by 1" in capsys.readouterr().err
    assert list(json.loads(path.read_text())["cases"]) == ["first", "second", "last"]


@pytest.mark.usefixtures("quiet_machine")
def test_memory_is_added_to_the_stored_record(tmp_path, monkeypatch):
    path = tmp_path / "found.json"
    monkeypatch.setattr(command, "time_case_in_process", one_case)
    monkeypatch.setattr(command, "memory_in_process", lambda name, contestant: {"peak_mib": 7.0, "baseline_mib": 5.0})
    assert command.main(["first", "--output", str(path)], CHEAP) == 0
    rows = json.loads(path.read_text())["cases"]["first"]["contestants"]
    assert [row["peak_mib"] for row in rows.values()] == [7, 7]


@pytest.mark.usefixtures("quiet_machine")
def test_results_of_another_environment_are_refused(tmp_path, monkeypatch, capsys):
    path = tmp_path / "found.json"
    before = results(old=record(1.0))
    before["environment"]["python"] = "3.12.0"
    store.write(path, before)
    monkeypatch.setattr(command, "time_case_in_process", one_case)
    arguments = ["first", "--no-memory", "--output", str(path)]
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments, CHEAP)
    assert stopped.value.code == 2
    assert "another python" in " ".join(capsys.readouterr().err.split())
    assert json.loads(path.read_text()) == before
    assert command.main([*arguments, "--fresh"], CHEAP) == 0
    assert list(json.loads(path.read_text())["cases"]) == ["first"]


@pytest.mark.parametrize("main", [command.main, growth.main])
def test_an_unoptimized_build_is_refused(main, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bitlens, "build_info", lambda: {"optimized": False})
    with pytest.raises(SystemExit) as stopped:
        main(["--output", str(tmp_path / "none.json")])
    assert stopped.value.code == 2
    assert "without optimization" in capsys.readouterr().err


def test_an_unknown_case_is_refused_with_the_list_of_cases(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["nonsense"])
    assert stopped.value.code == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert f"case: expected one of {', '.join(CASES)}, got 'nonsense'" in printed


@pytest.mark.parametrize("module", ["bench", "bench.compare", "bench.coverage", "bench.growth"])
def test_help(module):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"usage: python -m {module}")


def test_titles_of_cases_are_unique_and_fit_a_markdown_table():
    titles = [case.title for case in CASES.values()]
    assert len(set(titles)) == len(titles)
    assert not any("|" in title for title in titles)


def test_stored_results_contain_no_paths():
    for path in (ROOT / "bench" / "results").glob("*.json"):
        assert not re.search(r'"/\w+/', path.read_text()), path
