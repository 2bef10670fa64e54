"""The data that the scatter-plot matrix sends to the browser."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="the explorer is an extra")

from bitlens_explorer.ui.components import scatter
from bitlens_explorer.ui.components.scatter import ScatterMatrix

VALUES = np.array([[1, 5, np.nan], [3, 5, np.nan], [2, np.inf, np.nan], [-1, 5, -np.inf]], "f4")


def matrix(**changes: Any) -> ScatterMatrix:
    return ScatterMatrix(
        **{
            "values": VALUES,
            "names": ["a", "<b>", "é"],
            "columns": [0, 1],
            "rows": [0, 1],
            "class_of": np.array([0, 1, 255, 1], "u1"),
            "classes": ["cat", "dog"],
            "colors": ["#ff0000"],
            "sample_of": np.array([0, 0, 1, 8], "i4"),
            "samples": 9,
            "title": "Layer 1",
            "unit": "activation",
            "group": "run",
            "file": "layer-1.png",
        }
        | changes
    )


def read(payload: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    length = int(np.frombuffer(payload, "<u4", 1)[0])
    header = json.loads(payload[4 : 4 + length])
    arrays, start = {}, 4 + length
    for name, kind, count in header["arrays"]:
        assert start % 4 == 0
        arrays[name] = np.frombuffer(payload, "<" + kind, count, start)
        start += -(-arrays[name].nbytes // 4) * 4
    assert start == len(payload)
    return header, arrays


def test_the_payload_is_read_back():
    boxes = np.arange(16, dtype="i2").reshape(4, 4)
    changes = {"boxes": boxes, "atlas": b"picture", "atlas_columns": 3, "tile": (2, 5)}
    header, arrays = read(matrix(**changes).payload([0, 8]))
    scaled = arrays["values"].reshape(3, 4)
    np.testing.assert_allclose(scaled[0], [0.5, 1, 0.75, 0])
    np.testing.assert_array_equal(scaled[1], [0.5, 0.5, np.nan, 0.5])
    assert np.isnan(scaled[2]).all()
    assert (header["low"], header["high"], header["not_drawn"]) == ([-1, 5, 0], [3, 5, 0], [0, 1, 4])
    assert header["colors"] == ["#ff0000", scatter.GREY]
    assert header["names"] == ["a", "<b>", "é"]
    assert (header["atlas_columns"], header["tile"]) == (3, [2, 5])
    assert arrays["class_of"].tolist() == [0, 1, 255, 1]
    assert arrays["sample_of"].tolist() == [0, 0, 1, 8]
    assert arrays["boxes"].tolist() == boxes.ravel().tolist()
    assert arrays["atlas"].tobytes() == b"picture"
    assert header["selected"] == "AQE="


def test_what_is_absent_is_not_sent():
    assert list(read(matrix().payload())[1]) == ["values", "class_of", "sample_of"]


def test_values_come_back_from_their_scale():
    values = np.random.default_rng(0).normal(3, 1e4, (50, 2)).astype("f4")
    many = matrix(values=values, class_of=np.zeros(50, "u1"), sample_of=np.zeros(50, "i4"))
    header, arrays = read(many.payload())
    low, high = (np.array(header[end])[:, None] for end in ("low", "high"))
    scaled = arrays["values"].reshape(2, 50)
    assert scaled.min() == 0
    assert scaled.max() == 1
    np.testing.assert_allclose(low + scaled * (high - low), values.T, rtol=1e-5, atol=1e-2)


def test_the_version_is_that_of_all_but_the_selection():
    version = read(matrix().payload())[0]["version"]
    assert read(matrix().payload([3]))[0]["version"] == version
    other = VALUES.copy()
    other[0, 0] = 1.5
    for change in ({"values": other}, {"title": "Layer 2"}, {"atlas": b"x"}, {"colors": ["#00ff00"]}):
        assert read(dataclasses.replace(matrix(), **change).payload())[0]["version"] != version
