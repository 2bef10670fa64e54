"""A run has one writer at a time, whichever way the last one ended."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import re
import signal
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens.runs import Layer, Manifest, RunError, RunWriter, open_run
from tests.support.stored_results import KEY, small_result, the_series

PROBE = {"inputs": np.zeros((4, 3), np.float32)}
MANIFEST = Manifest("Net", (Layer("input", "input", (3,)), Layer("a", "linear", (2,))), 4, (), "float32", "f" * 64)
HOLDING = """
import sys, time
import numpy as np
from bitlens.runs import Layer, Manifest, RunWriter
manifest = Manifest("Net", (Layer("input", "input", (3,)), Layer("a", "linear", (2,))), 4, (), "float32", "f" * 64)
writer = RunWriter(sys.argv[1], manifest, {"inputs": np.zeros((4, 3), np.float32)})
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "run"


def writer(store: Path) -> RunWriter:
    return RunWriter(store, MANIFEST, PROBE)


def activations() -> dict[str, np.ndarray]:
    return {"a": np.ones((4, 2), np.float32)}


def test_a_second_process_is_refused_until_the_first_is_killed(store: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        holder = f"is being recorded by process {process.pid} on {re.escape(socket.gethostname())}, since 2"
        for _ in range(2):
            with pytest.raises(RunError, match=rf"store: .*run {holder}.*; wait until .* or choose a new folder"):
                writer(store)
        assert open_run(store).epochs == []  # reading needs no lock
        process.send_signal(signal.SIGKILL)
    with writer(store) as recording:
        recording.write_arrays(0, activations())
    assert open_run(store).epochs == [0]


def test_a_second_writer_of_this_process_is_refused(store: Path, tmp_path: Path) -> None:
    first = writer(store)
    (tmp_path / "link").symlink_to(store)
    for path in (store, tmp_path / "link"):
        with pytest.raises(RunError, match=rf"is being recorded by this process, process {os.getpid()} on"):
            writer(path)
    first.write_arrays(0, activations())  # the refused one has not taken the lock away
    with pytest.raises(RunError, match="is being recorded by this process"):
        writer(store)
    first.close()
    first.close()
    with pytest.raises(RunError, match=r"store: the writer of .*run is closed; open the run with a new one"):
        first.write_arrays(1, activations())
    writer(store).write_arrays(1, activations())


def test_two_recorders(store: Path) -> None:
    model, probe = torch.nn.Linear(4, 3), (torch.rand(6, 4), None)
    with bitlens.Recorder(model, store, probe, show_size=False) as recorder:
        with (
            pytest.raises(RunError, match="is being recorded by this process"),
            bitlens.Recorder(model, store, probe, show_size=False),
        ):
            pass
        recorder.snapshot(0)
    with bitlens.Recorder(model, store, probe, show_size=False) as recorder:
        recorder.snapshot(1)
    assert open_run(store).epochs == [0, 1]


def test_a_writer_that_is_collected_or_fails_releases_the_lock(store: Path) -> None:
    writer(store)
    gc.collect()
    other = Manifest("Other", MANIFEST.layers, 4, (), "float32", "f" * 64)
    with pytest.raises(RunError, match="was recorded with another model"):
        RunWriter(store, other, PROBE)
    with writer(store):
        pass
    writer(store)


def test_results_are_saved_without_the_lock(store: Path) -> None:
    with writer(store) as recording:
        recording.write_arrays(0, activations())
        run = open_run(store)
        run.results.save(KEY, 0, small_result(1.0), str(run.source("epoch", 0)))
        assert the_series(run.results.load(KEY)).epochs == [0]


def test_a_forked_process_neither_holds_nor_releases_the_lock(store: Path) -> None:
    recording = writer(store)
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork while threads run
        child = os.fork()
    if child == 0:
        try:
            recording.write_arrays(0, activations())
        except RunError as error:
            os.write(writing, str(error).encode())
        recording.close()
        del recording
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert re.search(
        f"by process {os.getpid()}, from which this process .* was forked", os.read(reading, 1000).decode()
    )
    with pytest.raises(RunError, match="is being recorded by this process"):
        writer(store)
    recording.write_arrays(0, activations())
    os.close(reading)
    os.close(writing)


def test_a_lock_file_that_was_replaced_is_noticed(store: Path) -> None:
    recording = writer(store)
    (store / "writer.lock").unlink()
    with pytest.raises(RunError, match=r"writer\.lock was removed or replaced while the run was being recorded"):
        recording.write_metrics(0, {})
    second = writer(store)
    with pytest.raises(RunError, match="was removed or replaced"):
        recording.write_arrays(0, activations())
    second.write_arrays(0, activations())


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[1]", b'{"process": 1}', b"\xff"])
def test_a_holder_without_a_name(store: Path, content: bytes) -> None:
    store.mkdir()
    with (store / "writer.lock").open("wb") as file:
        file.write(content)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="is being recorded by another writer, which has not written its name yet"):
            writer(store)
    writer(store)


def test_a_lock_file_that_is_a_link_is_refused(store: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("text")
    store.mkdir()
    (store / "writer.lock").symlink_to(outside)
    with pytest.raises(RunError, match=r"writer\.lock is a link; expected a file"):
        writer(store)
    assert outside.read_text() == "text"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(store: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="is on a file system without file locks .* from one process only"):
        recording = writer(store)
    recording.write_arrays(0, activations())
    with (
        pytest.warns(UserWarning, match="without file locks"),
        pytest.raises(RunError, match="is being recorded by this process"),
    ):
        writer(store)


def test_foreign_folders_get_no_lock_file(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RunError, match=r"contains 'notes.txt' and is not a run"):
        writer(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
