"""Runs at URLs: in memory, in a zip file and on a local server of an object store. They are read and never written."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
import xarray as xr

import bitlens
from bitlens.runs import RunError
from tests.support.sample_runs import convolutions, record_epochs

PLACES = ["memory", "zip", "s3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with stored results of one measure and a group of samples."""
    path = tmp_path_factory.mktemp("runs") / "my-run"
    run = record_epochs(path, convolutions(), torch.rand(12, 1, 8, 8), labelled=True, gradients=False)
    bitlens.channel_entropies(run, run.layers[1].name)
    bitlens.save_selection(run, [1, 2])
    return path


@pytest.fixture(scope="module")
def bucket(folder: Path) -> Iterator[str]:
    """The URL of the run on a server that speaks the protocol of S3."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", port=0)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "key")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        server.start()
        environment.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
        store = fsspec.filesystem("s3", skip_instance_cache=True)
        store.mkdir("bucket")
        store.put(str(folder), "bucket/my-run", recursive=True)
        yield "s3://bucket/my-run"
        server.stop()


@pytest.fixture(params=PLACES)
def url(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[str]:
    if request.param == "s3":
        yield request.getfixturevalue("bucket")
    elif request.param == "zip":
        archive = shutil.make_archive(str(tmp_path / "runs"), "zip", folder.parent)
        yield f"zip://my-run::file://{archive}"
    else:
        memory = fsspec.filesystem("memory")
        memory.put(str(folder), "/place/my-run", recursive=True)
        yield "memory://place/my-run"
        memory.rm("/place", recursive=True)


def test_a_run_is_read_as_from_its_folder(url: str, folder: Path) -> None:
    run, local = bitlens.open_run(url), bitlens.open_run(folder)
    assert (run.manifest, run.epochs, run.metrics) == (local.manifest, local.epochs, local.metrics)
    assert run.path.name == "my-run"
    np.testing.assert_array_equal(run.inputs, local.inputs)
    np.testing.assert_array_equal(run.labels, local.labels)
    for layer in run.layers:
        for epoch in run.epochs:
            expected = local.activations(layer.name, epoch)
            np.testing.assert_array_equal(run.activations(layer.name, epoch), expected)
            last = [layer.channels - 1]
            np.testing.assert_array_equal(run.activations(layer.name, epoch, channels=last), expected[:, last])
            assert run.source("epoch", epoch) == local.source("epoch", epoch)
    assert run.source("epoch", 77) is None
    (name,) = (path.stem for path in (folder / "selections").iterdir())
    assert bitlens.load_selection(run, name) == [1, 2]


def test_stored_results_are_read_and_new_ones_are_not_stored(url: str, folder: Path) -> None:
    run, local = bitlens.open_run(url), bitlens.open_run(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    layer = run.layers[1].name
    assert run.results.keys() == local.results.keys() != []
    (key,) = run.results.keys()
    assert run.results.epochs(key) == local.results.epochs(key) != []
    xr.testing.assert_identical(bitlens.channel_entropies(run, layer), bitlens.channel_entropies(local, layer))
    with pytest.warns(UserWarning, match=r"cannot be written \(runs at URLs are read-only\), so"):
        found = bitlens.training_performance(run)
    assert found.sizes["epoch"] == len(run.epochs)
    assert run.results.has_unsaved
    assert files == sorted(path for path in folder.rglob("*") if path.is_file())
    with pytest.raises(RunError, match=r"^executor: workers store results in .*, which cannot be written"):
        bitlens.measure(run, ["training_performance"], executor=1)
    with pytest.raises(RunError, match=r"^run: expected a folder that can be written, got .*my-run.*; copy the run$"):
        bitlens.save_selection(run, [0])


def test_epochs_that_appear_are_seen(folder: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/growing", recursive=True)
    run = bitlens.open_run("memory://growing")
    last = run.epochs[-1]
    memory.copy(f"/growing/epochs/{last:04d}.safetensors", f"/growing/epochs/{last + 1:04d}.safetensors")
    assert run.epochs[-1] == last + 1
    memory.rm("/growing", recursive=True)


def test_what_is_damaged_is_refused_as_in_a_folder(folder: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/damaged", recursive=True)
    run = bitlens.open_run("memory://damaged")
    epoch, layer = run.epochs[-1], run.layers[1].name
    file = f"/damaged/epochs/{epoch:04d}.safetensors"
    memory.pipe(file, memory.cat(file)[:-1])
    with pytest.raises(RunError, match=r"^memory://damaged/epochs/.* is damaged: expected "):
        run.activations(layer, epoch)
    memory.rm(file)
    with pytest.raises(RunError, match=f"^epoch: no activations of epoch {epoch} in memory:"):
        run.activations(layer, epoch)
    memory.rm("/damaged", recursive=True)


def test_places_without_a_run() -> None:
    with pytest.raises(RunError, match=r"^memory://nothing is not a bitlens run: manifest.json is missing"):
        bitlens.open_run("memory://nothing")
    with pytest.raises(RunError, match=r"^xyz://a cannot be opened: Protocol not known: xyz"):
        bitlens.open_run("xyz://a")
    with pytest.raises(RunError, match=r"cannot be opened: .*No such file"):
        bitlens.open_run("zip://my-run::file:///no/such/archive.zip")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(RunError, match=r"^http://127.0.0.1:\d+/my-run"):
            bitlens.open_run(f"http://127.0.0.1:{closed.getsockname()[1]}/my-run")
