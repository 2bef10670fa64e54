"""The lines under "Copy as Python" give the very table that is drawn, on every page."""

from __future__ import annotations

import pandas as pd
import pytest

import bitlens
from tests.support.page_contents import menus

ADDRESSES = [
    ("training", {"t": "1"}),
    ("layers", {"a": "0", "b": "1", "t": "1", "sort": "max"}),
    ("layers", {"a": "0", "b": "1", "t": "2", "sort": "index", "show": "excess"}),
    ("channels", {"a": "0", "t": "1", "c": "1"}),
    ("channels", {"a": "0", "t": "1", "cls": "0,2"}),
    ("embedding", {"a": "2", "t": "1"}),
    ("embedding", {"a": "0", "b": "output", "emb": "two", "t": "1", "cls": "3"}),
]


@pytest.mark.parametrize(("page", "address"), ADDRESSES, ids=str)
def test_copied_lines_give_the_table(recorded_run, look, page, address):
    pairs = copied_and_drawn(look(recorded_run.path, page, **address))
    for copied, drawn in pairs:
        pd.testing.assert_frame_equal(
            copied,
            drawn,
            check_names=False,
            check_dtype=False,
            check_index_type=False,
            check_column_type=False,
            check_categorical=False,
        )


@pytest.mark.parametrize("number", [0, 1], ids=["with epochs", "with uncertainty"])
def test_copied_lines_of_pixels_give_the_table(discarded_run, look, number):
    name = bitlens.layer_discarding.known(discarded_run)[number].id
    pairs = copied_and_drawn(look(discarded_run.path, "pixels", t="1", px="7", pl="output", dis=name))
    assert len(pairs) == 6
    for copied, drawn in pairs:
        pd.testing.assert_frame_equal(
            copied, drawn, check_names=False, check_index_type=False, check_column_type=False, check_dtype=False
        )


def test_copied_lines_of_information_flow_give_the_table(recorded_run, look):
    pairs = copied_and_drawn(look(recorded_run.path, "flow", t="1"))
    assert len(pairs) == 9
    for copied, drawn in pairs:
        pd.testing.assert_frame_equal(copied, drawn, check_names=False, check_dtype=False, check_index_type=False)


def copied_and_drawn(app) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """What the lines give, and the table above them, for all figures of a page."""
    found = []
    for menu in menus(app):
        names: dict[str, object] = {}
        exec(menu.code[0].value, names)
        found.append((names["table"], menu.dataframe[0].value))
    return found
