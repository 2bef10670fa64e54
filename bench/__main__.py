"""Time bitlens and other libraries alternately, check every result first, write JSON and print a table.

Each case runs in a separate process. The peak memory of each contestant is measured in a further process.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

import bitlens
from bench import machine, store
from bench.cases import CASES
from bench.processes import measure_memory_here, memory_in_process, time_case_here, time_case_in_process
from bench.progress import Progress, table
from bench.timing import Case

INTERRUPTED = 130


def main(arguments: list[str] | None = None, cases: dict[str, Case] = CASES) -> int:
    """Run the requested cases and return the exit status."""
    parser = argument_parser(cases)
    options = parser.parse_args(arguments)
    if options.memory:
        return measure_memory_here(cases, *options.memory)
    if options.one:
        return time_case_here(cases[options.one], options.rounds)
    unknown = [case for case in options.cases if case not in cases]
    if unknown:
        parser.error(f"case: expected one of {', '.join(cases)}, got {unknown[0]!r}")
    if not bitlens.build_info()["optimized"]:
        parser.error(
            "bitlens was built without optimization, so its times are meaningless; install it again in release mode"
        )
    chosen = options.cases or [name for name, case in cases.items() if not (options.quick and case.slow)]
    try:
        return run(chosen, cases, options)
    except store.OtherEnvironmentError as error:
        parser.error(str(error))


def argument_parser(cases: dict[str, Case]) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"one of {', '.join(cases)}; default: all")
    parser.add_argument(
        "--output", type=Path, default=store.CPU, help="JSON file that results are added to (default: %(default)s)"
    )
    parser.add_argument("--fresh", action="store_true", help="replace the file instead of adding to it")
    parser.add_argument("--rounds", type=positive, help="how often each contestant is timed (default: 3)")
    parser.add_argument("--quick", action="store_true", help="leave out the cases that take minutes per round")
    parser.add_argument(
        "--no-memory", action="store_true", help="do not measure peak memory, which costs one more run per contestant"
    )
    parser.add_argument("--one", choices=cases, help=argparse.SUPPRESS)
    parser.add_argument(
        "--memory", nargs=2, metavar=("CASE", "CONTESTANT"), help="only print the peak memory of one call as JSON"
    )
    return parser


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {number}")
    return number


def run(chosen: list[str], cases: dict[str, Case], options: argparse.Namespace) -> int:
    """Run cases, write each result to the file as soon as it is measured, and return the exit status."""
    results = store.resume(options.output, machine.environment(), "cases", fresh=options.fresh)
    failed = {}

    def save(name: str, record: dict[str, object]) -> None:
        on_file = {**results["cases"], name: record}
        results["cases"] = {case: on_file[case] for case in [*cases, *(on_file.keys() - cases)] if case in on_file}
        store.write(options.output, results)

    try:
        with Progress(len(chosen)) as progress:
            for name in chosen:
                progress.case(name)
                record = time_case_in_process(name, options.rounds, progress.step)
                if "error" in record:
                    failed[name] = record["error"]
                    progress.say(f"{name}: refused: {record['error']}")
                    continue
                save(name, record)
                for contestant, row in ({} if options.no_memory else record.get("contestants", {})).items():
                    progress.step(f"memory of {row['label']}")
                    row.update(memory_in_process(name, contestant))
                    save(name, record)
    except KeyboardInterrupt:
        print(f"interrupted; the cases measured so far are in {options.output}", file=sys.stderr)
        return INTERRUPTED
    finally:
        measured = {name: results["cases"][name] for name in chosen if name in results["cases"] and name not in failed}
        screen = Console()
        screen.width = max(screen.width, 100)
        screen.print(table(measured))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
