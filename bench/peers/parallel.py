"""Run many small tasks on all cores: one Python thread per core, and one thread in each library call."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

from bench.machine import threads


@contextmanager
def one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """Return the pool. If a library call used more than one thread, small tasks would take several times as long."""
    import torch

    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads(), initializer=torch.set_num_threads, initargs=(1,))
    with _controller().limit(limits=1), pool:
        torch.set_num_threads(1)
        try:
            yield pool
        finally:
            torch.set_num_threads(before)


@cache
def _controller() -> Any:
    import threadpoolctl

    return threadpoolctl.ThreadpoolController()
