"""The data that the circle packing sends to the browser."""

from __future__ import annotations

import base64

import numpy as np
import xarray as xr

from bitlens_explorer.ui.components.circle_packing import Packing


def some_values() -> xr.DataArray:
    values = np.random.default_rng(0).uniform(0, 4, (3, 5))
    values[1, 2] = np.nan
    return xr.DataArray(values, dims=("class", "channel"), coords={"class": ["cat", "<b>dog</b>", "7"]})


def some_packing(values: xr.DataArray, **other) -> Packing:
    given = {"title": "Entropy", "unit": "bits", "group_title": "class", "item_title": "channel", "file": "picture"}
    return Packing(values, item_ids=range(10, 15), low=0.0, high=4.0, **given, **other)


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(3, 5)


def test_the_browser_is_sent_the_values_with_their_names_and_unit():
    values = some_values()
    sent = some_packing(values).payload(selected=12)
    np.testing.assert_array_equal(numbers(sent["values"]), values.to_numpy().astype("f4"))
    assert sent["groups"] == ["cat", "<b>dog</b>", "7"]
    assert sent["item_ids"] == [10, 11, 12, 13, 14]
    assert (sent["unit"], sent["color_title"], sent["colors"], sent["selected"]) == ("bits", "bits", None, 12)
    assert (sent["low"], sent["high"], len(base64.b64decode(sent["palette"]))) == (0.0, 4.0, 768)


def test_other_values_can_be_coloured():
    values = some_values()
    colors = (values * 0 + np.arange(5)).rename("channel number")
    sent = some_packing(values, color_values=colors).payload()
    np.testing.assert_array_equal(numbers(sent["colors"]), colors.to_numpy())
    assert sent["color_title"] == "channel number"


def test_the_version_is_that_of_what_is_drawn():
    values = some_values()
    version = some_packing(values).payload()["version"]
    assert some_packing(values).payload(selected=11)["version"] == version
    assert some_packing(values + 1).payload()["version"] != version
    assert some_packing(values, height=300).payload()["version"] != version
