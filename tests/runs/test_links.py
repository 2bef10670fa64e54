"""An opened run reads nothing outside its folder through links."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bitlens.runs import Layer, Manifest, Run, RunError, RunWriter, load_selection, open_run, save_selection
from bitlens.runs.result_folders import flush_epoch
from tests.support.stored_results import KEY, small_result, the_series

MANIFEST = Manifest("Net", (Layer("input", "input", (3,)), Layer("a", "linear", (2,))), 4, (), "float32", "f" * 64)
PROBE = {"inputs": np.zeros((4, 3), np.float32)}
KEY_FOLDER = f"results/{KEY.measure}/{KEY.version}-{KEY.digest}"
REFUSED = "is a link that leads out of the run, to"

READS: dict[str, Callable[[Run], object]] = {
    "probe.safetensors": lambda run: run.inputs,
    "epochs": lambda run: run.epochs,
    "epochs/0001.safetensors": lambda run: run.activations("a", 1),
    "weights": lambda run: run.weight_epochs,
    "weights/0001.safetensors": lambda run: run.weights(1),
    "metrics.jsonl": lambda run: run.metrics,
    "results": lambda run: run.results.load(KEY),
    f"results/{KEY.measure}": lambda run: run.results.load(KEY),
    KEY_FOLDER: lambda run: run.results.epochs(KEY),
    f"{KEY_FOLDER}/0001.safetensors": lambda run: run.results.load(KEY),
    "selections": lambda run: load_selection(run, save_selection(run, [1])),
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store = tmp_path / "run"
    with RunWriter(store, MANIFEST, PROBE) as writer:
        writer.write_weights(1, {"weight": np.ones(3)})
        writer.write_metrics(1, {"loss": 0.5})
        writer.write_arrays(1, {"a": np.ones((4, 2), np.float32)})
    run = open_run(store)
    run.results.save(KEY, 1, small_result(1.0), str(run.source("epoch", 1)))
    save_selection(run, [1])
    return store


def replace_by_link(path: Path, target: Path) -> None:
    """Move a file or folder, and leave a link to it."""
    target.parent.mkdir(exist_ok=True)
    shutil.move(path, target)
    path.symlink_to(target)


@pytest.mark.parametrize("name", READS)
def test_links_to_another_place_are_refused(store: Path, tmp_path: Path, name: str) -> None:
    replace_by_link(store / name, tmp_path / "outside" / "moved")
    run = open_run(store)
    with pytest.raises(RunError, match=REFUSED):
        READS[name](run)


def test_a_link_in_place_of_the_manifest_is_refused(store: Path, tmp_path: Path) -> None:
    replace_by_link(store / "manifest.json", tmp_path / "outside" / "manifest.json")
    with pytest.raises(RunError, match=rf"manifest\.json {REFUSED}"):
        open_run(store)
    with pytest.raises(RunError, match=rf"manifest\.json {REFUSED}"):
        RunWriter(store, MANIFEST, PROBE)


@pytest.mark.parametrize(
    "name", [name for name in READS if not name.endswith("/0001.safetensors") or "res" not in name]
)
def test_links_within_the_run_are_followed(store: Path, name: str) -> None:
    replace_by_link(store / name, store / "moved" / "file")
    READS[name](open_run(store))


def test_a_linked_result_within_the_run_counts_as_none(store: Path) -> None:
    name = f"{KEY_FOLDER}/0001.safetensors"
    replace_by_link(store / name, store / "moved" / "file")
    run = open_run(store)
    assert run.results.load(KEY) == []
    assert run.results.epochs(KEY) == []
    (store / name).unlink()
    (store / name).symlink_to(store / "nowhere")
    assert run.results.load(KEY) == []


def test_a_chain_of_links_is_followed_to_its_end(store: Path, tmp_path: Path) -> None:
    replace_by_link(store / "probe.safetensors", tmp_path / "outside" / "probe")
    (store / "probe.safetensors").rename(store / "second")
    (store / "probe.safetensors").symlink_to("second")
    with pytest.raises(RunError, match=REFUSED):
        open_run(store).slice()
    replace_by_link(store / "epochs", store / "moved" / "epochs")
    replace_by_link(store / "moved" / "epochs" / "0001.safetensors", tmp_path / "outside" / "epoch")
    with pytest.raises(RunError, match=REFUSED):
        open_run(store).activations("a", 1)


def test_the_run_itself_may_be_a_link(store: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(store)
    run = open_run(tmp_path / "link")
    for read in READS.values():
        read(run)
    assert the_series(run.results.load(KEY)).epochs == [1]
    run.results.save(KEY, 1, small_result(2.0), str(run.source("epoch", 1)))


def test_the_run_may_be_the_current_folder(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store)
    for name, read in READS.items():
        for place in (".", "", Path(), "../run"):
            read(open_run(place))
        replace_by_link(store / name, tmp_path / "outside" / "moved")
        with pytest.raises(RunError, match=REFUSED):
            read(open_run("."))
        (store / name).unlink()
        shutil.move(tmp_path / "outside" / "moved", store / name)


@pytest.mark.parametrize("name", ["results", f"results/{KEY.measure}", KEY_FOLDER])
def test_nothing_is_written_through_links_that_lead_out(store: Path, tmp_path: Path, name: str) -> None:
    replace_by_link(store / name, tmp_path / "outside" / "moved")
    before = sorted((tmp_path / "outside").rglob("*"))
    run = open_run(store)
    with pytest.raises(RunError, match=REFUSED):
        run.results.save(KEY, 2, small_result(), "epoch:a")
    with pytest.raises(RunError, match=REFUSED):
        run.results.keys()
    with pytest.raises(RunError, match=REFUSED):
        flush_epoch(store, 1)
    assert sorted((tmp_path / "outside").rglob("*")) == before


@pytest.mark.parametrize("name", ["epochs", "weights", "metrics.jsonl"])
def test_a_writer_refuses_links_that_lead_out(store: Path, tmp_path: Path, name: str) -> None:
    replace_by_link(store / name, tmp_path / "outside" / "moved")
    with RunWriter(store, MANIFEST, PROBE) as writer:
        writes = {
            "weights": lambda: writer.write_weights(2, {"weight": np.ones(3)}),
            "metrics.jsonl": lambda: writer.write_metrics(2, {"loss": 0.5}),
            "epochs": lambda: writer.write_arrays(2, {"a": np.ones((4, 2), np.float32)}),
        }
        with pytest.raises(RunError, match=REFUSED):
            writes[name]()


def test_a_folder_whose_name_begins_alike_is_outside(store: Path, tmp_path: Path) -> None:
    replace_by_link(store / "metrics.jsonl", tmp_path / "run2" / "metrics.jsonl")
    with pytest.raises(RunError, match=REFUSED):
        _ = open_run(store).metrics
