"""Measuring a run with workers: results equal to those of one process, warnings, failures, interruption, reruns."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from distributed import Client

import bitlens
from bitlens.execution import WorkerError, outcomes
from bitlens.measures import MEASURES, measuring
from bitlens.measures.registry import planned
from bitlens.measures.schema import Task
from bitlens.runs import RunError
from bitlens.runs.live_run import LiveRun
from tests.support import worker_tasks
from tests.support.dask_cluster import start_client, start_programs
from tests.support.sample_runs import convolutions, record_epochs
from tests.support.worker_processes import workers_of

FEW = {"samples": 32, "permutations": 3, "k": 5}
QUICK = ["training_performance", "layer_diversity", "channel_entropies"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("recorded") / "run"
    return record_epochs(path, convolutions(), torch.rand(48, 1, 8, 8), True, True).path


@pytest.fixture(scope="module")
def serial(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, xr.Dataset]:
    """The results of one process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bitlens.measure(copied(recorded, tmp_path_factory.mktemp("serial")), **FEW)


def copied(recorded: Path, folder: Path) -> bitlens.Run:
    shutil.copytree(recorded, folder / "run")
    return bitlens.open_run(folder / "run")


@pytest.fixture
def run(recorded: Path, tmp_path: Path) -> bitlens.Run:
    return copied(recorded, tmp_path)


@contextmanager
def command_line_cluster() -> Iterator[Client]:
    import tempfile

    with (
        tempfile.TemporaryDirectory() as folder,
        start_programs(Path(folder)) as (address, _),
        Client(address, set_as_default=False) as client,
    ):
        yield client


EXECUTORS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "processes": lambda: nullcontext(2),
    "process pool": lambda: ProcessPoolExecutor(2, multiprocessing.get_context("spawn")),
    "forked pool": lambda: ProcessPoolExecutor(2, multiprocessing.get_context("fork")),
    "Dask": start_client,
    "Dask from the command line": command_line_cluster,
}


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning", "ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("name", EXECUTORS)
def test_results_are_those_of_one_process(run: bitlens.Run, serial: dict[str, xr.Dataset], name: str) -> None:
    steps: list[tuple[int, int]] = []
    with EXECUTORS[name]() as executor:
        found = bitlens.measure(run, executor=executor, progress=lambda _, *step: steps.append(step), **FEW)
    assert list(found) == list(serial)
    for title, expected in serial.items():
        assert set(found[title].variables) == set(expected.variables)
        for variable in expected.variables:
            a, b = found[title][variable], expected[variable]
            assert (a.dims, a.dtype, a.attrs) == (b.dims, b.dtype, b.attrs)
            assert np.asarray(a.values).tobytes() == np.asarray(b.values).tobytes() or a.dtype.kind == "O"
            np.testing.assert_array_equal(a, b)
    assert {total for _, total in steps} == {steps[-1][0]}
    assert sorted(done for done, _ in steps) == [done for done, _ in steps]
    assert not any(path.name.startswith(".") for path in (run.path / "results").rglob("*"))


def test_warnings_of_workers_are_given_once(run: bitlens.Run) -> None:
    with pytest.warns(bitlens.SaturationWarning) as caught:
        bitlens.measure(run, "information_plane", executor=2, permutations=3, bandwidth=0.01)
    texts = [str(warning.message) for warning in caught]
    assert len(set(texts)) == len(texts)
    again = bitlens.open_run(run.path)
    shutil.rmtree(again.path / "results")
    with pytest.raises(bitlens.SaturationWarning):  # which the filters of the caller turn into an error
        bitlens.measure(again, "information_plane", executor=2, permutations=3, bandwidth=0.01)
    assert not workers_of()


def test_a_task_that_fails_is_reported_in_its_words_and_does_not_stop_the_others(run: bitlens.Run) -> None:
    (run.path / "epochs" / "0001.safetensors").write_bytes(b"damaged")
    told: dict[int | None, list[str]] = {}
    finished: list[str] = []
    for executor in (None, 2):
        shutil.rmtree(run.path / "results", ignore_errors=True)
        told[executor] = []
        options = {"executor": executor, "finished": finished.append, "skipped": told[executor].append, "k": 5}
        found = bitlens.measure(run, skip=["information_plane", "processing_inequalities"], **options)
        assert found["training performance"].epoch.values.tolist() == [0, 2]
    assert told[None] == told[2]
    assert "left out training performance, epoch 1: " in told[2][0]
    assert "finished training performance: 2 of 3 results" in finished[0]
    (run.path / "epochs" / "0002.safetensors").write_bytes(b"damaged")
    (run.path / "epochs" / "0000.safetensors").write_bytes(b"damaged")
    shutil.rmtree(run.path / "results")
    with pytest.raises(RunError, match="damaged"):
        bitlens.measure(run, "training_performance", executor=1, skipped=told[2].append)


