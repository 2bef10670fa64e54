"""The result store: keys, sources, versions, leftovers, and what other programs read of it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bitlens.runs import ResultKey, ResultStore, RunError, StoredArray, StoredResult
from bitlens.runs.result_export import export_netcdf
from tests.support.stored_results import KEY, SOURCE, equal, new_store, small_result, the_series


def test_results_come_back_along_the_epoch(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for epoch in (12, 0, 3):
        store.save(KEY, epoch, small_result(epoch), SOURCE)
    for reader in (store, new_store(tmp_path)):
        series = the_series(reader.load(KEY))
        assert series.epochs == [0, 3, 12]
        np.testing.assert_array_equal(series.variables["entropy"].values, np.repeat([[0.0], [3.0], [12.0]], 4, axis=1))
        for name, array in small_result(3).variables.items():
            assert equal(series.variables[name], array, 1), name
        assert equal(series.coordinates["channel"], small_result().coordinates["channel"])
        assert reader.epochs(KEY) == [0, 3, 12]
        assert the_series(reader.load(KEY, [3, 5, 12, 3])).epochs == [3, 12]
    store.save(KEY, 3, small_result(4.0), SOURCE)
    assert the_series(store.load(KEY, [np.int64(3)])).variables["lowest"].values == [4.0]
    assert store.load(ResultKey("channel_entropies", 1, {"layer": "conv2"})) == []


def test_results_of_other_coordinates_form_another_series(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for epoch, channels in enumerate([4, 4, 2, 4, 2, 6]):
        store.save(KEY, epoch, small_result(epoch, channels), SOURCE)
    assert [(s.epochs, s.coordinates["channel"].values.size) for s in store.load(KEY)] == [
        ([0, 1, 3], 4), ([2, 4], 2), ([5], 6)
    ]  # fmt: skip
    together = store.to_xarray(KEY)
    assert together.epoch.values.tolist() == [0, 1, 2, 3, 4, 5]
    assert together.entropy.sel(epoch=4, channel=1) == 4.0
    assert together.entropy.sel(epoch=4, channel=[2, 3]).isnull().all()


def test_a_large_result_is_read_into_a_growing_buffer(tmp_path: Path) -> None:
    store, values = new_store(tmp_path), np.random.default_rng(0).normal(size=(3, 12, 30_000))
    result = small_result()
    store.save(KEY, 0, result, SOURCE)  # so that the large ones are not the first series
    for epoch in range(1, 13):
        large = {"large": StoredArray(("row", "column"), values[:, epoch - 1], {})}
        store.save(KEY, epoch, StoredResult(large, {}), SOURCE)
    small, series = store.load(KEY)
    assert (small.epochs, series.epochs) == ([0], list(range(1, 13)))
    np.testing.assert_array_equal(series.variables["large"].values, values.swapaxes(0, 1))


def test_keys_are_equal_by_their_text() -> None:
    key = ResultKey("plane", 2, {"bins": (1, 2), "alpha": 1.0, "layer": None})
    assert key.text == '{"measure":"plane","settings":{"alpha":1.0,"bins":[1,2],"layer":null},"version":2}'
    same = ResultKey("plane", 2, {"layer": None, "alpha": np.float64(1.0), "bins": [1, 2]})
    assert key == same
    assert len({key, same}) == 1
    assert key.settings == {"bins": [1, 2], "alpha": 1.0, "layer": None}
    assert key != ResultKey("plane", 3, key.settings)
    assert key.digest != ResultKey("plane", 2, {**key.settings, "alpha": 1.01}).digest
    assert key != key.text
    mutable = {"bins": [1]}
    key = ResultKey("plane", 1, mutable)
    mutable["bins"].append(2)
    assert key.settings == {"bins": [1]}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("plane", 1, {"alpha": float("nan")}), ValueError, "settings: expected values that JSON has"),
        (("plane", 1, {"alpha": [{"a": float("inf")}]}), ValueError, "settings: expected values that JSON has"),
        (("plane", 1, {"alpha": np.float32(1)}), TypeError, "settings: expected values that JSON has"),
        (("plane", 1, {"bins": {1: 2}}), TypeError, "settings: expected names that are texts, got 1"),
        (("../plane", 1, {}), ValueError, r"measure: expected a name of letters, digits, '-' and '_', got '../plane'"),
        (("", 1, {}), ValueError, "measure: expected a name"),
        (("plane", True, {}), ValueError, "version: expected an integer from 0 on, got True"),
        (("plane", -1, {}), ValueError, "version: expected an integer from 0 on, got -1"),
    ],
)
def test_keys_that_cannot_be(arguments: tuple, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ResultKey(*arguments)


def test_stale_results_are_never_given(tmp_path: Path) -> None:
    sources = {("epoch", 0): "epoch:new", ("epoch", 1): "epoch:old", ("weights", 3): "weights:new"}
    store = new_store(tmp_path, sources)
    for epoch in range(3):  # replaced, present, absent
        store.save(KEY, epoch, small_result(), "epoch:old")
    store.save(KEY, 3, small_result(), "weights:old")
    store.save(KEY, 4, small_result(), "probe:old")
    assert store.epochs(KEY) == [1, 2, 4]
    assert the_series(store.load(KEY)).epochs == [1, 2, 4]
    assert store.load(KEY, [0, 3]) == []
    sources["probe", 4] = "probe:new"
    assert store.epochs(KEY) == [1, 2]
    store.save(KEY, 0, small_result(), "epoch:new")
    assert store.epochs(KEY) == [0, 1, 2]


def test_versions_are_separate(tmp_path: Path) -> None:
    store, newer = new_store(tmp_path), ResultKey(KEY.measure, 2, KEY.settings)
    store.save(KEY, 0, small_result(1.0), SOURCE)
    assert store.load(newer) == []
    store.save(newer, 1, small_result(2.0), SOURCE)
    store.save(ResultKey("plane", 1, {}), 0, small_result(), SOURCE)
    assert the_series(store.load(KEY)).epochs == [0]
    assert the_series(store.load(newer)).epochs == [1]
    assert set(store.keys("channel_entropies")) == {KEY, newer}
    assert store.measures() == ["channel_entropies", "plane"]
    assert len(store.keys()) == 3
    assert store.keys("none") == store.keys("..") == []
    # A file that was moved to the folder of another key is not one of its results.
    (moved,) = tmp_path.glob("results/channel_entropies/1-*/0000.safetensors")
    moved.replace(next(tmp_path.glob("results/channel_entropies/2-*")) / "0005.safetensors")
    assert the_series(store.load(newer)).epochs == [1]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epoch": -1}, ValueError, "epoch: expected 0 or more, got -1"),
        ({"epoch": 1.0}, TypeError, "float"),
        ({"source": "epoch"}, ValueError, "source: expected what Run.source gives"),
        ({"source": "file:abc"}, ValueError, "source: expected what Run.source gives"),
        ({"source": "epoch:" + "a" * 60}, ValueError, "source: expected what Run.source gives"),
    ],
)
def test_what_cannot_be_saved(tmp_path: Path, change: dict, error: type[Exception], message: str) -> None:
    arguments = {"epoch": 0, "source": SOURCE, **change}
    with pytest.raises(error, match=message):
        new_store(tmp_path).save(KEY, result=small_result(), **arguments)
    assert list(tmp_path.rglob("*")) == []


def test_results_of_the_first_version_are_ignored_and_said_once(tmp_path: Path) -> None:
    old = tmp_path / "results" / "channel_entropies" / "0123456789ab"
    old.mkdir(parents=True)
    (old / "0000.nc").write_bytes(b"netCDF")
    store = new_store(tmp_path)
    with pytest.warns(
        UserWarning, match="channel_entropies/0123456789ab, were written by bitlens 0.1.0 and are ignored"
    ):
        assert store.keys() == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert new_store(tmp_path).measures() == []
        store.save(KEY, 0, small_result(), SOURCE)
        assert new_store(tmp_path).keys() == [KEY]


def test_a_damaged_parameters_file_is_said_and_repaired(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.save(KEY, 0, small_result(), SOURCE)
    (parameters,) = tmp_path.glob("results/*/*/parameters.json")
    assert parameters.read_text() == KEY.text
    for text in (b"", b"{", b'{"measure": 1}', b"[" * 100_000, KEY.text.replace("32", "33").encode()):
        parameters.write_bytes(text)
        with pytest.warns(UserWarning, match=r"parameters.json is damaged or missing.*measure again"):
            assert store.keys() == []
        assert store.epochs(KEY) == [0]
    store.save(KEY, 1, small_result(), SOURCE)
    assert store.keys() == [KEY]


def test_leftovers_of_killed_writers_are_removed_by_the_first_writer(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "channel_entropies" / f"1-{KEY.digest}"
    folder.mkdir(parents=True)
    old, young, other = folder / ".0001.safetensors.host.1.0123.tmp", folder / ".0002.b.tmp", folder / "notes.tmp"
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (1, path.stat().st_mtime - 3700))
    new_store(tmp_path).load(KEY)
    assert old.exists()  # reading removes nothing
    new_store(tmp_path).save(KEY, 0, small_result(), SOURCE)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [young.name, other.name, "0000.safetensors", "parameters.json"]
    )


def test_a_writer_whose_temporary_file_was_removed_writes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, replace, removed = new_store(tmp_path), Path.replace, []

    def remove_first(path: Path, target: Path) -> Path:
        if len(removed) < 2 and target.suffix == ".safetensors":
            path.unlink()
            removed.append(path)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", remove_first)
    store.save(KEY, 0, small_result(), SOURCE)
    assert len(set(removed)) == 2
    assert store.epochs(KEY) == [0]


def test_flush_puts_on_disk_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, synced = new_store(tmp_path), []
    store.save(KEY, 0, small_result(), SOURCE)
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    store.save(KEY, 1, small_result(), SOURCE)
    assert synced == []
    store.flush()
    folder = tmp_path / "results" / KEY.measure / f"1-{KEY.digest}"
    assert set(synced) == {
        folder / "0000.safetensors", folder / "0001.safetensors", folder, folder.parent, tmp_path / "results"
    }  # fmt: skip
    synced.clear()
    store.flush()
    assert synced == []


def test_a_store_goes_to_another_process(tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(ResultStore(tmp_path, _no_source)))
    copy.save(KEY, 0, small_result(), SOURCE)
    assert new_store(tmp_path).epochs(KEY) == [0]


def _no_source(kind: str, epoch: int) -> str | None:
    return None


def test_anyone_can_open_the_results(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    half = StoredArray(("channel",), np.arange(4, dtype=np.float16), {})
    for epoch in (0, 2):
        result = small_result(epoch)
        store.save(KEY, epoch, StoredResult({**result.variables, "half": half}, result.coordinates), SOURCE)
    dataset = store.to_xarray("channel_entropies")
    assert dataset.identical(store.to_xarray(KEY))
    assert dataset.entropy.dims == ("epoch", "channel")
    assert dataset.entropy.attrs == {"long_name": "entropy", "units": "bits"}
    assert dataset.attrs["layer"] == "conv1"
    assert dataset.attrs["version"] == 1
    assert dataset.attrs["settings"] == '{"bins": 32, "layer": "conv1"}'
    older = ResultKey("channel_entropies", 0, {"bins": True})
    store.save(older, 1, small_result(), SOURCE)
    with pytest.raises(RunError, match=r"key: 'channel_entropies' has 2 keys; pass one of Run.results.keys"):
        store.to_xarray("channel_entropies")
    with pytest.raises(RunError, match="key: 'plane' has no results"):
        store.to_xarray("plane")
    with pytest.raises(RunError, match="has no valid result of"):
        store.to_xarray(ResultKey("plane", 1, {}))
    files = export_netcdf(types.SimpleNamespace(results=store), tmp_path / "exported")
    assert [path.relative_to(tmp_path / "exported").as_posix() for path in files] == [
        f"channel_entropies/0-{older.digest}.nc", f"channel_entropies/1-{KEY.digest}.nc"
    ]  # fmt: skip
    with xr.open_dataset(files[1], engine="h5netcdf") as exported:
        assert exported.epoch.values.tolist() == [0, 2]
        np.testing.assert_array_equal(exported.entropy, dataset.entropy)
        assert exported.half.dtype == np.float32
        assert exported.kind.values[1].tolist() == ["edge", "blob", "edge", "blob"]
        assert exported.attrs["bins"] == 32


LIGHT = """
import sys, types
package = types.ModuleType("bitlens")
package.__path__ = sys.argv[1:]
sys.modules["bitlens"] = package  # without what the package itself imports
import bitlens.runs
heavy = ("bitlens.estimators", "bitlens.measures", "bitlens.network", "xarray", "h5netcdf", "torch", "pandas")
print([name for name in sys.modules if name.startswith(heavy)])
"""


def test_storage_needs_no_estimators() -> None:
    import bitlens

    command = [sys.executable, "-c", LIGHT, *bitlens.__path__]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
