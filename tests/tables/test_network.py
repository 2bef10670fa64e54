"""Tables of discarding and ablation, against Datasets written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from bitlens import tables


def discarding() -> xr.Dataset:
    maps = np.array([[[[1.0, 3.0], [4.0, 8.0]], [[0.0, 0.0], [2.0, 2.0]]]])  # epoch, layer, sample, unit
    by = ("epoch", "layer", "sample")
    return xr.Dataset(
        {
            "discarding": ((*by, "input_0"), maps),
            "uncertainty": ((*by, "input_0"), maps / 2),
            "concentration": (by, [[[0.5, 1.5], [0.0, 0.0]]]),
            "converged": (by, [[[1.0, 1.0], [0.0, 1.0]]]),
            "uncertainty_converged": (by, [[[1.0, 0.0], [1.0, 1.0]]]),
        },
        {"epoch": [1], "layer": ["conv", "fc"], "sample": [2, 7]},
    )


def test_means_over_images_are_of_the_means_of_units():
    table = tables.discarding_by_layer(discarding())
    assert table.columns.tolist() == ["epoch", "layer", "mean", "std", "images", "not_converged"]
    assert table["mean"].tolist() == [4.0, 1.0]
    np.testing.assert_allclose(table["std"], [np.std([2, 6], ddof=1), np.std([0, 2], ddof=1)], rtol=1e-15)
    assert table["images"].tolist() == [2, 2]
    assert table["not_converged"].tolist() == [0, 1]


def test_other_quantities():
    assert tables.discarding_by_layer(discarding(), "concentration")["mean"].tolist() == [1.0, 0.0]
    uncertainty = tables.discarding_by_layer(discarding(), "uncertainty")
    assert uncertainty["mean"].tolist() == [2.0, 0.5]
    assert uncertainty["not_converged"].tolist() == [1, 0]
    with pytest.raises(ValueError, match="expected the variables uncertainty"):
        tables.discarding_by_layer(discarding().drop_vars("uncertainty"), "uncertainty")


def test_one_image_has_no_deviation():
    table = tables.discarding_by_layer(discarding().sel(sample=[7]))
    assert table["mean"].tolist() == [6.0, 2.0]
    assert all(math.isnan(value) for value in table["std"])


def test_unconverged_maps_are_listed():
    assert tables.unconverged_maps(discarding()).values.tolist() == [[1, 2, "fc"]]
    assert tables.unconverged_maps(discarding(), "uncertainty").values.tolist() == [[1, 7, "conv"]]
    assert tables.unconverged_maps(discarding().sel(epoch=1, sample=[7])).empty


def ablation() -> xr.Dataset:
    """A layer of two neurons and the network of three, which has one step more."""
    nan = np.nan
    curves = [[[0.9, 0.5, 0.1, nan]] * 3, [[0.9, 0.8, 0.2, 0.1], [0.9, 0.3, 0.2, 0.1], [0.9, 0.6, 0.2, 0.1]]]
    repeats = [[[0.9, 0.4, 0.1, nan], [0.9, 0.6, 0.1, nan]], [[0.9, 0.5, 0.2, 0.1], [0.9, 0.7, 0.2, 0.1]]]
    by_order, by_repeat = (("scope", name, "step") for name in ("order", "repeat"))
    return xr.Dataset(
        {
            "removed": (("scope", "step"), [[0.0, 1.0, 2.0, nan], [0.0, 1.0, 2.0, 3.0]]),
            "accuracy": (by_order, curves),
            "loss": (by_order, 1 - np.array(curves)),
            "random_accuracy": (by_repeat, repeats),
            "random_loss": (by_repeat, 1 - np.array(repeats)),
            "ranked_layer": (("scope", "rank"), [["fc", "fc", ""], ["fc", "conv", "fc"]]),
            "ranked_channel": (("scope", "rank"), [[1, 0, -1], [1, 0, 0]]),
            "score": (("scope", "rank"), [[0.1, 0.7, nan], [0.1, 0.2, 0.7]]),
            "roles": (("scope", "role"), [[1.0, nan], [2.0, 1.0]]),
        },
        {
            "scope": ["fc", "whole network"],
            "order": ["ascending", "descending", "random"],
            "role": ["needed", "inactive"],
            "epoch": 9,
        },
    )


def test_curves_have_a_row_for_each_removal_and_the_range_of_random_orders():
    table = tables.ablation_curves(ablation())
    assert table.columns.tolist() == [
        "epoch",
        "scope",
        "order",
        "removed",
        "accuracy",
        "accuracy_lowest",
        "accuracy_highest",
        "loss",
        "loss_lowest",
        "loss_highest",
    ]
    assert len(table) == 3 * 3 + 3 * 4
    layer = table[(table["scope"] == "fc") & (table["order"] == "random")]
    assert layer["removed"].tolist() == [0, 1, 2]
    assert layer["accuracy"].tolist() == [0.9, 0.5, 0.1]
    assert layer["accuracy_lowest"].tolist() == [0.9, 0.4, 0.1]
    assert layer["accuracy_highest"].tolist() == [0.9, 0.6, 0.1]
    network = table[(table["scope"] == "whole network") & (table["order"] == "descending")]
    assert network["accuracy"].tolist() == [0.9, 0.3, 0.2, 0.1]
    assert network["accuracy_lowest"].tolist() == network["accuracy_highest"].tolist() == [0.9, 0.3, 0.2, 0.1]
    np.testing.assert_allclose(network["loss"], [0.1, 0.7, 0.8, 0.9], rtol=1e-15)
    assert set(table["epoch"]) == {9}


def test_rankings_begin_with_the_lowest_score():
    table = tables.neuron_ranking(ablation())
    assert table.values.tolist() == [
        [9, "fc", 1, "fc", 1, 0.1],
        [9, "fc", 2, "fc", 0, 0.7],
        [9, "whole network", 1, "fc", 1, 0.1],
        [9, "whole network", 2, "conv", 0, 0.2],
        [9, "whole network", 3, "fc", 0, 0.7],
    ]


def test_roles_have_a_column_for_each_count():
    table = tables.role_counts(ablation())
    assert table.columns.tolist() == ["epoch", "scope", "needed", "inactive"]
    assert table["needed"].tolist() == [1.0, 2.0]
    assert math.isnan(table["inactive"][0])
    assert table["inactive"][1] == 1.0


def image_maps() -> xr.Dataset:
    """Two channels of 3 x 4 pixels, whose mean is the number of the pixel."""
    pixels = np.arange(12.0).reshape(3, 4)
    values = np.stack([pixels - 1, pixels + 1])[None, None]
    dims = ("layer", "sample", "input_0", "input_1", "input_2")
    return xr.Dataset({"discarding": (dims, values)}, {"layer": ["fc"], "sample": [7]})


def test_maps_have_a_row_for_each_pixel_or_block():
    table = tables.discarding_maps(image_maps(), averaged=["input_0"])
    assert table.columns.tolist() == ["sample", "layer", "row", "column", "discarding"]
    assert table["discarding"].tolist() == list(range(12))
    blocks = tables.discarding_maps(image_maps(), averaged=["input_0"], most=2)
    assert blocks["discarding"].tolist() == [2.5, 4.5, 8.5, 10.5]  # the last row of blocks has one row of pixels
    with pytest.raises(ValueError, match="uncertainty"):
        tables.discarding_maps(image_maps(), "uncertainty")


def test_inputs_without_two_axes_are_units():
    table = tables.discarding_maps(image_maps().isel(input_1=0, input_2=[0, 1]))
    assert table.columns.tolist() == ["sample", "layer", "row", "column", "discarding"]
    units = tables.discarding_maps(image_maps().isel(input_0=0, input_1=0))
    assert units.columns.tolist() == ["sample", "layer", "unit", "discarding"]
    assert units["discarding"].tolist() == [-1.0, 0.0, 1.0, 2.0]


def test_blocks_tell_their_side():
    maps, side = tables.unit_maps(image_maps()["discarding"], ["input_0"], 3)
    assert (side, maps.sizes["row"], maps.sizes["column"]) == (2, 2, 2)
    assert tables.unit_maps(image_maps()["discarding"], ["input_0"])[1] == 1


def test_projections_of_one_channel():
    values = np.arange(8.0).reshape(2, 2, 2)
    found = xr.Dataset(
        {"deconvolution": (("channel", "sample", "input_0"), values)}, {"channel": [0, 1], "sample": [3, 5]}
    )
    table = tables.channel_projections(found, 1)
    assert table.columns.tolist() == ["sample", "input_0", "deconvolution"]
    assert table.values.tolist() == [[3, 0, 4.0], [3, 1, 5.0], [5, 0, 6.0], [5, 1, 7.0]]
