"""The information-flow page's tables, made of results as the library gives them, and what stands around its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import xarray as xr

from bitlens import SaturationWarning
from bitlens.runs import Run
from bitlens_explorer import charts, compute, figures, flow_settings
from bitlens_explorer.flow_settings import Wanted
from bitlens_explorer.recorded import Parameters
from bitlens_explorer.words import count, listed, plain, say

ISOLATE = "Click a layer in the legend to see it alone."
DASHED = f"Dashed: the same of shuffled samples, which tell nothing. {ISOLATE}"
MEANINGS = {
    "renyi": "What each layer tells about the input and about the labels, estimated from kernel matrices; biased upward.",
    "binning": "What each layer tells, of values in equal bins: in a wide layer each sample has a state of its own, "
    "and all is told.",
    "kde": "What each layer tells at most, of a Gaussian around each sample; the tooltip and the table have the least.",
    "modified": "The same of weighted non-redundant information, mean of pairs of channels: what one of two tells alone, "
    "and twice what they tell only together.",
}
CHAINS = {
    "forward": (
        "layer, from the input on",
        "I(input; layer) (bits)",
        "What each layer tells about the input, which cannot grow from layer to layer. Grey: shuffled samples. ",
    ),
    "backward": (
        "layer, from the output back",
        "I(error at output; error at layer) (bits)",
        "What the loss gradients at each layer tell about those at the output, which cannot grow on the way back. Grey: shuffled samples. ",
    ),
}
"""Titles of the axes, and what it means."""
SHARES = {
    "redundancy_synergy": (
        "Redundancy - synergy",
        "what two channels both tell, less what they tell only together (mean of pairs)",
    ),
    "weighted_nonredundant": (
        "Weighted non-redundant information",
        "what one of two channels tells alone, and twice what they tell only together (mean of pairs)",
    ),
}


def layers(run: Run, frame: Any) -> list[str]:
    """The layers of a table in the order of the network."""
    there = set(frame["layer"])
    return [layer.name for layer in run.layers if layer.name in there]


def abouts(run: Run) -> list[str]:
    """What information is about."""
    return ["input"] if run.labels is None else ["input", "labels"]


def epochs(results: xr.Dataset | None) -> list[int]:
    """Epochs that there are results of."""
    return [] if results is None else [int(epoch) for epoch in results.epoch.values]


def decompositions(run: Run, found: Mapping[str, xr.Dataset], settings: Parameters) -> Wanted:
    """Those that are there and those that the library would compute when it measures a run."""
    names = dict.fromkeys([*found, *decomposable(run)])
    given = {name: found[name].attrs if name in found else {**settings, "layer": name} for name in names}
    return {name: (given[name], epochs(found.get(name))) for name in names}


def decomposable(run: Run) -> list[str]:
    """Layers of several maps, which are what the library decomposes when it measures a run."""
    return [layer.name for layer in run.layers[1:] if len(layer.shape) > 1 and layer.channels > 1]


def by_layer(results: xr.Dataset, columns: Mapping[str, str]) -> Any:
    """A row for every epoch and layer; of each variable a column for what it is about, such as "null input"."""
    found = {
        f"{words} {about}".strip(): results[name].sel(about=about, drop=True)
        for words, name in columns.items()
        if name in results
        for about in results["about"].values.tolist()
    }
    frame = xr.Dataset(found).to_dataframe().reset_index()[["epoch", "layer", *found]]
    return frame.dropna(subset=list(found)[:1])


def information(results: xr.Dataset) -> Any:
    """The information plane as a table."""
    names = {"": "information", "at least": "information_lower", "null": "null_mean", "null deviation": "null_std"}
    return by_layer(results, names)


def shared(of_layers: Mapping[str, xr.Dataset], quantity: str, share: bool) -> Any:
    """A quantity of channels' pairs as a table, of all layers that have it; in bits, or as shares and in bits."""
    alone = [found.drop_dims("channel", errors="ignore") for found in of_layers.values()]
    layers = [found.expand_dims(layer=[name]) for name, found in zip(of_layers, alone, strict=True)]
    joined = xr.concat(layers, dim="layer", join="outer", combine_attrs="drop")
    words, whole = ("share", f"{quantity}_share") if share else ("", quantity)
    names = {words: whole, f"null {words}": f"{whole}_null_mean", f"null deviation {words}": f"{whole}_null_std"}
    names = {" ".join(name.split()): variable for name, variable in names.items()}
    return by_layer(joined, names | ({"bits": quantity} if share else {}))


