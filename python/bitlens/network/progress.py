"""The progress bar of long computations on a network."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.progress import track


def track_steps(steps: int, description: str) -> Iterable[int]:
    """Count the steps, with a progress bar if the standard error stream is a terminal."""
    console = Console(stderr=True)
    return track(range(steps), description, console=console, transient=True, disable=not sys.stderr.isatty())
