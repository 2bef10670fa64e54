"""Draw the times of all versions: bench/results/VERSION/OCCASION.json, the median and the range of the occasions."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from bench.compare import about, measured
from bench.store import CPU

PICTURE = Path(__file__).parents[1] / "docs" / "history.png"


def main(arguments: list[str] | None = None) -> int:
    """Draw the picture and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("--results", type=Path, default=CPU.parent, help="folder with one folder for each version")
    parser.add_argument("--output", type=Path, default=PICTURE, help="the picture; its suffix is the format")
    options = parser.parse_args(arguments)
    try:
        times = read_times(options.results)
    except ValueError as error:
        parser.error(str(error))
    if not times:
        parser.error(f"--results: expected folders of versions with result files, got none in {options.results}")
    draw(times, options.output)
    return 0


def read_times(folder: Path) -> dict[str, dict[str, list[float]]]:
    """Return our seconds on each occasion, by the title of the case and the version, in the order of the versions.

    Raises
    ------
    ValueError
        If the results come from several machines, whose times cannot be compared.
    """
    times: dict[str, dict[str, list[float]]] = {}
    machines: dict[str, Path] = {}
    versions = sorted((path for path in folder.iterdir() if path.is_dir()), key=_number)
    for path in (path for version in versions for path in sorted(version.glob("*.json"))):
        results: dict[str, Any] = json.loads(path.read_text("utf-8"))
        machines.setdefault(about(results).partition(", Python")[0], path)
        for record in results["cases"].values():
            if row := measured(record):
                times.setdefault(record["title"], {}).setdefault(path.parent.name, []).append(row["seconds"])
    if len(machines) > 1:
        named = "; ".join(f"{path}: {machine}" for machine, path in machines.items())
        raise ValueError(f"--results: expected results of one machine, got {named}")
    return times


def _number(version: Path) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version.name)]


def draw(times: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Draw one row for each case: the time of each version relative to the median of the first one that has it.

    Cases of a single version are left out where others have several, because they compare nothing.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    times = {title: of_case for title, of_case in times.items() if len(of_case) > 1} or times
    versions = list(dict.fromkeys(version for of_case in times.values() for version in of_case))
    figure = Figure(figsize=(9, 1.5 + 0.35 * len(times)), layout="constrained")
    axes = figure.subplots()
    for i, version in enumerate(versions):
        places, middles, errors = [], [], []
        for row, of_case in enumerate(times.values()):
            if version in of_case:
                first = _median(next(iter(of_case.values())))
                low, middle, high = (f(of_case[version]) / first for f in (min, _median, max))
                places.append(row + 0.15 * (i - (len(versions) - 1) / 2))
                middles.append(middle)
                errors.append((middle - low, high - middle))
        axes.errorbar(middles, places, xerr=list(zip(*errors, strict=True)), fmt="o", capsize=3, label=version)
    axes.set_yticks(range(len(times)), [title.replace("`", "") for title in times], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    for of_ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        of_ticks(ScalarFormatter())
    axes.set_xlabel("time relative to the first version that has the case\n(bars: range of the occasions)")
    axes.grid(visible=True, which="both", axis="x", linewidth=0.4, alpha=0.5)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


if __name__ == "__main__":
    sys.exit(main())
