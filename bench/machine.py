"""Describe the environment that times depend on: processor, libraries, threads, and measured hardware rates."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import bitlens
from bitlens import _core

LIBRARIES = (
    "numpy",
    "scipy",
    "torch",
    "faiss-cpu",
    "scikit-learn",
    "umap-learn",
    "pynndescent",
    "hnswlib",
    "numba",
)
_MODULES = {
    "faiss-cpu": "faiss",
    "scikit-learn": "sklearn",
    "umap-learn": "",
    "pynndescent": "",
    "hnswlib": "",
    "numba": "",
}
_PANEL = 48  # samples in a panel
_ROWS = 8  # panels that are multiplied by all panels in one call; a neighbour search uses about the same number
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class Rates(NamedTuple):
    """Hardware rates, measured in the same run as the times that are compared with them."""

    gemm_gflops: float
    """The float32 matrix product on all threads, the faster of NumPy's and ours, in 10^9 operations per second."""
    copy_gigabytes: float
    """Copies of a large array on all threads, bytes read plus bytes written, in 10^9 bytes per second."""


def threads() -> int:
    """Return the number of threads of every contestant: one for each core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_settings() -> dict[str, str]:
    """Return the environment variables with which every library uses `threads()` threads."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads()))


def rates(panels: int = 64, copied: int = 32 * 2**20) -> Rates:
    """Measure the hardware rates; each is the best of five repetitions.

    Parameters
    ----------
    panels : int
        The matrices of the product have 48 x panels rows and columns.
    copied : int
        The number of float64 values that are copied.

    Returns
    -------
    Rates
        The rates. Data that fit in the cache have higher rates than the data of a case.
    """
    return Rates(_product_rate(panels), _copy_rate(copied))


def _product_rate(count: int) -> float:
    side = _PANEL * count
    panels = np.random.default_rng(0).random((count, side, _PANEL), np.float32)
    a = panels.reshape(side, side)
    product = np.empty_like(a)
    rows = panels[:_ROWS]
    few = _best_of(5, lambda: _core.dot_products(rows, panels, product[: _PANEL * len(rows)], 0))
    ours = few * count / len(rows)
    return 2 * side**3 / min(ours, _best_of(5, lambda: np.matmul(a, a, out=product))) / 1e9


def _copy_rate(values: int) -> float:
    source = np.ones(values)
    target = np.zeros_like(source)
    parts = list(zip(np.array_split(target, threads()), np.array_split(source, threads()), strict=True))
    with ThreadPoolExecutor(threads()) as pool:
        copy = _best_of(5, lambda: list(pool.map(lambda part: np.copyto(*part), parts)))
    return 2 * source.nbytes / copy / 1e9


def _best_of(repetitions: int, function: Callable[[], Any]) -> float:
    function()
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def environment() -> dict[str, Any]:
    """Return everything that must be equal for two results to be in one table."""
    return {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(_memory_bytes() / 2**30),
            "system": f"{platform.system()} {platform.release()}",
        },
        "threads": threads(),
        "python": platform.python_version(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
        "blas": _blas(),
        "build": bitlens.build_info(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _blas() -> list[dict[str, Any]]:
    """Describe the loaded BLAS and OpenMP libraries by threadpoolctl, without paths.

    Libraries that bring their BLAS or OpenMP with them are imported first.
    """
    import threadpoolctl

    for name in LIBRARIES:
        module = _MODULES.get(name, name)
        if module and _version(name):
            import_module(module)
    keys = ("user_api", "internal_api", "version", "threading_layer", "architecture")
    rows = [{key: library[key] for key in keys if library.get(key)} for library in threadpoolctl.threadpool_info()]
    return sorted((row for i, row in enumerate(rows) if row not in rows[:i]), key=str)
