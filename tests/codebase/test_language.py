"""The language of the project: idioms that a reader whose second language is English has to read twice are kept out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("python", "apps", "bench", "csrc", "docs")
SUFFIXES = {".py", ".pyi", ".md", ".cpp", ".hpp", ".cu", ".cuh", ".mjs", ".html"}
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml", "CMakeLists.txt")

IDIOMS = {
    "so many": r"\bso many\b",
    "anew": r"\banew\b",
    "in words": r"\bin words\b",
    "of its own": r"\bof (its|their|his) own\b",
    "beside": r"\bbeside\b",
    "is none": r"(?<!there )\b(is|are) none\b",
    "is no ...": r"(?<![Tt]here )\b(is|are) no (?!better|longer|more|less)[a-z]+",
    "room": r"\brooms?\b",
    "says of": r"\bsays? of\b",
    "what ... gives": r"\bwhat [a-z]+ (gives?|says?|tells?|holds?|can)\b",
    "can without a verb": r"\bcan without\b",
    "a sentence that begins with Of": r"(?:^|[.:] |\"\"\"|^\s*(?:#|//) )Of [a-z]",
}


def texts() -> list[Path]:
    found = [ROOT / page for page in PAGES]
    for folder in FOLDERS:
        found += [path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES]
    return found


def prose(path: Path) -> list[tuple[int, str]]:
    """The numbered lines of a file; of scripts the comments alone, whose variables are not read as text."""
    lines = list(enumerate(path.read_text("utf-8").splitlines(), 1))
    if path.suffix != ".mjs":
        return lines
    return [(number, found[0]) for number, line in lines if (found := re.search(r"//.*|/\*.*|^\s*\*.*", line))]


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_idioms_are_kept_out(path: Path) -> None:
    found = [
        f"line {number}: {name}: {line.strip()}"
        for number, line in prose(path)
        for name, pattern in IDIOMS.items()
        if re.search(pattern, line, re.MULTILINE)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("name", "pattern"), IDIOMS.items(), ids=IDIOMS)
def test_the_patterns_find_what_they_are_for(name: str, pattern: str) -> None:
    examples = {
        "is no ...": "RUN is no run",
        "what ... gives": "what shuffling gives",
        "can without a verb": "What can the network? It can without that neuron.",
        "a sentence that begins with Of": "# Of each row the smallest.",
        "room": "each room has a number",
    }
    assert re.search(pattern, examples.get(name, f"It is {name} here, {name} what"), re.MULTILINE)
