"""Text on pages: names from a run are shown as they are written, and messages name the next step."""

from __future__ import annotations

import re
import string

import streamlit as st

from bitlens.runs import Run

_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")
_LINKS = re.compile(r"(?<=:)(?=\S)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_JOINER = "\u2060"
"""Has no width, but prevents a link, an icon or an emoji, which escaping alone does not."""


def escape_markdown(text: object) -> str:
    """Text that Markdown shows as it is written, on one line."""
    return _PUNCTUATION.sub(r"\\\1", _LINKS.sub(_JOINER, " ".join(str(text).split())))


def capitalized(text: str) -> str:
    """The text with a capital first letter and all others unchanged."""
    return text[:1].upper() + text[1:]


def shortened(text: str, most: int = 40) -> str:
    """The text, cut to a number of characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def number_ranges(numbers: list[int]) -> str:
    """Ascending numbers with ranges joined: 0 to 3, 7."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in ranges)


def show_hint(what: str, next_step: str) -> None:
    """Say what is missing and what the user can do."""
    st.info(f"{what}\n\n**Next:** {next_step}")


def show_error(what: str, next_step: str) -> None:
    """Say what failed and what the user can do."""
    st.error(f"{what}\n\n**Next:** {next_step}")


def show_warning(error: Exception) -> None:
    """Say why a part of a page could not be drawn."""
    st.warning(escape_markdown(error))


def show_without_activations(run: Run, epoch: int, what: str, error: Exception | None = None) -> None:
    """Say that something needs activations which an epoch does not have, or whose file is damaged."""
    if epoch in run.epochs and error is not None:
        others = [other for other in run.epochs if other != epoch]
        step = f"choose epoch {number_ranges(others)}." if others else "record the network again."
        show_error(f"The activations of epoch {epoch} cannot be read: {escape_markdown(error)}", step)
    else:
        show_hint(f"Only results were recorded at epoch {epoch}; {what}.", nearest_activations(run, epoch))


def nearest_activations(run: Run, epoch: int) -> str:
    """What to do at an epoch without activations: choose the nearest epochs that have them."""
    nearest = sorted(run.epochs, key=lambda other: abs(other - epoch))[:2]
    if not nearest:
        return "record the network again, because no epoch of this run has activations any more."
    return f"choose epoch {' or '.join(str(other) for other in sorted(nearest))}."
