"""The charts of the page of hidden states: entropies over layers with their nulls, and that of one prompt."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from bitlens_explorer.ui.charts import HEIGHT, PETROFF, Chart, cycle, layer_axis, tooltips

TEXT, NULL, GAUSSIAN, PROMPT = "text", "shuffled channels", "Gaussian channels", "this prompt"
_LINES = {TEXT: [1, 0], NULL: [6, 3], GAUSSIAN: [2, 2], PROMPT: [1, 0]}
"""The dashes of each line."""


def over_layers(table: Any, layers: list[str]) -> Chart:
    """The mean entropy of the prompts in each layer with its standard error, that of its null, and of noise."""
    rows = _rows(table, TEXT, "mean_entropy", "standard_error")
    rows += _rows(table, NULL, "null_mean", "null_std") + _rows(table, GAUSSIAN, "gaussian")
    return _lines(rows, layers, "entropy of the tokens of a prompt (bits)")


def dataset_over_layers(table: Any, layers: list[str]) -> Chart:
    """The entropy of the mean vectors of all prompts in each layer, and its null."""
    rows = _rows(table, TEXT, "dataset_entropy") + _rows(table, NULL, "dataset_null_mean", "dataset_null_std")
    return _lines(rows, layers, "entropy of the mean vectors (bits)")


def prompt_over_layers(of_prompt: Any, table: Any, layers: list[str]) -> Chart:
    """The entropy of one prompt in each layer, and the mean over all prompts."""
    rows = _rows(of_prompt, PROMPT, "entropy") + _rows(table, TEXT, "mean_entropy", "standard_error")
    return _lines(rows, layers, "entropy of the tokens (bits)")


def _rows(table: Any, line: str, value: str, error: str | None = None) -> list[dict[str, Any]]:
    """The points of a line; a layer without a value has none."""
    errors = [np.nan] * len(table) if error is None else table[error]
    return [
        {"layer": layer, "line": line, "bits": float(bits), "error": None if np.isnan(spread) else float(spread)}
        for layer, bits, spread in zip(table["layer"], table[value], errors, strict=True)
        if not np.isnan(bits)
    ]


def _lines(rows: list[dict[str, Any]], layers: list[str], y_title: str) -> Chart:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=["layer", "line", "bits", "error"])
    frame["low"], frame["high"] = frame["bits"] - frame["error"], frame["bits"] + frame["error"]
    names = list(dict.fromkeys(frame["line"]))
    color = alt.Color("line:N", title=None, sort=names).scale(**cycle(names, PETROFF))
    dash = alt.StrokeDash("line:N", title=None, sort=names).scale(domain=names, range=[_LINES[name] for name in names])
    y = alt.Y("bits:Q", title=y_title, scale=alt.Scale(zero=False))
    base = alt.Chart(frame).encode(x=layer_axis(layers, "layer"), color=color, tooltip=tooltips(frame))
    bars = base.transform_filter("isValid(datum.error)").mark_rule(strokeWidth=2).encode(y="low:Q", y2="high:Q")
    lines = base.mark_line(strokeWidth=1.5).encode(y=y, strokeDash=dash)
    points = base.mark_point(filled=True, size=45).encode(y=y)
    drawn: Chart = alt.layer(bars, lines, points).properties(height=HEIGHT)
    return drawn
