"""A damaged run gives the value or a RunError that names the file, and no large memory, whatever is in its files."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitlens.runs import Layer, Manifest, ReceptiveField, RunError, layout, open_run
from tests.support.damaged_runs import INPUTS, LABELS, LAYERS, activations, read_all, record_known_run

HUGE = 2**62


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("runs") / "run"
    record_known_run(store)
    return store


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "run"))


def test_an_undamaged_run_gives_every_value(store: Path) -> None:
    assert read_all(store) == {}
    run = open_run(store)
    np.testing.assert_array_equal(run.inputs, INPUTS)
    np.testing.assert_array_equal(run.labels, LABELS)
    np.testing.assert_array_equal(run.activations("conv", 1, channels=[1, 0]), activations()["conv"][:, [1, 0]])
    assert run.weights(0)["count"].shape == ()
    assert run.layers == LAYERS


def mutations(value: Any) -> list[Any]:
    """Other values for a field: of a wrong type, missing, negative, huge, not finite, longer and shorter."""
    others: list[Any] = [None, True, -1, 0, HUGE, 10**400, 1.0, math.nan, math.inf, "", "x", "\ud800", [], {}, [[]]]
    if isinstance(value, list) and value:
        others += [value[:-1], [*value, value[-1]], [None, *value[1:]], [HUGE] * len(value), [value] * 3]
    if isinstance(value, dict):
        others += [dict.fromkeys(value), {"axes": [[[3, 1]]]}, {"axes": [[[0, HUGE]] * 3] * 9}]
    return others


def damaged_manifests(manifest: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Manifests with one field changed, missing or added, at the top and in a layer."""
    damaged = [("added", {**manifest, "added": 1})]

    def change(what: str, at: dict[str, Any], put: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        for name, value in at.items():
            without = {other: kept for other, kept in at.items() if other != name}
            damaged.append((f"{what}{name} missing", put(without)))
            damaged.extend(
                (f"{what}{name} = {str(other)[:20]}", put({**at, name: other})) for other in mutations(value)
            )
        damaged.append((f"{what}added", put({**at, "added": [1]})))

    change("", manifest, lambda at: at)
    for number, layer in enumerate(manifest["layers"]):
        change(f"layer {number} ", layer, lambda at: {**manifest, "layers": [
            at if place == number else other for place, other in enumerate(manifest["layers"])
        ]})  # fmt: skip
    return damaged


def test_every_field_of_the_manifest_is_checked(store: Path) -> None:
    path = store / "manifest.json"
    manifest = json.loads(path.read_text())
    damaged = damaged_manifests(manifest)
    assert len(damaged) > 400
    refused = 0
    for what, content in damaged:
        path.write_text(json.dumps(content))
        tracemalloc.start()
        try:
            messages = read_all(store)
            assert tracemalloc.get_traced_memory()[1] < 2**22, what
        finally:
            tracemalloc.stop()
        refused += bool(messages)
        for call, message in messages.items():
            assert str(store) in message or message.startswith(("layer:", "label:")), (what, call, message)
        if what.endswith("added"):
            assert not messages, what
    assert refused > 330


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("samples", -6, "manifest.json is damaged: samples: expected an integer from 1 to 16777216, got -6"),
        ("samples", True, "manifest.json is damaged: samples: expected an integer .*, got True"),
        ("samples", math.nan, "manifest.json is damaged: samples: expected an integer .*, got nan"),
        ("classes", "abc", "manifest.json is damaged: classes: expected a list, got 'abc'"),
        ("classes", ["a", 3], "manifest.json is damaged: classes: item 1: expected a text, got 3"),
        ("dtype", "float63", r"damaged: dtype: expected one of \('float32', 'float16'\), got 'float63'"),
        ("gradients", 1, "manifest.json is damaged: gradients: expected true or false, got 1"),
        ("layers", [], "manifest.json is damaged: layers: expected layers of different names"),
        ("layers", [3], "damaged: layers: item 0: expected an object with the fields of a Layer, got 3"),
        ("versions", {"a": 1}, "manifest.json is damaged: versions: expected a text, got 1"),
        ("schema_version", 0, "manifest.json is not the manifest of a bitlens run"),
        ("schema_version", 1.0, "manifest.json is not the manifest of a bitlens run"),
        ("schema_version", 2, "manifest.json has schema 2, this version of bitlens reads up to 1"),
    ],
)  # fmt: skip
def test_the_message_names_the_field(store: Path, field: str, value: object, message: str) -> None:
    path = store / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(RunError, match=message):
        open_run(store)


