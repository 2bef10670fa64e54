"""What results were measured from: ids of recorded files, replaced and dropped ones, and writers that share a run."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import bitlens
from bitlens.runs import Layer, Manifest, ResultKey, Run, RunError, RunWriter, open_run
from bitlens.runs.sources import file_id
from tests.support.stored_results import KEY, small_result, the_series

PROBE = {"inputs": np.zeros((4, 3), np.float32)}
MANIFEST = Manifest("Net", (Layer("input", "input", (3,)), Layer("a", "linear", (2,))), 4, (), "float32", "f" * 64)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "run"


def writer(store: Path) -> RunWriter:
    return RunWriter(store, MANIFEST, PROBE)


def activations(value: float) -> dict[str, np.ndarray]:
    return {"a": np.full((4, 2), value, np.float32)}


def measured(run: Run, kind: str, epoch: int) -> None:
    source = run.source(kind, epoch)
    assert source is not None
    run.results.save(KEY, epoch, small_result(epoch), source)


def test_every_recorded_file_has_an_id(store: Path) -> None:
    recording = writer(store)
    run = open_run(store)
    assert run.source("epoch", 0) is None
    recording.write_arrays(0, activations(1))
    recording.write_arrays(1, activations(1))
    recording.write_weights(0, activations(1))
    sources = [run.source("epoch", 0), run.source("epoch", 1), run.source("weights", 0), run.source("probe", 0)]
    assert len({source.partition(":")[2] for source in sources}) == 4  # equal content, other files
    assert [source.partition(":")[0] for source in sources] == ["epoch", "epoch", "weights", "probe"]
    assert run.source("weights", 1) is None
    assert run.source("probe", 7) == sources[3]
    with pytest.raises(ValueError, match=r"kind: expected 'epoch', 'weights' or 'probe', got 'file'"):
        run.source("file", 0)
    moved = shutil.copytree(store, store.with_name("moved"))
    assert Run(moved).source("epoch", 0) == sources[0]  # a copy of a run keeps its results
    np.testing.assert_array_equal(load_file(store / "epochs" / "0000.safetensors")["a"], activations(1)["a"])


def test_files_without_an_id_are_told_apart_by_their_content(tmp_path: Path) -> None:
    values = np.zeros(100_000, np.float32)
    paths = [tmp_path / f"{number}.safetensors" for number in range(5)]
    for path in paths[:2]:
        save_file({"a": values}, path)
    values[-1] = 1
    save_file({"a": values}, paths[2])
    save_file({"a": values[:-1]}, paths[3])
    save_file({"b": values}, paths[4])
    ids = [file_id(path) for path in paths]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    for content in (b"", b"\xff" * 8, b"\x03\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0[]", bytes(100)):
        paths[0].write_bytes(content)
        assert len(file_id(paths[0]) or "") == 32
    forged = json.dumps({"__metadata__": {"bitlens_id": "../" + "a" * 29}}).encode()
    paths[0].write_bytes(len(forged).to_bytes(8, "little") + forged)
    assert file_id(paths[0]) != "../" + "a" * 29
    assert file_id(tmp_path / "none") is None
    assert file_id(paths[0] / "none") is None


def test_results_of_replaced_weights_are_stale(store: Path) -> None:
    recording = writer(store)
    recording.write_weights(1, activations(1))
    measured(open_run(store), "weights", 1)
    assert open_run(store).results.epochs(KEY) == [1]
    recording.write_weights(1, activations(1))
    assert open_run(store).results.epochs(KEY) == []
    assert open_run(store).results.load(KEY) == []


def measured_in_memory(recording: RunWriter, epoch: int, seed: int) -> None:
    with recording.unwritten_epoch(epoch, activations(seed), {}) as live:
        assert epoch in live.epochs
        np.testing.assert_array_equal(live.activations("a", epoch), activations(seed)["a"])
        measured(live, "epoch", epoch)


def test_results_of_an_epoch_that_was_never_written(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording, run = writer(store), open_run(store)
    synced: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(store).parts[0])
        fsync(descriptor)

    with recording.unwritten_epoch(1, activations(1), {}) as live:
        measured(live, "epoch", 1)
        monkeypatch.setattr(os, "fsync", note)
    assert synced[0] == "results"  # before anything else: they could not be computed again
    assert run.epochs == []
    assert not list((store / "epochs").glob("*.safetensors"))
    assert run.source("epoch", 1) is None
    assert the_series(run.results.load(KEY)).epochs == [1]
    # The same epoch of a training that was started again.
    measured_again = open_run(store)
    recording.write_arrays(1, activations(2))
    assert measured_again.results.epochs(KEY) == open_run(store).results.load(KEY) == []
    (store / "epochs" / "0001.safetensors").unlink()
    measured_in_memory(recording, 1, 3)
    assert the_series(run.results.load(KEY)).epochs == [1]
    # A snapshot whose activations are not even written: `every` leaves the epoch out and no measure needs it.
    recording.write_metrics(0, {})
    assert run.results.epochs(KEY) == [1]
    recording.write_metrics(1, {})
    assert run.results.epochs(KEY) == []


def test_a_recorder_does_not_remove_what_another_is_writing(store: Path) -> None:
    recording = writer(store)
    recording.write_weights(0, activations(1))
    folders = [store, store / "epochs", store / "weights"]
    young = [folder / ".0007.safetensors.host.1.0123456789abcdef.tmp" for folder in folders]
    young += [folder / ".tmpAbC123" for folder in folders]  # such names safetensors uses
    old = [folder / name for folder in folders for name in (".0008.safetensors.123.tmp", ".tmpXyZ789")]
    for path in young + old:
        path.write_bytes(b"half")
    for path in old:
        os.utime(path, (0, path.stat().st_mtime - 3700))
    recording.close()
    writer(store)
    assert all(path.exists() for path in young)
    assert not any(path.exists() for path in old)


def test_leftovers_outside_the_run_are_not_removed(store: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ".1.tmp").touch()
    os.utime(outside / ".1.tmp", (0, 0))
    writer(store)
    (store / "weights").symlink_to(outside)
    writer(store)
    assert (outside / ".1.tmp").exists()


def test_a_torn_line_of_metrics_costs_that_line_alone(store: Path) -> None:
    recording = writer(store)
    recording.write_metrics(0, {"loss": 1.0})
    with (store / "metrics.jsonl").open("ab") as file:
        file.write(b'{"epoch": 1, "lo')  # the disk was full here
    assert open_run(store).metrics == {0: {"loss": 1.0}}
    for _ in range(2):
        recording.write_metrics(2, {"loss": 2.0})
        with pytest.warns(UserWarning, match=r"damaged at lines \[2\]"):
            assert open_run(store).metrics == {0: {"loss": 1.0}, 2: {"loss": 2.0}}
        recording.close()
        recording = writer(store)


def test_files_of_a_recording_are_written_whole(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording, seen = writer(store), []
    replace = Path.replace

    def look(path: Path, target: Path) -> Path:
        seen.append((path, list(path.parent.iterdir()), load_file(path)["a"].sum()))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", look)
    recording.write_arrays(0, activations(1))
    ((temporary, files, total),) = seen
    assert files == [temporary]
    assert total == 8
    assert list((store / "epochs").iterdir()) == [store / "epochs" / "0000.safetensors"]


def test_results_of_dropped_activations_are_stale_once_the_weights_are_replaced(store: Path) -> None:
    recording, run = writer(store), open_run(store)
    recording.write_weights(1, activations(1))
    measured_in_memory(recording, 1, 1)
    assert run.results.epochs(KEY) == [1]
    recording.write_weights(1, activations(2))  # another network, whose recording ends here
    assert run.results.epochs(KEY) == open_run(store).results.load(KEY) == []


def test_replaced_weights_leave_the_results_of_activations_that_exist(store: Path) -> None:
    recording, run = writer(store), open_run(store)
    recording.write_arrays(1, activations(1))
    measured(run, "epoch", 1)
    other = ResultKey(KEY.measure, KEY.version + 1, KEY.settings)
    recording.write_weights(1, activations(1))
    run.results.save(other, 1, small_result(), str(run.source("weights", 1)))
    recording.write_weights(1, activations(2))
    assert run.results.epochs(KEY) == [1]
    assert run.results.epochs(other) == []


def test_a_result_is_stale_if_its_weights_are_replaced_while_it_is_computed(store: Path) -> None:
    layers = torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
    model, probe = torch.nn.Sequential(*layers), (torch.rand(12, 4), torch.arange(12) % 3)
    with bitlens.Recorder(model, store, probe, weights=[0], show_size=False) as recorder:
        recorder.snapshot(0)
    run = open_run(store)
    with RunWriter(store, run.manifest, {}) as recording:
        weights = run.weights(0)

        class Replacing(torch.nn.Sequential):
            """A network whose weights are recorded again while it runs."""

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                recording.write_weights(0, weights)  # equal weights, in another file
                return super().forward(x)

        with pytest.raises(RunError, match=r"epochs: epoch 0 of .* was recorded again, or its result was removed"):
            bitlens.layer_ablation(run, Replacing(*layers), repeats=1)
    assert bitlens.layer_ablation(run, model, repeats=1).sizes["epoch"] == 1
