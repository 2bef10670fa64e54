"""Tests of the tables that compare results."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench import compare, store

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
