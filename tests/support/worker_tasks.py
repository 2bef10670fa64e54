"""Functions that worker processes of the tests execute: each task is a path, an exception, a warning or a moment."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bitlens.runs import RunError

if TYPE_CHECKING:
    from bitlens.measures.schema import Task


class UnpicklableError(Exception):
    """It can be sent to another process, but not be made there."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def touch(path: str) -> None:
    """Make a file, after a moment in which the worker can be ended."""
    time.sleep(0.02)
    Path(path).touch()


def wait_or_touch(path: str) -> None:
    """Make a file; where the name says so, never end."""
    Path(path).write_text(str(os.getpid()))
    if Path(path).name.startswith("wait"):
        time.sleep(600)


def kill_once(path: str) -> None:
    """End the worker at the first attempt; afterwards make a file."""
    mark = Path(f"{path}.attempted")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    Path(path).touch()


def end_while_writing(task: Task) -> None:
    """Execute a task of a run; at the first attempt, end the worker when half of the result's file is written."""
    from bitlens.measures.registry import execute  # which takes a second to import

    name = "-".join([task.measure, *task.target, str(task.epoch)])
    mark = Path(f"{task.run}-{name}.attempted")
    if mark.exists():
        execute(task)
        return
    mark.touch()
    write = Path.write_bytes

    def write_half(path: Path, content: bytes) -> int:
        write(path, content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    Path.write_bytes = write_half  # type: ignore[method-assign,assignment]
    execute(task)


def execute_elsewhere(task: Task) -> None:
    """Execute a task of a run where the run is not."""
    from bitlens.measures.registry import execute

    execute(replace(task, run=f"{task.run}-of-another-machine"))


def kill(path: str) -> None:
    """Make a file; end the worker where the name says so."""
    Path(path).touch()
    if "deadly" in path:
        os.kill(os.getpid(), signal.SIGKILL)


def fail(kind: str) -> None:
    """Raise an error of some kind."""
    if kind == "RunError":
        raise RunError("conv1 of RUN: no values") from ValueError("no values")
    if kind == "MemoryError":
        raise MemoryError("out of memory")
    if kind == "UnpicklableError":
        raise UnpicklableError("this", "that")


def warn(text: str) -> None:
    """Warn twice, and once of what is ignored by default; print, which must not disturb the answers."""
    for _ in range(2):
        warnings.warn(text, RuntimeWarning, stacklevel=1)
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    print("noise")
    sys.stdout.flush()
    os.write(1, b"more noise")


def note_threads(path: str) -> None:
    """Write the numbers of threads into a file."""
    import bitlens

    Path(path).write_text(f"{bitlens.get_num_threads()} {os.environ.get('OPENBLAS_NUM_THREADS')}")


def leave(path: str) -> None:
    """End the worker with an exit code."""
    os._exit(7)
