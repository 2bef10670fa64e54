"""Results on file: always whole, whatever happens to the run that writes them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

CPU = Path(__file__).parent / "results" / "cpu.json"
GROWTH = Path(__file__).parent / "results" / "growth.json"


class OtherEnvironmentError(Exception):
    """The results on file come from another machine, build or library than this run's."""


def read(path: Path) -> dict[str, Any]:
    """The results on file; none if there is no file."""
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def write(path: Path, results: dict[str, Any]) -> None:
    """Replace the file by a whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    unfinished.replace(path)


def resume(path: Path, environment: dict[str, Any], part: str, *, fresh: bool) -> dict[str, Any]:
    """The results on file to add to.

    Raises
    ------
    OtherEnvironmentError
        If they were measured in another environment, and fresh is not set.
    """
    on_file = {} if fresh else read(path)
    other = on_file.get("environment", environment)
    differing = [key for key in environment if other.get(key) != environment[key]]
    if differing:
        raise OtherEnvironmentError(
            f"{path} has results of another {', '.join(differing)}; they cannot stand in one table: "
            "give --fresh to start it anew, or another --output"
        )
    return {"environment": environment, part: on_file.get(part, {})}
