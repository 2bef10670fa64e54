"""Tables in a terminal of any width: no cell is cut, and a number is on one line."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from rich.console import Console

from bitlens.cli.render import render

FRAME = pd.DataFrame({"layer": ["input", "whole network"], "area": [0.125, 12345.678], "note": ["at least 0.1", None]})
COLUMNS = {"layer": ("layer", str), "area": ("mean accuracy", ".3f"), "note": ("verdict of it", str)}


def printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(render(FRAME, COLUMNS, "Title", "The caption."))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [20, 31, 32, 36, 40, 52, 53, 80])
def test_nothing_is_cut(width: int) -> None:
    text = printed(width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert "12345.678" in text
    for word in ("Title", "whole", "network", "mean", "accuracy", "verdict", "least", "caption."):
        assert word in text


def test_a_table_that_does_not_fit_is_a_list() -> None:
    assert "┃" in printed(36)
    assert printed(31).splitlines()[2:5] == ["layer: input", "mean accuracy: 0.125", "verdict of it: at least 0.1"]


def test_a_table_that_fits_has_one_line_a_row() -> None:
    assert [line for line in printed(60).splitlines() if "whole network" in line and "12345.678" in line]
