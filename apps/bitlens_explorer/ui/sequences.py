"""Inputs that are not pictures: numbers of tokens, and waves as curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import streamlit as st

from bitlens.runs import Run

_MOST_TOKENS = 64
_LEAST_WAVE = 64  # values
_WIDTH, _HEIGHT = 152, 64  # of a curve, in pixels
_COLOR = "#3f90da"


def are_tokens(run: Run) -> bool:
    """Whether the inputs are numbers of tokens, of which an average means nothing."""
    return run.has_inputs and bool(np.issubdtype(run.inputs.dtype, np.integer)) and run.inputs.ndim <= 2


def are_waves(run: Run) -> bool:
    """Whether the inputs are one or two long sequences of values, such as sound."""
    shape = run.layers[0].shape if run.has_inputs else ()
    return len(shape) == 2 and shape[0] <= 2 and shape[1] >= _LEAST_WAVE and not are_tokens(run)


def show_tokens(run: Run, samples: Sequence[int], captions: Sequence[str]) -> None:
    """The numbers of the tokens of each sample, of a run without texts."""
    for sample, caption in zip(samples, captions, strict=True):
        tokens = np.atleast_1d(run.inputs[sample])
        rest = f" … {len(tokens) - _MOST_TOKENS} more" if len(tokens) > _MOST_TOKENS else ""
        st.caption(caption)
        st.text("tokens " + " ".join(map(str, tokens[:_MOST_TOKENS].tolist())) + rest)
    st.caption("Record the run with `texts=` to read texts here.")


def show_waves(run: Run, samples: Sequence[int], captions: Sequence[str]) -> None:
    """The inputs as curves, on one scale."""
    values = run.activations(run.layers[0].name, 0)[list(samples)].astype(np.float64)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    pictures = [_curve(wave, low, high) for wave in values]
    st.image(pictures, caption=list(captions), width=_WIDTH, alt=[f"input of {caption}" for caption in captions])
    st.caption(f"From {low:.3g} to {high:.3g}, along {values.shape[-1]} values.")


def _curve(wave: np.ndarray[Any, Any], low: float, high: float) -> str:
    """One curve for each channel as SVG. Each pixel across shows the lowest and the highest of its values."""
    lines = []
    for channel in wave:
        parts = np.array_split(channel, min(_WIDTH, len(channel)))
        ends = np.array([[part.min(), part.max()] for part in parts]).ravel()
        heights = _HEIGHT - 2 - (ends - low) / ((high - low) or 1.0) * (_HEIGHT - 4)
        places = np.repeat(np.arange(len(parts)) * _WIDTH / len(parts), 2)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(places, heights, strict=True) if np.isfinite(y))
        lines.append(f'<polyline points="{escape(points)}" fill="none" stroke="{_COLOR}" stroke-width="1"/>')
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(lines)}</svg>'
