"""Tests of the growth curves: one measured point, and the picture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.timing import OURS

from tests.support.bench_records import results

ROOT = Path(__file__).parents[2]


def test_one_point_of_a_sweep():
    done = subprocess.run(
        [sys.executable, "-m", "bench.growth", "--point", "channels", OURS, "4"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
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
