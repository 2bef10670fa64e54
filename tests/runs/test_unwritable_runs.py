"""A run that cannot be written is measured: results are returned, and one warning says that they are not stored."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch

import bitlens
from bitlens.measures import execute
from bitlens.runs import RunError, files, result_store

REASONS = {
    "read-only file system": OSError(errno.EROFS, os.strerror(errno.EROFS)),
    "full disk": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    "quota": OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
    "permission": PermissionError(errno.EACCES, os.strerror(errno.EACCES)),
    "permission without a number": PermissionError("not permitted"),
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    probe = torch.rand(20, 6), torch.arange(20) % 3
    with bitlens.Recorder(model, tmp_path / "run", probe, show_size=False) as recorder:
        for epoch in range(4):
            recorder.snapshot(epoch)
    return tmp_path / "run"


def contents(store: Path) -> list[Path]:
    return sorted(store.rglob("*"))


def refuse(reason: OSError) -> object:
    def raise_(*_: object, **__: object) -> NoReturn:
        raise reason

    return raise_


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS)
@pytest.mark.parametrize("step", ["create", "write", "rename", "folder"])
def test_results_are_returned_with_one_warning(
    store: Path, monkeypatch: pytest.MonkeyPatch, reason: OSError, step: str
) -> None:
    before = contents(store)
    if step == "create":
        monkeypatch.setattr(files, "_new_temporary", refuse(reason))
    elif step == "write":
        monkeypatch.setattr(Path, "write_bytes", refuse(reason))
    elif step == "rename":
        monkeypatch.setattr(Path, "replace", refuse(reason))
    else:
        monkeypatch.setattr(Path, "mkdir", refuse(reason))
    run = bitlens.open_run(store)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        diversity = bitlens.layer_diversity(run, k=3)
        bitlens.input_diversity(run, k=3)
        bitlens.measure(run, ["channel_entropies"], bins=8)
    (warning,) = [str(each.message) for each in caught]
    assert "results cannot be written (" in warning
    assert "so results are not stored and are lost when the run is closed" in warning
    assert diversity.epoch.values.tolist() == [0, 1, 2, 3]
    assert len(bitlens.layer_diversity.known(run)) == 1
    assert "channel_entropies" in run.results.measures()
    assert [path for path in contents(store) if path.is_file()] == [path for path in before if path.is_file()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = bitlens.layer_diversity(run, k=3)  # from memory, without another warning
    assert again.identical(diversity)
    monkeypatch.undo()
    stored = bitlens.layer_diversity(bitlens.open_run(store), k=3)
    assert stored.identical(diversity)


def test_a_result_that_is_stored_later_replaces_the_one_in_memory(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bitlens.open_run(store)
    with monkeypatch.context() as patch:
        patch.setattr(result_store, "atomic_write", refuse(REASONS["full disk"]))
        with pytest.warns(UserWarning, match="not stored"):
            bitlens.layer_diversity(run, k=3, epochs=[0])
    assert list(store.glob("results/*/*/*.safetensors")) == []
    assert bitlens.layer_diversity(run, k=3).epoch.values.tolist() == [0, 1, 2, 3]
    (key,) = run.results.keys("layer_diversity")
    bitlens.layer_diversity.compute_and_store(run, 0, (), bitlens.layer_diversity.Parameters(k=3))
    assert [path.name for path in sorted(store.glob("results/layer_diversity/*/0000.safetensors"))]
    assert bitlens.open_run(store).results.epochs(key) == [0, 1, 2, 3]


def test_results_in_memory_become_stale(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bitlens.open_run(store)
    monkeypatch.setattr(result_store, "atomic_write", refuse(REASONS["full disk"]))
    with pytest.warns(UserWarning, match="not stored"):
        first = bitlens.layer_diversity(run, k=3)
    (key,) = run.results.keys("layer_diversity")
    (store / "epochs" / "0002.safetensors").write_bytes((store / "epochs" / "0001.safetensors").read_bytes())
    assert run.results.epochs(key) == [0, 1, 3]
    second = bitlens.layer_diversity(run, k=3)
    np.testing.assert_array_equal(second.inter_sample_entropy[2], first.inter_sample_entropy[1])


def test_a_task_whose_result_nobody_could_read_fails(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (task, *_) = bitlens.layer_diversity.missing(bitlens.open_run(store), (), bitlens.layer_diversity.Parameters(k=3))
    monkeypatch.setattr(result_store, "atomic_write", refuse(REASONS["full disk"]))
    with (
        pytest.warns(UserWarning, match="not stored"),
        pytest.raises(RunError, match="the result of layer_diversity could not be stored; make the run writable"),
    ):
        execute(task)


def test_other_errors_are_raised(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_store, "atomic_write", refuse(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(OSError, match="Input/output error"):
        bitlens.layer_diversity(bitlens.open_run(store), k=3)


def test_a_flush_that_fails_is_a_warning(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_store, "sync_files", refuse(REASONS["full disk"]))
    with pytest.warns(UserWarning, match="No space left on device"):
        assert bitlens.layer_diversity(bitlens.open_run(store), k=3).sizes["epoch"] == 4


def test_leftovers_stay_where_nothing_can_be_removed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("results", "results/layer_diversity"):
        (store / name).mkdir()
    leftover = store / "results" / "layer_diversity" / ".a.tmp"
    leftover.touch()
    os.utime(leftover, (0, 0))
    monkeypatch.setattr(files, "_new_temporary", refuse(REASONS["read-only file system"]))
    with pytest.warns(UserWarning, match="Read-only file system"):
        assert bitlens.layer_diversity(bitlens.open_run(store), k=3).sizes["epoch"] == 4
    assert leftover.exists()


@pytest.fixture
def read_only(store: Path) -> Iterator[Path]:
    folders = [store, *(path for path in store.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield store
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_folder_without_permission(read_only: Path) -> None:
    with pytest.warns(UserWarning, match="results cannot be written .Permission denied"):
        assert bitlens.layer_diversity(bitlens.open_run(read_only), k=3).sizes["epoch"] == 4
