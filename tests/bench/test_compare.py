"""Tests of the tables that compare results."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench import compare, history, store

from tests.support.bench_records import record, results

ROOT = Path(__file__).parents[2]


def test_share_of_the_hardware_bound_uses_the_best_rate_of_any_case():
    faster = record(2.0) | {"rates": {"gemm_gflops": 1.0, "copy_gigabytes": 20.0}}
    without_bound = {name: value for name, value in faster.items() if name != "hardware_bound"}
    missing = {"title": "a case", "sizes": {}, "slow": False, "missing": "this build has no operation f"}
    assert compare.share(record(2.0), {"one": record(2.0), "two": missing}) == "5 %"
    assert compare.share(record(2.0), {"one": record(2.0), "two": without_bound}) == "2 %"
    assert compare.share(record(0.5), {"one": record(0.5), "two": without_bound}) == "10 %"
    assert compare.share(without_bound, {"one": without_bound}) == "–"  # noqa: RUF001


def test_comparing_needs_only_the_standard_library(tmp_path):
    path = tmp_path / "found.json"
    store.write(path, results(first=record(2.0)))
    done = subprocess.run(
        [sys.executable, "-S", "-m", "bench.compare", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert "| a case | 2.00 s, one run | peer 2.0× | 300 MiB (+200) | 5 % |" in done.stdout  # noqa: RUF001


def test_scaled_rows_are_marked_and_explained():
    plain, scaled = (compare.table(results(first=record(2.0, scale=scale))) for scale in (1.0, 10.0))
    assert "~" not in plain
    assert "peer ~20×" in scaled  # noqa: RUF001
    assert "~: measured on a part of the case" in scaled


def test_missing_operations_are_shown():
    missing = {"title": "a case", "sizes": {}, "slow": False, "missing": "this build has no operation f"}
    assert "| a case | this build has no operation f | | | |" in compare.table(results(first=missing))


def test_two_files_are_before_and_after():
    before = results(first=record(6.0), gone=record(1.0, title="gone"))
    after = results(first=record(2.0), new=record(0.05, title="new"))
    lines = compare.table(before, after).splitlines()
    assert "| a case | 6.00 s | 2.00 s | 3.0× | 300 MiB (+200) | 300 MiB (+200) |" in lines  # noqa: RUF001
    assert "| gone | 1.00 s | not measured |  | 300 MiB (+200) |  |" in lines
    assert "| new | not measured | 50.0 ms |  |  | 300 MiB (+200) |" in lines


def test_ranges_over_occasions(tmp_path, capsys):
    occasions = [results(first=record(t)) for t in (2.0, 1.0, 0.5)]
    del occasions[1]["cases"]["first"]["contestants"]["peer"]
    paths = []
    for i, occasion in enumerate(occasions):
        paths.append(str(tmp_path / f"{i}.json"))
        store.write(Path(paths[-1]), occasion)
    assert compare.main(["--range", *paths]) == 0
    row = "| a case | 3 | 0.50 s to 2.00 s | peer 2.0× to 8.0× (2 of 3 occasions) | 300 MiB (+200) |"  # noqa: RUF001
    assert row in capsys.readouterr().out.splitlines()


def test_occasions_of_other_machines_have_no_range(tmp_path, capsys):
    other = results(first=record(2.0))
    other["environment"]["machine"]["processor"] = "another"
    paths = [str(tmp_path / "0.json"), str(tmp_path / "1.json")]
    for path, occasion in zip(paths, [results(first=record(2.0)), other], strict=True):
        store.write(Path(path), occasion)
    with pytest.raises(SystemExit):
        compare.main(["--range", *paths])
    assert "--range: expected occasions of one environment, got" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        compare.main([*paths, paths[0]])
    assert "FILE: expected one or two, or --range, got 3" in capsys.readouterr().err


def test_the_history_of_versions(tmp_path, capsys):
    for version, times in {"0.9.0": (2.0, 3.0, 2.5), "0.10.0": (1.0,)}.items():
        for i, t in enumerate(times):
            store.write(tmp_path / "results" / version / f"{i}.json", results(first=record(t)))
    read = history.read_times(tmp_path / "results")
    assert {title: list(versions) for title, versions in read.items()} == {"a case": ["0.9.0", "0.10.0"]}
    assert read["a case"]["0.9.0"] == [2.0, 3.0, 2.5]
    assert history.main(["--results", str(tmp_path / "results"), "--output", str(tmp_path / "history.png")]) == 0
    assert (tmp_path / "history.png").stat().st_size > 5000
    (tmp_path / "none").mkdir()
    with pytest.raises(SystemExit):
        history.main(["--results", str(tmp_path / "none")])
    assert "expected folders of versions with result files" in capsys.readouterr().err
