"""Tables of channels, pairs of channels and neurons, against Datasets written by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bitlens
from bitlens import tables


def entropies() -> xr.Dataset:
    return xr.Dataset(
        {
            "intra_sample_entropy": (("epoch", "channel"), [[1.0, 2.0], [3.0, 4.0]]),
            "class_intra_sample_entropy": (("epoch", "class", "channel"), [[[5.0, 6.0]], [[7.0, 8.0]]]),
            "dead": (("epoch", "channel"), [[False, True], [False, False]]),
        },
        {"epoch": [0, 1], "channel": [0, 1], "class": ["cat"]},
    )


def test_entropies_of_all_samples_come_before_those_of_classes():
    table = tables.channel_entropies(entropies())
    assert table.columns.tolist() == ["epoch", "channel", "group", "intra_sample_entropy"]
    assert table["group"].tolist() == ["all samples"] * 4 + ["cat"] * 4
    assert table["intra_sample_entropy"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert table["channel"].tolist() == [0, 1] * 4


def test_classes_are_chosen():
    assert len(tables.channel_entropies(entropies(), [])) == 4
    with pytest.raises(KeyError):
        tables.channel_entropies(entropies(), ["dog"])


def test_dead_channels_are_listed():
    assert tables.dead_channels(entropies()).values.tolist() == [[0, 1]]
    assert tables.dead_channels(entropies().sel(epoch=1)).empty


def points(values: list[list[float]], samples: list[int]) -> xr.Dataset:
    return xr.Dataset({"activation": (("point", "channel"), values), "sample": ("point", samples)}, {"channel": [0, 1]})


def test_points_have_a_column_for_each_channel():
    found = {"a": points([[1.0, 2.0], [3.0, 4.0]], [7, 8]), "b": points([[5.0, 6.0], [7.0, 8.0]], [7, 8])}
    table = tables.layer_points(found, {"a": [1, 0], "b": [1]})
    assert table.columns.tolist() == ["sample", "a: 1", "a: 0", "b: 1"]
    assert table.values.tolist() == [[7, 2.0, 1.0, 6.0], [8, 4.0, 3.0, 8.0]]


@pytest.mark.parametrize("samples", [[7, 9], [7, 8, 9]])
def test_points_of_different_samples_are_refused(samples):
    other = points([[1.0, 2.0]] * len(samples), samples)
    with pytest.raises(ValueError, match="points: expected the same points of all layers"):
        tables.layer_points({"a": points([[1.0, 2.0]] * 2, [7, 8]), "b": other}, {"a": [0], "b": [0]})


def test_averages_of_layers_are_flattened():
    averages = [
        xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("row", "column"), attrs={"layer": "input"}),
        xr.DataArray([5.0], dims="channel", attrs={"layer": "fc"}),
    ]
    table = tables.average_values(averages)
    assert table.values.tolist()[2:] == [["input", 3.0, 2], ["input", 4.0, 3], ["fc", 5.0, 0]]
    with pytest.raises(ValueError, match="averages: expected at least one layer"):
        tables.average_values([])


def information() -> xr.Dataset:
    both = ("epoch", "channel_a", "channel_b")
    names = ("mutual_information", "excess", "null_mean", "null_std", "p_value", "joint_entropy")
    names = (*names, "standard_error", "adjusted", "q_value", "verdict")
    data = {name: (both, [[[i, i + 0.5]]]) for i, name in enumerate(names)}
    data |= {"entropy_a": (("epoch", "channel_a"), [[10.0]]), "entropy_b": (("epoch", "channel_b"), [[20.0, 30.0]])}
    return xr.Dataset(data, {"epoch": [4], "channel_a": [0], "channel_b": [0, 1]})


def test_pairs_of_channels_have_all_their_numbers():
    table = tables.channel_pairs(information())
    assert table[["epoch", "channel_a", "channel_b"]].values.tolist() == [[4, 0, 0], [4, 0, 1]]
    assert table["excess"].tolist() == [1.0, 1.5]
    assert table["entropy_a"].tolist() == [10.0, 10.0]
    assert table["entropy_b"].tolist() == [20.0, 30.0]
    one = tables.channel_pairs(information().sel(epoch=4, channel_a=0, channel_b=1))
    assert one.iloc[0].to_dict() == table.iloc[1].to_dict()


def test_channels_that_other_layers_cannot_tell_apart_are_duplicates():
    samples = np.random.default_rng(0).normal(size=(24, 3, 2, 2))
    first, second = samples.copy(), samples @ np.ones((2, 2))
    first[:, 2] = 3 - 2 * first[:, 0]
    first[:, 1] = first[:, 1] ** 3
    second = np.concatenate([second, np.ones((24, 2, 2, 2))], axis=1)  # two dead channels are no duplicates
    full = bitlens.channel_mutual_information(first, second, full_output=True)
    values = {"mutual_information": (("channel_a", "channel_b"), full.mutual_information)}
    values |= {"entropy_a": ("channel_a", full.entropy_a), "entropy_b": ("channel_b", full.entropy_b)}
    labels = {"channel_a": [4, 5, 6], "channel_b": np.arange(5)}
    information = xr.Dataset(values, labels)
    assert tables.duplicate_channels(information.assign_coords(epoch=7)).values.tolist() == [[7, "a", 6, 4]]
    several = information.expand_dims(epoch=[2, 3])
    assert tables.duplicate_channels(several).values.tolist() == [[2, "a", 6, 4], [3, "a", 6, 4]]
    with pytest.raises(ValueError, match="expected the variables entropy_a, entropy_b"):
        tables.duplicate_channels(information[["mutual_information"]].assign_coords(epoch=7))


def neurons() -> xr.Dataset:
    names = ("entropy", "mutual_information", "selectivity")
    data = {name: (("epoch", "channel"), [[i, i + 0.5]]) for i, name in enumerate(names)}
    data |= {f"{name}_bias": (("epoch", "channel"), [[0.1, 0.2]]) for name in names}
    others = ("null_std", "excess", "adjusted", "p_value", "q_value", "verdict")
    errors = ("entropy_error", "excess_error", "selectivity_error")
    data |= {name: (("epoch", "channel"), [[0.3, 0.4]]) for name in (*others, *errors)}
    data["preferred_class"] = (("epoch", "channel"), [[3, 1]])
    data["range_decides"] = (("epoch", "channel"), [[False, True]])
    return xr.Dataset(data, {"epoch": [2], "channel": [0, 1]})


def test_neurons_of_layers_are_stacked():
    table = tables.label_information({"conv": neurons(), "fc": neurons().isel(epoch=0, channel=[1])})
    assert table["layer"].tolist() == ["conv", "conv", "fc"]
    assert table["epoch"].tolist() == [2, 2, 2]
    assert table["channel"].tolist() == [0, 1, 1]
    assert table["mutual_information"].tolist() == [1.0, 1.5, 1.5]
    assert table["selectivity_bias"].tolist() == [0.1, 0.2, 0.2]
    assert table["preferred_class"].tolist() == [3, 1, 1]
    assert tables.label_information({"fc": neurons().isel(epoch=0, drop=True)}).columns[0] == "layer"
    with pytest.raises(ValueError, match="by_layer: expected results of at least one layer"):
        tables.label_information({})


def test_class_means_are_of_single_values():
    means = {"cat": xr.DataArray([1.0, 2.0], {"channel": [0, 1]}), "dog": xr.DataArray([3.0, 4.0], {"channel": [0, 1]})}
    assert tables.class_means(means).values.tolist() == [
        ["cat", 0, 1.0],
        ["cat", 1, 2.0],
        ["dog", 0, 3.0],
        ["dog", 1, 4.0],
    ]
    with pytest.raises(ValueError, match=r"averages: expected single values \[channel\]"):
        tables.class_means({"cat": xr.DataArray(np.zeros((1, 2, 2)), dims=("channel", "row", "column"))})
