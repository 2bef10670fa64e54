"""The results of the simulation as Markdown tables, and the block of a page that they replace."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

LEAST, MOST = 0.90, 0.98
"""Coverage that is required of 95 % intervals; the upper limit applies to clearly dependent samples."""

CLEAR = 2.0
"""An expected estimate above this number of its standard deviations is clear."""

NEAR = 0.03, 0.01
"""A coverage that is this close to the lower or to the upper limit takes more sets of samples to decide."""

BLOCK = re.compile(r"(<!-- python -m bench.coverage -->\n).*?(\n<!-- end of table -->)", re.DOTALL)


class Cell(NamedTuple):
    """The coverage of one quantity of one law."""

    family: str
    title: str
    n: int
    quantity: str
    result: dict[str, Any]

    @property
    def constant(self) -> bool:
        """Whether every set of samples has the same estimate."""
        return self.result["ratio"] is None

    @property
    def clear(self) -> bool:
        """Whether the expected estimate exceeds two of its standard deviations."""
        return not self.constant and abs(self.result["mean"]) > CLEAR * self.result["deviation"]

    @property
    def miss(self) -> str:
        """How the coverage misses the requirement, or an empty text."""
        if self.result["covered"] < LEAST:
            return "low"
        return "high" if self.clear and self.result["covered"] > MOST else ""

    @property
    def near(self) -> bool:
        """Whether noise may decide if the coverage meets the requirement."""
        covered, rounding = self.result["covered"], 1e-9
        distances = abs(covered - LEAST) - rounding, abs(covered - MOST) - rounding
        return distances[0] <= NEAR[0] or (self.clear and distances[1] <= NEAR[1])


def cells(results: dict[str, Any]) -> list[Cell]:
    """Return the cells of the table in the order of the file."""
    return [
        Cell(law["family"], law["title"], law["n"], quantity, result)
        for law in results["laws"].values()
        for quantity, result in law["results"].items()
    ]


def table(results: dict[str, Any]) -> str:
    """Return the summary and one table for each function, or a sentence if there are no results."""
    every = cells(results)
    if not every:
        return "Nothing was simulated yet."
    singles, most = results["settings"]["singles"], max(law["singles"] for law in results["laws"].values())
    truth = min(law["fresh"] for law in results["laws"].values())
    about = (
        f"Each cell has {singles} single sets of samples with their intervals. Expected estimates and "
        f"standard deviations come from at least {truth} fresh sets. Two standard deviations of a coverage are "
        f"{_two_deviations(0.95, singles)} points at 95 % and {_two_deviations(LEAST, singles)} points at 90 %."
    )
    if most > singles:
        laws = results["laws"].values()
        number = sum(law["singles"] == most for law in laws)
        about += (
            f" {number} of the {len(laws)} laws, of which a coverage was close to its limit, have {most} sets, "
            f"the first {singles} among them. Two standard deviations are {_two_deviations(0.95, most)} to "
            f"{_two_deviations(LEAST, most)} points there."
        )
    families = list(dict.fromkeys(cell.family for cell in every))
    details = (line for family in families for line in _details(family, [c for c in every if c.family == family]))
    return "\n".join([about, "", *_summary(families, every), *details])


def _two_deviations(coverage: float, singles: int) -> str:
    return f"{200 * math.sqrt(coverage * (1 - coverage) / singles):.1f}"


def replace_block(page: Path, text: str) -> None:
    """Replace the marked block of the page."""
    before = page.read_text("utf-8")
    if not BLOCK.search(before):
        raise ValueError(f"{page}: expected the lines <!-- python -m bench.coverage --> and <!-- end of table -->")
    page.write_text(BLOCK.sub(lambda found: f"{found[1]}{text}{found[2]}", before), "utf-8")


def _summary(families: list[str], every: list[Cell]) -> Iterator[str]:
    yield "| estimate | cells | coverage | too low | too high | error / standard deviation where clear | elsewhere |"
    yield "|---|---|---|---|---|---|---|"
    groups = [(family, quantity) for family in families for quantity in _quantities(every, family)]
    for family, quantity in groups:
        group = [cell for cell in every if (cell.family, cell.quantity) == (family, quantity) and not cell.constant]
        if not group:
            continue
        covered = [cell.result["covered"] for cell in group]
        misses = [sum(cell.miss == kind for cell in group) for kind in ("low", "high")]
        ratios = [_range([c.result["ratio"] for c in group if c.clear is clear], "{:.2f}") for clear in (True, False)]
        row = (f"{_code(family)}: {quantity}", len(group), f"{_range([100 * c for c in covered], '{:.1f}')} %")
        yield f"| {' | '.join(map(str, (*row, *misses, *ratios)))} |"


def _quantities(every: list[Cell], family: str) -> list[str]:
    return list(dict.fromkeys(cell.quantity for cell in every if cell.family == family))


def _details(family: str, group: list[Cell]) -> Iterator[str]:
    sizes = sorted({cell.n for cell in group})
    yield ""
    yield f"**{_code(family)}**"
    yield ""
    yield f"| law | quantity | {' | '.join(f'n = {n}' for n in sizes)} |"
    yield f"|---|---|{'---|' * len(sizes)}"
    for title, quantity in dict.fromkeys((cell.title, cell.quantity) for cell in group):
        by_size = {cell.n: cell for cell in group if (cell.title, cell.quantity) == (title, quantity)}
        row = (_text(by_size[n]) if n in by_size else "" for n in sizes)
        yield f"| {title} | {quantity} | {' | '.join(row)} |"


def _text(cell: Cell) -> str:
    """The coverage, the ratio of estimated to true deviation, and the expected estimate with its deviation."""
    result = cell.result
    if cell.constant:
        return f"constant ({result['mean']:.3f})"
    covered = f"{round(100 * result['covered'], 1):g} %"
    if (percent := f"{100 * result['with_interval']:.0f}") != "100":
        covered += f" of the {percent} % of sets with an interval"
    if cell.miss:
        covered = f"**{covered}, too {cell.miss}**"
    return f"{covered}, {result['ratio']:.2f} ({result['mean']:.3f} ± {result['deviation']:.3f})"


def _code(family: str) -> str:
    """The name of the function as code, and the rest of the text as it is."""
    name, comma, rest = family.partition(",")
    return f"`{name}`{comma}{rest}"


def _range(values: list[float], form: str) -> str:
    if not values:
        return ""
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} to {high}"
