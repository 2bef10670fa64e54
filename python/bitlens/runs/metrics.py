"""The metrics of a run: a file with one JSON object in each line, of which a damaged line costs only itself."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path


def append_metrics(path: Path, epoch: int, metrics: Mapping[str, float]) -> None:
    """Append one line and put it on disk.

    Raises
    ------
    OSError
        If the disk is full.
    """
    line = json.dumps({"epoch": epoch, **metrics}).encode() + b"\n"
    with path.open("ab+", buffering=0) as file:
        # The last line may have been cut off, such as by a full disk, and must not run into this one.
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 1, 0))
        if end and file.read(1) != b"\n":
            line = b"\n" + line
        written = file.write(line)
        if written != len(line):
            raise OSError(f"{path}: the disk took {written} of {len(line)} bytes; free some space")
        os.fsync(file.fileno())


def read_metrics(path: Path) -> dict[int, dict[str, float]]:
    """The metrics by epoch, ascending. The last line of an epoch counts, and damaged lines give a warning."""
    if not path.exists():
        return {}
    lines = path.read_bytes().split(b"\n")[:-1]  # a line that is still being written has no end
    rows: dict[int, dict[str, float]] = {}
    damaged = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):  # not JSON, or not UTF-8
            row = None
        if isinstance(row, dict) and type(row.get("epoch")) is int:
            rows[row.pop("epoch")] = row
        else:
            damaged.append(number)
    if damaged:
        warnings.warn(f"{path} is damaged at lines {damaged}; their metrics are left out", stacklevel=3)
    return dict(sorted(rows.items()))
