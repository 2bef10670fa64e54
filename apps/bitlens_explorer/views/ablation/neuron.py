"""One neuron on the ablation page, chosen by its place in a ranking: score, information, and activations."""

from __future__ import annotations

import streamlit as st

from bitlens import tables
from bitlens.runs import Run
from bitlens_explorer.results.ablation import class_averages
from bitlens_explorer.results.traced import call
from bitlens_explorer.state.query import Query
from bitlens_explorer.ui import charts, figure_frame
from bitlens_explorer.ui.bound_widget import bound_widget
from bitlens_explorer.ui.feature_maps import show_feature_maps
from bitlens_explorer.ui.text import escape_markdown, nearest_activations, show_hint
from bitlens_explorer.views.ablation.captions import SCORES, scope_name
from bitlens_explorer.views.ablation.charts import class_bars
from bitlens_explorer.views.ablation.frame import Shown, below
from bitlens_explorer.views.ablation.label_information import show_neuron_numbers


def show_neuron(shown: Shown, query: Query) -> None:
    """The choice of a neuron, and what is known of it."""
    figure_frame.title("A neuron by its place")
    scope, place, number = shown.chosen(query)
    bound_widget(
        st.selectbox, "Ranking of", "scope", shown.scopes, value=scope, reset=["place"], format_func=scope_name
    )
    if number > 1:
        label = f"Place, from the lowest score (1) to the highest ({number})"
        bound_widget(st.slider, label, "place", 1, number, value=place)
    ranking = shown.ranking(scope)
    neuron = ranking.value.iloc[place - 1]
    layer, channel = str(neuron["layer"]), int(neuron["channel"])
    score = SCORES[shown.known.parameters.score]
    caption = (
        f"**Layer {escape_markdown(layer)}, channel {channel}**: {score} {neuron['score']:.3f} bits. Place {place} of "
        f"{number} in {escape_markdown(scope_name(scope))}: turned off as number {place}, lowest first, or "
        f"{number + 1 - place}, highest first."
    )
    below(shown.run, shown.epoch, shown.known, caption, ranking, "ranking", scope)
    show_neuron_numbers(shown.run, shown.epoch, shown.known, layer, channel)
    if len(shown.run.layer(layer).shape) > 1:
        show_feature_maps(shown.run, query, shown.epoch, [(layer, channel)], "ablation")
    else:
        _class_means(shown.run, shown.epoch, layer, channel)


def _class_means(run: Run, epoch: int, layer: str, channel: int) -> None:
    """Mean activations of a neuron of single values, by class."""
    figure_frame.title("Mean activation by class")
    what = f"Layer {escape_markdown(layer)} has single values and no maps."
    if run.labels is None:
        show_hint(f"{what} This run has no labels to average them by.", "look at a layer with maps.")
        return
    if epoch not in run.epochs:
        missing = f"{what} Only results were recorded at epoch {epoch}; values were not recorded."
        show_hint(missing, nearest_activations(run, epoch))
        return
    table = call(tables.class_means, class_averages(run, layer, epoch)).rows(channel=channel)
    text = f"mean activation of channel {channel} of layer {layer} by class"
    charts.draw(class_bars(table.value), "class means", text)
    caption = f"{what} These are the means over all samples of each class, when no neuron is turned off."
    below(run, epoch, None, caption, table, "class means", layer, f"channel{channel}")
