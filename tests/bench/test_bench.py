"""The benchmark itself: what is wrong is refused before it is timed, turns alternate, files are whole, tables say it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bench import __main__ as command
from bench import checks, compare, growth, machine, processes, store
from bench.cases import CASES
from bench.contest import (
    OURS,
    Case,
    Contestant,
    Floor,
    MissingError,
    Timing,
    WrongResultError,
    contest,
    summary,
)
from bench.machine import Rates
from bench.memory import peak

import bitlens

ROOT = Path(__file__).parents[2]

RATES = Rates(100.0, 10.0)


def entrant(label, log, value=1.0, scale=1.0):
    def run():
        log.append(label)
        return value

    return Contestant(label, run, lambda found: checks.close(found, 1.0, 1e-9), scale=scale)


def record(seconds, *, scale=1.0, title="a case"):
    log = []
    contestants = {OURS: entrant("bitlens", log), "peer": entrant("peer", log, scale=scale)}
    case = Case(title, {"n": 3}, lambda: contestants, Floor("reads", gigabytes=1.0))
    timings = {OURS: Timing("exact", [seconds], [seconds]), "peer": Timing("exact", [4.0], [8.0])}
    found = summary(case, contestants, timings, RATES)
    for row in found["contestants"].values():
        row.update(peak_mib=300.0, baseline_mib=100.0)
    return found


def results(**cases):
    environment = {
        "machine": {"processor": "a processor", "cores": 2, "memory_gib": 16, "system": "Linux"},
        "threads": 2, "python": "3.11.7", "libraries": {"numpy": "2.1"}, "blas": [], "build": {"simd": "avx2"},
    }  # fmt: skip
    return {"environment": environment, "cases": cases}


def test_turns_alternate_after_everybody_was_checked():
    log = []
    timings = contest({OURS: entrant("A", log), "peer": entrant("B", log)}, 3, tell=lambda _: None)
    assert "".join(log) == "AB" + "ABABAB"
    assert [len(timing.wall) for timing in timings.values()] == [3, 3]


def test_slow_cases_run_once():
    log = []
    timings = contest({OURS: entrant("A", log), "peer": entrant("B", log)}, 3, slow=True, tell=lambda _: None)
    assert "".join(log) == "AB"
    assert [len(timing.wall) for timing in timings.values()] == [1, 1]


@pytest.mark.parametrize("value", [1.1, np.nan])
@pytest.mark.parametrize("wrong", ["A", "B"])
def test_a_wrong_result_is_refused_before_anything_is_timed(wrong, value):
    log = []
    contestants = {
        name: entrant(label, log, value if label == wrong else 1.0) for name, label in ((OURS, "A"), ("peer", "B"))
    }
    with pytest.raises(WrongResultError, match=f"^{wrong}: off by"):
        contest(contestants, 3, tell=lambda _: None)
    assert log.count("A") == 1
    assert log.count("B") <= 1


def test_scaled_times_are_scaled_and_kept_as_measured():
    row = record(2.0, scale=10.0)["contestants"]["peer"]
    assert row["seconds"] == 40
    assert row["ratio"] == 20
    assert row["wall_seconds_measured"] == [4.0]
    assert row["scale"] == 10


def test_the_floor_s_share_is_of_our_time_at_the_best_rate_of_any_case():
    faster = record(2.0) | {"rates": {"gemm_gflops": 1.0, "copy_gigabytes": 20.0}}
    without_floor = {name: value for name, value in faster.items() if name != "floor"}
    missing = {"title": "a case", "sizes": {}, "slow": False, "missing": "this build has no operation f"}
    assert compare.share(record(2.0), {"one": record(2.0), "two": missing}) == "5 %"
    assert compare.share(record(2.0), {"one": record(2.0), "two": without_floor}) == "2 %"
    assert compare.share(record(0.5), {"one": record(0.5), "two": without_floor}) == "10 %"
    assert compare.share(without_floor, {"one": without_floor}) == "–"  # noqa: RUF001


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
def test_every_case_is_on_file_once_it_is_there(tmp_path, monkeypatch, capsys):
    path = tmp_path / "found.json"
    seen = []
    write = store.write

    def watched(target, found):
        write(target, found)
        seen.append(list(json.loads(path.read_text())["cases"]))

    monkeypatch.setattr(store, "write", watched)
    monkeypatch.setattr(command, "contest_in_process", one_case)
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
def test_memory_is_added_to_what_is_on_file(tmp_path, monkeypatch):
    path = tmp_path / "found.json"
    monkeypatch.setattr(command, "contest_in_process", one_case)
    monkeypatch.setattr(command, "memory_in_process", lambda name, contestant: {"peak_mib": 7.0, "baseline_mib": 5.0})
    assert command.main(["first", "--output", str(path)], CHEAP) == 0
    rows = json.loads(path.read_text())["cases"]["first"]["contestants"]
    assert [row["peak_mib"] for row in rows.values()] == [7, 7]


@pytest.mark.usefixtures("quiet_machine")
def test_results_of_another_machine_are_not_mixed_in(tmp_path, monkeypatch, capsys):
    path = tmp_path / "found.json"
    before = results(old=record(1.0))
    before["environment"]["python"] = "3.12.0"
    store.write(path, before)
    monkeypatch.setattr(command, "contest_in_process", one_case)
    arguments = ["first", "--no-memory", "--output", str(path)]
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments, CHEAP)
    assert stopped.value.code == 2
    assert "another python" in " ".join(capsys.readouterr().err.split())
    assert json.loads(path.read_text()) == before
    assert command.main([*arguments, "--fresh"], CHEAP) == 0
    assert list(json.loads(path.read_text())["cases"]) == ["first"]


@pytest.mark.parametrize("main", [command.main, growth.main])
def test_an_unoptimised_build_is_refused(main, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bitlens, "build_info", lambda: {"optimized": False})
    with pytest.raises(SystemExit) as stopped:
        main(["--output", str(tmp_path / "none.json")])
    assert stopped.value.code == 2
    assert "without optimisation" in capsys.readouterr().err


def test_an_unknown_case_is_refused_by_naming_those_there_are(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["nonsense"])
    assert stopped.value.code == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert "no case 'nonsense'; there are " + ", ".join(CASES) in printed


@pytest.mark.parametrize("module", ["bench", "bench.compare", "bench.growth"])
def test_help(module):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"usage: python -m {module}")


def test_comparing_needs_the_standard_library_alone(tmp_path):
    path = tmp_path / "found.json"
    store.write(path, results(first=record(2.0)))
    done = subprocess.run(
        [sys.executable, "-S", "-m", "bench.compare", str(path)], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert "| a case | 2.00 s, one run | peer 2.0× | 300 MiB (+200) | 5 % |" in done.stdout  # noqa: RUF001


def test_scaled_rows_are_marked_and_explained():
    plain, scaled = (compare.table(results(first=record(2.0, scale=scale))) for scale in (1.0, 10.0))
    assert "~" not in plain
    assert "peer ~20×" in scaled  # noqa: RUF001
    assert "~: timed on a part of the case" in scaled


def test_missing_operations_are_said():
    missing = {"title": "a case", "sizes": {}, "slow": False, "missing": "this build has no operation f"}
    assert "| a case | this build has no operation f | | | |" in compare.table(results(first=missing))


def test_two_files_are_before_and_after():
    before = results(first=record(6.0), gone=record(1.0, title="gone"))
    after = results(first=record(2.0), new=record(0.05, title="new"))
    lines = compare.table(before, after).splitlines()
    assert "| a case | 6.00 s | 2.00 s | 3.0× | 300 MiB (+200) | 300 MiB (+200) |" in lines  # noqa: RUF001
    assert "| gone | 1.00 s | not measured |  | 300 MiB (+200) |  |" in lines
    assert "| new | not measured | 50.0 ms |  |  | 300 MiB (+200) |" in lines


def test_every_case_has_a_title_of_its_own_and_no_bar_in_it():
    titles = [case.title for case in CASES.values()]
    assert len(set(titles)) == len(titles)
    assert not any("|" in title for title in titles)


def test_peak_memory_is_of_the_call_and_not_of_what_was_before():
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("only Linux tells the peak of one call")
    made = np.ones(25_000_000)  # 191 MiB, gone before the call
    del made
    found = peak(Contestant("bitlens", lambda: np.ones(12_500_000), str))
    assert 90 < found["peak_mib"] - found["baseline_mib"] < 130


def test_a_process_tells_its_result_and_what_it_lacks(capsys, monkeypatch):
    monkeypatch.setattr(machine, "rates", lambda: RATES)

    def lacking():
        raise MissingError("this build has no operation f")

    def last_told(case):
        assert processes.contest_here(case, 1) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1]["result"]

    whole = last_told(Case("a case", {"n": 1}, lambda: {OURS: entrant("bitlens", [])}))
    assert whole["contestants"][OURS]["check"].startswith("off by at most 0 bits")
    assert whole["rates"] == RATES._asdict()
    assert last_told(Case("a case", {"n": 1}, lambda: {OURS: entrant("bitlens", [], 2.0)}))["error"].startswith(
        "bitlens: off"
    )
    assert last_told(Case("a case", {"n": 1}, lacking))["missing"] == "this build has no operation f"


def test_the_rates_are_those_of_a_machine():
    found = machine.rates()
    assert 1 < found.gemm_gflops < 1e6
    assert 0.1 < found.copy_gigabytes < 1e5


def test_a_sweep_s_point(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bench.growth", "--point", "channels", OURS, "4"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)["result"]
    assert found["seconds"] > 0
    assert found["peak_mib"] > 0


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from bench.picture import draw

    points = [{"size": size, "seconds": size / 10, "peak_mib": 100.0 + size} for size in (10, 100)]
    sweep = {"title": "f, k = 1", "axis": "samples", "curves": {OURS: points, "peer": points[:1]}}
    draw({**results(), "sweeps": {"samples": sweep}}, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_no_result_on_file_names_a_path():
    for path in (ROOT / "bench" / "results").glob("*.json"):
        assert not re.search(r'"/\w+/', path.read_text()), path
