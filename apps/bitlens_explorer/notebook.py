"""Views of a run as widgets of a notebook, from the same files as the components of the explorer."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import anywidget
import numpy as np
import traitlets

from bitlens import tables
from bitlens.measures import Measure, channel_entropies, layer_pair_information
from bitlens.runs import Run
from bitlens_explorer.results.known import known_epochs
from bitlens_explorer.results.query_check import resolve_query
from bitlens_explorer.state.query import Query
from bitlens_explorer.ui.components import circle_packing, heatmap, scatter, sources
from bitlens_explorer.views.channels.charts import circles
from bitlens_explorer.views.embedding.points import scatter_matrix
from bitlens_explorer.views.layers import matrices

VIEWS = ("layers", "channels", "embedding")


class RunWidget(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget may not be installed
    """A view of a run; `show` makes it.

    Parameters
    ----------
    files : sequence of str
        Folder of a component and its scripts.
    data : dict or bytes
        What the component draws.
    samples : int
        Number of samples of the run.
    """

    data = traitlets.Any().tag(sync=True)
    markup = traitlets.Unicode().tag(sync=True)
    style = traitlets.Unicode().tag(sync=True)
    picked = traitlets.Any(None, allow_none=True).tag(sync=True)
    """The last cell or circle that was chosen: channels of layers B and A, or place of the group and channel."""
    selected = traitlets.Any(None, allow_none=True).tag(sync=True)
    opened = traitlets.Any(None, allow_none=True).tag(sync=True)
    """The last plot that was double-clicked: its dimensions along y and x."""

    def __init__(self, files: Sequence[str], data: dict[str, Any] | bytes, samples: int) -> None:
        parts = sources(*files)
        self._samples = samples
        super().__init__(_esm=_script(parts["js"]), data=data, markup=parts["html"], style=parts["css"])

    @property
    def selection(self) -> list[int]:
        """Numbers of the samples that are selected in a scatter-plot matrix."""
        if self.selected is None:
            return []
        bits = np.frombuffer(base64.b64decode(self.selected), np.uint8)
        numbers: list[int] = np.flatnonzero(np.unpackbits(bits, bitorder="little")[: self._samples]).tolist()
        return numbers


def show(run: Run, view: str = "layers", *layers: str, epoch: int | None = None) -> RunWidget:
    """Show a view of a run in a notebook.

    Results that the run does not have are computed and stored in it.

    Parameters
    ----------
    run : Run
        An open run.
    view : {"layers", "channels", "embedding"}
        "layers": the heat map of the information between the channels of two layers. "channels": the entropies of the
        channels of a layer as circles, by class. "embedding": the scatter-plot matrix of a layer.
    *layers : str
        Layers A and B of the heat map, or the one layer of the other views. Default: those that the explorer opens.
    epoch : int, optional
        Default: the last epoch with activations or results.

    Returns
    -------
    RunWidget
        ``picked`` is the chosen cell or circle, and ``selection`` the list of selected samples.

    Raises
    ------
    ValueError
        If the view, a layer or the epoch does not exist, or the layer has single values, which have no circles.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.open_run("demo-run")
    >>> bitlens.show(run, "embedding", "output", epoch=1).selection  # doctest: +SKIP
    []
    """
    if view not in VIEWS:
        raise ValueError(f"view: expected one of {', '.join(VIEWS)}, got {view!r}")
    most = 2 if view == "layers" else 1
    if len(layers) > most:
        raise ValueError(f"layers: expected at most {most} for the view {view!r}, got {len(layers)}: {layers}")
    names = [run.layer(name).name for name in layers]
    epochs = known_epochs(run)
    if not epochs:
        raise ValueError(f"{run.path} has no complete epoch yet")
    if epoch is not None and epoch not in epochs:
        raise ValueError(f"epoch: expected one of {epochs}, got {epoch}")
    a, b = [*names, None, None][:2]
    query, _ = resolve_query(Query(epoch=epoch, a=a, b=b), run, epochs)
    at = epochs[-1] if epoch is None else epoch
    make = {"layers": _layers, "channels": _channels, "embedding": _embedding}[view]
    return make(run, query, at)


def _layers(run: Run, query: Query, epoch: int) -> RunWidget:
    results = _results(run, layer_pair_information, epoch, str(query.a), str(query.b))
    order = matrices.channel_orders(results, query)
    drawn = matrices.heat_map(run, query, results, epoch, order, matrices.color_range(results, query))
    return RunWidget(heatmap.FILES, drawn.payload(), run.manifest.samples)


def _channels(run: Run, query: Query, epoch: int) -> RunWidget:
    layer = str(query.a)
    if len(run.layer(layer).shape) == 1:
        raise ValueError(
            f"layers: {layer} has single values, which do not vary within a sample; name a layer with maps"
        )
    table = tables.channel_entropies(_results(run, channel_entropies, epoch, layer))
    drawn = circles(run, layer, table, epoch, query.scale)
    return RunWidget(circle_packing.FILES, drawn.payload(), run.manifest.samples)


def _embedding(run: Run, query: Query, epoch: int) -> RunWidget:
    matrix, _ = scatter_matrix(run, query, epoch)
    return RunWidget(scatter.FILES, matrix.payload(), run.manifest.samples)


def _results(run: Run, measure: Measure[Any], epoch: int, *target: str) -> Any:
    """Results at an epoch: stored ones, those with the default parameters first, or computed ones."""
    for known in measure.known(run, *target):
        if epoch in known.epochs and (stored := measure.load(run, known, [epoch])) is not None:
            return stored.sel(epoch=epoch)
    return measure(run, *target, epochs=[epoch]).sel(epoch=epoch)


def _script(component: str) -> str:
    """The script of a component, followed by the one that mounts it."""
    start = component.index("export default function ")
    head, _, tail = component[start:].partition("(")
    name = head.removeprefix("export default function ")
    mounted = (files(__package__) / "notebook.mjs").read_text("utf-8")
    return f"{component[:start]}function {name}({tail}\nconst component = {name};\n{mounted}"
