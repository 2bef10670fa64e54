"""The command line: its output, its exit codes, and the images that it reads."""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import bitlens
from bitlens.data.lenet import LeNet
from bitlens.measures import COMPUTED
from bitlens.runs import Layer, Manifest, RunWriter
from bitlens.runs.writer import probe_hash


def command(
    *arguments: str, cwd: Path | None = None, width: int = 100, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bitlens", *arguments], capture_output=True, text=True, cwd=cwd, timeout=timeout,
        env={**os.environ, "COLUMNS": str(width)}, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    result = command("demo", "--epochs", "1", "--out", "run", cwd=folder, timeout=1200)
    assert result.returncode == 0, result.stderr
    return folder / "run", result.stdout


def test_demo_prints_the_numbers_of_the_run(finished: tuple[Path, str]) -> None:
    path, printed = finished
    run = bitlens.open_run(path)
    assert run.epochs == [0, 1]
    accuracy = float(bitlens.training_performance(run).accuracy.sel(epoch=1))
    assert f"{accuracy:.3f}" in printed
    entropy = float(bitlens.layer_diversity(run).inter_sample_entropy.sel(epoch=1, layer="conv1"))
    (row,) = (line for line in printed.splitlines() if line.startswith("│ conv1"))
    assert f" {entropy:.2f} " in row
    assert "bitlens explore run" in printed


def test_measure_again_is_quick_and_says_the_same(finished: tuple[Path, str]) -> None:
    path, printed = finished
    before = {file: file.stat().st_mtime_ns for file in path.glob("results/*/*/*")}
    again = command("measure", str(path))
    assert again.returncode == 0
    assert {file: file.stat().st_mtime_ns for file in path.glob("results/*/*/*")} == before
    assert [line for line in again.stdout.splitlines() if line.startswith("│")] == [
        line for line in printed.splitlines() if line.startswith("│")
    ]


def test_measure_one(finished: tuple[Path, str]) -> None:
    path, _ = finished
    result = command("measure", str(path), "--measure", "channel-entropies", "--bins", "8")
    assert result.returncode == 0
    known = bitlens.channel_entropies.known(bitlens.open_run(path), "conv1")
    assert 8 in [results.parameters.bins for results in known]


@pytest.mark.parametrize("name", [name for name in COMPUTED if name != "prompt_entropy"])  # whose samples are tokens
def test_the_printed_python_gives_the_results(finished: tuple[Path, str], name: str) -> None:
    path, _ = finished
    result = command("measure", path.name, "--measure", name, cwd=path.parent)
    assert result.returncode == 0, result.stderr
    _, *lines = result.stdout.splitlines()
    assert lines[:2] == ["import bitlens", f"run = bitlens.open_run({path.name!r})"]
    measure = COMPUTED[name]
    assert len(lines) == 2 + len(measure.targets(bitlens.open_run(path)))
    # Every line runs as it stands; one is enough to see that it gives the stored results.
    script = "\n".join([*lines[:2], lines[-1].replace("print(", "found = (")])
    names: dict[str, Any] = {}
    with contextlib.chdir(path.parent):
        exec(script, names)
    assert names["found"].attrs["measure"] == name


def test_results_of_an_old_version_are_named_in_one_line(finished: tuple[Path, str], tmp_path: Path) -> None:
    shutil.copytree(finished[0], tmp_path / "run")
    old = tmp_path / "run" / "results" / "layer_information" / "734efbfccbbd"
    old.mkdir(parents=True)
    (old / "0001.nc").write_bytes(b"old")
    result = command("info", "run", cwd=tmp_path)
    assert result.returncode == 0
    (line,) = [line for line in result.stderr.splitlines() if line]
    assert line.startswith("bitlens: run/results: results in 1 folders, such as layer_information/734efbfccbbd")


def test_results_are_exported_as_netcdf(finished: tuple[Path, str], tmp_path: Path) -> None:
    result = command("export", str(finished[0]), "--netcdf", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    run = bitlens.open_run(finished[0])
    folder = f"{finished[0].name}-netcdf"
    files = sorted((tmp_path / folder).rglob("*.nc"))
    assert len(files) == len(run.results.keys())
    (file,) = (tmp_path / folder / "layer_diversity").iterdir()
    exported = xr.load_dataset(file, engine="h5netcdf")
    np.testing.assert_array_equal(exported.inter_sample_entropy, bitlens.layer_diversity(run).inter_sample_entropy)
    assert f"Wrote {file.relative_to(tmp_path)}" in result.stdout
    assert command("export", str(finished[0]), "--netcdf", "--out", str(tmp_path / "other")).returncode == 0
    assert len(sorted((tmp_path / "other").rglob("*.nc"))) == len(files)
    result = command("export", str(finished[0]), cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "bitlens: --netcdf: expected a format of the files, got none; add --netcdf\n"


def test_a_run_without_results_is_exported_as_nothing(tmp_path: Path) -> None:
    bitlens.record_arrays(tmp_path / "run", 0, {"fc": np.zeros((4, 2))}, labels=np.arange(4) % 2)
    result = command("export", ".", "--netcdf", cwd=tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "The run has no results. Compute them with: bitlens measure .\n"


def test_numbers_as_csv(finished: tuple[Path, str], tmp_path: Path) -> None:
    path, _ = finished
    arguments = ["--permutations", "2", "--published-settings", "paper", "--csv", str(tmp_path / "new")]
    names = ["information-plane", "processing-inequalities", "input-diversity"]
    result = command("measure", str(path), *arguments, *(part for name in names for part in ("--measure", name)))
    assert result.returncode == 0, result.stderr
    settings = bitlens.published_settings("paper")
    run = bitlens.open_run(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bitlens.SaturationWarning)
        plane = bitlens.information_plane(run, permutations=2, **settings)
        chains = bitlens.processing_inequalities(
            run, permutations=2, bandwidth_errors=bitlens.Silverman(0.1), **settings
        )
    with (tmp_path / "new" / "information_plane_by_epoch_about_layer.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == plane.information.size
    for row in rows:
        at = plane.sel(epoch=int(row["epoch"]), about=row["about"], layer=row["layer"])
        assert float(row["information"]) == float(at.information)
    with (tmp_path / "new" / "processing_inequalities_by_epoch.csv").open(encoding="utf-8") as file:
        found = [int(row["forward_violations"]) for row in csv.DictReader(file)]
    assert found == chains.forward_violations.values.tolist()
    with (tmp_path / "new" / "input_diversity.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["inter_sample_entropy"]) == float(bitlens.input_diversity(run).inter_sample_entropy)
    assert all(path.name in result.stdout.replace("\n", "") for path in (tmp_path / "new").iterdir())


def test_estimators_of_the_plane(finished: tuple[Path, str]) -> None:
    path, _ = finished
    result = command("measure", str(path), "--measure", "information-plane", "--estimator", "binning")
    assert result.returncode == 0
    known = bitlens.information_plane.known(bitlens.open_run(path))
    assert "binning" in [results.parameters.estimator for results in known]


def test_ablation_of_a_network_by_its_name(finished: tuple[Path, str], tmp_path: Path) -> None:
    path, _ = finished
    made = "from bitlens.data.lenet import LeNet\n\n\ndef make():\n    return LeNet(8, 10)\n\n\nready = make()\n"
    (tmp_path / "my_models.py").write_text(made)
    result = command("ablate", str(path), "my_models:make", "--csv", "new", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = bitlens.layer_ablation(bitlens.open_run(path), LeNet())
    roles = found.roles.isel(epoch=-1).sel(scope="relu4").values
    (row,) = (line for line in result.stdout.splitlines() if line.startswith("│ relu4") and line.count("│") == 8)
    assert [int(part) for part in row.split("│")[2:-1]] == [int(count) for count in roles[:6]]
    area = float(found.accuracy.isel(epoch=-1).sel(scope="whole network", order="descending").mean())
    assert any(line.startswith("│ whole network") and f" {area:.3f} " in line for line in result.stdout.splitlines())
    assert "layer_ablation_by_epoch_scope_order_step.csv" in result.stdout.replace("\n", "")
    other = command(
        "ablate", str(path), "my_models:ready", "--steps", "2", "--bins", "4", "--mode", "mean", cwd=tmp_path
    )
    assert other.returncode == 0, other.stderr
    known = [results.parameters for results in bitlens.layer_ablation.known(bitlens.open_run(path))]
    assert {(p.quantizer, p.steps, p.mode) for p in known} == {
        (bitlens.OneBit(), None, "zero"),
        (bitlens.EqualWidth(4), 2, "mean"),
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_models", "model: expected MODULE:NAME, such as my_models:mlp, got 'my_models'"),
        ("nowhere_to_be:found", "model: expected an importable module, got 'nowhere_to_be'"),
        ("math:mlp", "model: expected a name in the module math, got 'mlp'"),
        ("math:pi", "model: expected a torch.nn.Module, or a function that returns one, got float for math:pi"),
        ("time:time", "got float for time:time"),
        ("bitlens.cli.demo:nn", "got module for bitlens.cli.demo:nn"),
    ],
)
def test_a_name_that_is_no_network(finished: tuple[Path, str], name: str, message: str) -> None:
    result = command("ablate", str(finished[0]), name)
    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr


def test_bounds(finished: tuple[Path, str]) -> None:
    path, _ = finished
    result = command("bounds", str(path), "--samples", "1437", width=160)
    assert result.returncode == 0, result.stderr
    plane = bitlens.information_plane(bitlens.open_run(path), estimator="binning", epochs=[1]).sel(
        epoch=1, about="input"
    )
    information = float(plane.information.sel(layer="output"))
    bottleneck, compression = bitlens.generalization_bounds(information, 1437)
    (row,) = (line for line in result.stdout.splitlines() if line.startswith("│ output"))
    *numbers, verdict = row.split("│")[2:-1]
    assert [float(number) for number in numbers] == [
        round(information, 2), round(compression.value, 3), round(bottleneck.value, 3),
    ]  # fmt: skip
    assert verdict.strip() == str(plane.verdict.sel(layer="output").values)


def test_info(finished: tuple[Path, str]) -> None:
    result = command("info", str(finished[0]), width=200)
    assert result.returncode == 0
    assert "LeNet" in result.stdout
    assert "2: 0 to 1" in result.stdout
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines()]
    assert ["conv1", "convolution", "6 x 8 x 8", "0", "1", "2, 3", "a convolution"] in rows
    assert ["output", "linear", "10", "0", "1", "-", "a linear map"] in rows


def test_info_shows_axes_that_are_not_in_the_usual_place(tmp_path: Path) -> None:
    layers = (
        Layer("input", "input", (3, 12), 2, decided="the first weights act on it"),
        Layer("folded", "linear", (5, 12), 1, "folded", folded=12, decided="a linear map"),
        Layer("states", "recurrent", (16, 7), 2, "states", sample_axis=1),
    )
    inputs = np.zeros((4, 12, 3), np.float32)
    manifest = Manifest("Net", layers, 4, (), "float32", probe_hash({"inputs": inputs}))
    RunWriter(tmp_path / "run", manifest, {"inputs": inputs})
    result = command("info", str(tmp_path / "run"), width=140)
    assert result.returncode == 0, result.stderr
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines()]
    assert ["input", "input", "3 x 12", "0", "2", "1", "the first weights act on it"] in rows
    assert ["folded", "linear", "5 x 12", "0, 12 positions each", "1", "-", "a linear map"] in rows
    assert ["states", "recurrent", "16 x 7", "1", "2", "0", "-"] in rows  # a run of an older bitlens


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["info", "nowhere"], 1, "bitlens: nowhere: there is no such folder"),
        (["explore", "no/where"], 1, "bitlens: no/where: there is no folder"),
        (["explore", "--root", "nowhere"], 1, "bitlens: --root: there is no folder nowhere"),
        (["measure", "nowhere"], 1, "bitlens: nowhere: there is no such folder"),
        (["ablate", "nowhere", "my_models:mlp"], 1, "bitlens: nowhere: there is no such folder"),
        (["bounds", "nowhere", "--samples", "9"], 1, "bitlens: nowhere: there is no such folder"),
        (["bounds", "nowhere"], 2, "Missing option '--samples'"),
        (["measure", "nowhere", "--published-settings", "mine"], 2, "Invalid value for '--published-settings'"),
        (["measure", "nowhere", "--estimator", "mine"], 2, "Invalid value for '--estimator'"),
        (["demo", "--data", "mnist"], 1, "no path, because --root is missing"),
        (["demo", "--out", "."], 1, ". exists already"),
        (["demo", "--epochs", "0"], 2, "Invalid value for '--epochs'"),
        (["demo", "--data", "cifar"], 2, "Invalid value for '--data'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_errors(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    result = command(*arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (code, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_unknown_measure(finished: tuple[Path, str]) -> None:
    result = command("measure", str(finished[0]), "--measure", "capacity")
    assert result.returncode == 1
    assert "measure: expected one of training_performance" in result.stderr


def test_ctrl_c_leaves_a_run_and_no_traceback(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "bitlens", "demo", "--epochs", "1000"]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(arguments, cwd=tmp_path, text=True, **pipes) as process:
        try:
            while not (tmp_path / "demo-run" / "epochs" / "0001.safetensors").exists():
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert bitlens.open_run(tmp_path / "demo-run").epochs[:2] == [0, 1]
