"""How text from a run gets onto a page: as itself, never as markup."""

from __future__ import annotations

import re
import string

import streamlit as st

_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")
_LINKS = re.compile(r"(?<=:)(?=\S)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_JOINER = "\u2060"
"""Takes no room, but ends what would become a link, an icon or an emoji even when escaped."""


def plain(text: object) -> str:
    """Text that Markdown shows as it is written, on one line."""
    return _PUNCTUATION.sub(r"\\\1", _LINKS.sub(_JOINER, " ".join(str(text).split())))


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def listed(numbers: list[int]) -> str:
    """Ascending numbers with runs of them drawn together: 0 to 3, 7."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in parts)


def say(what: str, next_step: str) -> None:
    """What is not there, and what to do about it."""
    st.info(f"{what}\n\n**Next:** {next_step}")


def refuse(what: str, next_step: str) -> None:
    """What went wrong, and what to do about it."""
    st.error(f"{what}\n\n**Next:** {next_step}")
