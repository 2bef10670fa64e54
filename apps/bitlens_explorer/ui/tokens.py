"""Tokens and texts on pages: a prompt with its tokens, and samples as text in place of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from bitlens.runs import Run
from bitlens_explorer.ui.text import count, escape_markdown, show_hint

MOST_TOKENS = 512
"""Tokens of a prompt that are shown."""
AROUND = 4
"""Tokens before and after a token that are shown with it."""


def show_prompt(run: Run, prompt: int) -> None:
    """The tokens of a prompt as text."""
    if run.prompts is None or run.texts is None:
        show_hint("This run has no texts of its tokens.", "record it with `texts=` to read them here.")
        return
    samples = np.flatnonzero(run.prompts == prompt).tolist()
    shown = samples[:MOST_TOKENS]
    cut = f", of which the first {len(shown)} are shown" if len(shown) < len(samples) else ""
    st.markdown(f"Prompt {prompt}: {count(len(samples), 'token')}{cut}.")
    st.markdown(" · ".join(_token(run.texts[sample]) for sample in shown))


def show_texts(run: Run, samples: Sequence[int], captions: Sequence[str]) -> None:
    """The texts of some samples, one below the other; a token in bold, among those around it in its prompt."""
    assert run.texts is not None
    for sample, caption in zip(samples, captions, strict=True):
        place = "" if run.prompts is None else f", prompt {int(run.prompts[sample])}"
        st.markdown(f"{escape_markdown(caption)}{place}: {_in_context(run, sample)}")


def _in_context(run: Run, sample: int) -> str:
    assert run.texts is not None
    if run.prompts is None:
        return escape_markdown(run.texts[sample]) or "∅"
    around = range(max(0, sample - AROUND), min(len(run.texts), sample + AROUND + 1))
    same = [other for other in around if run.prompts[other] == run.prompts[sample]]
    return " · ".join(
        f"**{_token(run.texts[other])}**" if other == sample else _token(run.texts[other]) for other in same
    )


def _token(text: str) -> str:
    """The text of a token; white space, which Markdown does not show, by a sign."""
    shown = text.replace("\n", "↵").replace("\t", "→").replace(" ", "␣")
    return escape_markdown(shown) or "∅"