@pytest.mark.parametrize("executor", [None, 2])
def test_what_is_finished_stays_and_a_rerun_computes_the_rest(run: bitlens.Run, executor: int | None) -> None:
    def interrupt(title: str, done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bitlens.measure(run, QUICK, executor=executor, progress=interrupt, k=5)
    assert not workers_of()
    stored = set((run.path / "results").glob("*/*/*.safetensors"))
    # Workers finish further tasks before this process, on a busy machine, hears of the fourth; but never all 21.
    assert len(stored) == 4 if executor is None else 4 <= len(stored) < 21
    times = {path: path.stat().st_mtime_ns for path in stored}
    totals: set[int] = set()
    bitlens.measure(run, QUICK, executor=executor, progress=lambda _, done, total: totals.add(total), k=5)
    assert totals == {3 + 3 + 15 - len(stored)}
    assert {path: path.stat().st_mtime_ns for path in stored} == times


def test_killed_workers_change_no_result(run: bitlens.Run, serial: dict[str, xr.Dataset]) -> None:
    killed = set()

    def kill(title: str, done: int, total: int) -> None:
        workers = workers_of() - killed
        if workers and done % 7 == 2:
            os.kill(min(workers), signal.SIGKILL)
            killed.add(min(workers))

    found = bitlens.measure(run, QUICK, executor=2, progress=kill, k=5)
    assert killed
    for title, dataset in found.items():
        xr.testing.assert_identical(dataset.drop_attrs(), serial[title].drop_attrs())


def tasks_of(run: bitlens.Run) -> list[Task]:
    plan = planned(run, QUICK, None, {"k": 5})
    return [task for each, target, settings in plan for task in each.missing(run, target, settings)]


def test_workers_that_are_killed_while_they_write_leave_no_result(
    run: bitlens.Run, serial: dict[str, xr.Dataset]
) -> None:
    tasks = tasks_of(run)
    assert all(o.failure is None for _, o in outcomes(2, worker_tasks.end_while_writing, tasks, print))
    leftovers = [path for path in (run.path / "results").rglob(".*.tmp") if path.stat().st_size]
    assert len(leftovers) == len(tasks)
    assert not tasks_of(run)
    for title, dataset in bitlens.measure(run, QUICK, k=5).items():
        xr.testing.assert_identical(dataset.drop_attrs(), serial[title].drop_attrs())


def test_two_callers_at_once(run: bitlens.Run, serial: dict[str, xr.Dataset]) -> None:
    def measured(_: int) -> dict[str, xr.Dataset]:
        return bitlens.measure(bitlens.open_run(run.path), QUICK, executor=1, k=5)

    with ThreadPoolExecutor(2) as callers:
        results = list(callers.map(measured, range(2)))
    for found in results:
        for title, dataset in found.items():
            xr.testing.assert_identical(dataset.drop_attrs(), serial[title].drop_attrs())
    assert not any(path.name.startswith(".") for path in (run.path / "results").rglob("*"))


def test_a_worker_that_does_not_see_the_run_ends_all_work(run: bitlens.Run) -> None:
    message = "^executor: the worker on .* sees no run in .*run-of-another-machine; put the run where every worker sees"
    Path(f"{run.path}-of-another-machine").mkdir()
    with pytest.raises(WorkerError, match=message):
        list(outcomes(2, worker_tasks.execute_elsewhere, tasks_of(run), print))


def test_measures_that_read_others_come_after_them(run: bitlens.Run) -> None:
    assert all(name in MEASURES for measure in MEASURES.values() for name in measure.reads)
    titles: list[str] = []
    bitlens.measure(run, ["layer_diversity", "input_diversity"], executor=2, finished=titles.append, k=5)
    assert [title.partition(":")[0] for title in titles] == ["finished input diversity", "finished layer diversity"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("live", "executor: an epoch of .* is in memory, which workers cannot read; leave executor out"),
        ("read-only", r"executor: workers store results in .*, which cannot be written \(Read-only .*; make it writ"),
        ("unsaved", "executor: workers store results in .*, which cannot be written; make it writable, or leave"),
    ],
)
def test_a_run_that_workers_cannot_share_is_refused_before_any_work(
    run: bitlens.Run, change: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change == "live":
        run = LiveRun(run.path, 7, {}, "0123")
    elif change == "read-only":
        monkeypatch.setattr(measuring, "why_unwritable", lambda folder: OSError(30, "Read-only file system"))
    else:
        monkeypatch.setattr(type(run.results), "has_unsaved", True)
    monkeypatch.setattr(measuring, "planned", None)
    with pytest.raises(RunError, match=message):
        bitlens.measure(run, executor=2)


@pytest.mark.parametrize("skip", ["layer_diversity", ["layer_diversity", "channel_entropies"]])
def test_skipped_measures(run: bitlens.Run, skip: str | list[str]) -> None:
    found = bitlens.measure(run, QUICK, skip=skip, k=5)
    assert "layer diversity" not in found
    assert ("channel entropies of 0" in found) == (skip == "layer_diversity")
    with pytest.raises(ValueError, match=r"skip: expected one of training_performance, .*, got 'depth'"):
        bitlens.measure(run, skip="depth")
