"""The ablation page (Liu, Amjad and Geiger 2018): what the network still can without some of its neurons, and which those are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
import xarray as xr

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer import ablation, ablation_charts, charts, compute, details, figures, pixel_parts, tables
from bitlens_explorer import query as queries
from bitlens_explorer.ablation_charts import scope_name
from bitlens_explorer.context import context, kept_settings
from bitlens_explorer.query import CURVES, NETWORK, Query
from bitlens_explorer.recorded import Parameters
from bitlens_explorer.words import count, listed, plain, say

LAYERS = 5  # shown at once


def main() -> None:
    """The page."""
    run, query, epoch = context()
    st.title("Ablation", anchor=False)
    known = ablation.settings(run)
    parameters = found = None
    if not known:
        _none(run)
    else:
        parameters = kept_settings("ablation", "Settings", known, ablation.words, scope=None, place=None)
        st.markdown(f"Settings: {plain(ablation.words(parameters))}.")
        epoch = _epoch(run, parameters, epoch)
        try:
            found = ablation.load(run, parameters, epoch)
        except RunError as error:
            figures.failed(error)
    if found is not None and parameters is not None:
        query = _checked(queries.current(), found)
        _curves(run, query, epoch, parameters, found)
        _scores(run, epoch, parameters, found)
        _roles(run, epoch, parameters, found)
        _neuron(run, query, epoch, parameters, found)
    else:
        _labels(run, epoch, parameters)


def _none(run: Run) -> None:
    """What has to be done for there to be anything."""
    what = "What the network can without some of its neurons has not been measured, and the explorer runs no network."
    labels = "" if run.labels is not None else " It was recorded without labels, so they have to be given."
    if run.weight_epochs:
        step = f"measure it with the model{', inputs and labels' if labels else ''}:"
        say(f"{what} This run keeps its weights of epoch {listed(run.weight_epochs)}.{labels}", step)
    else:
        step = "record the network again with its weights of some epochs, then measure it with the model:"
        say(f"{what} This run keeps no weights, which that needs.", step)
    st.code(ablation.wanted(run), language="python")


def _epoch(run: Run, parameters: Parameters, epoch: int) -> int:
    """The epoch that is drawn: the nearest that has results."""
    kept = run.results.epochs(ablation.MEASURE, parameters)
    at = ablation.nearest(epoch, kept)
    if at != epoch:
        what = f"Epoch {epoch} has not been measured so. **What is drawn is of epoch {at}**, the nearest that has."
        say(what, f"choose an epoch that has: {listed(kept)}.")
    return at


def _checked(query: Query, found: xr.Dataset) -> Query:
    """Without a scope or a place that was not measured."""
    complaints = []
    scopes = found["scope"].values.tolist()
    if query.scope is not None and query.scope not in scopes:
        complaints.append(f"scope={query.scope[:40]}")
        query = replace(query, scope=None)
    if query.place is not None and not 1 <= query.place <= len(ablation.ranking(found, query.scope or scopes[-1])):
        complaints.append(f"place={query.place}")
        query = replace(query, place=None)
    if complaints:
        queries.settle(query, complaints)
        queries.publish()
    return query


def _chosen(query: Query, found: xr.Dataset) -> tuple[str, int, int]:
    """The scope that is looked at, the place in its ranking, and how many there are; the highest where none is chosen."""
    scope = query.scope or str(found["scope"].values[-1])
    number = len(ablation.ranking(found, scope))
    return scope, query.place or number, number


def _curves(run: Run, query: Query, epoch: int, parameters: Parameters, found: xr.Dataset) -> None:
    """Small multiples: the layers, and the whole network beside them."""
    figures.title(f"Cumulative ablation at epoch {epoch}")
    key = "query curve"
    st.session_state[key] = query.curve
    st.segmented_control(
        "Drawn", list(CURVES), key=key, required=True, on_change=lambda: queries.change(curve=st.session_state[key])
    )
    scope, place, number = _chosen(query, found)
    layers = ablation.layers_of(found)
    shown = pixel_parts.page("Layers drawn", layers, LAYERS, scope if scope in layers else layers[0])
    whole = len(layers) < found.sizes["scope"]
    scopes = [*shown, NETWORK] if whole else shown
    frame = ablation.curves(found, scopes, query.curve)
    marks = [(ablation.ORDERS["ascending"], place), (ablation.ORDERS["descending"], number + 1 - place)]
    ablation_charts.draw_curves(frame, query.curve, scope, marks)
    samples = f"the probe, {count(run.manifest.samples, 'sample')}" if parameters["data"] is None else "data of its own"
    meaning = (
        f"What is left when neurons are turned off one after the other (they give {ablation.MODES[parameters['mode']]}), on "
        f"{samples}. Neurons of a high score matter where turning off the lowest first costs little and the highest first "
        f"much; inside of the band, which spans {count(parameters['repeats'], 'random order')}, the score says nothing. "
        f"Thin dashed rules: where the neuron chosen below is turned off, in {plain(scope_name(scope))}. A click in the legend "
        "isolates an order."
    )
    if whole:
        meaning += (
            " **Compare the layers with the network:** what holds within each layer may be turned round across layers, whose "
            "neurons differ in their scores (Simpson's paradox)."
        )
    code = [*ablation.load_code(parameters, epoch), *ablation.curves_code(scopes, query.curve)]
    _below(run, epoch, parameters, meaning, frame, "curves", code, query.curve)


def _scores(run: Run, epoch: int, parameters: Parameters, found: xr.Dataset) -> None:
    """How the score is spread within each layer."""
    score = parameters["score"]
    figures.title(f"Neurons by {ablation.SCORES[score]} at epoch {epoch}")
    frame = ablation.scores(found)
    code = [*ablation.load_code(parameters, epoch), *ablation.scores_code(ablation.layers_of(found))]
    _spread(run, epoch, parameters, frame, f"{ablation.SYMBOLS[score]} (bits)", code)


def _spread(run: Run, epoch: int, parameters: Parameters | None, frame: Any, x_title: str, code: Sequence[str]) -> None:
    rows = frame.reset_index()
    layers = list(dict.fromkeys(rows["layer"]))
    shown = pixel_parts.page("Layers of the histogram", layers, 2 * LAYERS, layers[0])
    ablation_charts.draw_spread(rows, shown, x_title)
    meaning = (
        "How many neurons have which score, on the same scales for all layers. Where layers differ, a ranking across them "
        "turns off the neurons of one layer before those of another."
    )
    _below(run, epoch, parameters, meaning, frame, "scores", code, x_title.split("(")[0])


def _roles(run: Run, epoch: int, parameters: Parameters, found: xr.Dataset) -> None:
    """How many neurons do what."""
    figures.title(f"What neurons do at epoch {epoch}")
    frame = ablation.roles(found)
    ablation_charts.draw_roles(frame)
    meaning = ablation_charts.roles_words(frame, parameters["tolerance"])
    code = [*ablation.load_code(parameters, epoch), *ablation.roles_code()]
    _below(run, epoch, parameters, meaning, frame, "roles", code)


def _neuron(run: Run, query: Query, epoch: int, parameters: Parameters, found: xr.Dataset) -> None:
    """One neuron by its place in a ranking: its numbers, and what it shows."""
    figures.title("A neuron by its place")
    scope, place, number = _chosen(query, found)
    ranking = ablation.ranking(found, scope)
    scopes, key = found["scope"].values.tolist(), "query scope"
    left, right = st.columns([1, 3], gap="large")
    st.session_state[key] = scope
    left.selectbox(
        "Ranking of", scopes, key=key, format_func=scope_name,
        on_change=lambda: queries.change(scope=st.session_state[key], place=None),
    )  # fmt: skip
    if number > 1:
        label, key_place = f"Place, from the lowest score (1) to the highest ({number})", "query place"
        st.session_state[key_place] = place
        right.slider(
            label, 1, number, key=key_place, on_change=lambda: queries.change(place=st.session_state[key_place])
        )
    layer, channel, score = ranking.loc[place]
    layer, channel = str(layer), int(channel)
    words = f"**Layer {plain(layer)}, channel {channel}**: {ablation.SCORES[parameters['score']]} {score:.3f} bits. Place {place} of "
    words += f"{number} in {plain(scope_name(scope))}: turned off as number {place}, lowest first, or {number + 1 - place}, highest first."
    code = [*ablation.load_code(parameters, epoch), *ablation.ranking_code(scope)]
    _below(run, epoch, parameters, words, ranking, "ranking", code, scope)
    _told(run, epoch, parameters, layer, channel)
    _shown(run, query, epoch, layer, channel)


def _told(run: Run, epoch: int, parameters: Parameters, layer: str, channel: int) -> None:
    """What the neuron says about the label, by itself."""
    if run.labels is None:
        return
    used = ablation.quantizer(parameters)
    if not ablation.label_known(run, layer, used, epoch):
        _offer(run, epoch, parameters)
        return
    try:
        numbers = ablation.label_numbers(run, layer, used, epoch).sel(channel=channel)
    except RunError as error:
        figures.failed(error)
        return
    rows = ablation.neuron_table(run, numbers)
    st.table({"": list(rows), "value": list(rows.values())})
    st.markdown(f"Of its values on the probe, made discrete by {plain(repr(used))}.")


def _shown(run: Run, query: Query, epoch: int, layer: str, channel: int) -> None:
    """The neuron's maps; of single values, their means by class."""
    if len(run.layer(layer).shape) > 1:
        details.neuron_maps(run, query, epoch, layer, channel)
        return
    figures.title("Mean activation by class")
    what = f"Layer {plain(layer)} has single values and no maps."
    if run.labels is None:
        say(f"{what} This run has no labels to average them by.", "look at a layer with maps.")
        return
    if epoch not in run.epochs:
        say(f"{what} Only results were recorded at epoch {epoch}; there are no values.", tables.nearest(run, epoch))
        return
    frame = ablation.class_means(run, layer, channel, epoch)
    chart = ablation_charts.by_class(frame.reset_index(), "mean activation")
    charts.draw(chart, "class means", f"mean activation of channel {channel} of layer {layer} by class")
    code = ablation.class_code(layer, channel, epoch)
    meaning = f"{what} These are the means over all samples of each class, when no neuron is turned off."
    _below(run, epoch, None, meaning, frame, "class means", code, layer, f"channel{channel}")


