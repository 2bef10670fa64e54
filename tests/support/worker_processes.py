"""The processes that bitlens starts for tasks, as the operating system lists them."""

from __future__ import annotations

import psutil


def workers_of(process: int | None = None) -> set[int]:
    """The living worker processes of a process. Helpers of Python's multiprocessing do not count."""
    return {child.pid for child in psutil.Process(process).children() if _is_worker(child)}


def _is_worker(process: psutil.Process) -> bool:
    try:
        named = any("bitlens.execution.processes" in part for part in process.cmdline())
        return named and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
