"""The layers page (CNNSlicer, section 5.3): information that channels of one layer have about those of another."""

from __future__ import annotations

import streamlit as st
import xarray as xr

import bitlens
from bitlens import tables
from bitlens.runs import Run, RunError
from bitlens_explorer.results import layers
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import Parameters
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import QUANTITIES, RANGES, SORTS, Query, change_query
from bitlens_explorer.ui import compute_button, figure_frame
from bitlens_explorer.ui.bound_widget import switch
from bitlens_explorer.ui.components import heatmap
from bitlens_explorer.ui.feature_maps import show_feature_maps
from bitlens_explorer.ui.text import count, escape_markdown, show_hint, show_warning
from bitlens_explorer.views.layers import matrices

DEFAULTS = {"bins": 32, "permutations": 20, "samples": 256, "seed": 0}


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    st.title("Layers", anchor=False)
    a, b = str(query.a), str(query.b)
    parameters = layers.estimators(run, a, b).get(query.estimator or "")
    if parameters is None:
        _unmeasured(run, a, b)
        return
    epochs = layers.information_epochs(run, a, b, parameters)
    if epoch not in epochs:
        names = f"Layers {escape_markdown(a)} and {escape_markdown(b)}"
        what = f"{names} have not been measured with these parameters at epoch {epoch}."
        show_hint(what, "press the button, or choose another epoch.")
        if epoch in run.epochs:
            _offer(run, a, b, parameters, [epoch])
        return
    results = layers.information(run, a, b, parameters, [epoch]).isel(epoch=0)
    choices = (("Quantity", "quantity", QUANTITIES), ("Sort channels by", "sort", SORTS))
    for column, choice in zip(st.columns(3), (*choices, ("Colour range of", "color_range", RANGES)), strict=True):
        switch(column.segmented_control, *choice)
    about = {"layer A (columns)": a, "layer B (rows)": b, "quantity": QUANTITIES[query.quantity]}
    about |= {"unit": "bits", "estimator": layers.describe_estimator(parameters), "sorted by": SORTS[query.sort]}
    left, right = st.columns([3, 2], gap="large")
    with left:
        _matrix(run, query, epoch, results, epochs, parameters, about)
    with right:
        _numbers(query, epoch, results)
    try:
        if query.cell is not None:
            show_feature_maps(run, query, epoch, list(zip((a, b), query.cell, strict=True)), "layers")
    except RunError as error:
        show_warning(error)
    _strip(run, query, epochs, parameters, about)


def _matrix(
    run: Run,
    query: Query,
    epoch: int,
    results: xr.Dataset,
    epochs: list[int],
    parameters: Parameters,
    about: dict[str, str],
) -> None:
    order = matrices.channel_orders(results, query)
    colored = results
    if query.color_range == "all":
        colored = layers.information(run, str(query.a), str(query.b), parameters, epochs)
    drawn = matrices.heat_map(run, query, results, epoch, order, matrices.color_range(colored, query))
    figure_frame.title(escape_markdown(drawn.title))
    heatmap.show(drawn, "information", query.cell and query.cell[::-1], _pick)
    over_null = query.quantity == "excess"
    meaning = (
        "How much the distances between samples in a channel of A tell about the distances in a channel of B"
        + (", minus the mean of shuffled samples." if over_null else ". The estimate is biased upward.")
        + f" {escape_markdown(about['estimator'].capitalize())}."
    )
    file = file_name(run, "layers", query.a, query.b, f"epoch{epoch}", query.quantity, ending="csv")
    code = matrices.matrix_code(query, parameters, epoch)
    table = drawn.table.to_pandas()
    figure_frame.below(run, meaning, table, "information", file, {"epoch": epoch, **about}, code)


