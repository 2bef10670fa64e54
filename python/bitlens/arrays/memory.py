"""Memory of this machine: what cannot fit is refused before it is taken, because a system may end the process later."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
_LINUX_MEMORY = Path("/proc/meminfo")


def usable_memory() -> float:
    """Bytes that the process can still take; infinity where the system does not say.

    Examples
    --------
    >>> from bitlens.arrays.memory import usable_memory
    >>> usable_memory() > 0
    True
    """
    bounds = [math.inf]
    if _LINUX_MEMORY.is_file():
        kibibytes = dict(re.findall(r"(MemAvailable|SwapFree): *(\d+) kB", _LINUX_MEMORY.read_text("ascii")))
        bounds.append(1024 * sum(map(int, kibibytes.values())))
    elif hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        bounds.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if _CONTAINER_LIMIT.is_file() and (limit := _CONTAINER_LIMIT.read_text("ascii").strip()).isdigit():
        bounds.append(int(limit))
    return min(bounds)


def check_memory(size: int, what: str) -> None:
    """Refuse a size of one gibibyte or more that cannot be had.

    Parameters
    ----------
    size : int
        Bytes.
    what : str
        What needs them, as the start of a sentence.

    Raises
    ------
    MemoryError
        If there is less memory.

    Examples
    --------
    >>> from bitlens.arrays.memory import check_memory
    >>> try:
    ...     check_memory(10**20, "x: distances of 5000000000 samples")
    ... except MemoryError as error:
    ...     print(str(error).partition(", and")[0])
    x: distances of 5000000000 samples need 100000000000.0 GB of memory
    """
    if size < 2**30:
        return
    usable = usable_memory()
    if size > usable:
        raise MemoryError(
            f"{what} need {size / 1e9:.1f} GB of memory, and {usable / 1e9:.1f} GB are free; use fewer samples"
        )
