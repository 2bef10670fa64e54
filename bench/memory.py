"""Measure the peak memory of one call, in a process that does nothing else."""

from __future__ import annotations

import ctypes
import gc
import re
import resource
import sys
from pathlib import Path

from bench.timing import Contestant


def peak(contestant: Contestant) -> dict[str, float]:
    """Measure the peak memory of the process during one run, and its memory before: Python, libraries, code and data.

    On Linux the recorded peak is reset before the run, so that the memory that making the data took does not count.
    On other systems the peak is that of the whole process so far.

    Parameters
    ----------
    contestant : Contestant
        The contestant; its `warm` is called first, then its `run` once.

    Returns
    -------
    dict
        peak_mib and baseline_mib, in MiB.
    """
    contestant.warm()
    gc.collect()
    _return_freed_memory()
    baseline = _reset_peak()
    result = contestant.run()
    highest = _status("VmHWM") or _highest_ever()
    del result
    return {"peak_mib": highest, "baseline_mib": baseline}


def _return_freed_memory() -> None:
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _reset_peak() -> float:
    """Reset the recorded peak to the memory in use and return the latter."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _highest_ever()
    return _status("VmRSS") or _highest_ever()


def _status(field: str) -> float | None:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    match = re.search(rf"{field}:\s+(\d+) kB", text)
    return int(match[1]) / 1024 if match else None


def _highest_ever() -> float:
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