def test_every_declared_field_has_a_check() -> None:
    tables = {Manifest: "_MANIFEST_CHECKS", Layer: "_LAYER_CHECKS", ReceptiveField: "_RECEPTIVE_FIELD_CHECKS"}
    for cls, table in tables.items():
        assert {field.name for field in fields(cls)} == getattr(layout, table).keys()


def raw(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def tensor(dtype: object = "F32", shape: object = (2,), place: object = (0, 8)) -> dict[str, object]:
    return {"conv": {"dtype": dtype, "shape": shape, "data_offsets": place}}


FILES: dict[str, bytes] = {
    "empty": b"",
    "short": b"\x01\x02",
    "long header": HUGE.to_bytes(8, "little"),
    "no JSON": raw(b"\xff\xfe{"),
    "deep": raw(b"[" * 100_000),
    "list": raw([1]),
    "text": raw({"conv": "F32"}),
    "no shape": raw({"conv": {"dtype": "F32"}}),
    "unknown type": raw(tensor("F8_E4M3"), bytes(8)),
    "number as type": raw(tensor(3), bytes(8)),
    "list as type": raw(tensor(["F32"]), bytes(8)),
    "negative shape": raw(tensor(shape=[-2]), bytes(8)),
    "huge shape": raw(tensor(shape=[HUGE]), bytes(8)),
    "huge shape of nothing": raw(tensor(shape=[0, 2**40, 2**40], place=[0, 0])),
    "many axes": raw(tensor(shape=[1] * 100, place=[0, 4]), bytes(4)),
    "float shape": raw(tensor(shape=[2.0]), bytes(8)),
    "negative place": raw(tensor(place=[-8, 0]), bytes(8)),
    "place beyond the end": raw(tensor(place=[8, 16]), bytes(8)),
    "huge number": raw(b'{"conv":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,8]}}', bytes(8)),
    "gap": raw(tensor(place=[4, 12]), bytes(12)),
    "overlap": raw(tensor() | {"output": tensor()["conv"]}, bytes(8)),
    "rest": raw(tensor(), bytes(9)),
}
TARGETS = ["probe.safetensors", "epochs/0001.safetensors", "weights/0001.safetensors"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_files_that_hold_something_else(store: Path, target: str, content: bytes) -> None:
    (store / target).write_bytes(content)
    tracemalloc.start()
    try:
        messages = read_all(store)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert messages
    assert all(f"{target} is damaged" in message for message in messages.values()), messages


@pytest.mark.parametrize("target", TARGETS)
def test_files_that_are_cut_or_changed(store: Path, target: str) -> None:
    """Every cut is noticed; a changed byte is noticed, or is one of the values."""
    rng, path = random.Random(0), store / target
    good = path.read_bytes()
    for length in [0, 1, 8, 20, *(rng.randrange(len(good)) for _ in range(30)), len(good) - 1]:
        path.write_bytes(good[:length])
        messages = read_all(store)
        assert messages, length
        assert all(target in message for message in messages.values())
    for _ in range(150):
        content = bytearray(good)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        assert all(target in message for message in read_all(store).values())
    path.write_bytes(good + b"x")
    assert read_all(store)
    path.unlink()
    path.mkdir()
    assert all(f"{target} is damaged: expected a file" in message for message in read_all(store).values())


@pytest.mark.parametrize("name", ["manifest.json", "metrics.jsonl", *TARGETS])
@pytest.mark.parametrize("what", ["missing", "pipe", "loop", "sparse"])
def test_files_that_are_no_files(store: Path, name: str, what: str) -> None:
    path = store / name
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "loop":
        path.symlink_to(path.name)
    elif what == "sparse":
        with path.open("wb") as file:
            file.truncate(2**40)  # takes no space
    messages = read_all(store)
    allowed = str(store) if what == "missing" else name  # a missing file is named by its run and epoch
    assert all(allowed in message for message in messages.values()), messages
    assert messages or (what, name) == ("missing", "metrics.jsonl")
