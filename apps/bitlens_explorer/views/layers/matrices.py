"""The layers page's matrices, made of results as the library gives them: quantity, order and colour range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import xarray as xr

import bitlens
from bitlens.runs import Run
from bitlens_explorer import figures
from bitlens_explorer.components.heatmap import HeatMap
from bitlens_explorer.query import QUANTITIES, Query
from bitlens_explorer.recorded import Parameters

VARIABLES = {"mi": "mutual_information", "excess": "excess"}
BY: dict[str, Literal["index", "maximum", "mean"]] = {"index": "index", "max": "maximum", "mean": "mean"}


@dataclass(frozen=True)
class Order:
    """Channels as they are drawn."""

    a: list[int]
    b: list[int]


def order(results: xr.Dataset, query: Query) -> Order:
    """The order of both layers' channels at one epoch."""
    values = results[VARIABLES[query.quantity]]
    first, second = (bitlens.channel_order(values, name, BY[query.sort]) for name in ("channel_a", "channel_b"))
    return Order(first.tolist(), second.tolist())


def color_range(results: xr.Dataset, query: Query) -> tuple[float, float]:
    """What the colours reach from and to; for signed values, the same way on both sides of 0."""
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
    drawn: Order,
    colors: tuple[float, float],
    height: int | None = None,
) -> HeatMap:
    """The matrix of one epoch: A along the columns, B along the rows."""
    values = results[VARIABLES[query.quantity]].transpose("channel_b", "channel_a")
    signed = query.quantity == "excess"
    return HeatMap(
        table=values.isel(channel_b=drawn.b, channel_a=drawn.a),
        title=f"{QUANTITIES[query.quantity].capitalize()} of layers {query.a} and {query.b} at epoch {epoch}",
        x_title=f"channel of layer {query.a} (A)",
        y_title=f"channel of layer {query.b} (B)",
        unit="bits",
        low=colors[0],
        high=colors[1],
        row_ids=drawn.b,
        column_ids=drawn.a,
        file=figures.file_name(run, "layers", query.a, query.b, f"epoch{epoch}", query.quantity),
        palette="RdBu_r" if signed else "viridis",
        bar_note="red above 0, blue below" if signed else "brighter is more",
        height=height or max(480, min(900, 66 + 6 * values.sizes["channel_b"])),
    )


def code(query: Query, parameters: Parameters, epoch: int) -> list[str]:
    """The lines of Python that give the matrix of one epoch, in the order drawn."""
    return [
        _read(query, parameters, [epoch]),
        f"values = results.{VARIABLES[query.quantity]}.sel(epoch={epoch}).transpose('channel_b', 'channel_a')",
        f"order = {{name: bitlens.channel_order(values, name, {BY[query.sort]!r}) for name in values.dims}}",
        "table = values.isel(order).to_pandas()",
    ]


def code_of_epochs(query: Query, parameters: Parameters, epochs: list[int]) -> list[str]:
    """The lines of Python that give the matrices of some epochs, a value a row."""
    dims = "'epoch', 'channel_b', 'channel_a'"
    return [
        _read(query, parameters, epochs),
        f"values = results.{VARIABLES[query.quantity]}.transpose({dims})",
        "table = values.rename('bits').to_dataframe()[['bits']]",
    ]


def _read(query: Query, parameters: Parameters, epochs: list[int]) -> str:
    settings = "".join(f"{name}={value!r}, " for name, value in parameters.items())
    return f"results = bitlens.layer_pair_information(run, {query.a!r}, {query.b!r}, {settings}epochs={epochs})"
