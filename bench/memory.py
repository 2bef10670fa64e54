"""Peak memory of one call, in the process that does nothing else."""

from __future__ import annotations

import ctypes
import gc
import re
import resource
import sys
from pathlib import Path

from bench.contest import Contestant


def peak(contestant: Contestant) -> dict[str, float]:
    """Peak memory of the process during one run, and what it held before: Python, libraries, compiled code and data.

    Linux resets the peak on request, so that what making the data took does not count. Where that is not to be had,
    the peak is that of the whole process so far.

    Parameters
    ----------
    contestant : Contestant
        Whose `run` is called once, after `warm`.

    Returns
    -------
    dict
        peak_mib and baseline_mib.
    """
    contestant.warm()
    gc.collect()
    _give_freed_memory_back()
    baseline = _reset()
    result = contestant.run()
    highest = _status("VmHWM") or _highest_ever()
    del result
    return {"peak_mib": highest, "baseline_mib": baseline}


def _give_freed_memory_back() -> None:
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _reset() -> float:
    """Set the peak back to what is held now, which is returned."""
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
    found = re.search(rf"{field}:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else None


def _highest_ever() -> float:
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
