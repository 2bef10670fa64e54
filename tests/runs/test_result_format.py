"""Result files: arrays come back as they were, other libraries read them, damaged and hostile files are left out."""

from __future__ import annotations

import json
import os
import random
import tempfile
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open

from bitlens.runs import ResultKey, StoredArray, StoredResult
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


def test_mutilated_files_are_left_out(tmp_path: Path) -> None:
    """2000 files with bits turned over, cut, grown, or made of parts of others; the whole ones are still read."""
    rng, store = random.Random(0), new_store(tmp_path)
    store.save(KEY, 0, small_result(1.0), SOURCE)
    store.save(KEY, 1, small_result(2.0), SOURCE)
    folder = next(tmp_path.glob("results/*/*"))
    good = [(folder / f"000{epoch}.safetensors").read_bytes() for epoch in (0, 1)]

    def mutilate(content: bytes) -> bytes:
        data = bytearray(content)
        how = rng.randrange(5)
        if how == 0:
            for _ in range(rng.choice([1, 1, 2, 50])):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif how == 1:
            del data[rng.randrange(len(data)) :]
        elif how == 2:
            data += rng.randbytes(rng.randrange(1, 100))
        elif how == 3:  # the end of another result, without its checksum or with it
            cut = rng.randrange(len(data) - 60, len(data)) if rng.random() < 0.5 else rng.randrange(len(data) - 150)
            data[cut:] = good[1][cut:]
        else:
            data[:8] = rng.choice([0, 2**63, 2**40, len(data), len(data) - 88]).to_bytes(8, "little")
        return bytes(data)

    damaged = 0
    for epoch in range(2, 2002):
        content = mutilate(good[0])
        damaged += content not in good
        (folder / f"{epoch:04d}.safetensors").write_bytes(content)
    assert damaged > 1700
    series = the_series(store.load(KEY))
    for epoch, value in zip(series.epochs, series.variables["lowest"].values, strict=True):
        assert (folder / f"{epoch:04d}.safetensors").read_bytes() == good[int(value) - 1]
    assert len(series.epochs) == 2002 - damaged


def resealed(content: bytes, header: dict[str, object] | bytes, body: bytes | None = None) -> bytes:
    """A file of other content whose checksum is right, as somebody with bad intentions would write it."""
    length = int.from_bytes(content[:8], "little")
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = content[8 + length : -80] if body is None else body
    data = len(text).to_bytes(8, "little") + text + body + content[-80:-4]
    return data + zlib.crc32(data).to_bytes(4, "little")


