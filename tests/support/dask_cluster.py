"""Dask clusters of two processes on this machine: inside a test, or started from the command line as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Client, LocalCluster

ROOT = Path(__file__).parents[2]


@contextmanager
def start_client() -> Iterator[Client]:
    """A client of a cluster that has two workers of two threads, and gives up a task after two lost workers."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


PROGRAMS = {
    "scheduler": ["--port", "0", "--host", "127.0.0.1", "--no-dashboard"],
    "worker": ["--nthreads", "1", "--no-dashboard", "--no-nanny"],
}


def start_program(folder: Path, name: str) -> subprocess.Popen[bytes]:
    """Start a scheduler, or a worker of the one in the same folder."""
    options = [*PROGRAMS[name], "--scheduler-file", str(folder / "scheduler.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_TEMPORARY_DIRECTORY": str(folder)}
    command = [sys.executable, "-m", "dask", name, *options]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


@contextmanager
def start_programs(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and the processes of it and of two workers."""
    programs = [start_program(folder, name) for name in ("scheduler", "worker", "worker")]
    try:
        end, file = time.monotonic() + 60, folder / "scheduler.json"
        while not file.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        with Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            address = str(client.scheduler.address)
        yield address, programs
    finally:
        for program in programs:
            program.kill()
            program.wait()
