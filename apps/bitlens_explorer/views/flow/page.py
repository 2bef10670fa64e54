"""The information-flow page (Yu et al. 2018, section III): information about input and labels in every layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
import xarray as xr

import bitlens
from bitlens import tables
from bitlens.runs import Run, RunError
from bitlens_explorer.results import flow
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import Parameters
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import PLANES, Query
from bitlens_explorer.ui import charts, compute_button, figure_frame
from bitlens_explorer.ui.bound_widget import choose_settings, switch
from bitlens_explorer.ui.text import count, escape_markdown, number_ranges, show_hint, show_warning
from bitlens_explorer.views.flow import captions
from bitlens_explorer.views.flow.charts import MOVE, by_target, chain, information, plane
from bitlens_explorer.views.flow.settings import (
    DEFAULTS,
    Wanted,
    describe_settings,
    error_bandwidth,
    load_code,
    load_layers_code,
    missing_steps,
)

PLANE_COLUMNS = {"": "information", "at least": "information_lower", "null": "null_mean", "null deviation": "null_std"}


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    st.title("Information flow", anchor=False)
    known = flow.matrix_settings(run) or {"": DEFAULTS}
    settings = choose_settings("settings", "Settings of matrix-based information", known, describe_settings)
    for part in (_plane, _modified_plane, _inequalities, _shares, _saturation):
        try:
            part(run, query, epoch, settings)
        except RunError as error:
            show_warning(error)


def _plane(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    figure_frame.title("Information plane")
    measured = flow.measured_planes(run, settings)
    names = {name: text if name in measured else f"{text} (not measured)" for name, text in PLANES.items()}
    switch(st.segmented_control, "Estimator", "plane", names)
    results = flow.plane(run, query.plane, settings)
    if results is not None:
        table = tables.information_plane(results)
        dashed = captions.DASHED if "null_mean" in results else charts.ISOLATE
        labels = MOVE if run.labels is not None else "**This run has no labels, so only the input is shown.**"
        bounds = tables.target_entropies(results).groupby("about")["entropy"].last().to_dict()
        chart = information(by_target(table, PLANE_COLUMNS), _layers(run, table), epoch, bounds)
        caption = f"{captions.MEANINGS[query.plane]} {dashed} {labels}"
        code = [*load_code(flow.PLANE, results.attrs), "table = tables.information_plane(results)"]
        _draw(run, chart, "information plane", caption, table, results.attrs, code, query.plane)
    given = {"estimator": query.plane} | (settings if query.plane == "renyi" else {})
    wanted = {"information plane": (given if results is None else results.attrs, _epochs(results))}
    _offer(run, "The information plane has", bitlens.information_plane, wanted)


def _modified_plane(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    by_layer = flow.decompositions(run, settings)
    if not by_layer or run.labels is None:
        return  # the shares below say what is missing
    figure_frame.title("Modified information plane")
    name = "weighted_nonredundant"
    table = _decomposition(by_layer, [name, f"{name}_null_mean", f"{name}_null_std"])
    prefixes = {"": name, "null": f"{name}_null_mean", "null deviation": f"{name}_null_std"}
    chart = plane(by_target(table, prefixes), list(by_layer), epoch, "non-redundant information")
    caption = f"{captions.MEANINGS['modified']} {captions.DASHED} {MOVE}"
    _draw_decomposition(run, chart, "modified plane", caption, table, by_layer)


def _inequalities(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    figure_frame.title(f"Data-processing inequalities at epoch {epoch}")
    results = flow.inequalities(run, settings)
    if results is not None:
        places = iter([*st.columns(2, gap="large"), *st.columns(2, gap="large")])
        for name in captions.CHAINS if epoch in results.epoch else ():
            if name in results:
                with next(places):
                    _chain(run, epoch, results, name)
        with next(places):
            _violations(run, epoch, results)
    given = {**settings, **error_bandwidth(settings)} if results is None else results.attrs
    _offer(run, "The chains have", bitlens.processing_inequalities, {"chains": (given, _epochs(results))})


def _chain(run: Run, epoch: int, results: xr.Dataset, name: str) -> None:
    x_title, y_title, meaning = captions.CHAINS[name]
    table = tables.information_chains(results.sel(epoch=epoch))
    table = table[table["chain"] == name].reset_index(drop=True)
    st.markdown(f"**{y_title.removesuffix(' (bits)')}, {name}**")
    code = [
        *load_code(flow.CHAINS, results.attrs),
        f"table = tables.information_chains(results.sel(epoch={epoch}))",
        f"table = table[table.chain == {name!r}].reset_index(drop=True)",
    ]
    chart, caption = chain(table, x_title, y_title), meaning + captions.violations_caption(table)
    _draw(run, chart, f"{name} chain", caption, table, results.attrs, code, f"epoch{epoch}")


def _violations(run: Run, epoch: int, results: xr.Dataset) -> None:
    st.markdown("**Violations over epochs**")
    table = tables.chain_violations(results)
    names = list(dict.fromkeys(table["chain"]))
    chart = charts.lines(table, names, "violations", "violations (count)", epoch, of="chain")
    caption = "Steps at which a chain increases by more than its null allows. Exact information has no violations."
    if not run.manifest.gradients:
        caption += " No loss gradients were recorded, so there is no chain of errors."
    code = [*load_code(flow.CHAINS, results.attrs), "table = tables.chain_violations(results)"]
    _draw(run, chart, "violations", caption, table, results.attrs, code)


def _shares(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    figure_frame.title("How channels share information")
    if settings["tensor"]:
        show_hint("With one kernel of all values a layer has no channels to decompose.", "choose other settings.")
        return
    by_layer = flow.decompositions(run, settings)
    decomposable = [layer.name for layer in run.layers[1:] if len(layer.shape) > 1 and layer.channels > 1]
    if not by_layer and not decomposable:
        what = "No layer has several maps, so there is nothing to decompose."
        show_hint(what, "look at a network with convolutions.")
        return
    for quantity, (title, meaning) in captions.SHARES.items() if by_layer else ():
        share = f"{quantity}_share"
        table = _decomposition(by_layer, [share, f"{share}_null_mean", f"{share}_null_std", quantity])
        prefixes = {"share": share, "null share": f"{share}_null_mean", "null deviation share": f"{share}_null_std"}
        caption = f"{title}: {meaning}, as a share of their joint information. {captions.DASHED}"
        targets = ["input"] if run.labels is None else ["input", "labels"]
        for column, about in zip(st.columns(2, gap="large"), targets, strict=False):
            with column:
                st.markdown(f"**{title}, about the {about}**")
                part = table[table["about"] == about].reset_index(drop=True)
                frame = by_target(part, {**prefixes, "bits": quantity})
                y_title = f"share of I({about}; two channels)"
                chart = charts.lines(frame, list(by_layer), f"share {about}", y_title, epoch)
                _draw_decomposition(run, chart, f"{quantity} {about}", caption, part, by_layer, about)
    names = dict.fromkeys([*by_layer, *decomposable])
    given = {name: by_layer[name].attrs if name in by_layer else {**settings, "layer": name} for name in names}
    wanted = {name: (given[name], _epochs(by_layer.get(name))) for name in names}
    _offer(run, "The decomposition has", bitlens.layer_decomposition, wanted)


def _saturation(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    figure_frame.title("Saturation")
    results = flow.plane(run, "renyi", settings)
    if results is None:
        what = "Saturation is computed together with the matrix-based information plane."
        show_hint(what, "choose this estimator at the top and compute it.")
        return
    table = tables.saturation(results)
    y_title, limit = "H(layer) / log2 n (share)", bitlens.SaturationWarning.limit
    chart = charts.lines(table, _layers(run, table), "saturation", y_title, epoch, limit)
    code = [*load_code(flow.PLANE, results.attrs), "table = tables.saturation(results)"]
    _draw(run, chart, "saturation", captions.saturation_caption(table), table, results.attrs, code)


def _decomposition(by_layer: Mapping[str, xr.Dataset], columns: Sequence[str]) -> Any:
    """Columns of the decomposition of several layers."""
    table = tables.channel_decomposition(by_layer)
    return table[["epoch", "layer", "about", *(name for name in columns if name in table)]]


def _layers(run: Run, table: Any) -> list[str]:
    """The layers of a table in the order of the network."""
    present = set(table["layer"])
    return [layer.name for layer in run.layers if layer.name in present]


def _epochs(results: xr.Dataset | None) -> list[int]:
    return [] if results is None else [int(epoch) for epoch in results.epoch.values]


def _draw_decomposition(
    run: Run,
    chart: charts.Chart,
    key: str,
    caption: str,
    table: Any,
    by_layer: Mapping[str, xr.Dataset],
    about: str | None = None,
) -> None:
    sets = [results.attrs for results in by_layer.values()]
    columns = list(table.columns)
    code = [
        *load_layers_code(flow.DECOMPOSITION, sets),
        f"table = tables.channel_decomposition(by_layer)[{columns}]",
        *([] if about is None else [f"table = table[table.about == {about!r}].reset_index(drop=True)"]),
    ]
    _draw(run, chart, key, caption, table, sets[0], code)


def _draw(
    run: Run,
    chart: charts.Chart,
    key: str,
    caption: str,
    table: Any,
    parameters: Parameters,
    code: Sequence[str],
    *name: str,
) -> None:
    """A figure and its frame."""
    charts.draw(chart, key, f"{key.replace('_', ' ')}; its numbers are in the table below")
    settings = describe_settings(parameters)
    file = file_name(run, "flow", key, *name, ending="csv")
    about = {"figure": key, "settings": settings, "unit": "1 for shares, saturation and counts; bits for all else"}
    figure_frame.below(run, f"{caption}\n\nSettings: {escape_markdown(settings)}.", table, key, file, about, code)


def _offer(run: Run, what: str, measure: Callable[..., object], wanted: Wanted) -> None:
    """A button for what is not measured yet."""
    steps, names, epochs = missing_steps(run, measure, wanted)
    layers = f": {', '.join(names)}" if len(wanted) > 1 else ""
    missing = f"{what} not been measured with these settings at epoch {number_ranges(epochs)}{layers}."
    if steps:
        show_hint(missing, "press the button; an epoch takes seconds.")
        label = f"{', '.join(names)}, {count(len(epochs), 'epoch')}"
        compute_button.offer(label, f"compute {measure.__name__}", steps)
    elif names:
        show_hint(missing, "measure it in Python: the explorer does not know the rule of these bandwidths.")
    elif not any(measured for _, measured in wanted.values()):
        show_hint(f"{what} not been measured, and the run has no activations.", "record the network again.")


main()
