"""Tables of information flow, against Datasets written by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bitlens import tables


def plane() -> xr.Dataset:
    by = ("epoch", "layer", "about")
    return xr.Dataset(
        {
            "information": (by, [[[1.0, 2.0], [3.0, np.nan]]]),
            "null_mean": (by, [[[0.1, 0.2], [0.3, 0.4]]]),
            "null_std": (by, [[[0.01, 0.02], [0.03, 0.04]]]),
            "saturation": (("epoch", "layer"), [[0.5, 0.99]]),
            "entropy_about": (("epoch", "about"), [[6.0, 2.0]]),
        },
        {"epoch": [3], "layer": ["conv", "fc"], "about": ["input", "labels"]},
    )


def test_the_plane_has_a_row_for_each_known_number():
    table = tables.information_plane(plane())
    assert table.values.tolist() == [
        [3, "conv", "input", 1.0, 0.1, 0.01],
        [3, "conv", "labels", 2.0, 0.2, 0.02],
        [3, "fc", "input", 3.0, 0.3, 0.03],
    ]
    assert table.columns.tolist()[3:] == ["information", "null_mean", "null_std"]
    bounded = plane()[["information"]].assign(information_lower=plane().information / 2)
    assert tables.information_plane(bounded)["information_lower"].tolist() == [0.5, 1.0, 1.5]


def test_saturation_and_entropies_of_targets():
    assert tables.saturation(plane()).values.tolist() == [[3, "conv", 0.5], [3, "fc", 0.99]]
    assert tables.target_entropies(plane()).values.tolist() == [[3, "input", 6.0], [3, "labels", 2.0]]
    without = tables.target_entropies(plane().drop_vars("entropy_about"))
    assert without.empty
    assert without.columns.tolist() == ["epoch", "about", "entropy"]


def chains(*, backward: bool = True) -> xr.Dataset:
    values = {"": [4.0, 5.0, 3.0], "_null_mean": [0.1, 0.2, 0.3], "_null_std": [0.0, 0.1, 0.2]}
    values |= {"_rise": [np.nan, 1.0, -2.0], "_allowed": [np.nan, 0.5, 0.5]}
    data = {f"forward{ending}": (("epoch", "layer"), [row]) for ending, row in values.items()}
    data["forward_violations"] = ("epoch", [1])
    if backward:
        values |= {"": [1.0, 2.0, np.nan], "_rise": [-1.0, 0.4, np.nan]}
        data |= {f"backward{ending}": (("epoch", "layer"), [row]) for ending, row in values.items()}
        data["backward_violations"] = ("epoch", [0])
    return xr.Dataset(data, {"epoch": [7], "layer": ["a", "b", "c"]})


def test_chains_are_in_their_own_order():
    table = tables.information_chains(chains())
    assert table[["chain", "layer"]].values.tolist() == [
        ["forward", "a"],
        ["forward", "b"],
        ["forward", "c"],
        ["backward", "b"],
        ["backward", "a"],
    ]
    assert table["information"].tolist() == [4.0, 5.0, 3.0, 2.0, 1.0]
    assert table["violation"].tolist() == [False, True, False, False, False]
    assert table["epoch"].tolist() == [7] * 5
    assert table["allowed"].tolist()[1:4] == [0.5, 0.5, 0.5]


def test_without_gradients_there_is_one_chain():
    assert tables.information_chains(chains(backward=False))["chain"].unique().tolist() == ["forward"]
    assert tables.chain_violations(chains(backward=False)).values.tolist() == [[7, "forward", 1]]


def test_violations_have_a_row_for_each_chain():
    assert tables.chain_violations(chains()).values.tolist() == [[7, "forward", 1], [7, "backward", 0]]
    assert tables.chain_violations(chains().sel(epoch=7)).values.tolist() == [[7, "forward", 1], [7, "backward", 0]]


def decomposition(offset: float) -> xr.Dataset:
    names = (
        "redundancy_synergy",
        "redundancy_synergy_share",
        "weighted_nonredundant",
        "weighted_nonredundant_null_mean",
    )
    data = {name: (("epoch", "about"), [[offset + i, -offset]]) for i, name in enumerate(names)}
    data["channel_information"] = (("epoch", "about", "channel"), np.zeros((1, 2, 3)))
    return xr.Dataset(data, {"epoch": [1], "about": ["input", "labels"]})


def test_decompositions_of_layers_are_stacked_without_channels():
    table = tables.channel_decomposition({"conv1": decomposition(1.0), "conv2": decomposition(5.0)})
    assert table[["epoch", "layer", "about"]].values.tolist() == [
        [1, "conv1", "input"],
        [1, "conv1", "labels"],
        [1, "conv2", "input"],
        [1, "conv2", "labels"],
    ]
    assert table["weighted_nonredundant"].tolist() == [3.0, -1.0, 7.0, -5.0]
    assert "channel_information" not in table
    with pytest.raises(ValueError, match="by_layer: expected results of at least one layer"):
        tables.channel_decomposition({})
