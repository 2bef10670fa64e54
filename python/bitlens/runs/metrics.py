"""The metrics of a run: a file with one JSON object in each line, of which a damaged line costs only itself."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bitlens.runs.run_files import read_file

_MAX_BYTES = 2**30
_MAX_EPOCH = 10**18


def append_metrics(path: Path, epoch: int, metrics: Mapping[str, float]) -> None:
    """Append one line and put it on disk.

    Raises
    ------
    ValueError
        If a metric has the name "epoch".
    OSError
        If the disk is full.
    """
    if "epoch" in metrics:
        raise ValueError("metrics: expected names other than 'epoch', which every line has; choose another name")
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


def read_metrics(run: Path, path: Path) -> dict[int, dict[str, float]]:
    """The metrics by epoch, ascending. The last line of an epoch counts, and damaged lines give a warning.

    Raises
    ------
    RunError
        If the file cannot be read, or is a link that leads out of the run.
    """
    try:
        *lines, last = read_file(run, path, _MAX_BYTES).split(b"\n")
    except FileNotFoundError:
        return {}
    rows: dict[int, dict[str, float]] = {}
    damaged = []
    for number, line in enumerate(lines, 1):
        row = _row(line)
        if not line.strip():
            continue
        if row is None:
            damaged.append(number)
        else:
            rows[row[0]] = row[1]
    row = _row(last)  # without an end it is still being written, unless it is complete
    if row is not None:
        rows[row[0]] = row[1]
    if damaged:
        warnings.warn(f"{path} is damaged at lines {damaged}; their metrics are left out", stacklevel=3)
    return dict(sorted(rows.items()))


def _row(line: bytes) -> tuple[int, dict[str, float]] | None:
    """Epoch and metrics of a line; None if it is damaged."""
    try:
        row: Any = json.loads(line.decode("utf-8"))
        epoch = row.pop("epoch")
        if type(epoch) is not int or not 0 <= epoch < _MAX_EPOCH:
            return None
        if not all(type(value) in (int, float) for value in row.values()):
            return None
        return epoch, {name: float(value) for name, value in row.items()}
    # Not UTF-8, not JSON or too deep, not an object, no epoch, a number beyond every float.
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError, OverflowError):
        return None
