"""What the figures show, as tables: every number with its null, in the paper's settings and in ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

import bitlens
from paper_figures.information_flow.networks import LAYERS, Topology

SETTINGS: dict[str, dict[str, Any]] = {"paper": bitlens.published_settings("paper"), "bitlens": {}}
"""The paper's Silverman rule and plain product; our defaults: medians, and widths that grow with the channels."""
SHUFFLES = 20
"""Of each mini-batch, for the null of a layer."""
_ERRORS: dict[str, bitlens.Silverman | bitlens.Median] = {"paper": bitlens.Silverman(0.1), "bitlens": bitlens.Median()}
CONVOLUTIONS = ("c1", "c3")
WIDTHS = (2, 6, 12, 32)
"""Filters of one convolution, while the other has the paper's 6 or 12."""
PLAIN = (6, 12)
INEQUALITIES = [Topology(2, 2, "relu"), Topology(6, 12, "relu")]
DECOMPOSED = [
    Topology(*widths, "relu")
    for widths in dict.fromkeys([*((width, PLAIN[1]) for width in WIDTHS), *((PLAIN[0], width) for width in WIDTHS)])
]
PLANES = [Topology(*widths, activation) for activation in ("sigmoid", "relu") for widths in ((2, 2), (6, 12), (6, 32))]


def measures(topology: Topology) -> list[Callable[[bitlens.Run], object]]:
    """All that the figures need of a network, for its recorder."""

    def needed(run: bitlens.Run) -> None:
        for setting in SETTINGS:
            if topology in INEQUALITIES:
                chains(run, setting)
            if topology in PLANES:
                plane(run, setting)
            if topology in DECOMPOSED:
                decompositions(run, setting)
            if topology in PLANES:
                modified_plane(run, setting)

    return [needed]


def chains(run: bitlens.Run, setting: str) -> pd.DataFrame:
    """By iteration, chain and layer: information, its null, the rise over the step before, and whether it is too much."""
    with _unwarned():
        found = bitlens.processing_inequalities(
            run, permutations=SHUFFLES, bandwidth_errors=_ERRORS[setting], **SETTINGS[setting]
        )
    rows = found.drop_vars([str(name) for name in found if str(name).endswith("violations")])
    parts = []
    for chain, order in (("forward", LAYERS), ("backward", LAYERS[-2::-1])):
        names = {chain: "information"} | {
            f"{chain}_{part}": part for part in ("null_mean", "null_std", "rise", "allowed")
        }
        part = rows[list(names)].rename(names).sel(layer=list(order)).to_dataframe().reset_index()
        parts.append(part.assign(chain=chain, violation=(part.rise > part.allowed).astype(float)))
    return pd.concat(parts)


def stages(table: pd.DataFrame, epoch: int) -> pd.DataFrame:
    """Of chains, the start, after three epochs and the end."""
    end = table.iteration.max()
    return table[table.iteration.isin([0, min(3 * epoch, end), end])]


def varied_alone(table: pd.DataFrame, varied: str, layer: str) -> pd.DataFrame:
    """Of decompositions, a layer about the input where one convolution varies and the other is as usual."""
    fixed, value = ("second", PLAIN[1]) if varied == "first" else ("first", PLAIN[0])
    return table[(table[fixed] == value) & (table.layer == layer) & (table.about == "input")]


def plane(run: bitlens.Run, setting: str) -> pd.DataFrame:
    """By iteration, layer and what it is about: information, its null, saturation, the entropy of what it is about."""
    with _unwarned():
        return bitlens.information_plane(run, permutations=SHUFFLES, **SETTINGS[setting]).to_dataframe().reset_index()


def decompositions(run: bitlens.Run, setting: str) -> pd.DataFrame:
    """Of both convolutions, beside the entropy of the input, which is always the same."""
    found = pd.concat([decomposition(run, setting, layer) for layer in CONVOLUTIONS])
    with _unwarned():
        start = bitlens.information_plane(run, permutations=SHUFFLES, epochs=[0], **SETTINGS[setting])
    about = start.entropy_about.sel(epoch=0).drop_vars("epoch").to_dataframe().reset_index()
    return found.merge(about, on="about")


def modified_plane(run: bitlens.Run, setting: str) -> pd.DataFrame:
    """By iteration, layer and what it is about: weighted non-redundant information and its null."""
    names = {
        f"weighted_nonredundant{part}": f"information{part}".replace("information_null", "null")
        for part in ("", "_null_mean", "_null_std")
    }
    found = pd.concat([decomposition(run, setting, layer) for layer in CONVOLUTIONS])
    return found[["epoch", "about", "layer", *names]].rename(columns=names)


def decomposition(run: bitlens.Run, setting: str, layer: str) -> pd.DataFrame:
    """By iteration and what it is about: how the channels of a layer share what they carry."""
    found = bitlens.layer_decomposition(run, layer, **SETTINGS[setting])
    return found.drop_dims("channel").to_dataframe().reset_index().assign(layer=layer)


def accuracy(run: bitlens.Run) -> pd.DataFrame:
    """By iteration: accuracy on test images, and mean loss since the last."""
    rows = pd.DataFrame.from_dict(run.metrics, orient="index")
    return rows.rename_axis("epoch").reset_index()


def of_all(
    runs: Iterable[tuple[Topology, int, bitlens.Run]], table: Callable[[bitlens.Run, str], pd.DataFrame]
) -> pd.DataFrame:
    """One table of several networks, in both settings: means over seeds, and "_std" between them where there are two."""
    parts = [
        table(run, setting).assign(
            first=topology.first, second=topology.second, activation=topology.activation, seed=seed, setting=setting
        )
        for topology, seed, run in runs
        for setting in SETTINGS
    ]
    everything = pd.concat(parts).rename(columns={"epoch": "iteration"})
    values = list(everything.select_dtypes("float"))
    keys = [name for name in everything if name not in {*values, "seed"}]
    grouped = everything.groupby(keys, sort=False)[values]
    return grouped.mean().join(grouped.std().add_suffix("_std")).reset_index()


@contextmanager
def _unwarned() -> Iterator[None]:
    """Saturation is what the figures are to show."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bitlens.SaturationWarning)
        yield