def hostile(header: dict[str, dict[str, object]]) -> list[dict[str, object] | bytes]:
    """Headers that are JSON, or nearly, and must not be believed."""

    def changed(name: str, **entry: object) -> dict[str, object]:
        return {**header, name: {**header[name], **entry}}

    def described(part: str, name: str, **entry: object) -> dict[str, object]:
        metadata = header["__metadata__"]
        inner = json.loads(str(metadata[part]))
        inner[name] = {**inner[name], **entry}
        return {**header, "__metadata__": {**metadata, part: json.dumps(inner)}}

    huge, deep = 2**62, b"[" * 10_000
    begin, end = header["entropy"]["data_offsets"]
    return [
        changed("entropy", shape=[huge]),
        changed("entropy", shape=[0, huge]),
        changed("entropy", shape=[2] * 100),
        changed("entropy", shape=[-4]),
        changed("entropy", shape=[True, 4]),
        changed("entropy", shape="4"),
        changed("entropy", shape=[4.0]),
        changed("entropy", shape=[4], data_offsets=[begin, huge]),
        changed("entropy", data_offsets=[begin + 8, end + 8]),
        changed("entropy", data_offsets=[-8, 24]),
        changed("entropy", data_offsets=[end, begin]),
        changed("entropy", dtype="C64"),
        changed("entropy", dtype=["F64"]),
        changed("entropy", extra=1),
        changed("kind", dtype="F64"),
        {name: entry for name, entry in header.items() if name != "entropy"},
        {name: entry for name, entry in header.items() if name != "bitlens.tail"},
        {name: entry for name, entry in header.items() if name != "__metadata__"},
        {**header, "__metadata__": {}},
        {**header, "__metadata__": {**header["__metadata__"], "variables": 3}},
        {**header, "__metadata__": {**header["__metadata__"], "coordinates": deep.decode()}},
        {**header, "__metadata__": {**header["__metadata__"], "key": ResultKey("plane", 1, {}).text}},
        described("variables", "entropy", dims=["channel", "channel"]),
        described("variables", "entropy", dims=[["channel"]]),
        described("variables", "entropy", dims=["other"], attributes={"units": 3}),
        described("variables", "entropy", table=["a"]),
        described("variables", "kind", table=["a" * 5000, "b"]),
        described("variables", "kind", table=[1, 2]),
        described("variables", "kind", table=["edge"]),  # a code is beyond the table
        described("variables", "kind", table=[]),
        described("coordinates", "channel", shape=[huge], values=[]),
        described("coordinates", "channel", values=[0, 1, 2, 2**70]),
        described("coordinates", "channel", values=[0, 1, 2, "3"]),
        described("coordinates", "channel", values=[0, 1, 2, [3]]),
        described("coordinates", "channel", values={}),
        described("coordinates", "channel", dtype="text", values=["a"] * 3 + ["b" * 5000]),
        described("coordinates", "channel", dtype="object"),
        described("coordinates", "channel", shape=[3], values=[0, 1, 2]),  # not the size of the variables
        b"", b"{}", b"[]", b"null", b"\xff", deep, b'{"a":' * 5000,
    ]  # fmt: skip


def test_hostile_files_are_left_out_without_large_memory(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.save(KEY, 0, small_result(), SOURCE)
    (path,) = tmp_path.glob("results/*/*/0000.safetensors")
    good = path.read_bytes()
    header = json.loads(good[8 : 8 + int.from_bytes(good[:8], "little")])
    assert resealed(good, good[8 : 8 + int.from_bytes(good[:8], "little")]) == good
    files = [resealed(good, entry) for entry in hostile(header)]
    truth = header["dead"]["data_offsets"][0]
    body = bytearray(good[8 + int.from_bytes(good[:8], "little") : -80])
    body[truth] = 2  # neither true nor false
    files.append(resealed(good, header, bytes(body)))
    for epoch, content in enumerate(files, 1):
        path.with_name(f"{epoch:04d}.safetensors").write_bytes(content)
    tracemalloc.start()
    try:
        series = store.load(KEY)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert the_series(series).epochs == [0]


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.save(KEY, 0, small_result(), SOURCE)
    folder = next(tmp_path.glob("results/*/*"))
    secret = tmp_path / "secret.safetensors"
    os.link(folder / "0000.safetensors", secret)
    (folder / "0001.safetensors").symlink_to(secret)
    (folder / "0002.safetensors").symlink_to("nowhere")
    os.mkfifo(folder / "0003.safetensors")
    (folder / "0004.safetensors").mkdir()
    (folder / "0005.safetensors").touch()
    with (folder / "0006.safetensors").open("wb") as file:
        file.truncate(2**30 + 1)  # takes no space
    (folder / "00000.safetensors").write_bytes(secret.read_bytes())  # not how epoch 0 is written
    assert store.epochs(KEY) == [0]
    assert the_series(store.load(KEY)).epochs == [0]
    linked = tmp_path / "linked"
    (linked / "results" / KEY.measure).mkdir(parents=True)
    (linked / "results" / KEY.measure / folder.name).symlink_to(folder)
    assert new_store(linked).load(KEY) == []
    assert new_store(linked).epochs(KEY) == []
    assert new_store(linked).keys() == []
