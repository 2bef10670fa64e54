"""Inputs that are not pictures: how they are known, and numbers of tokens as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from bitlens.runs import Run

_MOST_TOKENS = 64
_LEAST_WAVE = 64  # values


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
