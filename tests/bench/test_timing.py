"""Tests of how contestants are checked, timed and measured for memory."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import numpy as np
import pytest
from bench import machine, processes
from bench.memory import peak
from bench.timing import OURS, Case, Contestant, MissingError, WrongResultError, run_alternately

from tests.support.bench_records import RATES, logged, record


@pytest.fixture(autouse=True, scope="module")
def frozen_objects():
    """Existing objects are not scanned by the collection before each timed call, which is slow after many imports."""
    gc.freeze()
    yield
    gc.unfreeze()


def test_contestants_alternate_after_all_were_checked():
    log = []
    timings = run_alternately({OURS: logged("A", log), "peer": logged("B", log)}, 3, report=lambda _: None)
    assert "".join(log) == "AB" + "ABABAB"
    assert [len(timing.wall) for timing in timings.values()] == [3, 3]


def test_slow_cases_run_once():
    log = []
    timings = run_alternately({OURS: logged("A", log), "peer": logged("B", log)}, 3, slow=True, report=lambda _: None)
    assert "".join(log) == "AB"
    assert [len(timing.wall) for timing in timings.values()] == [1, 1]


@pytest.mark.parametrize("value", [1.1, np.nan])
@pytest.mark.parametrize("wrong", ["A", "B"])
def test_a_wrong_result_is_refused_before_anything_is_timed(wrong, value):
    log = []
    contestants = {
        name: logged(label, log, value if label == wrong else 1.0) for name, label in ((OURS, "A"), ("peer", "B"))
    }
    with pytest.raises(WrongResultError, match=f"^{wrong}: off by"):
        run_alternately(contestants, 3, report=lambda _: None)
    assert log.count("A") == 1
    assert log.count("B") <= 1


def test_scaled_times_are_stored_scaled_and_as_measured():
    row = record(2.0, scale=10.0)["contestants"]["peer"]
    assert row["seconds"] == 40
    assert row["ratio"] == 20
    assert row["wall_seconds_measured"] == [4.0]
    assert row["scale"] == 10


def test_peak_memory_is_that_of_the_call():
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("only Linux resets the peak of memory")
    made = np.ones(25_000_000)  # 191 MiB, freed before the call
    del made
    found = peak(Contestant("bitlens", lambda: np.ones(12_500_000), str))
    assert 90 < found["peak_mib"] - found["baseline_mib"] < 130


def test_a_process_sends_its_result_or_the_missing_operation(capsys, monkeypatch):
    monkeypatch.setattr(machine, "rates", lambda: RATES)

    def lacking():
        raise MissingError("this build has no operation f")

    def last_sent(case):
        assert processes.time_case_here(case, 1) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1]["result"]

    whole = last_sent(Case("a case", {"n": 1}, lambda: {OURS: logged("bitlens", [])}))
    assert whole["contestants"][OURS]["check"].startswith("off by at most 0 bits")
    assert whole["rates"] == RATES._asdict()
    assert last_sent(Case("a case", {"n": 1}, lambda: {OURS: logged("bitlens", [], 2.0)}))["error"].startswith(
        "bitlens: off"
    )
    assert last_sent(Case("a case", {"n": 1}, lacking))["missing"] == "this build has no operation f"


def test_hardware_rates_are_plausible():
    rates = machine.rates(panels=16, copied=2**20)
    assert 1 < rates.gemm_gflops < 1e6
    assert 0.1 < rates.copy_gigabytes < 1e5
