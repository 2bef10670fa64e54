"""How the compiled module was built, and how many threads it uses."""

from __future__ import annotations

import os
import platform
import re

import numpy as np

from bitlens import _core
from bitlens.arrays import check_integer

_MOST_THREADS = 1024


def build_info() -> dict[str, str | bool]:
    """Return how the compiled module was built.

    Returns
    -------
    dict
        Strings `version`, `compiler` and `flags`; `optimized`, whether compiler optimizations were on, without which
        benchmarks are meaningless; `simd`, the instruction set in use: avx512, avx2 or baseline (the environment
        variable BITLENS_SIMD, set before bitlens is imported, selects a lower one); `cuda`, the compute capabilities
        for which it contains kernels, or an empty string if it was built without CUDA.

    Examples
    --------
    >>> import bitlens
    >>> sorted(bitlens.build_info())
    ['compiler', 'cuda', 'flags', 'optimized', 'simd', 'version']
    """
    return _core.build_info()


def software_versions(**libraries: str) -> dict[str, str]:
    """The versions of bitlens, NumPy and Python, and of further libraries, as a run stores them."""
    versions = {"bitlens": str(build_info()["version"]), "numpy": np.__version__, "python": platform.python_version()}
    return versions | libraries


def get_num_threads() -> int:
    """Return the number of CPU threads that kernels use.

    The default is the first number of the environment variable OMP_NUM_THREADS when bitlens is imported. Without it
    there is one thread for each core that the process may use.

    Returns
    -------
    int
        1 to 1024.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.get_num_threads() >= 1
    True
    """
    return _core.num_threads()


def set_num_threads(threads: int) -> None:
    """Set the number of CPU threads that kernels use. Results do not depend on it.

    Parameters
    ----------
    threads : int
        Number of threads, 1 to 1024.

    Raises
    ------
    TypeError, ValueError
        If threads is not an integer from 1 to 1024.

    Examples
    --------
    >>> import bitlens
    >>> before = bitlens.get_num_threads()
    >>> bitlens.set_num_threads(1)
    >>> bitlens.get_num_threads()
    1
    >>> bitlens.set_num_threads(before)
    """
    count = check_integer(threads, "threads")
    if not 1 <= count <= _MOST_THREADS:
        raise ValueError(f"threads: expected 1 to {_MOST_THREADS}, got {count}")
    _core.set_num_threads(count)


def _usual_threads() -> int:
    """The number of threads that the environment asks for; 1 for each usable core where it does not."""
    asked = re.match(r"\s*0*([1-9]\d{0,8})\s*(,|$)", os.environ.get("OMP_NUM_THREADS", ""))
    if asked:
        count = int(asked[1])
    elif hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return min(count, _MOST_THREADS)


_core.set_num_threads(_usual_threads())
