"""Figures of the information flow: planes, chains and shares, with nulls, errors and verdicts."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bitlens import SaturationWarning, tables
from bitlens.measures import information_plane, layer_decomposition, processing_inequalities
from bitlens_explorer.report.figure import Figure
from bitlens_explorer.report.stored import Stored, StoredResults
from bitlens_explorer.results.known import described
from bitlens_explorer.state.query import PLANES
from bitlens_explorer.ui import charts
from bitlens_explorer.views.flow import captions
from bitlens_explorer.views.flow.charts import by_target, chain, information

_NULL = "Dashed: the same estimate for shuffled samples, which have no true information."


def planes(stored: StoredResults) -> Iterator[Figure]:
    """The information plane of every estimator, and the saturation of the matrix-based one."""
    for estimator, name in PLANES.items():
        found = stored.first(information_plane, estimator=estimator)
        if found is not None:
            yield _plane(found, estimator, name)
            if "saturation" in found.results:
                yield _saturation(found)


def _plane(found: Stored, estimator: str, name: str) -> Figure:
    table = tables.information_plane(found.results)
    names, last = list(dict.fromkeys(table["layer"])), int(found.results.epoch[-1])
    bounds = tables.target_entropies(found.results).groupby("about")["entropy"].last().to_dict()
    columns = {"": "information", "null": "null_mean"}
    chart = information(by_target(table, columns), names, last, bounds)
    limits = ", ".join(f"H({about}) = {bits:.2f} bits" for about, bits in bounds.items())
    caption = f"{captions.MEANINGS[estimator]} Points grow with the epoch; the outlined one is epoch {last}."
    caption += f" {_NULL}" if table["null_mean"].notna().all() else ""
    caption += f" Straight dashed lines: the largest possible values, {limits}." if limits else ""
    caption += f" The table has epoch {last}."
    rows = _at_epoch(table, last, int(found.known.parameters.permutations))
    return Figure(f"Information plane, {name}", caption, rows, chart, described(found.known), open=True)


def _at_epoch(table: pd.DataFrame, epoch: int, permutations: int) -> pd.DataFrame:
    """The rows of an epoch with the excess as its verdict allows, and p-values with their floor."""
    rows = table[table["epoch"] == epoch].drop(columns="epoch").reset_index(drop=True)
    if {"excess", "standard_error", "verdict"} <= set(rows):
        numbers = zip(rows["excess"], rows["standard_error"], rows["verdict"], strict=True)
        rows.insert(3, "excess, as its verdict allows", [tables.estimate(*row) for row in numbers])
    if "p_value" in rows:
        rows["p_value"] = [tables.p_value(p, permutations) for p in rows["p_value"]]
    return rows


def _saturation(found: Stored) -> Figure:
    table = tables.saturation(found.results)
    names, last = list(dict.fromkeys(table["layer"])), int(found.results.epoch[-1])
    limit = SaturationWarning.limit
    chart = charts.lines(table, names, "saturation", "H(layer) / log2 n (share)", last, limit)
    saturated = list(dict.fromkeys(table["layer"][table["saturation"] > limit]))
    caption = (
        f"The entropy of each layer as a share of log2 n. Above the line at {limit} the kernel treats all samples as "
        "different, and the estimate says nothing about the layer. "
        f"Saturated at some epoch: {', '.join(saturated) or 'no layer'}."
    )
    return Figure("Saturation", caption, table, chart, described(found.known))


def chains(stored: StoredResults) -> Iterator[Figure]:
    """The data-processing inequalities at the last epoch, and their violations over the epochs."""
    found = stored.first(processing_inequalities)
    if found is None:
        return
    last = int(found.results.epoch[-1])
    table = tables.information_chains(found.results.sel(epoch=last))
    for name, (x_title, y_title, meaning) in captions.CHAINS.items():
        rows = table[table["chain"] == name].drop(columns=["epoch", "chain"], errors="ignore").reset_index(drop=True)
        if len(rows):
            marked = int(rows["violation"].sum())
            caption = f"{meaning}The band is two standard deviations wide on each side. "
            caption += f"Violations, drawn as triangles: {marked}. Epoch {last}."
            title = f"Data-processing inequality, {name}"
            yield Figure(title, caption, rows, chain(rows, x_title, y_title), described(found.known))
    violations = tables.chain_violations(found.results)
    caption = "Steps at which a chain increases by more than its null allows. Exact information has no violations."
    names = list(dict.fromkeys(violations["chain"]))
    chart = charts.lines(violations, names, "violations", "violations (count)", last, of="chain")
    yield Figure("Violations over the epochs", caption, violations, chart, described(found.known))


def shares(stored: StoredResults) -> Iterator[Figure]:
    """Redundancy, synergy and non-redundant information of pairs of channels."""
    by_target_layer = {name: stored.first(layer_decomposition, name) for (name,) in stored.targets(layer_decomposition)}
    found = {name: of_layer for name, of_layer in by_target_layer.items() if of_layer is not None}
    if not found:
        return
    table = tables.channel_decomposition({name: of_layer.results for name, of_layer in found.items()})
    last = int(table["epoch"].max())
    for quantity, (title, meaning) in captions.SHARES.items():
        for about in dict.fromkeys(table["about"]):
            columns = {f"{quantity}_share": "share", f"{quantity}_share_null_mean": "null share"}
            part = table[table["about"] == about][["epoch", "layer", "about", *columns, quantity, "share_verdict"]]
            frame = part.rename(columns=columns)
            chart = charts.lines(frame, list(found), "share", f"share of I({about}; two channels)", last)
            caption = f"{title}: {meaning}, as a share of their joint information. {_NULL}"
            caption += f" {captions.verdict_caption(part, last, 'share_verdict')} {tables.no_error(table)}"
            settings = described(next(iter(found.values())).known)
            yield Figure(f"{title}, about the {about}", caption, part.drop(columns="about"), chart, settings)
