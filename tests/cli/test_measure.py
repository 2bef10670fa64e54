"""`bitlens measure` with workers: processes, a Dask scheduler, the plan, skipped measures, and an interruption."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

import bitlens
from tests.support.dask_cluster import start_programs
from tests.support.sample_runs import convolutions, record_epochs

FEW = ["--k", "5", "--samples", "32", "--permutations", "2"]


@pytest.fixture
def run(tmp_path: Path) -> bitlens.Run:
    torch.manual_seed(0)
    return record_epochs(tmp_path / "run", convolutions(), torch.rand(48, 1, 8, 8), True, False)


def start(run: bitlens.Run, *options: str, **further: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bitlens", "measure", str(run.path), *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env={**os.environ, "COLUMNS": "200", **further}, **pipes)


def command(run: bitlens.Run, *options: str, **further: str) -> tuple[int, str, str]:
    with start(run, *options, **further) as process:
        printed, errors = process.communicate(timeout=300)
    return process.returncode, printed, errors


def stored(run: bitlens.Run) -> set[Path]:
    return set((run.path / "results").glob("*/*/*.safetensors"))


def test_workers_say_which_measures_are_finished_and_the_plan_what_is_left(run: bitlens.Run) -> None:
    code, printed, _ = command(run, "--dry-run", "--skip", "information-plane", "--measure", "channel-entropies")
    assert code == 0
    assert re.search(r"channel_entropies +│ +5 │ +15 │ +0 │", printed)
    assert "15 tasks in all" in printed
    assert not stored(run)
    options = ["--measure", "channel-entropies", "--skip", "layer-diversity"]
    code, printed, errors = command(run, "--workers", "2", *options)
    assert (code, errors) == (0, "finished channel entropies: 15 results, 0 of 15 tasks are left\n")
    assert printed.startswith("The results are stored in")
    assert len(stored(run)) == 15
    code, printed, _ = command(run, "--dry-run", "--skip", "layer_decomposition", *FEW)
    assert re.search(r"channel_entropies +│ +5 │ +0 │ +15 │", printed)
    assert re.search(r"information_plane +│ +1 │ +3 │ +0 │", printed)
    assert "layer_decomposition" not in printed


def test_wide_layers_have_an_estimated_time(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 300, 1), torch.nn.Conv2d(300, 300, 1), torch.nn.Flatten())
    wide = record_epochs(tmp_path / "run", model, torch.rand(8, 1, 2, 2), False, False)
    code, printed, _ = command(wide, "--dry-run", "--measure", "layer_pair_information", "--permutations", "2000")
    assert code == 0
    assert re.search(r"layer pair information of 0 and 1: 90000 pairs of channels take about \d+ min", printed)


def test_a_dask_scheduler(run: bitlens.Run, tmp_path: Path) -> None:
    with start_programs(tmp_path) as (address, _):
        code, _, errors = command(run, "--scheduler", address, "--measure", "channel_entropies")
        assert (code, errors) == (0, "finished channel entropies: 15 results, 0 of 15 tasks are left\n")
        assert len(stored(run)) == 15


def test_a_scheduler_that_is_gone_is_one_sentence(run: bitlens.Run, tmp_path: Path) -> None:
    with start_programs(tmp_path) as (address, (scheduler, *_)):
        options = ["--scheduler", address, "--permutations", "200"]
        with start(run, *options, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s") as process:
            wait_for_results(run, process, 5)
            scheduler.kill()
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    last = errors.splitlines()[-1]
    assert last.startswith(f"bitlens: executor: the Dask scheduler at {address} is gone or has cancelled the tasks;")
    assert "Traceback" not in errors
    assert len(stored(run)) >= 5


def wait_for_results(run: bitlens.Run, process: subprocess.Popen[str], count: int) -> None:
    end = time.monotonic() + 60
    while len(stored(run)) < count:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(run: bitlens.Run) -> None:
    with start(run, "--workers", "2", "--permutations", "200") as process:
        wait_for_results(run, process, 3)
        workers = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert len(workers) == 2
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
    kept = {path: path.stat().st_mtime_ns for path in stored(run)}
    assert len(kept) >= 3
    assert command(run, "--measure", "channel_entropies")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--workers", "0"], 2, "Invalid value for '--workers'"),
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], 2, "choose either --workers or --scheduler"),
        (["--skip", "depth"], 1, "bitlens: skip: expected one of training_performance, "),
        (
            ["--scheduler", "tcp://127.0.0.1:1"],
            1,
            "bitlens: --scheduler: expected the address of a Dask scheduler",
        ),
    ],
)
def test_refused(run: bitlens.Run, options: list[str], code: int, message: str) -> None:
    returned, _, errors = command(run, *options, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s")
    assert returned == code
    assert message in errors
    assert "Traceback" not in errors


def test_a_url_is_no_folder() -> None:
    command = [sys.executable, "-m", "bitlens", "measure", "memory://bucket/run", "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sentence = "memory:/bucket/run: there is no such folder; to read a URL, pass it as text to bitlens.open_run"
    assert (done.returncode, done.stderr) == (1, f"bitlens: {sentence}\n")


def test_a_scheduler_without_dask(run: bitlens.Run, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "distributed.py").write_text("raise ModuleNotFoundError(name='distributed')")
    code, _, errors = command(run, "--scheduler", "tcp://127.0.0.1:1", PYTHONPATH=str(tmp_path / "hidden"))
    assert (code, errors) == (1, "bitlens: --scheduler needs distributed: pip install 'bitlens[cluster]'\n")
