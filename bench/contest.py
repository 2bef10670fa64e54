"""What a case is, and how its contestants are timed: each is checked first, then all take turns, A B A B."""

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
    """A contestant computes something else than the reference; its time would mean nothing."""


class MissingError(Exception):
    """The case asks for an operation or for data that are not there; the message says which."""


def nothing() -> None:
    """Has no just-in-time compiler and no import to wait for."""


@dataclass(frozen=True)
class Contestant:
    """One way to compute what a case asks for."""

    label: str
    run: Callable[[], Any]
    check: Callable[[Any], str]
    """Says how close the result of `run` is, or raises WrongResultError or AssertionError."""
    warm: Callable[[], Any] = nothing
    """Imports and compiles what `run` needs, on tiny data: neither counts."""
    scale: float = 1.0
    """`run` does one part in so many of the case; its times are multiplied by this, and marked."""
    note: str = ""


@dataclass(frozen=True)
class Floor:
    """What no implementation on the CPU gets below: so many float32 operations, or so many bytes to be read."""

    what: str
    gflop: float = 0.0
    gigabytes: float = 0.0


@dataclass(frozen=True)
class Case:
    """A task of stated size, and who is to do it."""

    title: str
    sizes: dict[str, int]
    contestants: Callable[[], dict[str, Contestant]]
    """Makes the data; `OURS` is one of the names."""
    floor: Floor | None = None
    rounds: int = 3
    slow: bool = False
    """Takes minutes: each contestant runs once, and that run is checked before its time counts."""


@dataclass
class Timing:
    """What was seen of one contestant, as it was measured: before any scaling."""

    check: str
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def contest(
    contestants: dict[str, Contestant], rounds: int, *, slow: bool = False, tell: Callable[[str], None] = print
) -> dict[str, Timing]:
    """Check every contestant, then time them in turn.

    Parameters
    ----------
    contestants : dict
        By name.
    rounds : int
        How often each runs.
    slow : bool
        Whether the run that is checked is the one that counts.
    tell : callable
        Is told what is being done.

    Returns
    -------
    dict
        A Timing for each name.

    Raises
    ------
    WrongResultError
        If a result is wrong, before anything is timed (if slow: before its time is kept).
    """
    timings = {}
    for name, contestant in contestants.items():
        tell(f"checking {contestant.label}")
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
            tell(f"round {turn + 1}/{rounds}: {contestant.label}")
            wall, cpu, _ = timed(contestant.run)
            timings[name].wall.append(wall)
            timings[name].cpu.append(cpu)
    return timings


def timed(function: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall-clock and CPU seconds of one call, of all threads together, and its result."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    result = function()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, result


def summary(case: Case, contestants: dict[str, Contestant], timings: dict[str, Timing], rates: Rates) -> dict[str, Any]:
    """What goes on file: `seconds` and `cpu_seconds` are scaled to the whole case, the lists are as measured."""
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
    if case.floor:
        record["floor"] = asdict(case.floor)
    return {**record, "contestants": rows}
