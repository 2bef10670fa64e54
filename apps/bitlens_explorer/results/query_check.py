"""Turning a query into one that the run can answer: missing parts are filled in, impossible parts are left out."""

from __future__ import annotations

from dataclasses import replace

from bitlens.measures import layer_pair_information
from bitlens.runs import Run
from bitlens_explorer.results.known import known_sets
from bitlens_explorer.state.address import reset_fields
from bitlens_explorer.state.query import NETWORK, Query
from bitlens_explorer.state.selection import selection_exists

_WITHOUT_WEIGHTS = ("activation", "pooling", "dropout", "flatten", "padding", "input")
"""Kinds of layers."""


def resolve_query(query: Query, run: Run, epochs: list[int]) -> tuple[Query, list[str]]:
    """The query with default layers and estimator, and the parts of the address that the run does not have."""
    layers = [layer.name for layer in run.layers]
    left_out: list[str] = []

    def keep(field: str, valid: bool) -> None:
        nonlocal query
        if getattr(query, field) is not None and not valid:
            query, parts = reset_fields(query, field)
            left_out.extend(parts)

    keep("epoch", query.epoch in epochs)
    keep("classes", all(number < len(run.classes) for number in query.classes))
    keep("a", query.a in layers)
    keep("b", query.b in layers)
    if query.a is None or query.b is None:
        a, b = _default_pair(run, query.a, query.b)
        query = replace(query, a=a, b=b)
    a, b = str(query.a), str(query.b)
    sizes = (run.layer(a).channels, run.layer(b).channels)
    keep("cell", query.cell is None or (query.cell[0] < sizes[0] and query.cell[1] < sizes[1]))
    keep("channel", query.channel is None or query.channel < sizes[0])
    keep("dims", all(number < sizes[0] for number in query.dims))
    keep("selection", query.selection is None or selection_exists(run, query.selection))
    keep("image", query.image is None or query.image < run.manifest.samples)
    keep("depth", query.depth in layers)
    keep("scope", query.scope in [*layers, NETWORK])
    outputs = run.layers[-1].channels
    keep("confused", query.confused is None or max(query.confused) < max(outputs, len(run.classes)))
    known = [known.id for known in known_sets(run, layer_pair_information, a, b, quiet=True)]
    keep("estimator", query.estimator in known)
    if query.estimator is None and known:
        query = replace(query, estimator=known[0])
    return query, left_out


def measured_pairs(run: Run) -> list[tuple[str, str]]:
    """Pairs of layers whose information has been measured, in the order of the network."""
    place = {layer.name: i for i, layer in enumerate(run.layers)}
    pairs = {(known.target[0], known.target[1]) for known in known_sets(run, layer_pair_information, quiet=True)}
    return sorted(pairs, key=lambda pair: (place[pair[0]], place[pair[1]]))


def _default_pair(run: Run, a: str | None, b: str | None) -> tuple[str, str]:
    """A measured pair that agrees with the given layers.

    Preferred are pairs whose second layer has weights, which change what is known, unlike an activation; and pairs of
    layers with several channels.
    """
    fitting = [pair for pair in measured_pairs(run) if (a is None or pair[0] == a) and (b is None or pair[1] == b)]
    fitting.sort(
        key=lambda pair: (
            min(run.layer(pair[0]).channels, run.layer(pair[1]).channels) == 1,
            run.layer(pair[1]).kind in _WITHOUT_WEIGHTS,
        )
    )
    if fitting:
        return fitting[0]
    return a or run.layers[0].name, b or run.layers[-1].name
