"""Read and write result files; a file is always complete, also when the program that writes it is killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

CPU = Path(__file__).parent / "results" / "cpu.json"
GROWTH = Path(__file__).parent / "results" / "growth.json"
COVERAGE = Path(__file__).parent / "results" / "coverage.json"


class OtherEnvironmentError(Exception):
    """The stored results come from another machine, build or library version."""


def read(path: Path) -> dict[str, Any]:
    """Return the stored results, or an empty dict if the file does not exist."""
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def write(path: Path, results: dict[str, Any]) -> None:
    """Replace the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    unfinished.replace(path)


def resume(path: Path, environment: dict[str, Any], part: str, *, fresh: bool) -> dict[str, Any]:
    """Return the stored results, to which new ones can be added.

    Raises
    ------
    OtherEnvironmentError
        If they were measured in another environment and `fresh` is not set.
    """
    stored = {} if fresh else read(path)
    other = stored.get("environment", environment)
    differing = [key for key in environment if other.get(key) != environment[key]]
    if differing:
        raise OtherEnvironmentError(
            f"{path} has results of another {', '.join(differing)}, which cannot be in the same table; "
            "use --fresh to replace the file, or another --output"
        )
    return {"environment": environment, part: stored.get(part, {})}
