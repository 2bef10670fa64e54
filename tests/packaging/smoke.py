"""Checks an installed bitlens from a folder without its sources; the Python that runs it needs nothing but bitlens.

`python smoke.py` uses the estimators and the command; with the libraries of the extra `run` also a run on disk.
"""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np

import bitlens


def check_installation() -> None:
    """It is imported from the environment, and all parts have one version."""
    site = Path(sysconfig.get_path("platlib")).resolve()
    assert Path(bitlens.__file__).resolve().is_relative_to(site), bitlens.__file__
    assert bitlens.build_info()["version"] == metadata.version("bitlens")
    assert bitlens.build_info()["optimized"]
    assert Path(bitlens.__file__).with_name("py.typed").is_file()


def check_estimators() -> None:
    """Each family of kernels, against closed forms."""
    codes = np.array([[0, 1, 1, 0, 1, 0], [0, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]], np.uint8)
    information = bitlens.channel_mutual_information(codes, codes, bins=2, codes=True)
    np.testing.assert_allclose(information, [[1, 1, 0], [1, 1, 0], [0, 0, 0]], atol=1e-12)
    maps = np.zeros((2, 1, 4))
    maps[1] = [0, 1, 2, 3]
    np.testing.assert_allclose(bitlens.intra_sample_entropy(maps, bins=4), [[0], [2]])
    apart = 1000 * np.eye(8)
    assert math.isclose(bitlens.renyi_entropy(apart, kernel=bitlens.Gaussian(1.0)), 3)
    distances, _ = bitlens.nearest_neighbors(np.arange(6.0)[:, None], k=2)
    np.testing.assert_allclose(distances[1:5], 1)


def check_command() -> None:
    """The command prints its version and its help, or says what to install."""
    command = Path(sysconfig.get_path("scripts")) / ("bitlens.exe" if sys.platform == "win32" else "bitlens")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    if importlib.util.find_spec("typer") is None:
        assert done.returncode == 1
        assert "pip install 'bitlens[run]'" in done.stderr, done.stderr
    else:
        assert done.stdout == f"bitlens {metadata.version('bitlens')}\n", done
        done = subprocess.run([command, "export", "--help"], capture_output=True, text=True, check=False)
        assert "Example: bitlens export demo-run --netcdf" in done.stdout, done


def check_run(folder: Path) -> None:
    """A run is written, measured, read again, printed and exported."""
    rng = np.random.default_rng(0)
    for epoch in range(2):
        layers = {"hidden": rng.random((40, 6, 5)), "output": rng.random((40, 3))}
        first = {"inputs": rng.random((40, 8)), "labels": np.arange(40) % 3} if epoch == 0 else {}
        bitlens.record_arrays(folder / "run", epoch, layers, **first)
    run = bitlens.open_run(folder / "run")
    results = bitlens.measure(run, skipped=print, k=5, permutations=2)
    assert "layer diversity" in results
    stored = bitlens.layer_diversity.stored(bitlens.open_run(folder / "run"), k=5)
    assert stored.identical(results["layer diversity"])
    for arguments in (["info"], ["measure", "--k", "5"], ["export", "--netcdf", "--out", str(folder / "netcdf")]):
        name, *options = arguments
        command = [sys.executable, "-m", "bitlens", name, str(folder / "run"), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert list((folder / "netcdf").rglob("*.nc"))


if __name__ == "__main__":
    check_installation()
    check_estimators()
    check_command()
    has_run = importlib.util.find_spec("xarray") is not None
    if has_run:
        with tempfile.TemporaryDirectory() as folder:
            check_run(Path(folder))
    kind = "with" if has_run else "without"
    print(f"bitlens {metadata.version('bitlens')}, NumPy {np.__version__}, {kind} runs: passed")
