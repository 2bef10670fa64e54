"""The information-flow page (Yu et al. 2018, section III): information about input and labels in every layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

import bitlens
from bitlens import tables
from bitlens.measures import Target, Task, information_plane, layer_decomposition, processing_inequalities
from bitlens.runs import Run
from bitlens_explorer.results import flow
from bitlens_explorer.results.definitions import DEFINITIONS
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.flow import Group
from bitlens_explorer.results.known import AnyKnown, AnyMeasure, described, load, missing_tasks, stored_epochs
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import PLANES, Query
from bitlens_explorer.ui import charts, compute_button, figure_frame, page_frame
from bitlens_explorer.ui.bound_widget import choose, switch
from bitlens_explorer.ui.text import count, escape_markdown, number_ranges, show_hint, show_warning
from bitlens_explorer.views.flow import captions
from bitlens_explorer.views.flow.charts import MOVE, by_target, chain, information, plane

PLANE_COLUMNS = {
    "": "information",
    "at least": "information_lower",
    "null": "null_mean",
    "null deviation": "null_std",
    "excess": "excess",
    "standard error": "standard_error",
    "adjusted": "adjusted",
    "verdict": "verdict",
}
TITLES = (
    "Information plane",
    "Modified information plane",
    "Data-processing inequalities",
    "Shared information",
    "Saturation",
)
Wanted = dict[Target, tuple[AnyKnown | None, Traced | None]]  # by target, the results that are shown


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    page_frame.head(
        "Information flow", "How much do the layers know about the input and about the labels, and where is it lost?"
    )
    group = _chosen_group(flow.matrix_groups(run), query)
    parts = (_plane, _modified_plane, _inequalities, _shares, _saturation)
    by_title = dict(zip(TITLES, parts, strict=True))
    for title in page_frame.figures("flow", TITLES):
        try:
            by_title[title](run, query, epoch, group)
        except ValueError as error:
            show_warning(error)


def _chosen_group(groups: Sequence[Group], query: Query) -> Group:
    """The group that the address names by one of its results."""
    if not groups[0].members:
        return groups[0]
    named = flow.find_group(groups, query.settings)
    ids = {group: group.members[0].id for group in groups}
    ids |= {named: str(query.settings)} if named else {}
    texts = {ids[group]: captions.settings_text(group.settings) for group in groups}
    for group in groups:
        if group.known(information_plane) is None:
            texts[ids[group]] += " (information plane not measured)"
    chosen = choose("settings", "Settings of matrix-based information", texts)
    return next(group for group in groups if ids[group] == chosen)


def _plane(run: Run, query: Query, epoch: int, group: Group) -> None:
    figure_frame.title("Information plane, all samples", DEFINITIONS["plane"])
    names = {name: text if flow.plane(run, name, group) else f"{text} (not measured)" for name, text in PLANES.items()}
    estimator = flow.shown_plane(run, query.plane, group, list(PLANES))
    switch(st.segmented_control, "Estimator", "plane", names, value=estimator)
    known = flow.plane(run, estimator, group)
    results = load(run, known)
    if known is not None and results is not None:
        table = call(tables.information_plane, results)
        dashed = captions.DASHED if table.value["null_mean"].notna().all() else charts.ISOLATE
        about = set(table.value["about"])
        labels = MOVE if "labels" in about else "**This run has no labels, so only the input is shown.**"
        if "input" not in about:
            labels = "**This run has no inputs, so only the labels are shown.**"
        bounds = tables.target_entropies(results.value).groupby("about")["entropy"].last().to_dict()
        chart = information(by_target(table.value, PLANE_COLUMNS), _layers(run, table), epoch, bounds)
        verdicts = captions.verdict_caption(table.value, epoch)
        caption = f"{captions.MEANINGS[estimator]} {dashed} {labels} {verdicts} {captions.limits_caption(bounds)}"
        _draw(run, chart, "information plane", caption, table, known, estimator)
    wanted: Wanted = {(): (known, results)}
    settings = group.wanted(information_plane) if estimator == flow.ESTIMATOR else {}
    _offer(run, "The information plane has", information_plane, wanted, {**settings, "estimator": estimator})


def _modified_plane(run: Run, query: Query, epoch: int, group: Group) -> None:
    sets, by_layer = _decompositions(run, group)
    if not by_layer or run.labels is None or not run.has_inputs:
        return  # the shares below say what is missing
    figure_frame.title("Modified information plane", DEFINITIONS["modified"])
    name = "weighted_nonredundant"
    table = _decomposition(by_layer, [name, f"{name}_null_mean", f"{name}_null_std"])
    prefixes = {"": name, "null": f"{name}_null_mean", "null deviation": f"{name}_null_std"}
    chart = plane(by_target(table.value, prefixes), list(by_layer), epoch, "non-redundant information")
    caption = f"{captions.MEANINGS['modified']} {captions.DASHED} {MOVE} {tables.no_error(table.value)}"
    _draw(run, chart, "modified plane", caption, table, next(iter(sets.values())))


def _inequalities(run: Run, query: Query, epoch: int, group: Group) -> None:
    figure_frame.title(f"Data-processing inequalities at epoch {epoch}", DEFINITIONS["inequalities"])
    known = group.known(processing_inequalities)
    results = load(run, known)
    if known is not None and results is not None:
        places = iter([*st.columns(2, gap="large"), *st.columns(2, gap="large")])
        for name in captions.CHAINS if epoch in stored_epochs(results) else ():
            if name in results.value:
                with next(places):
                    _chain(run, epoch, results, name, known)
        with next(places):
            _violations(run, epoch, results, known)
    settings = group.wanted(processing_inequalities)
    _offer(run, "The chains have", processing_inequalities, {(): (known, results)}, settings)


def _chain(run: Run, epoch: int, results: Traced, name: str, known: AnyKnown) -> None:
    x_title, y_title, meaning = captions.CHAINS[name]
    table = call(tables.information_chains, results.sel(epoch=epoch)).rows(chain=name)
    st.markdown(f"**{y_title.removesuffix(' (bits)')}, {name}**")
    chart, caption = chain(table.value, x_title, y_title), meaning + captions.violations_caption(table.value)
    _draw(run, chart, f"{name} chain", caption, table, known, f"epoch{epoch}")


def _violations(run: Run, epoch: int, results: Traced, known: AnyKnown) -> None:
    st.markdown("**Violations over epochs**")
    table = call(tables.chain_violations, results)
    names = list(dict.fromkeys(table.value["chain"]))
    chart = charts.lines(table.value, names, "violations", "violations (count)", epoch, of="chain")
    caption = "Steps at which a chain increases by more than its null allows. Exact information has no violations."
    if not run.manifest.gradients:
        caption += " No loss gradients were recorded, so the chain of errors is missing."
    _draw(run, chart, "violations", caption, table, known)


def _shares(run: Run, query: Query, epoch: int, group: Group) -> None:
    figure_frame.title("How channels share information", DEFINITIONS["shares"])
    sets, by_layer = _decompositions(run, group)
    targets = layer_decomposition.targets(run)
    if not by_layer and not targets:
        what = "No layer has several maps, so there is nothing to decompose."
        show_hint(what, "look at a network with convolutions.")
        return
    for quantity, (title, meaning) in captions.SHARES.items() if by_layer else ():
        share = f"{quantity}_share"
        table = _decomposition(by_layer, [share, f"{share}_null_mean", f"{share}_null_std", quantity, "share_verdict"])
        prefixes = {"share": share, "null share": f"{share}_null_mean", "null deviation share": f"{share}_null_std"}
        caption = f"{title}: {meaning}, as a share of their joint information. {captions.DASHED}"
        caption += f" {tables.no_error(table.value)}"
        about_what = list(dict.fromkeys(table.value["about"]))
        for column, about in zip(st.columns(2, gap="large"), about_what, strict=False):
            with column:
                st.markdown(f"**{title}, about the {about}**")
                part = table.rows(about=about)
                frame = by_target(part.value, {**prefixes, "bits": quantity})
                y_title = f"share of I({about}; two channels)"
                chart = charts.lines(frame, list(by_layer), f"share {about}", y_title, epoch)
                verdicts = captions.verdict_caption(part.value, epoch, "share_verdict")
                known = next(iter(sets.values()))
                _draw(run, chart, f"{quantity} {about}", f"{caption} {verdicts}", part, known, about)
    names = dict.fromkeys([*sets, *(name for (name,) in targets)])
    wanted: Wanted = {(name,): (sets.get(name), by_layer.get(name)) for name in names}
    _offer(run, "The decomposition has", layer_decomposition, wanted, group.wanted(layer_decomposition))


def _saturation(run: Run, query: Query, epoch: int, group: Group) -> None:
    figure_frame.title("Saturation", DEFINITIONS["saturation"])
    known = flow.plane(run, flow.ESTIMATOR, group)
    results = load(run, known)
    if known is None or results is None:
        what = "Saturation is computed together with the matrix-based information plane."
        show_hint(what, "choose this estimator at the top and compute it.")
        return
    table = call(tables.saturation, results)
    y_title, limit = "H(layer) / log2 n (share)", bitlens.SaturationWarning.limit
    chart = charts.lines(table.value, _layers(run, table), "saturation", y_title, epoch, limit)
    _draw(run, chart, "saturation", captions.saturation_caption(table.value), table, known)


def _decompositions(run: Run, group: Group) -> tuple[dict[str, AnyKnown], dict[str, Traced]]:
    """What is known, and the results, by layer."""
    sets = flow.decompositions(run, group)
    loaded = {name: load(run, known, name=None) for name, known in sets.items()}
    return sets, {name: results for name, results in loaded.items() if results is not None}


def _decomposition(by_layer: Mapping[str, Traced], columns: Sequence[str]) -> Traced:
    """Columns of the decomposition of several layers."""
    table = call(tables.channel_decomposition, dict(by_layer))
    return table.columns(["epoch", "layer", "about", *(name for name in columns if name in table.value)])


def _layers(run: Run, table: Traced) -> list[str]:
    """The layers of a table in the order of the network."""
    present = set(table.value["layer"])
    return [layer.name for layer in run.layers if layer.name in present]


def _draw(run: Run, chart: charts.Chart, key: str, caption: str, table: Traced, known: AnyKnown, *name: str) -> None:
    """A figure and its frame."""
    charts.draw(chart, key, f"{key.replace('_', ' ')}; its numbers are in the table below")
    settings = described(known)
    file = file_name(run, "flow", key, *name, ending="csv")
    about = {"figure": key, "settings": settings, "unit": "1 for shares, saturation and counts; bits for all else"}
    figure_frame.below(run, f"{caption}\n\nSettings: {escape_markdown(settings)}.", table, key, file, about, chart)


def _offer(run: Run, what: str, measure: AnyMeasure, wanted: Wanted, settings: Mapping[str, object]) -> None:
    """A button for what is not measured yet."""
    tasks: list[Task] = []
    for target, (known, results) in wanted.items():
        tasks += missing_tasks(run, measure, target, known, results, **settings)
    if tasks:
        epochs = sorted({task.epoch for task in tasks})
        names = [escape_markdown(*target) for target in dict.fromkeys(task.target for task in tasks) if target]
        layers = f": {', '.join(names)}" if names else ""
        missing = f"{what} not been measured with these settings at epoch {number_ranges(epochs)}{layers}."
        show_hint(missing, "press the button; an epoch takes seconds.")
        label = f"{', '.join(names) or measure.title}, {count(len(epochs), 'epoch')}"
        compute_button.offer(run, label, f"compute {measure.name}", tasks)
    elif not any(results for _, results in wanted.values()):
        show_hint(f"{what} not been measured, and the run has no activations.", "record the network again.")


main()
