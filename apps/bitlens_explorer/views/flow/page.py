"""The information-flow page (Yu et al. 2018, section III): what layers keep of input and labels, and how they share it."""

from __future__ import annotations

import streamlit as st

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer import figures, flow, flow_charts, flow_settings, recorded
from bitlens_explorer import query as queries
from bitlens_explorer.context import context, kept_settings
from bitlens_explorer.query import Query
from bitlens_explorer.recorded import Parameters
from bitlens_explorer.words import say

PLANE, CHAINS, PAIRS = "information_plane", "processing_inequalities", "layer_decomposition"


def main() -> None:
    """The page."""
    run, query, epoch = context()
    st.title("Information flow", anchor=False)
    known = recorded.matrix_settings(run) or {"": flow_settings.OWN}
    chosen = kept_settings("settings", "Settings of matrix-based information", known, flow_settings.words)
    for part in (_plane, _modified, _inequalities, _shares, _saturation):
        try:
            part(run, query, epoch, chosen)
        except RunError as error:
            figures.failed(error)


def _plane(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    figures.title("Information plane")
    known, key = recorded.planes(run, settings), "query plane"
    st.session_state[key] = query.plane
    st.segmented_control(
        "Estimator",
        list(queries.PLANES),
        key=key,
        format_func=lambda name: queries.PLANES[name] + ("" if name in known else " (not measured)"),
        required=True,
        on_change=lambda: queries.change(plane=st.session_state[key]),
    )
    results = recorded.plane(run, query.plane, settings)
    if results is not None:
        frame = flow.information(results)
        meaning = f"{flow.MEANINGS[query.plane]} {flow.DASHED if 'null_mean' in results else flow.ISOLATE} "
        meaning += flow_charts.MOVE if run.labels is not None else "**This run has no labels: the input alone.**"
        chart = flow_charts.information(frame, flow.layers(run, frame), epoch, flow.bounds(results))
        flow.draw(run, chart, "information plane", meaning, frame, PLANE, [results.attrs], query.plane)
    given = {"estimator": query.plane} | (settings if query.plane == "renyi" else {})
    wanted = {"information plane": (given if results is None else results.attrs, flow.epochs(results))}
    flow.offer(run, "The information plane has", bitlens.information_plane, wanted)


def _modified(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    found = recorded.decompositions(run, settings)
    if not found or run.labels is None:
        return  # what is missing is said where the shares are
    figures.title("Modified information plane")
    frame = flow.shared(found, "weighted_nonredundant", share=False)
    chart = flow_charts.plane(frame, list(found), epoch, "non-redundant information")
    meaning = f"{flow.MEANINGS['modified']} {flow.DASHED} {flow_charts.MOVE}"
    flow.draw(run, chart, "modified plane", meaning, frame, PAIRS, [one.attrs for one in found.values()])


def _inequalities(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    figures.title(f"Data-processing inequalities at epoch {epoch}")
    results = recorded.inequalities(run, settings)
    if results is not None:
        places = iter([*st.columns(2, gap="large"), *st.columns(2, gap="large")])
        for name in flow.CHAINS if epoch in results.epoch else ():
            if name in results:
                with next(places):
                    frame, (*titles, meaning) = flow.chain(results.sel(epoch=epoch), name), flow.CHAINS[name]
                    meaning += flow.violation_words(frame, int(results[f"{name}_violations"].sel(epoch=epoch)))
                    st.markdown(f"**{titles[1].removesuffix(' (bits)')}, {name}**")
                    chart = flow_charts.along(frame, *titles)
                    flow.draw(run, chart, f"{name} chain", meaning, frame, CHAINS, [results.attrs], f"epoch{epoch}")
        with next(places):
            st.markdown("**Violations over epochs**")
            frame = flow.violations(results)
            names = list(dict.fromkeys(frame["chain"]))
            chart = flow_charts.lines(frame, names, "violations", "violations (count)", epoch, of="chain")
            meaning = "Steps at which a chain rises by more than its null allows; exact information has none."
            if not run.manifest.gradients:
                meaning += " No loss gradients were recorded, so there is no chain of errors."
            flow.draw(run, chart, "violations", meaning, frame, CHAINS, [results.attrs])
    given = {**settings, **flow_settings.errors(settings)} if results is None else results.attrs
    flow.offer(run, "The chains have", bitlens.processing_inequalities, {"chains": (given, flow.epochs(results))})


def _shares(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    figures.title("How channels share what they tell")
    found = recorded.decompositions(run, settings)
    if settings["tensor"]:
        say("With one kernel of all values a layer has no channels to decompose.", "choose other settings.")
        return
    if not found and not flow.decomposable(run):
        say("No layer has several maps, so there is nothing to decompose.", "look at a network with convolutions.")
        return
    for quantity, (title, meaning) in flow.SHARES.items() if found else ():
        frame = flow.shared(found, quantity, share=True)
        words = f"{title}: {meaning}, as a share of what they tell together. {flow.DASHED}"
        for column, about in zip(st.columns(2, gap="large"), flow.abouts(run), strict=False):
            with column:
                st.markdown(f"**{title}, about the {about}**")
                titles = f"share {about}", f"share of I({about}; two channels)"
                chart = flow_charts.lines(frame, list(found), *titles, epoch)
                drawn = frame[["epoch", "layer", *(name for name in frame if name.endswith(f" {about}"))]]
                flow.draw(run, chart, f"{quantity} {about}", words, drawn, PAIRS, [one.attrs for one in found.values()])
    flow.offer(run, "The decomposition has", bitlens.layer_decomposition, flow.decompositions(run, found, settings))


def _saturation(run: Run, query: Query, epoch: int, settings: Parameters) -> None:
    figures.title("Saturation")
    results = recorded.plane(run, "renyi", settings)
    if results is None:
        say("Saturation comes with the matrix-based information plane.", "choose and compute that at the top.")
        return
    frame = flow.saturation(results)
    names = flow.layers(run, frame)
    chart = flow_charts.lines(
        frame, names, "saturation", "H(layer) / log2 n (share)", epoch, bitlens.SaturationWarning.limit
    )
    flow.draw(run, chart, "saturation", flow.saturation_words(frame), frame, PLANE, [results.attrs])


main()
