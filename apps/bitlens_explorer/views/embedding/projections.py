"""Projections of a layer on the embedding page: principal components, a rotated cloud, t-SNE and UMAP."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import streamlit as st

from bitlens import tables
from bitlens.measures import projected_points
from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.query import SPACES, Query
from bitlens_explorer.ui.charts import PETROFF
from bitlens_explorer.ui.components.scatter import ScatterMatrix
from bitlens_explorer.views.embedding.points import HEIGHT, atlas_of, classes_of, predictions

MOST_SAMPLES = 2000
_PACKAGES = {"tsne": "sklearn", "umap": "umap"}
_METHODS: dict[str, Literal["pca", "tsne", "umap"]] = {"pca": "pca", "turn": "pca", "tsne": "tsne", "umap": "umap"}


def offered_spaces() -> dict[str, str]:
    """The spaces whose packages are installed."""
    return {name: text for name, text in SPACES.items() if name not in _PACKAGES or find_spec(_PACKAGES[name])}


def projection_plot(run: Run, query: Query, epoch: int) -> tuple[ScatterMatrix, Traced, str]:
    """The samples in a projection of layer A, their table, and what is to be known of the projection."""
    layer, turned = str(query.a), query.space == "turn"
    traced = _points(run, layer, epoch, _METHODS[query.space], 3 if turned else 2)
    points = traced.value
    number = points.sizes["channel"]
    table = call(tables.layer_points, {layer: traced}, {layer: list(range(number))})
    values = points["activation"].to_numpy()
    names, note = _names(points.attrs, number)
    if turned:
        note += " Drag the cloud to turn it, or use the arrow keys; with Shift they move it. Lasso and Box select."
    sample = points["sample"].to_numpy()
    if len(sample) < run.manifest.samples:
        note += f" {len(sample)} of {run.manifest.samples} samples are drawn, evenly spaced."
    atlas = atlas_of(run)
    drawn = ScatterMatrix(
        values=values.astype(np.float32),
        names=names,
        columns=[0],
        rows=[1],
        class_of=classes_of(run, sample),
        classes=list(run.classes),
        colors=PETROFF,
        sample_of=sample.astype(np.int32),
        samples=run.manifest.samples,
        title=f"Samples in layer {layer} at epoch {epoch}, {SPACES[query.space]}",
        unit="activation" if "explained" in points.attrs else "",
        group=str(run.path),
        file=file_name(run, "embedding", layer, f"epoch{epoch}", query.space, ending="png"),
        atlas=atlas[0] if atlas else None,
        atlas_columns=atlas[1] if atlas else 1,
        tile=atlas[3] if atlas else (1, 1),
        height=HEIGHT,
        predicted=predictions(run, epoch),
        turning=turned,
    )
    return drawn, table, note


def _names(attributes: dict[str, Any], number: int) -> tuple[list[str], str]:
    """The names of the axes, and a note on the projection."""
    if "explained" not in attributes:
        names = [f"dimension {i + 1}" for i in range(number)]
        return names, "Most neighbours stay neighbours; distances and sizes of groups say little."
    shares = attributes["explained"]
    names = [f"component {i + 1} ({share:.0%})" for i, share in enumerate(shares)]
    return names, f"The shown components have {sum(shares):.0%} of the variance of all values of the layer."


def _points(run: Run, layer: str, epoch: int, method: Literal["pca", "tsne", "umap"], components: int) -> Traced:
    stamp = (run.path / "epochs").stat().st_mtime_ns
    points: Traced = _projected(str(run.path), stamp, layer, epoch, method, components, run)
    return points


@st.cache_resource(max_entries=20, show_spinner="Computing the projection; t-SNE and UMAP take seconds")
def _projected(
    path: str, stamp: int, layer: str, epoch: int, method: Literal["pca", "tsne", "umap"], components: int, _run: Run
) -> Traced:
    return call(projected_points, _run, layer, epoch, method, components, MOST_SAMPLES)
