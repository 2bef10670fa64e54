"""Errors of the system and files of the current folder: one line for each error, and results are still shown."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import bitlens
from bitlens.cli import commands, errors
from bitlens.runs import result_store
from tests.cli.test_cli import command
from tests.support.sample_runs import record_epochs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("system") / "run"
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    record_epochs(path, model, torch.rand(20, 4), False, False)
    return path


def raising(error: BaseException) -> Callable[[], None]:
    def raise_() -> None:
        raise error

    return raise_


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "run/a.csv"), "run/a.csv: No space left on device"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "run"), "run: Permission denied"),
        (OSError("no network"), "no network"),
        (MemoryError("maps: too many samples"), "maps: too many samples"),
        (MemoryError(), "not enough memory; use fewer samples, channels or permutations"),
    ],
)
def test_errors_are_one_line(
    error: BaseException, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sys.stdout
    monkeypatch.setattr(sys, "stdout", before)  # which the command replaces
    monkeypatch.setattr(errors, "app", raising(error))
    with pytest.raises(SystemExit) as ended:
        errors.run_command()
    if sys.stdout is not before:
        sys.stdout.close()
    assert (ended.value.code, capsys.readouterr().err) == (1, f"bitlens: {line}\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_behind_the_output(run: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bitlens", "info", str(run)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "bitlens: No space left on device\n")


@pytest.mark.parametrize(
    "error", [PermissionError(errno.EACCES, "Permission denied"), OSError(errno.ENOSPC, "No space")]
)
def test_results_that_cannot_be_stored_are_shown(run: Path, error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(result_store, "atomic_write", refuse)
    with pytest.warns(UserWarning, match="results are not stored"):
        result = CliRunner().invoke(commands.app, ["measure", str(run), "--measure", "layer_diversity", "--k", "3"])
    assert result.exit_code == 0
    assert "These lines of Python read them" not in result.stdout
    with pytest.warns(UserWarning, match="results are not stored"):
        expected = bitlens.layer_diversity(bitlens.open_run(run), k=3)
    last = float(expected.inter_sample_entropy.isel(epoch=-1, layer=-1))
    assert f"{last:.6f}" in result.stdout


def test_files_of_the_current_folder_do_not_replace_libraries(run: Path, tmp_path: Path) -> None:
    for name in ("dask", "h5netcdf", "torch", "xarray", "rich"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of the current folder was imported')\n")
    (tmp_path / "layers.py").write_text("from torch import nn\n\n\nclass Net(nn.Linear):\n    pass\n")
    (tmp_path / "mine.py").write_text("from layers import Net\n\n\ndef make():\n    return Net(4, 3)\n")
    assert command("info", str(run), cwd=tmp_path).returncode == 0
    result = command("ablate", str(run), "mine:make", cwd=tmp_path)
    assert result.returncode == 1  # the run has no weights, which is noticed after the network was made
    assert result.stderr.count("\n") == 1
    assert "of the current folder was imported" not in result.stderr


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def make():\n    return {}['width']\n", "broken:make failed with KeyError: 'width' (#, line 2)"),
        ("1 / 0\n", "broken:make failed with ZeroDivisionError: division by zero (#, line 1)"),
        ("def make(:\n", "broken:make failed with SyntaxError: invalid syntax (broken.py, line 1) (#, line 1)"),
    ],
)
def test_errors_of_the_code_of_a_model(
    run: Path, tmp_path: Path, code: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    result = CliRunner().invoke(commands.app, ["ablate", str(run), "broken:make"])
    assert isinstance(result.exception, bitlens.RunError)
    assert str(result.exception) == message.replace("#", str(tmp_path / "broken.py"))
    assert str(tmp_path) not in sys.path


def test_missing_libraries_are_named(tmp_path: Path) -> None:
    script = "import sys; sys.modules['typer'] = None; from bitlens.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    line = "bitlens: the command line needs typer: pip install 'bitlens[run]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)
