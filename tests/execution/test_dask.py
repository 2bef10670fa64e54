"""A Dask cluster of processes: its threads, warnings and errors, lost workers and a lost scheduler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

from bitlens.execution import WorkerError, outcomes
from tests.support import worker_tasks
from tests.support.dask_cluster import start_program, start_programs


def ended(client: Client, function, arguments, tell=print):
    found = dict(outcomes(client, function, arguments, tell))
    return [found[number] for number in range(len(arguments))]


def paths(folder: Path, *names: str) -> list[str]:
    return [str(folder / name) for name in names]


def test_bitlens_imports_dask_only_where_a_client_is_used() -> None:
    program = (
        "import sys, bitlens, bitlens.measures, bitlens.cli, bitlens.execution, bitlens.tables\n"
        "list(bitlens.execution.outcomes(1, int, ['1'], print))\n"
        "print(sorted({'dask', 'distributed'} & {name.partition('.')[0] for name in sys.modules}))"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed == "[]\n"


def test_a_worker_has_one_task_at_a_time_and_all_its_threads(client: Client, tmp_path: Path) -> None:
    tasks = paths(tmp_path, *map(str, range(8)))
    assert {outcome.failure for outcome in ended(client, worker_tasks.note_threads, tasks)} == {None}
    assert {Path(task).read_text().split()[0] for task in tasks} == {"2"}


def test_errors_and_warnings_are_told_as_they_are(client: Client) -> None:
    run_error, odd = ended(client, worker_tasks.fail, ["RunError", "UnpicklableError"])
    assert (run_error.failure.message, run_error.failure.reason) == ("conv1 of RUN: no values", "no values")
    assert odd.failure.message == "UnpicklableError: this and that"
    # Threads of one process do not mix their warnings.
    texts = [f"warning {i}" for i in range(12)]
    assert [[w.text for w in o.warnings] for o in ended(client, worker_tasks.warn, texts)] == [[t] for t in texts]


def test_a_killed_worker_costs_its_tasks_only_which_are_executed_again(client: Client, tmp_path: Path) -> None:
    tasks = paths(tmp_path, "a", "b", "c", "d")
    assert all(outcome.failure is None for outcome in ended(client, worker_tasks.kill_once, tasks))
    assert all(Path(task).exists() for task in tasks)


def kill_while_working(folder: Path, kills: int) -> None:
    tasks, killed = paths(folder, *map(str, range(40 + 40 * kills))), 0
    with (
        start_programs(folder) as (address, (_, *workers)),
        Client(address, set_as_default=False) as client,
    ):
        for count, (_, outcome) in enumerate(outcomes(client, worker_tasks.touch, tasks, print)):
            assert outcome.failure is None
            if killed < kills and count % 20 == 0:
                workers[killed].kill()
                workers.append(start_program(folder, "worker"))  # Dask's nannies do not replace every worker
                killed += 1
                client.wait_for_workers(2)
        for worker in workers:
            worker.kill()
            worker.wait()
    assert killed == kills
    assert all(Path(task).exists() for task in tasks)


def test_kills_from_outside_are_survived(tmp_path: Path) -> None:
    kill_while_working(tmp_path, 2)


@pytest.mark.slow
def test_twenty_of_twenty_kills_are_survived(tmp_path: Path) -> None:
    kill_while_working(tmp_path, 20)


def test_only_the_task_that_kills_every_worker_has_failed(client: Client, tmp_path: Path) -> None:
    tasks = paths(tmp_path, "a", "b", "deadly", "c", "d")
    found = ended(client, worker_tasks.kill, tasks)
    assert [number for number, outcome in enumerate(found) if outcome.failure] == [2]
    assert found[2].failure.message.startswith("every worker that executed it ended abruptly")


def test_threads_of_this_process_are_refused(tmp_path: Path) -> None:
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(WorkerError, match="executor: expected workers in other processes, got threads"),
    ):
        list(outcomes(client, worker_tasks.touch, paths(tmp_path, "a", "b"), print))
    assert list(tmp_path.iterdir()) == []


def test_a_scheduler_without_workers_and_one_that_is_gone(tmp_path: Path) -> None:
    told: list[str] = []
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        start_programs(tmp_path) as (address, (scheduler, *workers)),
        Client(address, set_as_default=False) as client,
    ):
        for worker in workers:
            worker.kill()
        while client.scheduler_info()["workers"]:
            pass
        work = outcomes(client, worker_tasks.touch, paths(tmp_path, "a"), told.append)
        scheduler.kill()
        with pytest.raises(WorkerError, match=f"executor: the Dask scheduler at {address} is gone .*; what is finish"):
            next(work)
    assert told == [f"executor: the Dask scheduler at {address} has no worker now; the tasks wait for one"]
