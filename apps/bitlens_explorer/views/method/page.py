"""The method page: the recording, everything that was measured and its download, definitions, and the citation."""

from __future__ import annotations

import streamlit as st

import bitlens
from bitlens.measures import MEASURES, titled
from bitlens.runs import Run
from bitlens_explorer.results.export import archive, file_name, measured
from bitlens_explorer.results.known import described
from bitlens_explorer.state.context import context
from bitlens_explorer.ui import figure_frame, page_frame
from bitlens_explorer.ui.python_code import open_run_code
from bitlens_explorer.ui.text import escape_markdown, number_ranges

CITATION = """@software{{bitlens,
  title = {{bitlens: information in bits in every layer and channel of a neural network}},
  version = {{{version}}},
}}"""

RECORDING, MEASURED, DEFINED, CODE = TITLES = "Recording", "Measured", "Defined", "As Python"


def main() -> None:
    """Show the page."""
    run, _, _ = context()
    version = bitlens.build_info()["version"]
    page_frame.head("Method & export", "What was recorded and measured, and with which parameters?")
    for title in page_frame.figures("method", TITLES):
        if title == RECORDING:
            _recording(run, version)
        elif title == MEASURED:
            _measured(run)
        elif title == DEFINED:
            _definitions()
        else:
            _code(run, version)


def _recording(run: Run, version: object) -> None:
    figure_frame.title("The recording")
    manifest = run.manifest
    rows = {
        "model": manifest.model,
        "samples of the probe": manifest.samples,
        "classes": ", ".join(manifest.classes) or "not known",
        "epochs with activations": number_ranges(run.epochs) or "none",
        "stored as": manifest.dtype + (", with loss gradients" if manifest.gradients else ""),
        "probe (SHA-256)": manifest.probe_sha256,
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        "bitlens here": version,
    }
    st.dataframe({"": list(rows), "value": [str(value) for value in rows.values()]}, hide_index=True, key="recording")


def _code(run: Run, version: object) -> None:
    st.markdown(
        "All information is in bits. The docstrings of the library contain the equations, and `bitlens.reference` "
        "implements them in NumPy."
    )
    figure_frame.title("As Python")
    measures = "run.results.measures()  # all measures with results; functions of bitlens that take a run read them"
    st.code("\n".join([*open_run_code(run), "", measures]), language="python")
    figure_frame.title("Citation")
    st.code(CITATION.format(version=version), language="bibtex")


def _definitions() -> None:
    """Every measure with what it is, its parameters and its variables, as the library declares them."""
    figure_frame.title("Definitions")
    for measure in MEASURES.values():
        summary = (type(measure).__doc__ or "").partition("\nParameters\n")[0]
        with st.expander(measure.title):
            st.markdown(escape_markdown(summary))
            fields = measure.Parameters.fields()
            if fields:
                parameters = {
                    "parameter": [field.name for field in fields],
                    "default": [str(field.default) for field in fields],
                    "meaning": [field.help for field in fields],
                }
                st.dataframe(parameters, hide_index=True, key=f"parameters of {measure.name}")
            variables = {
                "variable": [variable.name for variable in measure.variables],
                "unit": [variable.unit for variable in measure.variables],
                "meaning": [variable.long_name for variable in measure.variables],
            }
            st.dataframe(variables, hide_index=True, key=f"variables of {measure.name}")


def _measured(run: Run) -> None:
    figure_frame.title("What was measured")
    sets = measured(run)
    if not sets:
        st.markdown("Nothing yet. The other pages compute what they need; `bitlens measure RUN` computes everything.")
        return
    table = {
        "measure": [titled(measure, known.target) for measure, known in sets],
        "parameters": [described(known) for _, known in sets],
        "epochs": [number_ranges(list(known.epochs)) if measure.by_epoch else "" for measure, known in sets],
    }
    st.dataframe(table, hide_index=True, key="measured")
    st.markdown(
        f"{len(sets)} sets of results, each with all parameters that it depends on, including seeds. They are stored "
        f"in {escape_markdown(run.path / 'results')}. The archive leaves out tables of more than a million values."
    )
    file = file_name(run, "results", ending="zip")
    st.download_button(
        "Download all as CSV", lambda: archive(run), file, "application/zip", key="all results", on_click="ignore"
    )


main()
