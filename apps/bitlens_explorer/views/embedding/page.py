"""The embedding page (Seein' In): samples as points of a layer, and averages of the selected samples in every layer."""

from __future__ import annotations

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import Query, change_query
from bitlens_explorer.state.selection import select_samples, selected_samples
from bitlens_explorer.ui import figure_frame, page_frame
from bitlens_explorer.ui.bound_widget import bound_widget, switch
from bitlens_explorer.ui.components import scatter
from bitlens_explorer.ui.text import count, escape_markdown, show_hint, show_without_activations
from bitlens_explorer.views.embedding.averages import show_averages
from bitlens_explorer.views.embedding.neighbors import show_neighbors
from bitlens_explorer.views.embedding.points import MOST_CHANNELS, scatter_matrix, shown_channels
from bitlens_explorer.views.embedding.projections import offered_spaces, projection_plot


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    page_frame.head("Embedding", "How do the samples lie in the space of a layer, and what do selected samples share?")
    if epoch not in run.epochs:
        show_without_activations(run, epoch, "activations were not recorded")
        return
    left, answer = page_frame.figure_and_answer()
    with left:
        _choices(run, query)
        _matrix(run, query, epoch)
    with answer:
        show_neighbors(run, query, epoch)
        show_averages(run, query, epoch)


def _choices(run: Run, query: Query) -> None:
    switch(st.segmented_control, "Axes", "space", offered_spaces())
    layer = run.layer(str(query.a))
    if query.space in ("one", "two"):
        bound_widget(
            st.multiselect,
            f"Channels of layer {escape_markdown(layer.name)}",
            "dims",
            range(layer.channels),
            value=shown_channels(layer, query.dims),
            store=tuple,
            max_selections=MOST_CHANNELS,
        )


def _matrix(run: Run, query: Query, epoch: int) -> None:
    note = ""
    try:
        if query.space in ("one", "two"):
            drawn, table = scatter_matrix(run, query, epoch)
        else:
            drawn, table, note = projection_plot(run, query, epoch)
    except (ValueError, ModuleNotFoundError) as error:
        show_hint(f"This projection cannot be drawn: {escape_markdown(error)}", "choose other axes or another layer.")
        return
    # The chosen classes are those of the averages.
    figure_frame.title(escape_markdown(drawn.title) + (", all samples" if query.classes else ""))
    scatter.show(
        drawn,
        "embedding",
        selected_samples(run, query),
        lambda samples: _select(run, samples),
        lambda row, column: _open(run, query, row, column),
    )
    point = "a sample, averaged over positions" if query.space == "two" else "a sample"
    if query.space == "one" and len(run.layer(str(query.a)).shape) > 1:
        point = "one position in the maps of one sample; hover over it to see its receptive field"
    number = count(len(drawn.values), "point")
    plots = "Each channel has a column and a row of plots. " if query.space in ("one", "two") else f"{note} "
    meaning = (
        f"Every point is {point}; there are {number}. {plots}Select points by clicks, lasso or legend; all pages use "
        "the selection. A double click on a plot shows it alone."
    )
    file = file_name(run, "embedding", query.a, f"epoch{epoch}", query.space, ending="csv")
    about = {"epoch": epoch, "layer": query.a, "quantity": "activation", "points": len(drawn.values)}
    figure_frame.below(run, meaning, table, "embedding", file, about)


def _select(run: Run, samples: list[int]) -> None:
    try:
        select_samples(run, samples)
    except OSError as error:
        st.toast(f"The run cannot store the selection: {escape_markdown(error)}")


def _open(run: Run, query: Query, row: int, column: int) -> None:
    """Show one plot alone."""
    if query.space == "one":
        shown = shown_channels(run.layer(str(query.a)), query.dims)
        change_query(dims=tuple(dict.fromkeys([shown[column], shown[row]])))


main()
