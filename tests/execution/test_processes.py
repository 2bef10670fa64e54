"""Worker processes of this machine: none of their ends loses a task, and none of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bitlens.execution import WorkerError, outcomes, processes
from tests.support import worker_tasks
from tests.support.worker_processes import workers_of


def ended(executor, function, arguments, tell=print):
    """The outcomes in the order of the tasks."""
    found = dict(outcomes(executor, function, arguments, tell))
    return [found[number] for number in range(len(arguments))]


def paths(folder: Path, count: int) -> list[str]:
    return [str(folder / f"task{i}") for i in range(count)]


def is_alive(process: int) -> bool:
    return psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_every_task_is_executed_once_and_no_process_stays(tmp_path: Path) -> None:
    tasks = paths(tmp_path, 12)
    assert all(outcome.failure is None for outcome in ended(2, worker_tasks.touch, tasks))
    assert sorted(map(str, tmp_path.iterdir())) == sorted(tasks)
    assert workers_of() == set()


def test_no_task_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert ended(2, worker_tasks.touch, []) == []


def test_a_killed_worker_costs_its_task_only_which_is_executed_again(tmp_path: Path) -> None:
    tasks = paths(tmp_path, 3)
    assert all(outcome.failure is None for outcome in ended(2, worker_tasks.kill_once, tasks))
    assert all(Path(task).exists() for task in tasks)


@pytest.mark.parametrize(("function", "end"), [("kill", "signal 9"), ("leave", "exit code 7")])
def test_a_task_that_ends_two_processes_has_failed(tmp_path: Path, function: str, end: str) -> None:
    tasks = [str(tmp_path / "deadly"), *(paths(tmp_path, 4) if function == "kill" else [])]
    first, *others = ended(2, getattr(worker_tasks, function), tasks)
    assert first.failure is not None
    assert first.failure.message.startswith(f"the process that computed it ended 2 times ({end})")
    assert all(outcome.failure is None for outcome in others)


def kill_while_working(folder: Path, kills: int) -> None:
    tasks, killed = paths(folder, 30 + 20 * kills), set()
    for count, (_, outcome) in enumerate(outcomes(2, worker_tasks.touch, tasks, print)):
        assert outcome.failure is None
        if len(killed) < kills and count % 5 == 0:
            worker = min(workers_of())
            os.kill(worker, signal.SIGKILL)
            killed.add(worker)
            wait_until(lambda worker=worker: worker not in workers_of())
    assert len(killed) == kills
    assert all(Path(task).exists() for task in tasks)


def test_kills_from_outside_are_survived(tmp_path: Path) -> None:
    kill_while_working(tmp_path, 2)


@pytest.mark.slow
def test_twenty_of_twenty_kills_are_survived(tmp_path: Path) -> None:
    kill_while_working(tmp_path, 20)


def test_closing_ends_the_processes_at_once(tmp_path: Path) -> None:
    work = outcomes(2, worker_tasks.wait_or_touch, [str(tmp_path / name) for name in ("first", *["wait"] * 4)], print)
    assert next(work)[0] == 0
    assert len(workers_of()) == 2
    work.close()
    assert workers_of() == set()


CALLING = """
import sys, time
from bitlens.execution import outcomes
from tests.support import worker_tasks
from tests.support.worker_processes import workers_of
try:
    for number, _ in outcomes(2, worker_tasks.wait_or_touch, sys.argv[1:], print):
        print(number, flush=True)
        time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.fixture
def calling(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process that hands out tasks by their names."""
    started = []

    def start(*names: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CALLING, *(str(tmp_path / name) for name in names)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_ctrl_c_ends_the_workers_in_the_middle_of_their_tasks(tmp_path: Path, calling) -> None:
    process = calling("wait1", "wait2", "wait3")
    wait_until(lambda: len([path for path in tmp_path.iterdir() if path.read_text()]) == 2)
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "interrupted\n"
    assert len(workers) == 2
    assert not any(map(is_alive, workers))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_caller_that_is_killed(calling, number: signal.Signals) -> None:
    process = calling("first", "second")
    assert process.stdout.readline()
    wait_until(lambda: len(workers_of(process.pid)) == 2)
    workers = workers_of(process.pid)
    process.send_signal(number)
    process.wait()
    wait_until(lambda: not any(map(is_alive, workers)))


def test_errors_are_reported_in_their_words() -> None:
    run_error, memory_error, odd = ended(1, worker_tasks.fail, ["RunError", "MemoryError", "UnpicklableError"])
    assert (run_error.failure.message, run_error.failure.reason) == ("conv1 of RUN: no values", "no values")
    assert memory_error.failure.reason == "MemoryError: out of memory"
    assert "in fail" in memory_error.failure.details
    assert odd.failure.message == "UnpicklableError: this and that"


def test_warnings_come_with_the_outcome_and_prints_do_not_disturb() -> None:
    (outcome,) = ended(1, worker_tasks.warn, ["few samples"])
    assert [(w.category, w.text) for w in outcome.warnings] == [(RuntimeWarning, "few samples")]
    assert Path(outcome.warnings[0].file).name == "worker_tasks.py"


def test_each_worker_has_its_share_of_the_threads(tmp_path: Path, threads) -> None:
    threads(6)
    tasks = paths(tmp_path, 3)
    ended(3, worker_tasks.note_threads, tasks)
    assert {Path(task).read_text() for task in tasks} == {"2 2"}


def test_a_worker_that_cannot_start_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes, "_PROGRAM", "raise SystemExit(3)")
    with pytest.raises(WorkerError, match=r"executor: a worker process could not start: exit code 3"):
        ended(2, worker_tasks.touch, paths(tmp_path, 3))
