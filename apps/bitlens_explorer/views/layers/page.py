"""The layers page (CNNSlicer, section 5.3): information that channels of one layer have about those of another."""

from __future__ import annotations

from typing import Any

import streamlit as st
import xarray as xr

from bitlens import tables
from bitlens.measures import Task, layer_pair_information
from bitlens.runs import Run, RunError
from bitlens_explorer.results.definitions import DEFINITIONS
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import AnyKnown, described, known_sets, load, missing_tasks, stored_epochs
from bitlens_explorer.results.query_check import measured_pairs
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import QUANTITIES, RANGES, SORTS, Query, change_query
from bitlens_explorer.ui import compute_button, figure_frame, page_frame
from bitlens_explorer.ui.bound_widget import switch
from bitlens_explorer.ui.components import heatmap
from bitlens_explorer.ui.feature_maps import show_feature_maps
from bitlens_explorer.ui.text import count, escape_markdown, show_hint, show_warning
from bitlens_explorer.views.layers import matrices


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    page_frame.head("Layers", "Which channels of one layer share information with which channels of another?")
    a, b = str(query.a), str(query.b)
    sets = known_sets(run, layer_pair_information, a, b)
    known = next((known for known in sets if known.id == query.estimator), None)
    if known is None:
        _unmeasured(run, a, b)
        return
    at_epoch = load(run, known, [epoch])
    if at_epoch is None:
        names = f"Layers {escape_markdown(a)} and {escape_markdown(b)}"
        what = f"{names} have not been measured with these parameters at epoch {epoch}."
        show_hint(what, "press the button, or choose another epoch.")
        tasks = missing_tasks(run, layer_pair_information, (a, b), known, None)
        _offer(run, a, b, described(known), [task for task in tasks if task.epoch == epoch])
        return
    about = {"layer A (columns)": a, "layer B (rows)": b, "quantity": QUANTITIES[query.quantity]}
    about |= {"unit": "bits", "estimator": described(known), "sorted by": SORTS[query.sort]}
    choices = (("Quantity", "quantity", QUANTITIES), ("Sort channels by", "sort", SORTS))
    with st.container(horizontal=True, gap="medium", key="controls"):
        for choice in (*choices, ("Colour range of", "color_range", RANGES)):
            switch(st.segmented_control, *choice)
    left, answer = page_frame.figure_and_answer()
    at_epoch = at_epoch.sel(epoch=epoch)
    with left:
        _matrix(run, query, epoch, at_epoch, known, about)
        _strip(run, query, known, matrices.channel_orders(at_epoch.value, query), epoch, about)
    with answer:
        pair = _chosen_pair(query, epoch, at_epoch.value)
        if pair is not None:
            _feature_maps(run, query, epoch)
            _numbers(pair, int(known.parameters.permutations))
        _all_pairs(at_epoch.value)


def _feature_maps(run: Run, query: Query, epoch: int) -> None:
    assert query.cell is not None
    try:
        channels = list(zip((str(query.a), str(query.b)), query.cell, strict=True))
        show_feature_maps(run, query, epoch, channels, "layers")
    except RunError as error:
        show_warning(error)


def _matrix(run: Run, query: Query, epoch: int, at_epoch: Traced, known: AnyKnown, about: dict[str, str]) -> None:
    results: xr.Dataset = at_epoch.value
    order = matrices.channel_orders(results, query)
    colored = load(run, known) if query.color_range == "all" else at_epoch
    assert colored is not None
    colors = matrices.color_range(colored.value, query)
    drawn = matrices.heat_map(run, query, results, epoch, order, colors)
    of_quantity = DEFINITIONS["excess" if query.quantity == "excess" else "mutual_information"]
    figure_frame.title(escape_markdown(f"{drawn.title}, all samples"), of_quantity)
    heatmap.show(drawn, "information", query.cell and query.cell[::-1], _pick)
    over_null = query.quantity == "excess"
    meaning = (
        "How much the distances between samples in a channel of A tell about the distances in a channel of B"
        + (", minus the mean of shuffled samples." if over_null else ". The estimate is biased upward.")
        + f" {escape_markdown(about['estimator'].capitalize())}."
    )
    file = file_name(run, "layers", query.a, query.b, f"epoch{epoch}", query.quantity, ending="csv")

    def table() -> Traced:
        return call(tables.channel_pairs, at_epoch)

    figure_frame.below(run, meaning, table, "information", file, {"epoch": epoch, **about})


def _all_pairs(results: xr.Dataset) -> None:
    """The mean over pairs of channels."""
    mean = tables.estimate(
        float(results.mean_excess), float(results.mean_standard_error), str(results.mean_verdict.values)
    )
    dead = int(results.dead_a) + int(results.dead_b)
    without = f"; {count(dead, 'dead channel')} left out" if dead else ""
    drawn = tables.drawn_pairs(results)
    at_random = ", drawn at random" if drawn else ""
    figure_frame.title("Drawn channels" if drawn else "All channels")
    st.markdown(
        f"Mean excess over {drawn or 'all'} pairs of channels{at_random}: **{mean or 'no pair of living channels'}** "
        f"bits{without}. ± is the standard error. "
        "Compare only values of equal numbers of samples."
    )


