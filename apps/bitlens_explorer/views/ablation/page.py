"""The ablation page (Liu, Amjad and Geiger 2018): how the network performs without some neurons, and their roles."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from bitlens import tables
from bitlens.measures import layer_ablation
from bitlens.runs import Run
from bitlens_explorer.results.ablation import label_sets, load_labels, nearest_epoch, ranked_layers
from bitlens_explorer.results.definitions import DEFINITIONS
from bitlens_explorer.results.known import AnyKnown, described, known_sets, load, stored_epochs
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import CURVES, NETWORK, SEQUENCES, Query, current_query
from bitlens_explorer.ui import figure_frame, page_frame
from bitlens_explorer.ui.bound_widget import choose_known, leave_out, switch
from bitlens_explorer.ui.pagination import choose_part
from bitlens_explorer.ui.python_code import measure_network_code
from bitlens_explorer.ui.text import escape_markdown, number_ranges, show_hint, show_warning
from bitlens_explorer.views.ablation import captions
from bitlens_explorer.views.ablation.charts import draw_curves, draw_roles, draw_spread
from bitlens_explorer.views.ablation.frame import Shown, below
from bitlens_explorer.views.ablation.label_information import offer_label_information
from bitlens_explorer.views.ablation.neuron import show_neuron

TITLES = "Cumulative ablation", "Scores of neurons", "Roles of neurons"
MOST_LAYERS = 5  # whose curves are drawn at once


def main() -> None:
    """Show the page."""
    run, _, epoch = context()
    page_frame.head("Ablation", "How well does the network perform without some of its neurons?")
    sets = known_sets(run, layer_ablation)
    if not sets:
        _unmeasured(run)
        _labels(run, epoch, None)
        return
    known = choose_known("ablation", "Settings", sets, reset=("scope", "place"))
    st.caption(f"Settings: {escape_markdown(described(known))}.")
    epochs = stored_epochs(load(run, known))
    if not epochs:
        _labels(run, epoch, known)
        return
    epoch = _shown_epoch(epochs, epoch)
    results = load(run, known, [epoch])
    assert results is not None
    shown = Shown(run, epoch, known, results.sel(epoch=epoch))
    query = _with_measured(current_query(), shown)
    left, answer = page_frame.figure_and_answer()
    with left:
        parts = dict(zip(TITLES, (_curves, _scores, _roles), strict=True))
        for title in page_frame.figures("ablation", TITLES):
            _draw(parts[title], shown, query)
    with answer:
        _draw(show_neuron, shown, query)


def _draw(part: Callable[[Shown, Query], None], shown: Shown, query: Query) -> None:
    try:
        part(shown, query)
    except ValueError as error:
        show_warning(error)


def _unmeasured(run: Run) -> None:
    """What the user has to do to get results."""
    what = captions.NOT_MEASURED
    labels = "" if run.labels is not None else " It was recorded without labels, so labels are needed too."
    if run.weight_epochs:
        step = f"measure it with the model{', inputs and labels' if labels else ''}:"
        show_hint(f"{what} This run has the weights of epoch {number_ranges(run.weight_epochs)}.{labels}", step)
    else:
        step = "record the network again with the weights of some epochs, then measure it with the model:"
        show_hint(f"{what} This run has no weights, which the measurement needs.", step)
    call = f"bitlens.{layer_ablation.name}(run, model)"
    with_data = f"bitlens.{layer_ablation.name}(run, model, data=(test_images, test_labels))"
    st.code(measure_network_code(run, with_data if labels else call, call), language="python")


def _shown_epoch(epochs: list[int], epoch: int) -> int:
    """The nearest epoch with results."""
    nearest = nearest_epoch(epoch, epochs)
    if nearest != epoch:
        what = (
            f"Epoch {epoch} has not been measured with these settings. **This page shows epoch {nearest}**, the "
            "nearest epoch with results."
        )
        show_hint(what, f"choose an epoch with results: {number_ranges(epochs)}.")
    return nearest


def _with_measured(query: Query, shown: Shown) -> Query:
    """The query without a scope or a place that was not measured."""
    fields = []
    scope = query.scope
    if scope is not None and scope not in shown.scopes:
        fields.append("scope")
        scope = None
    if query.place is not None and not 1 <= query.place <= len(shown.ranking(scope or shown.scopes[-1]).value):
        fields.append("place")
    return leave_out(*fields) if fields else query


def _curves(shown: Shown, query: Query) -> None:
    """The layers, and the whole network after them."""
    figure_frame.title(f"Cumulative ablation at epoch {shown.epoch}, all samples", DEFINITIONS["ablation"])
    with st.container(horizontal=True, gap="medium", key="controls"):
        switch(st.segmented_control, "Drawn", "curve", CURVES, str)
        switch(st.segmented_control, "Sequence", "order", SEQUENCES)
    scope, place, number = shown.chosen(query)
    layers = ranked_layers(shown.results.value)
    part = choose_part("Layers drawn", layers, MOST_LAYERS, "Layers drawn", scope)
    compares = len(layers) < len(shown.scopes)
    scopes = [*part, NETWORK] if compares else part
    columns = ["scope", "order", "removed", *(query.curve + ending for ending in ("", "_lowest", "_highest"))]
    table = call(tables.ablation_curves, shown.results.sel(scope=scopes)).columns(columns)
    orders = captions.ORDERS
    marks = [(orders["ascending"], place), (orders["descending"], number + 1 - place)]
    draw_curves(table.value, query.curve, scope, marks, query.order)
    caption = captions.curves_caption(shown.run, shown.known, scope, compares=compares)
    caption += f" {tables.no_error(table.value)}"
    below(shown.run, shown.epoch, shown.known, caption, table, "curves", query.curve)


def _scores(shown: Shown, query: Query) -> None:
    """The distribution of the score within each layer."""
    score = shown.known.parameters.score
    figure_frame.title(f"Neurons by {captions.SCORES[score]} at epoch {shown.epoch}, all samples")
    layers = ranked_layers(shown.results.value)
    table = call(tables.neuron_ranking, shown.results.sel(scope=layers)).columns(["layer", "channel", "score"])
    _spread(shown.run, shown.epoch, shown.known, table, captions.SYMBOLS[score])


def _spread(run: Run, epoch: int, known: AnyKnown | None, table: Traced, symbol: str) -> None:
    frame = table.value.set_axis(["layer", "channel", "bits"], axis=1)
    layers = list(dict.fromkeys(frame["layer"]))
    part = choose_part("Layers of the histogram", layers, 2 * MOST_LAYERS, "Layers of the histogram", layers[0])
    draw_spread(frame, part, f"{symbol} (bits)")
    below(run, epoch, known, captions.SPREAD, table, "scores", symbol)


def _roles(shown: Shown, query: Query) -> None:
    """How many neurons play which role."""
    figure_frame.title(f"Roles of neurons at epoch {shown.epoch}, all samples")
    table = call(tables.role_counts, shown.results).columns(["scope", *captions.ROLES])
    draw_roles(table.value)
    caption = f"{captions.roles_caption(table.value, shown.known.parameters.tolerance)} {tables.no_error(table.value)}"
    below(shown.run, shown.epoch, shown.known, caption, table, "roles")


def _labels(run: Run, epoch: int, ablation: AnyKnown | None) -> None:
    """Without ablation: the information of each neuron about the label, which does not need the network."""
    figure_frame.title(f"Neurons by information about the label at epoch {epoch}, all samples")
    if run.labels is None:
        show_hint("This run was recorded without labels, which are needed here.", "record the network with labels.")
        return
    sets = label_sets(run, ablation)
    by_layer = load_labels(run, sets, epoch)
    if by_layer:
        try:
            table = call(tables.label_information, by_layer).columns(["layer", "channel", "mutual_information"])
            _spread(run, epoch, None, table, captions.SYMBOLS["mutual_information"])
        except ValueError as error:
            show_warning(error)
    offer_label_information(run, epoch, ablation, sets, by_layer)


main()
