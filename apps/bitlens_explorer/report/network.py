"""Figures of what the network needs: information about the labels, ablation, and discarding."""

from __future__ import annotations

from collections.abc import Iterator

from bitlens import tables
from bitlens.measures import label_information, layer_ablation, layer_discarding
from bitlens_explorer.report.figure import Figure
from bitlens_explorer.report.stored import StoredResults
from bitlens_explorer.results.known import described
from bitlens_explorer.state.query import CURVES
from bitlens_explorer.ui import charts
from bitlens_explorer.ui.text import capitalized
from bitlens_explorer.views.ablation.captions import ORDERS, SPREAD, scope_name
from bitlens_explorer.views.ablation.charts import curves, spread

_QUANTITIES = {"discarding": "strict information discarding", "uncertainty": "reconstruction uncertainty"}


def labels(stored: StoredResults) -> Iterator[Figure]:
    """The information of each neuron about the label, by layer, at the last epoch."""
    found = {name: stored.first(label_information, name) for (name,) in stored.targets(label_information)}
    measured = {name: of_layer for name, of_layer in found.items() if of_layer is not None}
    if not measured:
        return
    table = tables.label_information({name: found.results.isel(epoch=[-1]) for name, found in measured.items()})
    frame = table[["layer", "channel", "mutual_information"]].set_axis(["layer", "channel", "bits"], axis=1)
    columns = ["epoch", "channel", "mutual_information", "excess", "excess_error", "p_value", "q_value", "verdict"]
    for name, of_layer in measured.items():
        part = table[table["layer"] == name][columns].reset_index(drop=True)
        chart = spread(frame, name, "I(Y; neuron) (bits)", titled=True)
        caption = f"{SPREAD} Epoch {part['epoch'].iloc[0]}."
        yield Figure(f"Neurons of layer {name}", caption, part, chart, described(of_layer.known))


def ablation(stored: StoredResults) -> Iterator[Figure]:
    """The accuracy while neurons are turned off, and their roles, at the last measured epoch."""
    found = stored.first(layer_ablation)
    if found is None:
        return
    last = int(found.results.epoch[-1])
    results = found.results.sel(epoch=last)
    roles = tables.role_counts(results)
    settings = described(found.known)
    caption = (
        f"How many neurons play which role at epoch {last}. The numbers are missing where the network performs no "
        "better than without its neurons. The page Ablation of the explorer defines the roles. "
        f"{tables.no_error(roles)}"
    )
    yield Figure("Roles of neurons", caption, roles, settings=settings, open=True)
    table = tables.ablation_curves(results)
    for scope in dict.fromkeys(table["scope"]):
        rows = table[table["scope"] == scope].reset_index(drop=True)
        frame = rows.assign(order=rows["order"].map(ORDERS))
        caption = (
            f"{CURVES['accuracy'].capitalize()} while neurons of {scope_name(scope)} are turned off one after the "
            "other. The band is the range of the random orders; inside it the score says nothing. "
            f"{tables.no_error(table)}"
        )
        chart = curves(frame, "accuracy", [0, 1.0])
        yield Figure(capitalized(scope_name(scope)), caption, rows.drop(columns="scope"), chart, settings)


def discarding(stored: StoredResults) -> Iterator[Figure]:
    """What layers discard of the input, mean over the measured images."""
    found = stored.first(layer_discarding)
    if found is None:
        return
    last = int(found.results.epoch[-1])
    for quantity, name in _QUANTITIES.items():
        if quantity not in found.results:
            continue
        table = tables.discarding_by_layer(found.results, quantity)  # type: ignore[arg-type]  # one of its literals
        missed = int(table["not_converged"].sum())
        chart = charts.lines(table, list(dict.fromkeys(table["layer"])), "mean", f"{name} (bits per unit)", last)
        caption = (
            f"{name.capitalize()}, mean over {table['images'].max()} images, in bits per unit of the input. "
            f"Searches that did not converge: {missed}. The maps of pixels are in the explorer. "
            f"{tables.no_error(table)}"
        )
        yield Figure(name.capitalize(), caption, table, chart, described(found.known), open=True)
