"""Figures of channels: what those of two layers share, and how much the values of each vary."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bitlens import tables
from bitlens.measures import channel_entropies, layer_pair_information
from bitlens_explorer.report.figure import Figure
from bitlens_explorer.report.stored import Stored, StoredResults
from bitlens_explorer.results.known import described
from bitlens_explorer.state.query import Query
from bitlens_explorer.views.channels.charts import epoch_map
from bitlens_explorer.views.layers import matrices


def pairs(stored: StoredResults) -> Iterator[Figure]:
    """A table of all measured pairs of layers, then the heat map of each."""
    found = {target: stored.first(layer_pair_information, *target) for target in stored.targets(layer_pair_information)}
    measured = {target: results for target, results in found.items() if results is not None}
    if not measured:
        return
    rows = pd.DataFrame([_mean(target, of_pair) for target, of_pair in measured.items()])
    caption = (
        "Excess of the mutual information of channels over shuffled samples, mean over pairs of channels that are not "
        "dead, in bits; ± is its standard error. at least: the baseline is large, so that the excess is too small. at "
        "most ... (chance): not above chance. Compare only values of equal numbers of samples and bins."
    )
    yield Figure("All measured pairs of layers", caption, rows, open=True)
    for (a, b), of_pair in measured.items():
        yield _matrix(stored, a, b, of_pair)


def _mean(target: tuple[str, ...], found: Stored) -> dict[str, object]:
    last = found.results.isel(epoch=-1)
    return {
        "layer A": target[0],
        "layer B": target[1],
        "epoch": int(last.epoch),
        "mean excess (bits)": tables.estimate(
            float(last.mean_excess), float(last.mean_standard_error), str(last.mean_verdict.values)
        ),
        "verdict": str(last.mean_verdict.values),
        "dead channels": int(last.dead_a) + int(last.dead_b),
        "pairs drawn at random": tables.drawn_pairs(last) or "all measured",
    }


def _matrix(stored: StoredResults, a: str, b: str, found: Stored) -> Figure:
    query = Query(a=a, b=b)
    last = int(found.results.epoch[-1])
    results = found.results.sel(epoch=last)
    order = matrices.channel_orders(results, query)
    drawn = matrices.heat_map(stored.run, query, results, last, order, matrices.color_range(results, query))
    table = tables.channel_pairs(results).sort_values("excess", ascending=False, ignore_index=True)
    permutations = int(found.known.parameters.permutations)
    caption = (
        f"Mutual information of the distances between samples, at epoch {last}. The estimate is biased upward; the "
        "table has null, excess, standard error and verdict of each pair, the largest excess first. "
        f"P-values are at least {1 / (1 + permutations):.2g} with {permutations} permutations."
    )
    return Figure(drawn.title, caption, table, drawn, described(found.known))


def entropies(stored: StoredResults) -> Iterator[Figure]:
    """The entropies of the channels of every layer with maps, over the epochs."""
    for (layer,) in stored.targets(channel_entropies):
        found = stored.first(channel_entropies, layer)
        if found is None or len(stored.run.layer(layer).shape) == 1:
            continue
        dead = tables.dead_channels(found.results)
        last = int(found.results.epoch[-1])
        numbers = ", ".join(map(str, dead["channel"][dead["epoch"] == last]))
        caption = (
            "Intra-sample entropy over all samples: how much the values within one map vary. Dead channels at epoch "
            f"{last}, which have one value for all samples: {numbers or 'none'}."
        )
        table = tables.channel_entropies(found.results, [])
        drawn = epoch_map(stored.run, layer, found.results, Query().scale)
        yield Figure(f"Channels of layer {layer}", caption, table, drawn, described(found.known))
