"""Executors of the caller: which ones are refused, and what happens when one of their processes ends."""

from __future__ import annotations

import multiprocessing
import re
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bitlens.execution import WorkerError, outcomes, work
from tests.support import worker_tasks

SPAWN = multiprocessing.get_context("spawn")


class Here(Executor):
    """An executor that executes at once, in this process."""

    def submit(self, function, /, *arguments, **options):
        future: Future = Future()
        try:
            future.set_result(function(*arguments, **options))
        except Exception as error:
            future.set_exception(error)
        return future


class Broken(Executor):
    def submit(self, function, /, *arguments, **options):
        raise BrokenExecutor("node 7 is down")


class Cancelling(Executor):
    def submit(self, function, /, *arguments, **options):
        future: Future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


@pytest.mark.parametrize(
    ("executor", "error", "message"),
    [
        ("tcp://10.0.0.1", TypeError, "executor: expected a number of processes, .* got str"),
        (1.5, TypeError, "executor: expected a number of processes, .* got float"),
        (0, ValueError, "executor: expected 1 process or more, got 0"),
        (Here(), WorkerError, "executor: expected workers in other processes, got threads of this process, .*; pass"),
        (Broken(), WorkerError, r"executor: a worker ended abruptly \(node 7 is down\); what is finished is stored"),
        (Cancelling(), WorkerError, "executor: its tasks were cancelled; what is finished is stored"),
    ],
)
def test_refused(executor, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        list(outcomes(executor, worker_tasks.touch, [str(tmp_path / "task")], print))
    assert list(tmp_path.iterdir()) == []


def test_threads_are_refused_before_any_work(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(WorkerError, match="got threads of this process"):
        list(outcomes(pool, worker_tasks.touch, [str(tmp_path / f"task{i}") for i in range(4)], print))
    assert list(tmp_path.iterdir()) == []


def test_another_version_is_refused() -> None:
    caller = replace(work.this_process(), token="other", version="0.0.1")
    message = r"executor: expected bitlens 0\.0\.1, but the worker on .* has version .*; install the same version"
    with pytest.raises(WorkerError, match=message):
        work.attempt(worker_tasks.touch, "x", caller, None)


def test_a_process_pool(tmp_path: Path, threads) -> None:
    threads(5)
    tasks = [str(tmp_path / f"task{i}") for i in range(5)]
    with ProcessPoolExecutor(2, SPAWN) as pool:
        assert {o.failure for _, o in outcomes(pool, worker_tasks.note_threads, tasks, print)} == {None}
        ((_, failed),) = outcomes(pool, worker_tasks.fail, ["UnpicklableError"], print)
        ((_, warned),) = outcomes(pool, worker_tasks.warn, ["few samples"], print)
    assert {Path(task).read_text().split()[0] for task in tasks} == {"2"}
    assert failed.failure.message == "UnpicklableError: this and that"
    assert [w.text for w in warned.warnings] == ["few samples"]


def test_what_a_broken_pool_has_left_is_executed_by_other_processes(tmp_path: Path) -> None:
    tasks, told = [str(tmp_path / name) for name in ("task1", "deadly", "task2", "task3")], []
    with ProcessPoolExecutor(1, SPAWN) as pool:
        found = dict(outcomes(pool, worker_tasks.kill, tasks, told.append))
    assert [number for number, outcome in sorted(found.items()) if outcome.failure] == [1]
    assert "ended 2 times (signal 9)" in found[1].failure.message
    assert len(told) == 1
    assert re.match("executor: a process of the pool ended abruptly; 1 new processes execute the remaining", told[0])
