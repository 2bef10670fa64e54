"""Damaged and hostile result files are left out, without an exception and without large memory."""

from __future__ import annotations

import json
import os
import random
import tracemalloc
import zlib
from pathlib import Path

import pytest

from bitlens.runs import ResultKey, ResultStore, RunError
from tests.support.stored_results import KEY, SOURCE, new_store, small_result, the_series


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
    for read in (ResultStore.load, ResultStore.epochs):
        with pytest.raises(RunError, match="is a link that leads out of the run"):
            read(new_store(linked), KEY)
    with pytest.raises(RunError, match="is a link that leads out of the run"):
        new_store(linked).keys()