def _chosen_pair(query: Query, epoch: int, results: xr.Dataset) -> Any:
    """The row of the chosen pair of channels, whose information is shown; None if there is no such pair."""
    figure_frame.title("Chosen channels")
    if query.cell is None:
        show_hint("No cell is chosen.", "click a cell of the heat map, or move through it with the arrow keys.")
        return None
    a, b = query.cell
    if a not in results.channel_a or b not in results.channel_b:
        show_hint(f"Channels {a} and {b} were not drawn.", "click a cell of the heat map.")
        return None
    pair = tables.channel_pairs(results.sel(channel_a=a, channel_b=b)).iloc[0]
    names = f"A: layer {query.a}, channel {a}", f"B: layer {query.b}, channel {b}"
    st.markdown(f"**{escape_markdown(names[0])}**; **{escape_markdown(names[1])}**; epoch {epoch}")
    columns = st.columns(2)
    columns[0].metric("Mutual information", f"{pair['mutual_information']:.3f} bits")
    columns[1].metric("Excess over null", f"{pair['excess']:.3f} bits")
    return pair


def _numbers(pair: Any, permutations: int) -> None:
    """Baseline, verdict and entropies of the chosen pair."""
    figure_frame.title("Numbers of these channels")
    rows = {
        "excess, as its verdict allows": tables.estimate(pair["excess"], pair["standard_error"], pair["verdict"]),
        "verdict": pair["verdict"],
        "adjusted for chance": f"{pair['adjusted']:.3f} bits",
        "null, mean ± std": f"{pair['null_mean']:.3f} ± {pair['null_std']:.3f} bits",
        "p-value of the permutation test": tables.p_value(pair["p_value"], permutations),
        "q-value, for all pairs together": f"{pair['q_value']:.3g}",
        "entropy of the channel of A": f"{pair['entropy_a']:.3f} bits",
        "entropy of the channel of B": f"{pair['entropy_b']:.3f} bits",
        "joint entropy": f"{pair['joint_entropy']:.3f} bits",
    }
    st.table({"": list(rows), "value": list(rows.values())})
    st.markdown("These are entropies of the binned distances between samples.")


def _strip(
    run: Run, query: Query, known: AnyKnown, order: matrices.Order, shown_epoch: int, about: dict[str, str]
) -> None:
    """The same matrix at three epochs, in the order of the epoch that is shown."""
    epochs = known.epochs
    loaded = load(run, known, sorted({epochs[0], epochs[len(epochs) // 2], epochs[-1]}))
    if loaded is None:
        return
    results = loaded.value
    chosen = stored_epochs(loaded)
    colors = matrices.color_range(results, query)
    figure_frame.title("The same matrix during the training, all samples")
    for column, epoch in zip(st.columns(len(chosen)), chosen, strict=True):
        with column:
            st.markdown(f"**Epoch {epoch}**")
            at_epoch = results.sel(epoch=epoch)
            drawn = matrices.heat_map(run, query, at_epoch, epoch, order, colors, 260)
            heatmap.show(drawn, f"strip {epoch}", query.cell and query.cell[::-1], _pick)
    meaning = (
        "The matrix at the first, a middle and the last epoch, with one colour scale, in the order of channels of "
        f"epoch {shown_epoch}."
    )
    file = file_name(run, "layers", query.a, query.b, "epochs", query.quantity, ending="csv")
    variable = matrices.VARIABLES[query.quantity]

    def table() -> Traced:
        return call(tables.channel_pairs, loaded).columns(["epoch", "channel_a", "channel_b", variable])

    figure_frame.below(run, meaning, table, "strip", file, about)


def _pick(row: int, column: int) -> None:
    change_query(cell=(column, row))


def _unmeasured(run: Run, a: str, b: str) -> None:
    names = f"{escape_markdown(a)} and {escape_markdown(b)}"
    figure_frame.title(f"Layers {names}")
    pairs = measured_pairs(run)
    if (b, a) in pairs:
        show_hint(f"Layers {names} have not been measured, but their exchange has.", "swap A and B.")
        st.button("Swap A and B", on_click=change_query, kwargs={"a": b, "b": a})
        return
    known = ", ".join(f"{escape_markdown(first)} and {escape_markdown(second)}" for first, second in pairs)
    next_step = f"press the button, or choose measured layers: {known or 'nothing is measured yet'}."
    show_hint(f"Layers {names} have not been measured.", next_step)
    tasks = missing_tasks(run, layer_pair_information, (a, b), None, None)
    _offer(run, a, b, "default parameters", tasks)


def _offer(run: Run, a: str, b: str, settings: str, tasks: list[Task]) -> None:
    names = f"layers {escape_markdown(a)} and {escape_markdown(b)}"
    label = f"{names}, {count(len(tasks), 'epoch')}: {escape_markdown(settings)}"
    compute_button.offer(run, label, "compute information", tasks)


main()
