"""Threads and processes that save to one series at the same time, some of which are killed, lose nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bitlens.runs.files import atomic_write, is_temporary
from tests.support.stored_results import KEY, SOURCE, new_store, small_result, the_series

EPOCHS = 20

SAVING = """
import random, sys, threading
from pathlib import Path
import numpy as np
from bitlens.runs import ResultKey, ResultStore, StoredArray, StoredResult

key = ResultKey("channel_entropies", 1, {"layer": "conv1", "bins": 32})
store = ResultStore(Path(sys.argv[1]), lambda kind, epoch: None)

def save(seed):
    moments = random.Random(seed)
    try:
        while True:
            epoch, value = moments.randrange(EPOCHS), moments.random()
            values = {"v": StoredArray(("x",), np.full(2000, value), {}), "w": StoredArray((), np.float64(value), {})}
            store.save(key, epoch, StoredResult(values, {}), "epoch:a")
            sys.stdout.write(f"{epoch}\\n")
            sys.stdout.flush()
    except BaseException as error:
        sys.stdout.write(f"failed: {error!r}\\n")
        sys.stdout.flush()

threads = [threading.Thread(target=save, args=(f"{sys.argv[2]} {i}",), daemon=True) for i in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_nothing_is_lost_torn_or_empty(tmp_path: Path) -> None:
    program = SAVING.replace("EPOCHS", str(EPOCHS))
    moments = random.Random(0)
    store, saved, processes, readers = new_store(tmp_path), set(), [], []

    def start(number: int) -> None:
        command = [sys.executable, "-c", program, str(tmp_path), str(number)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        reader = threading.Thread(target=lambda lines=processes[-1].stdout: saved.update(lines))
        reader.start()
        readers.append(reader)

    for number in range(4):
        start(number)
    end = time.monotonic() + 60
    while len({line for line in saved if line.endswith("\n")}) < EPOCHS and time.monotonic() < end:
        time.sleep(0.01)
    for number in range(4, 8):  # all are at work: kill one after the other while the store is read
        check(store, {int(line) for line in saved.copy() if line.endswith("\n")})
        time.sleep(moments.uniform(0, 0.3))
        processes[number - 4].send_signal(signal.SIGKILL)
        start(number)
    time.sleep(0.5)
    for process in processes:
        process.kill()
        process.wait()
    for reader in readers:
        reader.join()
    for process in processes:
        process.stdout.close()
    complete = {line for line in saved if line.endswith("\n")}
    assert not [line for line in complete if line.startswith("failed")]
    assert {int(line) for line in complete} == set(range(EPOCHS))
    check(store, set(range(EPOCHS)))
    leave = [path for path in tmp_path.rglob("*") if path.is_file() and not is_temporary(path.name)]
    assert len(leave) == EPOCHS + 1  # nothing but results and the parameters


def check(store, expected: set[int]) -> None:
    series = the_series(store.load(KEY))
    assert set(series.epochs) >= expected
    values, whole = series.variables["v"].values, series.variables["w"].values
    assert (values == whole[:, None]).all()
    assert (whole > 0).all()


def test_threads_write_one_file_at_the_same_time(tmp_path: Path) -> None:
    path, failures = tmp_path / "notes" / "one.txt", []

    def write(number: int) -> None:
        try:
            for _ in range(50):
                atomic_write(path, lambda temporary: temporary.write_text(str(number) * 1000), flush=False)
                assert len(set(path.read_text())) == 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(path.parent.iterdir()) == [path]
    assert len(path.read_text()) == 1000


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("before")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        atomic_write(path, fail)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_saves_from_threads_of_one_store(tmp_path: Path) -> None:
    store = new_store(tmp_path)

    def save(first: int) -> None:
        for epoch in range(first, 40, 4):
            store.save(KEY, epoch, small_result(epoch), SOURCE)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    store.flush()
    for thread in threads:
        thread.join()
    store.flush()
    series = the_series(store.load(KEY))
    assert series.epochs == list(range(40))
    np.testing.assert_array_equal(series.variables["lowest"].values, np.arange(40, dtype=np.float32))
