"""The strip of the network above every page, with what is known of its layers and what a click does on this page."""

from __future__ import annotations

from functools import partial

from bitlens.runs import Layer, Run
from bitlens_explorer.results.layer_states import LayerStates, layer_states
from bitlens_explorer.results.query_check import measured_pairs
from bitlens_explorer.state.context import context, go_to_page
from bitlens_explorer.state.query import Query, change_query, current_query
from bitlens_explorer.ui.components import network_strip
from bitlens_explorer.ui.components.network_strip import LayerBox
from bitlens_explorer.ui.text import count

_OF_RUNS = ("training", "estimates")
"""Comparisons that show all layers."""


def with_a(page: str, query: Query) -> bool:
    """Whether a page shows layer A."""
    return page in ("layers", "channels", "embedding") or (page == "compare" and query.comparison not in _OF_RUNS)


def with_b(page: str, query: Query) -> bool:
    """Whether a page shows layer B as well."""
    of_part = {"embedding": query.space == "two", "compare": query.comparison == "matrices"}
    return page == "layers" or of_part.get(page, False)


def show_strip(run: Run, page: str) -> None:
    """Draw the strip."""
    _, query, epoch = context()
    states = layer_states(run, epoch)
    second = with_b(page, query)
    pairs = set(measured_pairs(run)) if second and page != "embedding" else set()
    if not with_a(page, query):
        click = "A click shows the channels of a layer."
    elif second:
        click = "A click chooses layer A (columns); Shift and a click choose layer B (rows)."
    else:
        click = "A click chooses the layer."
    what = f"Bits: {states.quantity}, epoch {epoch}. " if states.bits else ""
    boxes = [_box(layer, states, query, page, second, pairs) for layer in run.layers]
    network_strip.show(boxes, what + click, second, partial(_pick, page))


def _box(
    layer: Layer, states: LayerStates, query: Query, page: str, second: bool, pairs: set[tuple[str, str]]
) -> LayerBox:
    bits, dead = states.bits.get(layer.name), states.dead.get(layer.name)
    roles = [
        role
        for role, name, shown in (("A", query.a, with_a(page, query)), ("B", query.b, second))
        if shown and name == layer.name
    ]
    measured = {(query.a, layer.name), (layer.name, query.b)} & pairs
    return LayerBox(
        name=layer.name,
        kind=layer.kind,
        shape=" x ".join(map(str, layer.shape)),
        bits=bits,
        bits_text="" if bits is None else f"{bits:.3f} bits ({states.quantity})",
        dead=dead or 0,
        dead_text="" if dead is None else f"{count(dead, 'dead channel')} of {layer.channels}",
        pair="measured together with a chosen layer" if measured else "",
        role=" ".join(roles),
    )


def _pick(page: str, layer: str, second: bool) -> None:
    if not with_a(page, current_query()):
        go_to_page("channels", a=layer)
    elif second:
        change_query(b=layer)
    else:
        change_query(a=layer)
