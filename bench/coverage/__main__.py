"""Simulate how often the 95 % intervals of bitlens cover the expected estimate, and write the table of the page.

Each law is stored as soon as it is simulated. A run that was interrupted continues with the next law.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import bitlens
from bench import data, store
from bench.coverage.laws import LAWS
from bench.coverage.simulation import Law, Sizes, seconds_of_each, simulate
from bench.coverage.table import Cell, replace_block, table
from bench.timing import MissingError

PAGE = Path(__file__).parents[2] / "docs" / "intervals.md"
EXAMPLE = 'example: python -m bench.coverage --laws "gauss .6" lognormal --singles 50 --truth 200 --output trial.json'
INTERRUPTED = 130


class OtherSettingsError(Exception):
    """The stored results were simulated with other settings."""


def main(arguments: list[str] | None = None, laws: dict[str, Law] = LAWS) -> int:
    """Simulate the requested laws that are not stored, write the table, and return the exit status."""
    parser = argument_parser()
    options = parser.parse_args(arguments)
    chosen = [law for name, law in laws.items() if not options.laws or any(text in name for text in options.laws)]
    if not chosen:
        parser.error(f"--laws: expected a part of the name of a law, got {', '.join(options.laws)}; see --list")
    if options.list:
        print("\n".join(law.name for law in chosen))
        return 0
    bitlens.set_num_threads(1)
    sizes = Sizes(options.singles, options.truth, options.seed)
    try:
        results = resume(options.output, sizes, fresh=options.fresh)
    except OtherSettingsError as error:
        parser.error(str(error))
    status = 0
    try:
        run(chosen, sizes, results, options.output, list(laws))
    except KeyboardInterrupt:
        print(f"interrupted; the laws simulated so far are in {options.output}", file=sys.stderr)
        status = INTERRUPTED
    page = options.page or (PAGE if options.output == store.COVERAGE else None)
    if page:
        replace_block(page, table(results))
    else:
        print(table(results))
    return status


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.coverage", description=__doc__, epilog=EXAMPLE)
    parser.add_argument(
        "--laws",
        nargs="+",
        default=[],
        metavar="TEXT",
        help="laws whose name contains one of these texts; default: all",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the laws and stop")
    parser.add_argument(
        "--singles", type=at_least_two, default=200, help="sets of samples with an interval (default: %(default)s)"
    )
    parser.add_argument(
        "--truth", type=at_least_two, default=400, help="fresh sets for the expected estimate (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples, from 0 on (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=store.COVERAGE, help="JSON file that results are added to (default: %(default)s)"
    )
    parser.add_argument(
        "--page",
        type=Path,
        help="page whose marked block gets the table (default: docs/intervals.md, or the screen with another --output)",
    )
    parser.add_argument("--fresh", action="store_true", help="replace the file instead of adding to it")
    return parser


def at_least_two(text: str) -> int:
    """Parse an integer of at least 2."""
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f"expected 2 or more, got {number}")
    return number


def resume(output: Path, sizes: Sizes, *, fresh: bool) -> dict[str, Any]:
    """Return the stored results, to which new ones can be added.

    Raises
    ------
    OtherSettingsError
        If they were simulated with other settings and `fresh` is not set.
    """
    stored = {} if fresh else store.read(output)
    settings = sizes.settings()
    differing = [
        f"{name} {value}" for name, value in stored.get("settings", settings).items() if settings[name] != value
    ]
    if differing:
        raise OtherSettingsError(
            f"{output} has results with {', '.join(differing)}, which cannot be in the same table; use --fresh to "
            "replace the file, the same settings, or another --output"
        )
    return {"settings": settings, "laws": stored.get("laws", {})}


def run(chosen: list[Law], sizes: Sizes, results: dict[str, Any], output: Path, order: list[str]) -> None:
    """Simulate the laws that are not in the results, and write the file after each of them."""
    _store(output, results, order)
    console = Console(stderr=True)
    times = (TimeElapsedColumn(), TextColumn("elapsed,"), TimeRemainingColumn())
    columns = (BarColumn(20), *times, TextColumn("left; {task.description}"))
    with Progress(*columns, console=console, speed_estimate_period=600) as bar:
        task = bar.add_task("timing the laws", total=None)
        waiting = [law for law in chosen if law.name not in results["laws"] and not _missing(law, console)]
        seconds = {law.name: seconds_of_each(law, sizes) for law in waiting}
        left = {law.name: _expected(law, sizes, seconds[law.name]) for law in waiting}
        bar.update(task, total=sum(left.values()) or 1.0)
        done = 0.0
        for law in waiting:
            bar.update(task, description=escape(law.name))
            start = time.perf_counter()
            for step in simulate(law, sizes):
                if isinstance(step, bool):
                    bar.advance(task, seconds[law.name][step])
                    continue
                record = {"family": law.family, "title": law.title, "n": law.n, "fresh": sizes.truth * law.truth_factor}
                results["laws"][law.name] = record | step
            _store(output, results, order)
            done += left.pop(law.name)
            bar.update(task, completed=done)
            minutes = sum(left.values()) / 60
            console.print(
                escape(_line(law, results, time.perf_counter() - start, minutes)), highlight=False, soft_wrap=True
            )


def _store(output: Path, results: dict[str, Any], order: list[str]) -> None:
    """Write the results in the order of the laws."""
    results["laws"] = {name: results["laws"][name] for name in order if name in results["laws"]}
    store.write(output, results)


def _expected(law: Law, sizes: Sizes, each: tuple[float, float]) -> float:
    """The seconds that a law is expected to take."""
    return sizes.truth * law.truth_factor * each[False] + sizes.singles * each[True]


def _missing(law: Law, console: Console) -> bool:
    """Whether the data of a law are missing, which is said."""
    if not law.needs_mnist:
        return False
    try:
        data.mnist()
    except MissingError as error:
        _say(console, f"{law.name}: skipped, {error}")
        return True
    return False


def _say(console: Console, text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)


def _line(law: Law, results: dict[str, Any], seconds: float, minutes: float) -> str:
    """One line about a law that was simulated."""
    found = [
        Cell(law.family, law.title, law.n, name, result)
        for name, result in results["laws"][law.name]["results"].items()
    ]
    texts = [f"{c.quantity} {100 * c.result['covered']:.0f} %{' too ' + c.miss if c.miss else ''}" for c in found]
    return f"{law.name}: {', '.join(texts)} ({seconds:.0f} s; about {minutes:.0f} min left)"


if __name__ == "__main__":
    sys.exit(main())
