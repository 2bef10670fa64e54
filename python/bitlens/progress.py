"""The progress bar of long computations, on the standard error stream of a terminal."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def track(steps: Sequence[T], description: str) -> Iterable[T]:
    """The steps one by one, with a progress bar that shows their number and the time left."""
    if len(steps) < 2 or not sys.stderr.isatty():
        return steps
    state = random.getstate()  # rich draws random numbers when it is imported, which a user's training may depend on
    try:
        from rich.console import Console
        from rich.progress import track as rich_track
    finally:
        random.setstate(state)
    return rich_track(steps, description, console=Console(stderr=True), transient=True)
