"""`bitlens import`: stored arrays of other programs become runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from bitlens.cli.array_files import natural_order, read_epochs
from bitlens.cli.commands import app
from bitlens.runs import RunError, open_run

RNG = np.random.default_rng(0)
PROBE = {"input": RNG.random((10, 8)), "labels": np.array(["dog", "cat"] * 5)}
STATES = {"layer10": RNG.random((10, 4, 6)), "layer2": RNG.random((10, 4, 6))}


def imported(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["import", *map(str, arguments)])


def test_a_folder_of_npz_files(tmp_path: Path) -> None:
    folder = tmp_path / "states"
    folder.mkdir()
    for epoch in (3, 12):
        states = {name: array + epoch for name, array in STATES.items()}
        np.savez(folder / f"run7_epoch_{epoch}.npz", **states, **(PROBE if epoch == 3 else {}))
    (folder / "notes.txt").write_text("not an array")
    result = imported(folder, tmp_path / "run", "--channel-axis", -1, "--model", "gpt")
    assert result.exit_code == 0, result.output
    assert "Imported epoch 3: layer10 (10, 4, 6), layer2 (10, 4, 6)" in result.output
    assert f"Measure it with: bitlens measure {tmp_path / 'run'}" in result.output
    run = open_run(tmp_path / "run")
    assert (run.epochs, run.classes, run.manifest.model) == ([3, 12], ("cat", "dog"), "gpt")
    assert [(layer.name, layer.shape) for layer in run.layers] == [
        ("input", (8,)), ("layer10", (6, 4)), ("layer2", (6, 4))
    ]  # fmt: skip
    assert run.labels is not None
    assert run.labels.tolist() == [1, 0] * 5
    np.testing.assert_array_equal(run.inputs, PROBE["input"])
    expected = (STATES["layer2"] + 12).transpose(0, 2, 1).astype(np.float32)
    np.testing.assert_array_equal(run.activations("layer2", 12), expected)


def test_safetensors_have_no_order_and_may_be_links(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "states").mkdir()
    for epoch in (0, 1):
        save_file({name: array + epoch for name, array in STATES.items()}, tmp_path / "blobs" / f"blob{epoch}")
        (tmp_path / "states" / f"{epoch}.safetensors").symlink_to(tmp_path / "blobs" / f"blob{epoch}")
    assert imported(tmp_path / "states", tmp_path / "run").exit_code == 0
    run = open_run(tmp_path / "run")
    assert [layer.name for layer in run.layers] == ["layer2", "layer10"]
    assert run.epochs == [0, 1]
    chosen = imported(tmp_path / "states", tmp_path / "chosen", "--layer", "layer10", "--layer", "layer2")
    assert chosen.exit_code == 0
    assert [layer.name for layer in open_run(tmp_path / "chosen").layers] == ["layer10", "layer2"]


def test_one_file_without_a_number_is_epoch_0(tmp_path: Path) -> None:
    np.savez(tmp_path / "states.npz", **STATES)
    assert imported(tmp_path / "states.npz", tmp_path / "run").exit_code == 0
    assert open_run(tmp_path / "run").epochs == [0]


def test_zarr_groups(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    store = zarr.open_group(str(tmp_path / "states.zarr"), mode="w")
    for epoch in (1, 20):
        group = store.create_group(f"epoch_{epoch}")
        for name, array in STATES.items():
            group.create_array(name, data=array + epoch)
        single = zarr.open_group(str(tmp_path / "folder" / f"step{epoch}.zarr"), mode="w")
        single.create_array("layer2", data=STATES["layer2"])
    assert imported(tmp_path / "states.zarr", tmp_path / "run").exit_code == 0
    run = open_run(tmp_path / "run")
    assert [layer.name for layer in run.layers] == ["layer2", "layer10"]
    np.testing.assert_array_equal(run.activations("layer2", 20), (STATES["layer2"] + 20).astype(np.float32))
    assert [epoch for epoch, _ in read_epochs(tmp_path / "folder")] == [1, 20]
    zarr.save_array(str(tmp_path / "array.zarr"), STATES["layer2"])
    with pytest.raises(RunError, match="expected a zarr group with an array for each layer, got a single array"):
        list(read_epochs(tmp_path / "array.zarr"))
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr" / "zarr.json").write_text("{")
    with pytest.raises(RunError, match=r"bad\.zarr cannot be read"):
        list(read_epochs(tmp_path / "bad.zarr"))


def test_zarr_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    (tmp_path / "states.zarr").mkdir()
    (tmp_path / "states.zarr" / "zarr.json").write_text("{}")
    with pytest.raises(RunError, match=r"states\.zarr is a zarr store, which needs the library zarr: pip install zarr"):
        list(read_epochs(tmp_path / "states.zarr"))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "expected files of npz, safetensors or zarr, found none"),
        (["a.npz", "epoch_1.npz"], r"expected the epoch in every name, such as epoch_12, got 'a\.npz'; rename it"),
        (["1.npz", "epoch_01.npz"], r"'1\.npz' and 'epoch_01\.npz' both have epoch 1; rename or move one"),
    ],
)
def test_names_that_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        np.savez(tmp_path / name, **STATES)
    with pytest.raises(RunError, match=message):
        list(read_epochs(tmp_path))


@pytest.mark.parametrize(
    ("name", "epoch"),
    [("epoch_12", 12), ("run7_epoch12_layer3", 12), ("Epoch=0004", 4), ("run7_5", 5), ("step-100_v2", 100)],
)
def test_the_epoch_in_a_name(tmp_path: Path, name: str, epoch: int) -> None:
    np.savez(tmp_path / f"{name}.npz", **STATES)
    assert next(read_epochs(tmp_path / f"{name}.npz"))[0] == epoch


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"text", "expected a file of npz, safetensors or zarr, got '.txt'"),
        ("a.npz", b"text", r"a\.npz cannot be read: .*; save arrays of numbers or texts, not objects"),
        ("a.npz", b"", r"a\.npz cannot be read"),
        ("a.npz", b"PK\x03\x04 cut", r"a\.npz cannot be read"),
        ("a.safetensors", b"text", r"a\.safetensors is damaged"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=message):
        list(read_epochs(tmp_path / name))
    with pytest.raises(RunError, match="there is no such file or folder"):
        list(read_epochs(tmp_path / "nothing"))


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(RunError, match="it is a single array, not an npz file"):
        list(read_epochs(tmp_path / "a.npz"))


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{}], object))
    with pytest.raises(RunError, match="save arrays of numbers or texts, not objects"):
        list(read_epochs(tmp_path / "a.npz"))


def test_a_layer_that_is_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "epoch_4.npz", **STATES)
    result = imported(tmp_path / "epoch_4.npz", tmp_path / "run", "--layer", "conv")
    assert result.exit_code == 1
    assert "--layer: no array 'conv' at epoch 4" in str(result.exception)


def test_numbers_in_names_are_sorted_as_numbers() -> None:
    assert natural_order(["h10", "h2", "a", "10", "9", "h", "h2b"]) == ["9", "10", "a", "h", "h2", "h2b", "h10"]
