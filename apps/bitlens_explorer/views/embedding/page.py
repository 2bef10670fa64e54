"""The embedding page (Seein' In): samples as points of a layer, selections linked through all layers, their averages."""

from __future__ import annotations

from functools import partial

import streamlit as st

from bitlens.runs import Run, RunError
from bitlens_explorer import embeddings, figures, selections, tables
from bitlens_explorer import query as queries
from bitlens_explorer.components import heatmap, scatter
from bitlens_explorer.context import context
from bitlens_explorer.query import Query
from bitlens_explorer.words import count, plain, say


def main() -> None:
    """The page."""
    run, query, epoch = context()
    st.title("Embedding", anchor=False)
    if epoch not in run.epochs:
        near = tables.nearest(run, epoch)
        say(f"Only results were recorded at epoch {epoch}; there are no activations to draw.", near)
        return
    wide, narrow = st.columns([5, 2], gap="medium")
    with wide:
        _space(run, query)
        _matrix(run, query, epoch)
    with narrow:
        _averages(run, query, epoch)


def _space(run: Run, query: Query) -> None:
    first, second = st.columns([2, 3])
    key = "query space"
    st.session_state[key] = query.space
    first.segmented_control(
        "Axes", list(queries.SPACES), key=key, format_func=queries.SPACES.__getitem__, required=True,
        on_change=lambda: queries.change(space=st.session_state[key]),
    )  # fmt: skip
    layer = run.layer(str(query.a))
    shown = "query dims"
    st.session_state[shown] = embeddings.dimensions(layer, query.dims)
    second.multiselect(
        f"Channels of layer {plain(layer.name)}", range(layer.channels), key=shown, max_selections=embeddings.MOST,
        on_change=lambda: queries.change(dims=tuple(st.session_state[shown])),
    )  # fmt: skip


def _matrix(run: Run, query: Query, epoch: int) -> None:
    drawn, frame = embeddings.matrix(run, query, epoch)
    figures.title(plain(drawn.title))
    scatter.show(
        drawn, "embedding", selections.selected(run, query),
        lambda samples: selections.choose(run, samples), lambda row, column: _open(run, query, row, column),
    )  # fmt: skip
    layer = run.layer(str(query.a))
    each = "a sample, averaged over positions" if query.space == "two" else "a sample"
    if query.space == "one" and len(layer.shape) > 1:
        each = "one position of one sample's maps; hover shows what of the input it sees"
    meaning = (
        f"Every point is {each}; {count(len(drawn.values), 'point')}; a column and a row of plots for each channel. Select by clicks, lasso or legend: the selection holds on "
        "all pages. A double click on a plot shows it alone."
    )
    name = figures.file_name(run, "embedding", query.a, f"epoch{epoch}", ending="csv")
    about = {"epoch": epoch, "layer": query.a, "quantity": "activation", "points": len(drawn.values)}
    figures.below(run, meaning, frame, "embedding", name, about, _code(run, query, epoch))


def _open(run: Run, query: Query, row: int, column: int) -> None:
    if query.space == "one":
        shown = embeddings.dimensions(run.layer(str(query.a)), query.dims)
        queries.change(dims=tuple(dict.fromkeys([shown[column], shown[row]])))


def _averages(run: Run, query: Query, epoch: int) -> None:
    samples: list[int] = selections.selected(run, query)
    whose = f"the {count(len(samples), 'selected sample')}"
    if not samples:
        try:
            samples = list(run.slice(label=list(query.classes) or None).samples.values)
        except RunError:
            samples = []
        whose = f"all {count(len(samples), 'sample')}" + (" of the chosen classes" if query.classes else "")
    figures.title("Average input and feature maps")
    if not samples:
        say("The chosen classes have no samples.", "choose other classes on the left.")
        return
    st.markdown(f"Over {whose}. A click on a map shows its channel on the left.")
    averages = []
    for layer in run.layers:
        drawn, average = embeddings.mosaic(run, layer.name, epoch, samples)
        st.markdown(f"**{plain(layer.name)}** ({plain(layer.kind)})")
        picked = None if layer.name != query.a or query.channel is None else (query.channel, 0)
        heatmap.show(drawn, f"average {layer.name}", picked, partial(_visit, run, layer.name))
        averages.append(average)
    meaning = "The mean of every value over these samples, each layer with colours of its own, brighter is more."
    name = figures.file_name(run, "embedding", "averages", f"epoch{epoch}", ending="csv")
    code = [
        "import pandas",
        f"samples = {_samples_code(run, query)}",
        "parts = []",
        "for layer in run.layers:",
        f"    mean = bitlens.average_maps(run, layer.name, {epoch}, samples).to_numpy().ravel()",
        "    parts.append(pandas.DataFrame({'layer': layer.name, 'mean activation': mean, 'value': range(mean.size)}))",
        "table = pandas.concat(parts, ignore_index=True)",
    ]
    figures.below(
        run,
        meaning,
        embeddings.values_of(averages),
        "averages",
        name,
        {"epoch": epoch, "samples": len(samples)},
        code,
    )


def _visit(run: Run, layer: str, channel: int, _place: int) -> None:
    if channel < run.layer(layer).channels:
        queries.change(a=layer, channel=channel, dims=(channel,), space="one")


def _samples_code(run: Run, query: Query) -> str:
    if query.selection is not None:
        return f"bitlens.load_selection(run, {query.selection!r})"
    return f"run.slice(label={list(query.classes) or None}).samples.values"


def _code(run: Run, query: Query, epoch: int) -> list[str]:
    two = query.space == "two"
    lines = ["import pandas"]
    parts = []
    for side, name, dims in (("a", query.a, query.dims), ("b", query.b, ()))[: 1 + two]:
        layer = run.layer(str(name))
        shown = embeddings.dimensions(layer, dims)
        labels = [f"channel {layer.name}: {d}" if two else f"channel {d}" for d in shown]
        lines += [
            f"{side} = bitlens.layer_points(run, {layer.name!r}, {epoch}, {embeddings.LIMIT}, pooled={two})",
            f"{side}_values = pandas.DataFrame({side}.activation.sel(channel={shown}).to_numpy(), columns={labels})",
        ]
        parts.append(f"{side}_values")
    return [
        *lines,
        f"table = pandas.concat([pandas.Series(a['sample'].to_numpy(), name='sample'), {', '.join(parts)}], axis=1)",
    ]


main()