def chain(results: xr.Dataset, name: str) -> Any:
    """One chain at one epoch in its own order, with the null's band and the steps up that are too large."""
    parts = {
        "bits": "",
        "null": "_null_mean",
        "null deviation": "_null_std",
        "rise": "_rise",
        "allowed rise": "_allowed",
    }
    frame = xr.Dataset({words: results[name + ending] for words, ending in parts.items()}).to_dataframe()
    order = results["layer"].values.tolist()
    frame = frame.loc[order if name == "forward" else order[::-1], list(parts)].dropna(subset=["bits"]).reset_index()
    spread = frame["null deviation"].to_numpy()
    frame["violation"] = frame["rise"] > frame["allowed rise"]
    frame["null low"], frame["null high"] = frame["null"] - 2 * spread, frame["null"] + 2 * spread
    return frame


def bounds(results: xr.Dataset) -> dict[str, float]:
    """Entropies of the input and the labels, where they were estimated in the same way."""
    known = results.get("entropy_about")
    return {} if known is None else {str(about): float(known.sel(about=about)[-1]) for about in known.about.values}


def saturation(results: xr.Dataset) -> Any:
    """How near each layer's entropy is to its limit."""
    return results["saturation"].to_dataframe().reset_index()[["epoch", "layer", "saturation"]]


def saturation_words(frame: Any) -> str:
    """Which layers are saturated, and what it means."""
    found = frame[frame["saturation"] > SaturationWarning.limit]
    epochs = {name: listed(rows["epoch"].tolist()) for name, rows in found.groupby("layer", sort=False)}
    named = "; ".join(f"{plain(name)} at epoch {at}" for name, at in epochs.items())
    words = f"**Saturated: {named}.**" if named else "**No layer is saturated.**"
    return (
        "How near a layer's entropy is to log2 n, the most that n samples can have. Above the orange line "
        f"({SaturationWarning.limit}) all samples differ so much for the kernel that the layer tells as much about the input as the "
        f"input itself, whatever it holds, and so do shuffled samples. {words} {ISOLATE}"
    )


def violations(results: xr.Dataset) -> Any:
    """How many violations each epoch has."""
    tables = {
        name: results[f"{name}_violations"] for name in ("forward", "backward") if f"{name}_violations" in results
    }
    wide = xr.Dataset(tables).to_dataframe()[list(tables)]
    return wide.reset_index().melt("epoch", var_name="chain", value_name="violations")


def violation_words(frame: Any, number: int) -> str:
    """The violations of a chain at one epoch, one by one."""
    before = frame["layer"].shift()
    steps = [
        f"{plain(row['layer'])} has {row['rise']:.4f} bits more than {plain(before[i])} (allowed {row['allowed rise']:.4f})"
        for i, row in frame[frame["violation"]].iterrows()
    ]
    return f"**{count(number, 'violation')}{' (triangles)' if number else ''}.** " + "".join(
        f"\n- {step}" for step in steps
    )


def draw(
    run: Run, chart: charts.Chart, key: str, meaning: str, frame: Any, measure: str, sets: Sequence[Any], *name: str
) -> None:
    """A figure and what stands below it."""
    charts.draw(chart, key, f"{key.replace('_', ' ')}; its numbers are in the table below")
    words = flow_settings.words(sets[0])
    table = frame.set_index([column for column in ("epoch", "layer", "chain") if column in frame])
    file = figures.file_name(run, "flow", key, *name, ending="csv")
    about = {"figure": key, "settings": words, "unit": "1 for shares, saturation and counts; bits for all else"}
    figures.below(
        run, f"{meaning}\n\nSettings: {plain(words)}.", table, key, file, about, flow_settings.code(measure, sets)
    )


def offer(run: Run, what: str, measure: Callable[..., object], wanted: Wanted) -> None:
    """A button for what is not measured yet."""
    steps, names, epochs = flow_settings.steps(run, measure, wanted)
    of = f": {', '.join(names)}" if len(wanted) > 1 else ""
    missed = f"{what} not been measured so at epoch {listed(epochs)}{of}."
    if steps:
        say(missed, "press the button; an epoch takes seconds.")
        compute.offer(f"{', '.join(names)}, {count(len(epochs), 'epoch')}", f"compute {measure.__name__}", steps)
    elif names:
        say(missed, "measure it in Python: the explorer does not know the rule for these kernels' widths.")
    elif not any(kept for _, kept in wanted.values()):
        say(f"{what} not been measured, and no activations were kept.", "record the network anew.")