def _labels(run: Run, epoch: int, parameters: Parameters | None) -> None:
    """Without an ablation: what each neuron says about the label, which needs no network."""
    figures.title(f"Neurons by information about the label at epoch {epoch}")
    if run.labels is None:
        say("This run was recorded without labels, which this needs.", "record the network again with labels.")
        return
    used = ablation.quantizer(parameters)
    layers = [name for name in ablation.label_layers(run) if ablation.label_known(run, name, used, epoch)]
    if layers:
        try:
            frame = ablation.label_scores(run, layers, used, epoch)
            code = ablation.label_code(layers, used, epoch)
            _spread(run, epoch, None, frame, "I(Y; neuron) (bits)", code)
        except RunError as error:
            figures.failed(error)
    _offer(run, epoch, parameters)


def _offer(run: Run, epoch: int, parameters: Parameters | None) -> None:
    """A button for the layers that are not measured yet."""
    used = ablation.quantizer(parameters)
    missing = [name for name in ablation.label_layers(run) if not ablation.label_known(run, name, used, epoch)]
    if not missing:
        return
    what = f"What each neuron says about the label has not been measured at epoch {epoch} in {count(len(missing), 'layer')}"
    if epoch not in run.epochs:
        say(f"{what}, and only results were recorded of it.", tables.nearest(run, epoch))
        return
    say(f"{what}: {plain(', '.join(missing))}.", "press the button; a layer takes seconds.")
    steps = [
        (f"layer {name}", lambda name=name: bitlens.label_information(run, name, used, epochs=[epoch]))
        for name in missing
    ]
    compute.offer(f"information about the label, {count(len(missing), 'layer')}", "compute label information", steps)


def _below(
    run: Run,
    epoch: int,
    parameters: Parameters | None,
    meaning: str,
    frame: Any,
    figure: str,
    code: Sequence[str],
    *of: str,
) -> None:
    """What stands around every figure."""
    file = figures.file_name(run, "ablation", figure, *of, f"epoch{epoch}", ending="csv")
    settings = None if parameters is None else ablation.words(parameters)
    about = {"epoch": epoch, "figure": figure, "of": " ".join(of) or None, "settings": settings}
    figures.below(run, meaning, frame, f"ablation {figure}", file, about, ["import pandas", "", *code])


main()
