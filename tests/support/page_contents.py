"""Reading the texts, tables and charts of a page of the explorer."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pyarrow as pa
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block


def words(app: AppTest) -> str:
    """All text of a page as a reader sees it."""
    elements = [
        *app.title,
        *app.subheader,
        *app.markdown,
        *app.caption,
        *app.info,
        *app.error,
        *app.warning,
        *app.toast,
    ]
    said = "\n".join(element.value for element in elements).replace("\u2060", "")
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", said)


def notes(app: AppTest) -> str:
    """What the sidebar says about results that are left out."""
    said = "\n".join(element.value for element in app.sidebar.warning).replace("\u2060", "")
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", said)


def menus(app: AppTest) -> list[Block]:
    """The menus of all figures of a page, opened; each has the table, the downloads and the Python of its figure."""
    closed = app.get("popover")
    assert closed
    assert not any(block.children for block in closed), "what is closed is not sent"
    for block in closed:
        app.session_state[block.proto.popover.id.split("-", 2)[2]] = True
    return list(app.run().get("popover"))


def payloads(app: AppTest) -> list[dict]:
    """The data that the heat maps and circle packings of a page get."""
    given = [json.loads(element.proto.json or "{}") for element in app.get("bidi_component")]
    return [data for data in given if "values" in data]


def numbers(payload: dict) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(payload["values"]), "<f4")
    return values.reshape(len(payload["rows"]), len(payload["columns"]))


def chart(app: AppTest, alt: str) -> tuple[dict, list[dict]]:
    """Specification and largest data set of the chart with this alternative text."""
    (found,) = (element.proto for element in app.get("vega_lite_chart") if element.proto.alt.startswith(alt))
    tables = [pa.ipc.open_stream(data.data.data).read_all() for data in found.datasets]
    return json.loads(found.spec), max(tables, key=len).to_pylist()


def assert_drawn(rows: list[dict], columns: dict[str, object]) -> None:
    """Each column of the rows has the values of a table by epoch and layer."""
    for row in rows:
        for name, table in columns.items():
            at = {dim: row[dim] for dim in ("epoch", "layer") if dim in table.dims}
            np.testing.assert_equal(row[name], float(table.sel(at)))
