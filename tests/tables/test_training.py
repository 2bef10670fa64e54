"""Tables of the training, against Datasets written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from bitlens import tables


def performance() -> xr.Dataset:
    return xr.Dataset(
        {
            "confusion": (("epoch", "label", "predicted"), [[[3, 1], [0, 4]], [[4, 0], [0, 4]]]),
            "label_given_predicted": (("epoch", "class"), [[0.0, np.nan], [0.25, 0.5]]),
            "predicted_given_label": (("epoch", "class"), [[0.75, 0.0], [0.0, 0.0]]),
            "accuracy": ("epoch", [0.875, 1.0]),
            "loss": ("epoch", [0.5, 0.25]),
        },
        {"epoch": [0, 5], "label": ["cat", "dog"], "predicted": ["cat", "dog"], "class": ["cat", "dog"]},
    )


def test_confusion_has_a_row_for_each_cell():
    table = tables.confusion(performance())
    assert table.columns.tolist() == ["epoch", "label", "predicted", "samples"]
    assert table.values.tolist()[:3] == [[0, "cat", "cat", 3], [0, "cat", "dog", 1], [0, "dog", "cat", 0]]
    assert len(table) == 8


def test_one_epoch_keeps_its_number():
    table = tables.confusion(performance().sel(epoch=5))
    assert table["epoch"].tolist() == [5] * 4
    assert tables.confusion(performance().sel(epoch=5, drop=True)).columns[0] == "label"
    assert tables.training_progress(performance().sel(epoch=5)).values.tolist() == [[5, 1.0, 0.25]]


def test_uncertainty_has_a_row_for_each_class_and_keeps_gaps():
    table = tables.label_uncertainty(performance())
    assert table["class"].tolist() == ["cat", "dog", "cat", "dog"]
    np.testing.assert_array_equal(table["label_given_predicted"], [0.0, np.nan, 0.25, 0.5])
    assert table["predicted_given_label"].tolist() == [0.75, 0.0, 0.0, 0.0]


def test_progress_has_a_row_for_each_epoch():
    assert tables.training_progress(performance()).values.tolist() == [[0, 0.875, 0.5], [5, 1.0, 0.25]]


def test_input_diversity_begins_with_all_samples():
    classes = ["all samples", "dog"]
    diversity = xr.Dataset(
        {
            "inter_sample_entropy": 7.5,
            "bound": 8.0,
            "standard_error": 0.25,
            "null_mean": 7.75,
            "diversity": 0.9,
            "class_inter_sample_entropy": ("class", [3.0, np.nan]),
            "class_bound": ("class", [4.0, 1.0]),
        },
        {"class": classes},
    )
    table = tables.input_diversity(diversity)
    assert table["group"].tolist() == ["all samples", "class all samples", "dog"]
    assert table["bound"].tolist() == [8.0, 4.0, 1.0]
    assert table["inter_sample_entropy"].tolist()[:2] == [7.5, 3.0]
    assert math.isnan(table["inter_sample_entropy"][2])
    of_all = ["standard_error", "null_mean", "diversity"]
    assert table[of_all].values.tolist()[0] == [0.25, 7.75, 0.9]
    assert table[of_all][1:].isna().all(axis=None)
    without = tables.input_diversity(diversity[["inter_sample_entropy", "bound", *of_all]])
    assert without.values.tolist() == [["all samples", 7.5, 8.0, 0.25, 7.75, 0.9]]


@pytest.mark.parametrize("bound", [9.0, ("epoch", [9.0, 9.0])], ids=["one bound", "a bound for each epoch"])
def test_layer_diversity_repeats_the_bound(bound):
    by_layer = ["inter_sample_entropy", "standard_error", "null_mean", "diversity", "effective_share", "distinct"]
    by_layer.append("tied")
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    data = {name: (("epoch", "layer"), values + 10 * place) for place, name in enumerate(by_layer)}
    diversity = xr.Dataset(data | {"bound": bound}, {"epoch": [0, 1], "layer": ["input", "fc"]})
    table = tables.layer_diversity(diversity)
    assert table[by_layer].values.tolist()[3] == [4.0, 14.0, 24.0, 34.0, 44.0, 54.0, 64.0]
    assert table[["epoch", "layer", "inter_sample_entropy", "bound"]].values.tolist() == [
        [0, "input", 1.0, 9.0],
        [0, "fc", 2.0, 9.0],
        [1, "input", 3.0, 9.0],
        [1, "fc", 4.0, 9.0],
    ]


@pytest.mark.parametrize(
    "table",
    [tables.confusion, tables.label_uncertainty, tables.training_progress, tables.input_diversity, tables.saturation],
)
def test_results_of_another_measure_are_refused(table):
    with pytest.raises(
        ValueError, match=r"results: expected the variables .*, got other; pass the Dataset of bitlens\."
    ):
        table(xr.Dataset({"other": 1.0}))
