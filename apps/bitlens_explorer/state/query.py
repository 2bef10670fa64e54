"""The query: which slice of a run the user looks at. It lives in the session and, as text, in the address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

SORTS = {"index": "number", "max": "maximum", "mean": "mean", "cluster": "similarity"}
SCALES = {"fit": "fit to the data", "zero": "from zero"}
QUANTITIES = {"mi": "mutual information", "excess": "excess over null"}
SPACES = {
    "one": "channels",
    "two": "A against B",
    "pca": "principal components",
    "turn": "3-D",
    "tsne": "t-SNE",
    "umap": "UMAP",
}
RANGES = {"epoch": "this epoch", "all": "all epochs"}
MAPS = {"sid": "strict information discarding (SID)", "ru": "reconstruction uncertainty (RU)"}
CURVES = {"accuracy": "accuracy", "loss": "loss (bits)"}
SEQUENCES = {"all": "all", "ascending": "lowest first", "descending": "highest first", "random": "random"}
PLANES = {"renyi": "matrix-based Rényi", "binning": "binning", "kde": "pairwise distances"}
COMPARISONS = {
    "training": "training",
    "estimates": "estimates",
    "later": "later layers",
    "matrices": "matrices",
    "samples": "samples",
    "maps": "feature maps",
}
NETWORK = "whole network"
"""The name of the scope that holds the neurons of all layers."""

_QUERY = "bitlens query"


@dataclass(frozen=True)
class Query:
    """The parts of an address; None means that the run decides."""

    run: str | None = None
    epoch: int | None = None
    """None: the latest epoch."""
    a: str | None = None
    """The layer along the columns."""
    b: str | None = None
    """The layer along the rows."""
    classes: tuple[int, ...] = ()
    """Class numbers; empty: all classes."""
    estimator: str | None = None
    """Name of the parameters of the information of layers A and B."""
    cell: tuple[int, int] | None = None
    """A channel of layer A and a channel of layer B."""
    confused: tuple[int, int] | None = None
    """A label and a prediction."""
    channel: int | None = None
    """A channel of layer A."""
    dims: tuple[int, ...] = ()
    """Channels that the embedding shows; empty: the first ones."""
    selection: str | None = None
    """Name of a selection of samples that is stored in the run."""
    space: str = "one"
    sort: str = "max"
    quantity: str = "mi"
    color_range: str = "epoch"
    scale: str = "fit"
    """Whether axes and circles of entropies begin at the smallest value or at zero."""
    plane: str | None = None
    """Estimator of the information plane; None: the first one that was measured."""
    settings: str | None = None
    """Name of the settings of matrix-based information."""
    discarding: str | None = None
    """Name of the settings of information discarding."""
    image: int | None = None
    """Sample whose pixels are shown."""
    depth: str | None = None
    """Layer whose map of these pixels is shown."""
    map: str = "sid"
    """Quantity of that map."""
    ablation: str | None = None
    """Name of the settings of ablation."""
    curve: str = "accuracy"
    """Quantity that is drawn against neurons turned off."""
    order: str = "all"
    """Sequence in which neurons are turned off, whose curves are shown alone."""
    scope: str | None = None
    """Layer, or the whole network, whose ranking of neurons is shown."""
    tab: str | None = None
    """Title of the figures that are shown where a page has several."""
    place: int | None = None
    """Place in that ranking, from 1."""
    others: tuple[str, ...] = ()
    """Addresses of the runs that this run is compared with."""
    second: str | None = None
    """Address of the one of them that is compared in detail; None: the first one."""
    comparison: str = "training"
    """What of these runs is shown."""


def has_query() -> bool:
    """Whether this session has a query."""
    return _QUERY in st.session_state


def current_query() -> Query:
    """The query of this session."""
    query = st.session_state[_QUERY]
    assert isinstance(query, Query)
    return query


def set_query(query: Query) -> None:
    """Replace the whole query of this session."""
    st.session_state[_QUERY] = query


def change_query(**parts: Any) -> None:
    """Change fields of the query. Another run, layer A or layer B resets the fields that belonged to the former one."""
    if "run" in parts:
        set_query(Query(run=parts["run"]))
        return
    if {"a", "b"} & parts.keys():
        of_layer_a = {"channel": None, "dims": ()} if "a" in parts else {}
        parts = {"cell": None, "estimator": None, **of_layer_a, **parts}
    set_query(replace(current_query(), **parts))
