"""The table of the axes of layers."""

from __future__ import annotations

import pytest

from bitlens import tables
from bitlens.runs import Layer


@pytest.mark.parametrize(
    ("layer", "shape", "positions"),
    [
        (Layer("maps", "convolution", (6, 8, 9), 1), "6 x 8 x 9", "2, 3"),
        (Layer("last", "convolution", (6, 8, 9), 3), "6 x 8 x 9", "1, 2"),
        (Layer("tokens", "linear", (16, 12), 2), "16 x 12", "1"),
        (Layer("single", "linear", (10,), 1), "10", ""),
        (Layer("time first", "recurrent", (16, 12), 2, sample_axis=1), "16 x 12", "0"),
        (Layer("folded", "linear", (16, 12), 1, folded=12), "16 x 12", ""),
        (Layer("folded maps", "convolution", (4, 12, 5, 7), 1, folded=12), "4 x 12 x 5 x 7", "2, 3"),
    ],
    ids=lambda value: value.name if isinstance(value, Layer) else "",
)
def test_axes_are_those_of_the_models_tensor(layer: Layer, shape: str, positions: str) -> None:
    (row,) = tables.layer_axes([layer]).to_dict("records")
    assert row == {
        "layer": layer.name,
        "kind": layer.kind,
        "shape": shape,
        "sample_axis": layer.sample_axis,
        "folded": layer.folded,
        "channel_axis": layer.channel_axis,
        "position_axes": positions,
        "decided": "",
    }


def test_the_way_of_finding_the_channels_is_shown() -> None:
    layers = [Layer("a", "linear", (3,), decided="a linear map"), Layer("b", "linear", (3,))]
    assert tables.layer_axes(layers)["decided"].tolist() == ["a linear map", ""]
