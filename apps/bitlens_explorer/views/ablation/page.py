"""The ablation page (Liu, Amjad and Geiger 2018): how the network performs without some neurons, and their roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from bitlens import tables
from bitlens.runs import Run, RunError
from bitlens_explorer.results.ablation import (
    MEASURE,
    ablation_settings,
    load_ablation,
    load_label_information,
    nearest_epoch,
    quantizer,
    ranked_layers,
)
from bitlens_explorer.results.known import Parameters
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import CURVES, NETWORK, Query, current_query
from bitlens_explorer.ui import figure_frame
from bitlens_explorer.ui.bound_widget import choose_settings, leave_out, switch
from bitlens_explorer.ui.pagination import choose_part
from bitlens_explorer.ui.python_code import measure_network_code
from bitlens_explorer.ui.text import escape_markdown, number_ranges, show_hint, show_warning
from bitlens_explorer.views.ablation import captions
from bitlens_explorer.views.ablation.charts import draw_curves, draw_roles, draw_spread
from bitlens_explorer.views.ablation.frame import Shown, below, load_code
from bitlens_explorer.views.ablation.label_information import label_code, measured_layers, offer_label_information
from bitlens_explorer.views.ablation.neuron import show_neuron

MOST_LAYERS = 5  # whose curves are drawn at once


def main() -> None:
    """Show the page."""
    run, _, epoch = context()
    st.title("Ablation", anchor=False)
    known = ablation_settings(run)
    if not known:
        _unmeasured(run)
        _labels(run, epoch, None)
        return
    reset = ("scope", "place")
    parameters = choose_settings("ablation", "Settings", known, captions.describe_settings, reset)
    st.markdown(f"Settings: {escape_markdown(captions.describe_settings(parameters))}.")
    epoch = _shown_epoch(run, parameters, epoch)
    try:
        shown = Shown(run, epoch, parameters, load_ablation(run, parameters, epoch))
    except RunError as error:
        show_warning(error)
        _labels(run, epoch, parameters)
        return
    query = _with_measured(current_query(), shown)
    _curves(shown, query)
    _scores(shown)
    _roles(shown)
    show_neuron(shown, query)


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
    call = f"bitlens.{MEASURE}(run, model)"
    with_data = f"bitlens.{MEASURE}(run, model, data=(test_images, test_labels))"
    st.code(measure_network_code(run, with_data if labels else call, call), language="python")


def _shown_epoch(run: Run, parameters: Parameters, epoch: int) -> int:
    """The nearest epoch with results."""
    epochs = run.results.epochs(MEASURE, parameters)
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
    if query.place is not None and not 1 <= query.place <= len(shown.ranking(scope or shown.scopes[-1])):
        fields.append("place")
    return leave_out(*fields) if fields else query


def _curves(shown: Shown, query: Query) -> None:
    """The layers, and the whole network after them."""
    figure_frame.title(f"Cumulative ablation at epoch {shown.epoch}")
    switch(st.segmented_control, "Drawn", "curve", CURVES, str)
    scope, place, number = shown.chosen(query)
    layers = ranked_layers(shown.results)
    part = choose_part("Layers drawn", layers, MOST_LAYERS, "Layers drawn", scope)
    compares = len(layers) < len(shown.scopes)
    scopes = [*part, NETWORK] if compares else part
    columns = ["scope", "order", "removed", *(query.curve + ending for ending in ("", "_lowest", "_highest"))]
    table = tables.ablation_curves(shown.results.sel(scope=scopes))[columns]
    orders = captions.ORDERS
    marks = [(orders["ascending"], place), (orders["descending"], number + 1 - place)]
    draw_curves(table, query.curve, scope, marks)
    caption = captions.curves_caption(shown.run, shown.parameters, scope, compares=compares)
    code = [
        *load_code(shown.parameters, shown.epoch),
        f"table = tables.ablation_curves(results.sel(scope={scopes}))[{columns}]",
    ]
    below(shown.run, shown.epoch, shown.parameters, caption, table, "curves", code, query.curve)


def _scores(shown: Shown) -> None:
    """The distribution of the score within each layer."""
    score = shown.parameters["score"]
    figure_frame.title(f"Neurons by {captions.SCORES[score]} at epoch {shown.epoch}")
    layers = ranked_layers(shown.results)
    table = tables.neuron_ranking(shown.results.sel(scope=layers))[["layer", "channel", "score"]]
    code = [
        *load_code(shown.parameters, shown.epoch),
        f"table = tables.neuron_ranking(results.sel(scope={layers}))[['layer', 'channel', 'score']]",
    ]
    _spread(shown.run, shown.epoch, shown.parameters, table, captions.SYMBOLS[score], code)


def _spread(run: Run, epoch: int, parameters: Parameters | None, table: Any, symbol: str, code: Sequence[str]) -> None:
    frame = table.set_axis(["layer", "channel", "bits"], axis=1)
    layers = list(dict.fromkeys(frame["layer"]))
    part = choose_part("Layers of the histogram", layers, 2 * MOST_LAYERS, "Layers of the histogram", layers[0])
    draw_spread(frame, part, f"{symbol} (bits)")
    below(run, epoch, parameters, captions.SPREAD, table, "scores", code, symbol)


def _roles(shown: Shown) -> None:
    """How many neurons play which role."""
    figure_frame.title(f"Roles of neurons at epoch {shown.epoch}")
    columns = ["scope", *captions.ROLES]
    table = tables.role_counts(shown.results)[columns]
    draw_roles(table)
    caption = captions.roles_caption(table, shown.parameters["tolerance"])
    code = [*load_code(shown.parameters, shown.epoch), f"table = tables.role_counts(results)[{columns}]"]
    below(shown.run, shown.epoch, shown.parameters, caption, table, "roles", code)


def _labels(run: Run, epoch: int, parameters: Parameters | None) -> None:
    """Without ablation: the information of each neuron about the label, which does not need the network."""
    figure_frame.title(f"Neurons by information about the label at epoch {epoch}")
    if run.labels is None:
        show_hint("This run was recorded without labels, which are needed here.", "record the network with labels.")
        return
    layers = measured_layers(run, epoch, parameters)
    if layers:
        used = quantizer(parameters)
        try:
            by_layer = {name: load_label_information(run, name, used, epoch) for name in layers}
            table = tables.label_information(by_layer)[["layer", "channel", "mutual_information"]]
            code = label_code(layers, epoch, parameters)
            _spread(run, epoch, None, table, captions.SYMBOLS["mutual_information"], code)
        except RunError as error:
            show_warning(error)
    offer_label_information(run, epoch, parameters)


main()
