"""The layers page (CNNSlicer, section 5.3): what the channels of one layer tell about those of another."""

from __future__ import annotations

import streamlit as st
import xarray as xr

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer import compute, details, figures, matrices, recorded
from bitlens_explorer import query as queries
from bitlens_explorer.components import heatmap
from bitlens_explorer.context import context
from bitlens_explorer.query import Query
from bitlens_explorer.words import count, plain, say

DEFAULTS = {"bins": 32, "permutations": 20, "samples": 256, "seed": 0}


def main() -> None:
    """The page."""
    run, query, epoch = context()
    st.title("Layers", anchor=False)
    a, b = str(query.a), str(query.b)
    parameters = recorded.estimators(run, a, b).get(query.estimator or "")
    if parameters is None:
        _unmeasured(run, a, b)
        return
    kept = recorded.information_epochs(run, a, b, parameters)
    if epoch not in kept:
        words = f"Layers {plain(a)} and {plain(b)} have not been measured so at epoch {epoch}."
        say(words, "press the button, or choose another epoch.")
        if epoch in run.epochs:
            _offer(run, a, b, parameters, [epoch])
        return
    results = recorded.information(run, a, b, parameters, [epoch]).isel(epoch=0)
    _choices(query)
    wide, narrow = st.columns([3, 2], gap="large")
    about = {"layer A (columns)": a, "layer B (rows)": b, "quantity": queries.QUANTITIES[query.quantity]}
    about |= {"unit": "bits", "estimator": recorded.estimator_words(parameters), "sorted by": queries.SORTS[query.sort]}
    with wide:
        _matrix(run, query, epoch, results, kept, about)
    with narrow:
        details.numbers(run, query, epoch, results)
    try:
        details.maps(run, query, epoch)
    except RunError as error:
        figures.failed(error)
    _strip(run, query, kept, parameters, about)


def _choices(query: Query) -> None:
    parts = (
        ("Quantity", "quantity", queries.QUANTITIES),
        ("Sort channels by", "sort", queries.SORTS),
        ("Colour range of", "color_range", queries.RANGES),
    )
    for column, (label, field, options) in zip(st.columns(3), parts, strict=True):
        key = f"query {field}"
        st.session_state[key] = getattr(query, field)
        column.segmented_control(
            label,
            list(options),
            key=key,
            format_func=options.__getitem__,
            required=True,
            on_change=lambda field=field, key=key: queries.change(**{field: st.session_state[key]}),
        )


def _matrix(run: Run, query: Query, epoch: int, results: xr.Dataset, kept: list[int], about: dict[str, str]) -> None:
    drawn = matrices.order(results, query)
    spread = results
    parameters = recorded.estimators(run, str(query.a), str(query.b))[str(query.estimator)]
    if query.color_range == "all":
        spread = recorded.information(run, str(query.a), str(query.b), parameters, kept)
    map_ = matrices.heat_map(run, query, results, epoch, drawn, matrices.color_range(spread, query))
    figures.title(plain(map_.title))
    heatmap.show(map_, "information", query.cell and query.cell[::-1], _pick)
    meaning = (
        "How much the distances between samples in a channel of A tell about those in a channel of B"
        + (", above what shuffled samples give." if query.quantity == "excess" else ". The estimate is biased upward.")
        + f" {plain(about['estimator'].capitalize())}."
    )
    name = figures.file_name(run, "layers", query.a, query.b, f"epoch{epoch}", query.quantity, ending="csv")
    code = matrices.code(query, parameters, epoch)
    figures.below(run, meaning, map_.table.to_pandas(), "information", name, {"epoch": epoch, **about}, code)


def _strip(run: Run, query: Query, kept: list[int], parameters: recorded.Parameters, about: dict[str, str]) -> None:
    some = sorted({kept[0], kept[len(kept) // 2], kept[-1]})
    results = recorded.information(run, str(query.a), str(query.b), parameters, some)
    colors = matrices.color_range(results, query)
    figures.title("The same through the training")
    frames = []
    for column, epoch in zip(st.columns(len(some)), some, strict=True):
        with column:
            st.markdown(f"**Epoch {epoch}**")
            at_epoch = results.sel(epoch=epoch)
            drawn = matrices.heat_map(run, query, at_epoch, epoch, matrices.order(at_epoch, query), colors, 300)
            heatmap.show(drawn, f"strip {epoch}", query.cell and query.cell[::-1], _pick)
            frames.append(drawn.table.reset_coords(drop=True).expand_dims(epoch=[epoch]))
    meaning = "The matrix at the first, a middle and the last epoch, each in its own order, with colours of one range."
    name = figures.file_name(run, "layers", query.a, query.b, "epochs", query.quantity, ending="csv")
    frame = xr.concat([f.sortby(["channel_b", "channel_a"]) for f in frames], "epoch").rename("bits").to_dataframe()
    figures.below(run, meaning, frame, "strip", name, about, matrices.code_of_epochs(query, parameters, some))


def _pick(row: int, column: int) -> None:
    queries.change(cell=(column, row))


def _unmeasured(run: Run, a: str, b: str) -> None:
    figures.title(plain(f"Layers {a} and {b}"))
    what = f"Layers {plain(a)} and {plain(b)} have not been measured."
    if (b, a) in recorded.pairs(run):
        say(f"{what} The other way round they have.", "swap A and B.")
        st.button("Swap A and B", on_click=queries.change, kwargs={"a": b, "b": a})
        return
    known = ", ".join(f"{plain(first)} and {plain(second)}" for first, second in recorded.pairs(run))
    say(what, f"press the button, or choose measured layers: {known or 'there are none yet'}.")
    _offer(run, a, b, {**DEFAULTS, "samples": min(DEFAULTS["samples"], run.manifest.samples)}, run.epochs)


def _offer(run: Run, a: str, b: str, parameters: recorded.Parameters, epochs: list[int]) -> None:
    steps = [
        (
            f"layers {a} and {b}, epoch {e}",
            lambda e=e: bitlens.layer_pair_information(run, a, b, **parameters, epochs=[e]),
        )
        for e in epochs
    ]
    label = f"layers {plain(a)} and {plain(b)}, {count(len(epochs), 'epoch')}: {recorded.estimator_words(parameters)}"
    compute.offer(label, "compute information", steps)


main()
