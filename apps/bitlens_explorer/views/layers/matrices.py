"""Heat maps of the layers page: their quantity, order and colour range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import xarray as xr

import bitlens
from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.state.query import QUANTITIES, Query
from bitlens_explorer.ui.components.heatmap import HeatMap

VARIABLES = {"mi": "mutual_information", "excess": "excess"}
BY: dict[str, Literal["index", "maximum", "mean", "cluster"]] = {
    "index": "index",
    "max": "maximum",
    "mean": "mean",
    "cluster": "cluster",
}


@dataclass(frozen=True)
class Order:
    """Places of the measured channels in the order of drawing."""

    a: list[int]
    b: list[int]


def channel_orders(results: xr.Dataset, query: Query) -> Order:
    """The order of the channels of both layers at one epoch."""
    values = results[VARIABLES[query.quantity]]
    a, b = (bitlens.channel_order(values, name, BY[query.sort]) for name in ("channel_a", "channel_b"))
    return Order(a.tolist(), b.tolist())


def color_range(results: xr.Dataset, query: Query) -> tuple[float, float]:
    """Lowest and highest value of the colour scale; symmetric about 0 for signed values."""
    values = results[VARIABLES[query.quantity]]
    low, high = float(values.min()), float(values.max())
    if query.quantity == "excess":
        high = max(abs(low), abs(high))
        low = -high
    return low, high


def heat_map(
    run: Run,
    query: Query,
    results: xr.Dataset,
    epoch: int,
    order: Order,
    colors: tuple[float, float],
    height: int | None = None,
) -> HeatMap:
    """The matrix of one epoch: layer A along the columns, layer B along the rows."""
    values = results[VARIABLES[query.quantity]].transpose("channel_b", "channel_a")
    values = values.isel(channel_b=order.b, channel_a=order.a)
    signed = query.quantity == "excess"
    return HeatMap(
        table=values,
        title=f"{QUANTITIES[query.quantity].capitalize()} of layers {query.a} and {query.b} at epoch {epoch}",
        x_title=f"channel of layer {query.a} (A)",
        y_title=f"channel of layer {query.b} (B)",
        unit="bits",
        low=colors[0],
        high=colors[1],
        row_ids=values.channel_b.to_numpy().tolist(),
        column_ids=values.channel_a.to_numpy().tolist(),
        file=file_name(run, "layers", query.a, query.b, f"epoch{epoch}", query.quantity),
        palette="RdBu_r" if signed else "viridis",
        bar_note="red above 0, blue below" if signed else "brighter is more",
        height=height or 460,
    )
