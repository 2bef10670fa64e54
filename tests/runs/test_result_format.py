"""Result files: arrays come back as they were, and other libraries read them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open

from bitlens.runs import StoredArray, StoredResult
from tests.support.stored_results import KEY, SOURCE, equal, new_store, small_result, the_series

NUMBERS = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f8", ">i2"]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda n: n != "epoch")
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
TEXTS = hnp.arrays(np.dtype("U6"), SHAPES)
ARRAYS = st.one_of(*(hnp.arrays(np.dtype(code), SHAPES) for code in NUMBERS), TEXTS)


@st.composite
def stored_arrays(draw: st.DrawFn, name: str) -> StoredArray:
    values = draw(ARRAYS)
    if values.ndim > 1 and draw(st.booleans()):
        values = values.T  # not in C order
    return StoredArray(tuple(f"{name} {axis}" for axis in range(values.ndim)), values, draw(
        st.dictionaries(NAMES, st.text(max_size=8), max_size=2)
    ))  # fmt: skip


@st.composite
def results(draw: st.DrawFn) -> StoredResult:
    names = draw(st.lists(NAMES, unique=True, max_size=6))
    arrays = {name: draw(stored_arrays(name)) for name in names}
    return StoredResult(dict(list(arrays.items())[::2]), dict(list(arrays.items())[1::2]))


@given(results(), st.integers(0, 10**17))
def test_every_result_comes_back_as_it_was(result: StoredResult, epoch: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        new_store(Path(folder)).save(KEY, epoch, result, SOURCE)
        series = the_series(new_store(Path(folder)).load(KEY))
    assert series.epochs == [epoch]
    assert list(series.variables) == list(result.variables)
    assert list(series.coordinates) == list(result.coordinates)
    for name, array in result.variables.items():
        assert series.variables[name].dims[0] == "epoch"
        assert equal(series.variables[name], array, 0), name
    for name, array in result.coordinates.items():
        assert equal(series.coordinates[name], array), name


def test_bits_of_floats_are_kept(tmp_path: Path) -> None:
    values = np.array([np.nan, -np.nan, np.inf, -0.0, 5e-324, 1 / 3])
    array = StoredArray(("value",), values, {})
    new_store(tmp_path).save(KEY, 0, StoredResult({"a": array}, {"b": array}), SOURCE)
    series = the_series(new_store(tmp_path).load(KEY))
    assert series.variables["a"].values.tobytes() == values.tobytes()
    np.testing.assert_array_equal(np.signbit(series.coordinates["b"].values[2:]), np.signbit(values[2:]))
    np.testing.assert_array_equal(series.coordinates["b"].values, values)


def test_arrays_of_texts_as_objects(tmp_path: Path) -> None:
    texts = StoredArray(("a",), np.array(["ä", "", "\ud800", "long " * 100], object), {})
    new_store(tmp_path).save(KEY, 0, StoredResult({"v": texts}, {"c": texts}), SOURCE)
    series = the_series(new_store(tmp_path).load(KEY))
    assert equal(series.variables["v"], texts, 0)
    assert equal(series.coordinates["c"], texts)


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (
            StoredArray((), np.array(1j), {}),
            TypeError,
            "x: expected truth values, integers, floats or texts, got complex",
        ),
        (StoredArray((), np.array(1, "M8[s]"), {}), TypeError, "x: expected truth values, integers, floats or texts"),
        (StoredArray((), np.longdouble(1), {}), TypeError, "x: expected truth values, integers, floats or texts"),
        (StoredArray(("a",), np.array([None]), {}), TypeError, "x: expected numbers or texts, got objects"),
        (StoredArray(("a",), np.array(["a\0"], object), {}), ValueError, "x: a text ends with a NUL character"),
        (StoredArray(("a",), np.ma.masked_array([1], [True]), {}), TypeError, "x: expected an array without a mask"),
        (StoredArray(("epoch",), np.zeros(2), {}), ValueError, "dimensions of 'x'"),
        (StoredArray(("a", "a"), np.zeros((2, 2)), {}), ValueError, "dimensions of 'x'"),
        (StoredArray(("a",), np.zeros((2, 2)), {}), ValueError, "dimensions of 'x'"),
        (StoredArray(("c",), np.zeros(3), {}), ValueError, "dimension 'c' has two sizes"),
        (StoredArray((), np.float64(1), {"bins": 3}), ValueError, "attributes of 'x'"),
        (StoredArray((), np.float64(1), {"units": "b" * 5000}), ValueError, "attributes of 'x'"),
        (StoredArray(("a",), np.array(["b" * 5000]), {}), ValueError, "texts of 'x'"),
        (StoredArray(("a",), np.zeros(5000, "U4000"), {}), ValueError, "x: expected texts of at most 64 MiB"),
        (StoredArray((), np.broadcast_to(np.float64(1), ()), {}), None, ""),
        (StoredArray(("a",), np.broadcast_to(np.float64(1), 2**28), {}), ValueError, "x: expected at most 1024 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_cannot_be_stored(
    tmp_path: Path, array: StoredArray, error: type[Exception] | None, message: str
) -> None:
    label = StoredArray(("c",), np.arange(2), {})
    result = StoredResult({"x": array}, {"c": label})
    if error is None:
        new_store(tmp_path).save(KEY, 0, result, SOURCE)
        return
    with pytest.raises(error, match=message):
        new_store(tmp_path).save(KEY, 0, result, SOURCE)


@pytest.mark.parametrize("name", ["epoch", "c", "", "bitlens.tail", "__metadata__"])
def test_names_that_are_taken(tmp_path: Path, name: str) -> None:
    array = StoredArray(("c",), np.arange(2), {})
    with pytest.raises(ValueError, match="result: "):
        new_store(tmp_path).save(KEY, 0, StoredResult({name: array}, {"c": array}), SOURCE)


def test_headers_do_not_change_with_the_epoch(tmp_path: Path) -> None:
    for epoch in range(3):
        new_store(tmp_path).save(KEY, epoch, small_result(epoch), f"epoch:{epoch}")
    headers = set()
    for path in tmp_path.glob("results/*/*/*.safetensors"):
        content = path.read_bytes()
        headers.add(content[: 8 + int.from_bytes(content[:8], "little")])
    assert len(headers) == 1


def test_the_safetensors_library_reads_the_files(tmp_path: Path) -> None:
    result = small_result(0.25)
    odd = StoredArray((), np.bool_(True), {})
    new_store(tmp_path).save(KEY, 7, StoredResult({**result.variables, "odd": odd}, result.coordinates), SOURCE)
    (path,) = tmp_path.glob("results/*/*/0007.safetensors")
    with safe_open(path, framework="numpy") as file:
        assert sorted(file.keys()) == ["bitlens.tail", "dead", "entropy", "kind", "lowest", "odd"]
        np.testing.assert_array_equal(file.get_tensor("entropy"), result.variables["entropy"].values)
        assert file.get_tensor("lowest") == np.float32(0.25)
        assert file.get_tensor("lowest").shape == ()
        variables = json.loads(file.metadata()["variables"])
        texts = np.array(variables["kind"]["table"])[file.get_tensor("kind")]
        assert texts.tolist() == ["edge", "blob", "edge", "blob"]
        assert json.loads(file.metadata()["key"]) == {
            "measure": KEY.measure, "settings": KEY.settings, "version": KEY.version
        }  # fmt: skip
        assert bytes(file.get_tensor("bitlens.tail")).startswith(SOURCE.encode() + b"\0")
