"""The comparison of several runs in the report: what was recorded, and estimates with their differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bitlens import tables
from bitlens.measures import training_performance
from bitlens.runs import Run
from bitlens_explorer.report.figure import Figure, Section
from bitlens_explorer.report.stored import StoredResults
from bitlens_explorer.views.compare.captions import DIFFERENCES, OTHER_PROBE, PROGRESS, drawn_quantities
from bitlens_explorer.views.compare.charts import estimates_by_layer, metric_over_epochs


def comparison(stored: Mapping[str, StoredResults]) -> Section:
    """The section; it says so if the runs have no results that can be compared."""
    runs = {name: results.run for name, results in stored.items()}
    overview = tables.run_overview(runs)
    caption = "Layers are matched by their names. The first run is the reference."
    figures = [Figure("Runs", caption, overview, open=True), *_progress(stored)]
    text = "" if overview["same_probe"].all() else OTHER_PROBE
    try:
        figures += _estimates(runs)
    except ValueError as error:
        text = f"{text} {error}"
    return Section("Comparison", figures, text.strip())


def _progress(stored: Mapping[str, StoredResults]) -> Iterator[Figure]:
    found = {name: results.first(training_performance) for name, results in stored.items()}
    parts = {name: tables.training_progress(of_run.results) for name, of_run in found.items() if of_run is not None}
    if not parts:
        return
    table = tables.joined_runs(parts)
    for column, (title, y_title) in PROGRESS.items():
        chart = metric_over_epochs(table, list(parts), column, y_title)
        yield Figure(
            f"{title} of all runs", f"{y_title.capitalize()} on the probe.", table[["run", "epoch", column]], chart
        )


def _estimates(runs: Mapping[str, Run]) -> Iterator[Figure]:
    table = tables.run_comparison(runs)
    layers = [layer.name for run in runs.values() for layer in run.layers]
    for quantity in drawn_quantities(table):
        rows = table[table["quantity"] == quantity].drop(columns=["quantity", "settings"]).reset_index(drop=True)
        chart = estimates_by_layer(table, list(runs), quantity, list(dict.fromkeys(layers)))
        caption = f"{quantity.capitalize()} at the last epoch of each run; the lines are one standard error."
        yield Figure(f"{quantity.capitalize()}, by layer", caption, rows, chart)
    yield Figure("All estimates", DIFFERENCES, tables.comparison_texts(table), open=True)
