"""Changes of information from layer to layer."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bitlens import tables


def plane(**more: object) -> xr.Dataset:
    dims = ("epoch", "about", "layer")
    excess = np.array([[[1.0, 1.5, 0.5]], [[0.0, 0.0, 0.25]]])
    variables = {
        "information": (dims, excess + 1),
        "excess": (dims, excess),
        "standard_error": (dims, np.array([[[0.3, 0.4, 0.0]], [[0.0, 0.0, 0.1]]])),
        **more,
    }
    return xr.Dataset(variables, {"epoch": [0, 3], "about": ["labels"], "layer": ["a", "b", "c"]})


def test_changes_and_their_errors() -> None:
    table = tables.layer_steps(plane())
    assert table["before"].tolist() == ["a", "b"] * 2
    assert table["layer"].tolist() == ["b", "c"] * 2
    assert table["epoch"].tolist() == [0, 0, 3, 3]
    np.testing.assert_allclose(table["change"], [0.5, -1.0, 0.0, 0.25])
    np.testing.assert_allclose(table["standard_error"], [0.5, 0.4, 0.0, 0.1])


def test_one_layer_has_no_steps() -> None:
    assert tables.layer_steps(plane().isel(layer=[0])).empty


def test_without_a_null() -> None:
    with pytest.raises(ValueError, match="excess"):
        tables.layer_steps(plane().drop_vars("excess"))