def _numbers(query: Query, epoch: int, results: xr.Dataset) -> None:
    """Mutual information of the chosen pair of channels, its baseline and its entropies."""
    figure_frame.title("Chosen channels")
    if query.cell is None:
        show_hint("No cell is chosen.", "click a cell of the heat map, or move through it with the arrow keys.")
        return
    a, b = query.cell
    pair = tables.channel_pairs(results.sel(channel_a=a, channel_b=b)).iloc[0]
    names = f"A: layer {query.a}, channel {a}", f"B: layer {query.b}, channel {b}"
    st.markdown(f"**{escape_markdown(names[0])}**; **{escape_markdown(names[1])}**; epoch {epoch}")
    columns = st.columns(2)
    columns[0].metric("Mutual information", f"{pair['mutual_information']:.3f} bits")
    columns[1].metric("Excess over null", f"{pair['excess']:.3f} bits")
    rows = {
        "null, mean ± std": f"{pair['null_mean']:.3f} ± {pair['null_std']:.3f} bits",
        "p-value of the permutation test": f"{pair['p_value']:.3g}",
        "entropy of the channel of A": f"{pair['entropy_a']:.3f} bits",
        "entropy of the channel of B": f"{pair['entropy_b']:.3f} bits",
        "joint entropy": f"{pair['joint_entropy']:.3f} bits",
    }
    st.table({"": list(rows), "value": list(rows.values())})
    st.markdown("These are entropies of the binned distances between samples.")


def _strip(run: Run, query: Query, epochs: list[int], parameters: Parameters, about: dict[str, str]) -> None:
    """The same matrix at three epochs."""
    chosen = sorted({epochs[0], epochs[len(epochs) // 2], epochs[-1]})
    results = layers.information(run, str(query.a), str(query.b), parameters, chosen)
    colors = matrices.color_range(results, query)
    figure_frame.title("The same matrix during the training")
    for column, epoch in zip(st.columns(len(chosen)), chosen, strict=True):
        with column:
            st.markdown(f"**Epoch {epoch}**")
            at_epoch = results.sel(epoch=epoch)
            order = matrices.channel_orders(at_epoch, query)
            drawn = matrices.heat_map(run, query, at_epoch, epoch, order, colors, 300)
            heatmap.show(drawn, f"strip {epoch}", query.cell and query.cell[::-1], _pick)
    meaning = (
        "The matrix at the first, a middle and the last epoch, with one colour scale. Each matrix is sorted separately."
    )
    file = file_name(run, "layers", query.a, query.b, "epochs", query.quantity, ending="csv")
    variable = matrices.VARIABLES[query.quantity]
    table = tables.channel_pairs(results)[["epoch", "channel_a", "channel_b", variable]]
    code = matrices.pairs_code(query, parameters, chosen)
    figure_frame.below(run, meaning, table, "strip", file, about, code)


def _pick(row: int, column: int) -> None:
    change_query(cell=(column, row))


def _unmeasured(run: Run, a: str, b: str) -> None:
    names = f"{escape_markdown(a)} and {escape_markdown(b)}"
    figure_frame.title(f"Layers {names}")
    pairs = layers.measured_pairs(run)
    if (b, a) in pairs:
        show_hint(f"Layers {names} have not been measured, but their exchange has.", "swap A and B.")
        st.button("Swap A and B", on_click=change_query, kwargs={"a": b, "b": a})
        return
    known = ", ".join(f"{escape_markdown(first)} and {escape_markdown(second)}" for first, second in pairs)
    next_step = f"press the button, or choose measured layers: {known or 'there are none yet'}."
    show_hint(f"Layers {names} have not been measured.", next_step)
    _offer(run, a, b, {**DEFAULTS, "samples": min(DEFAULTS["samples"], run.manifest.samples)}, run.epochs)


def _offer(run: Run, a: str, b: str, parameters: Parameters, epochs: list[int]) -> None:
    def step(epoch: int) -> compute_button.Step:
        return (
            f"layers {a} and {b}, epoch {epoch}",
            lambda: bitlens.layer_pair_information(run, a, b, **parameters, epochs=[epoch]),
        )

    names = f"layers {escape_markdown(a)} and {escape_markdown(b)}"
    label = f"{names}, {count(len(epochs), 'epoch')}: {layers.describe_estimator(parameters)}"
    compute_button.offer(label, "compute information", [step(epoch) for epoch in epochs])


main()
