"""Contestants and records of the benchmark, as small as a test needs them."""

from __future__ import annotations

from bench import checks
from bench.machine import Rates
from bench.timing import OURS, Case, Contestant, HardwareBound, Timing, summary

RATES = Rates(100.0, 10.0)


def logged(label, log, value=1.0, scale=1.0):
    def run():
        log.append(label)
        return value

    return Contestant(label, run, lambda found: checks.close(found, 1.0, 1e-9), scale=scale)


def record(seconds, *, scale=1.0, title="a case"):
    log = []
    contestants = {OURS: logged("bitlens", log), "peer": logged("peer", log, scale=scale)}
    case = Case(title, {"n": 3}, lambda: contestants, HardwareBound("reads", gigabytes=1.0))
    timings = {OURS: Timing("exact", [seconds], [seconds]), "peer": Timing("exact", [4.0], [8.0])}
    found = summary(case, contestants, timings, RATES)
    for row in found["contestants"].values():
        row.update(peak_mib=300.0, baseline_mib=100.0)
    return found


def results(**cases):
    environment = {
        "machine": {"processor": "a processor", "cores": 2, "memory_gib": 16, "system": "Linux"},
        "threads": 2,
        "python": "3.11.7",
        "libraries": {"numpy": "2.1"},
        "blas": [],
        "build": {"simd": "avx2"},
    }
    return {"environment": environment, "cases": cases}
