"""The comparison page: up to four runs, their training, their estimates by layer, and two networks in detail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from bitlens import tables
from bitlens.measures import input_diversity, training_performance
from bitlens.runs import Run, RunError
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import known_sets, load
from bitlens_explorer.results.traced import Traced
from bitlens_explorer.state import run_access
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import COMPARISONS, Query, current_query
from bitlens_explorer.ui import charts, figure_frame, page_frame
from bitlens_explorer.ui.bound_widget import bound_widget, switch
from bitlens_explorer.ui.text import capitalized, escape_markdown, show_hint, show_warning
from bitlens_explorer.views.compare.captions import DIFFERENCES, OTHER_PROBE, PROGRESS, drawn_quantities
from bitlens_explorer.views.compare.charts import diversity_by_run, estimates_by_layer, metric_over_epochs
from bitlens_explorer.views.compare.later_layers import show_later_layers
from bitlens_explorer.views.compare.networks import show_two_networks

MOST_OTHERS = 3
Runs = Mapping[str, Run]


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    page_frame.head("Compare", "How does this network, or this training, differ from others?")
    others = _others(run, query)
    if not others:
        return
    runs = tables.named_runs([run, *others])
    overview = tables.run_overview(runs)
    names = ", ".join(f"**{escape_markdown(name)}**" for name in runs)
    st.markdown(f"The runs {names}. The first is the reference of all differences. Layers are matched by their names.")
    if not overview["same_probe"].all():
        st.warning(OTHER_PROBE)
    switch(st.segmented_control, "Show", "comparison", COMPARISONS)
    shown = current_query().comparison
    if shown == "training":
        st.dataframe(overview.rename(columns={"same_probe": "same probe"}), hide_index=True, key="runs")
        _progress(run, runs)
        _diversity(run, runs)
    elif shown in ("estimates", "later"):
        _estimates(run, runs, query, epoch)
    else:
        show_two_networks(runs, query, epoch)


def _others(run: Run, query: Query) -> list[Run]:
    """The runs that are compared with the open one; a run that cannot be opened is named."""
    this = run_access.address(run.path)
    options = [address for address in dict.fromkeys([*run_access.runs_in_root(), *query.others]) if address != this]
    if not options:
        root = escape_markdown(run_access.root())
        show_hint(f"There is no other run in {root}.", "start the explorer with a folder of several runs as --root.")
        return []
    chosen = [address for address in query.others if address in options][:MOST_OTHERS]
    label = f"Compare with (up to {MOST_OTHERS} runs)"
    bound_widget(
        st.multiselect,
        label,
        "others",
        options,
        value=chosen,
        store=tuple,
        reset=["second"],
        max_selections=MOST_OTHERS,
    )
    if not chosen:
        show_hint("This page compares this run with up to three others.", "choose another run in the list above.")
    opened = []
    for address in chosen:
        try:
            opened.append(run_access.open_at(address))
        except (RunError, OSError) as error:
            show_warning(error)
    return opened


def _opening(runs: Runs) -> str:
    paths = [str(run.path.resolve()) for run in runs.values()]
    return f"runs = tables.named_runs([bitlens.open_run(path) for path in {paths!r}])"


def _progress(run: Run, runs: Runs) -> None:
    parts = {}
    for name, other in runs.items():
        results = load(other, next(iter(known_sets(other, training_performance)), None))
        if results is not None:
            parts[name] = tables.training_progress(results.value)
    if not parts:
        return
    table = tables.joined_runs(parts)
    joined = (
        "table = tables.joined_runs({name: tables.training_progress(bitlens.training_performance.stored(one)) "
        "for name, one in runs.items()})"
    )
    for column, (metric, (title, y_title)) in zip(st.columns(2, gap="large"), PROGRESS.items(), strict=True):
        with column:
            figure_frame.title(f"{title} of all runs")
            chart = metric_over_epochs(table, list(parts), metric, y_title)
            charts.draw(chart, f"compare {metric}", f"{y_title} over epochs, a line for every run")
            traced = Traced(table[["run", "epoch", metric]], "table", (_opening(runs), joined))
            file = file_name(run, "compare", metric, ending="csv")
            figure_frame.below(
                run, f"{y_title.capitalize()} on the probe.", traced, metric, file, {"quantity": y_title}
            )


def _diversity(run: Run, runs: Runs) -> None:
    """The diversity of the inputs by class, as for training sets of several sizes (CNNSlicer, Fig. 5)."""
    parts = {}
    for name, other in runs.items():
        results = load(other, next(iter(known_sets(other, input_diversity)), None))
        if results is not None:
            parts[name] = tables.input_diversity(results.value)
    if not parts:
        return
    figure_frame.title("Diversity of the inputs")
    table = tables.joined_runs(parts)
    charts.draw(diversity_by_run(table, list(parts)), "compare diversity", "diversity of the inputs by class and run")
    joined = (
        "table = tables.joined_runs({name: tables.input_diversity(bitlens.input_diversity.stored(one)) "
        "for name, one in runs.items()})"
    )
    traced = Traced(table, "table", (_opening(runs), joined))
    meaning = (
        "Inter-sample entropy of the inputs of each run. It grows with the number of samples: compare only groups of "
        "equal size, or compare each value with its largest possible value, the tick above it."
    )
    figure_frame.below(run, meaning, traced, "diversity", file_name(run, "compare", "diversity", ending="csv"), {})


def _estimates(run: Run, runs: Runs, query: Query, epoch: int) -> None:
    """Stored estimates, at the chosen epoch if all runs have results there, else at the last one of each."""
    chosen = query.epoch
    try:
        try:
            table = tables.run_comparison(runs, chosen)
        except ValueError:
            if chosen is None:
                raise
            chosen = None
            table = tables.run_comparison(runs)
            st.info(f"Not all runs have results at epoch {query.epoch}. The last epoch of each run is shown.")
    except ValueError as error:
        show_warning(error)
        return
    known = table.dropna(subset=["epoch"])
    shown = dict(zip(known["run"], known["epoch"], strict=True))
    at = ", ".join(f"{escape_markdown(name)} at epoch {e}" for name, e in shown.items())
    st.markdown(f"Shown: {at}. The lines are one standard error.")
    if query.comparison == "later":
        show_later_layers(run, query, epoch, table)
    else:
        _by_layer(run, runs, table, chosen)


def _by_layer(run: Run, runs: Runs, table: Any, epoch: int | None) -> None:
    """Charts of the quantities that every layer has, and the table of all."""
    quantities = drawn_quantities(table)
    layers = list(dict.fromkeys(layer.name for one in runs.values() for layer in one.layers))
    for first in range(0, len(quantities), 2):
        for column, quantity in zip(st.columns(2, gap="large"), quantities[first : first + 2], strict=False):
            with column:
                figure_frame.title(escape_markdown(capitalized(quantity)))
                chart = estimates_by_layer(table, list(runs), quantity, layers)
                charts.draw(chart, f"compare {quantity}", f"{quantity} by layer, a point for every run")
    figure_frame.title("All estimates")
    texts = tables.comparison_texts(table)
    st.dataframe(texts, hide_index=True, key="estimates")
    argument = "" if epoch is None else f", {epoch}"
    traced = Traced(table, f"tables.run_comparison(runs{argument})", (_opening(runs),))
    file = file_name(run, "compare", "estimates", ending="csv")
    figure_frame.below(run, DIFFERENCES, traced, "comparison", file, {"runs": ", ".join(runs)})


main()
