"""Define a case and time its contestants: all are checked first, then they run alternately, A B A B."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from bench.machine import Rates

OURS = "bitlens"


class WrongResultError(Exception):
    """A contestant's result differs from the reference, so its time would be meaningless."""


class MissingError(Exception):
    """The case needs an operation or data that this machine does not have; the message names it."""


def nothing() -> None:
    """Do nothing: this contestant neither compiles nor imports anything."""


@dataclass(frozen=True)
class Contestant:
    """One way to compute the result of a case."""

    label: str
    run: Callable[[], Any]
    check: Callable[[Any], str]
    """Returns a sentence on the accuracy of the result of `run`, or raises WrongResultError or AssertionError."""
    warm: Callable[[], Any] = nothing
    """Imports and compiles what `run` needs, on tiny data, so that neither is timed."""
    scale: float = 1.0
    """The size of the case divided by the part that `run` computes; times are multiplied by it and marked."""
    note: str = ""


@dataclass(frozen=True)
class HardwareBound:
    """The work that no implementation can avoid: float32 operations or bytes that must be read."""

    what: str
    gflop: float = 0.0
    gigabytes: float = 0.0


@dataclass(frozen=True)
class Case:
    """A task of a given size and its contestants."""

    title: str
    sizes: dict[str, int]
    contestants: Callable[[], dict[str, Contestant]]
    """Makes the data; `OURS` is one of the names."""
    bound: HardwareBound | None = None
    rounds: int = 3
    slow: bool = False
    """The case takes minutes: each contestant runs once, and this run is both checked and timed."""


@dataclass
class Timing:
    """The times of one contestant as they were measured, before scaling, and the outcome of its check."""

    check: str
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def run_alternately(
    contestants: dict[str, Contestant], rounds: int, *, slow: bool = False, report: Callable[[str], None] = print
) -> dict[str, Timing]:
    """Check every contestant, then time them alternately.

    Parameters
    ----------
    contestants : dict
        The contestants by name.
    rounds : int
        How often each contestant runs.
    slow : bool
        Whether each contestant runs only once, so that the checked run is also the timed run.
    report : callable
        Called with a progress message before each run.

    Returns
    -------
    dict
        The Timing of each name.

    Raises
    ------
    WrongResultError
        If a result is wrong. Nothing has been timed then; if `slow`, the time of the wrong result is discarded.
    """
    timings = {}
    for name, contestant in contestants.items():
        report(f"checking {contestant.label}")
        contestant.warm()
        wall, cpu, result = timed(contestant.run)
        try:
            timings[name] = Timing(contestant.check(result))
        except (AssertionError, WrongResultError) as error:
            raise WrongResultError(f"{contestant.label}: {str(error).strip()}") from error
        if slow:
            timings[name].wall.append(wall)
            timings[name].cpu.append(cpu)
        del result
    for turn in range(0 if slow else rounds):
        for name, contestant in contestants.items():
            report(f"round {turn + 1}/{rounds}: {contestant.label}")
            wall, cpu, _ = timed(contestant.run)
            timings[name].wall.append(wall)
            timings[name].cpu.append(cpu)
    return timings


def timed(function: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the wall-clock seconds, the CPU seconds of all threads, and the result of one call."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    result = function()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, result


def summary(case: Case, contestants: dict[str, Contestant], timings: dict[str, Timing], rates: Rates) -> dict[str, Any]:
    """Return the record to store: `seconds` and `cpu_seconds` are scaled to the whole case, the lists are not."""
    rows: dict[str, dict[str, Any]] = {}
    for name, timing in timings.items():
        scale = contestants[name].scale
        rows[name] = {
            "label": contestants[name].label,
            "seconds": scale * median(timing.wall),
            "cpu_seconds": scale * min(timing.cpu),
            "scale": scale,
            "wall_seconds_measured": timing.wall,
            "cpu_seconds_measured": timing.cpu,
            "check": timing.check,
            "note": contestants[name].note,
        }
    ours = rows[OURS]
    for row in rows.values():
        row["ratio"] = row["seconds"] / ours["seconds"]
        row["cpu_ratio"] = row["cpu_seconds"] / max(ours["cpu_seconds"], 1e-9)
    record = {"title": case.title, "sizes": case.sizes, "slow": case.slow, "rates": rates._asdict()}
    if case.bound:
        record["hardware_bound"] = asdict(case.bound)
    return {**record, "contestants": rows}
