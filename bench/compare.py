"""Print stored results as a Markdown table: one file as it is, two as before and after, several with their ranges."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from bench.store import CPU

Record = dict[str, Any]
SCALED = "~"
PEAK_MEMORY = (
    "Peak memory is that of the process with data and libraries; the number in brackets is the increase during "
    "the call."
)


def main(arguments: list[str] | None = None) -> int:
    """Print the table and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help=f"one or two files of results; default: {CPU.name}"
    )
    parser.add_argument(
        "--range",
        action="store_true",
        help="print the range of each ratio over FILEs, which are occasions of one machine",
    )
    options = parser.parse_args(arguments)
    if len(options.files) > 2 and not options.range:
        parser.error(f"FILE: expected one or two, or --range, got {len(options.files)}")
    try:
        results = [json.loads(path.read_text("utf-8")) for path in options.files or [CPU]]
        print(range_table(results) if options.range else table(*results))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return 0


def table(first: Record, second: Record | None = None) -> str:
    """Return the README's table for one set of results, or the changes between two sets."""
    if second is None:
        return "\n".join([about(first), "", *one_run(first["cases"]), "", legend(first["cases"])])
    return "\n".join([f"Before: {about(first)}  ", f"After: {about(second)}", "", *changes(first, second)])


def range_table(occasions: list[Record]) -> str:
    """Return the smallest and largest times and ratios over several occasions, which have one environment.

    Raises
    ------
    ValueError
        If the occasions differ in the machine, the threads, the instruction set or the libraries.
    """
    first, *others = (about(results) for results in occasions)
    for other in others:
        if other != first:
            raise ValueError(f"--range: expected occasions of one environment, got\n{first}\n{other}")
    rows = [
        "| case | occasions | bitlens | other methods: time relative to bitlens | peak memory |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(name for results in occasions for name in results["cases"]):
        records = [results["cases"][name] for results in occasions if measured(results["cases"].get(name))]
        if not records:
            continue
        ours = [next(iter(record["contestants"].values())) for record in records]
        peers: dict[str, list[Record]] = {}
        for record in records:
            for row in list(record["contestants"].values())[1:]:
                peers.setdefault(row["label"], []).append(row)
        times = sorted(ours, key=lambda row: float(row["seconds"]))
        span = " to ".join(dict.fromkeys([seconds(times[0]), seconds(times[-1])]))
        cells = (
            records[0]["title"],
            str(len(records)),
            span,
            "<br>".join(peer_range(of_one, len(records)) for of_one in peers.values()),
            memory(max(ours, key=lambda row: float(row.get("peak_mib", 0)))),
        )
        rows.append(f"| {' | '.join(cells)} |")
    note = (
        "Ranges are from the smallest to the largest median. A method that was not measured on all occasions says so. "
        f"{PEAK_MEMORY}"
    )
    return "\n".join([first, "", *rows, "", note])


def peer_range(rows: list[Record], occasions: int | None = None) -> str:
    """Return the label of another method and the range of its time ratio."""
    ratios = sorted(row["ratio"] for row in rows)
    mark = SCALED if any(row["scale"] != 1 for row in rows) else ""
    span = " to ".join(dict.fromkeys([ratio(ratios[0]), ratio(ratios[-1])]))
    few = f" ({len(rows)} of {occasions} occasions)" if occasions not in (None, len(rows)) else ""
    return f"{rows[0]['label']} {mark}{span}{few}{recall(rows)}"


def about(results: Record) -> str:
    """Return a line that describes the environment of the results."""
    environment = results["environment"]
    machine, build = environment["machine"], environment["build"]
    libraries = ", ".join(f"{name} {version}" for name, version in environment["libraries"].items())
    return (
        f"{environment['threads']} threads on an {machine['processor']} "
        f"({build['simd']}, {machine['memory_gib']} GiB), Python {environment['python']}, {libraries}:"
    )


def one_run(cases: dict[str, Record]) -> list[str]:
    """Return one row for each case."""
    rows = [
        "| case | bitlens | other methods: time relative to bitlens | peak memory | share of the hardware bound |",
        "|---|---|---|---|---|",
    ]
    for record in cases.values():
        if "missing" in record:
            rows.append(f"| {record['title']} | {record['missing']} | | | |")
            continue
        ours, *peers = record["contestants"].values()
        once = ", one run" if len(ours["wall_seconds_measured"]) == 1 else ""
        cells = (
            record["title"],
            seconds(ours) + once,
            "<br>".join(map(peer, peers)),
            memory(ours),
            share(record, cases),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def peer(row: Record) -> str:
    """Return the label and the time ratio of another method, marked if the time was scaled, and its recall."""
    mark = SCALED if row["scale"] != 1 else ""
    return f"{row['label']} {mark}{ratio(row['ratio'])}{recall([row])}"


def recall(rows: list[Record]) -> str:
    """Return the share of the true neighbours that an approximate method found, or its range over several occasions."""
    if "approximate" not in rows[0]["label"]:
        return ""
    found = sorted(match[1] for row in rows if (match := re.search(r"recall ([\d.]+)", row["check"])))
    return ", recall " + " to ".join(dict.fromkeys([found[0], found[-1]])) if found else ""


def ratio(value: float) -> str:
    """Format a ratio with two significant digits if it is below 10."""
    return f"{value:.1f}×" if value < 10 else f"{value:.0f}×"  # noqa: RUF001


def seconds(row: Record) -> str:
    """Format a time with three significant digits, in s or ms."""
    value, unit = (row["seconds"], "s") if row["seconds"] >= 0.1 else (1000 * row["seconds"], "ms")
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def memory(row: Record) -> str:
    """Format the peak memory of the process and its increase during the call."""
    if "peak_mib" not in row:
        return ""
    return f"{row['peak_mib']:.0f} MiB (+{row['peak_mib'] - row['baseline_mib']:.0f})"


def share(record: Record, cases: dict[str, Record]) -> str:
    """Format the time of the hardware bound as a share of our time.

    The bound uses the best rates that the machine reached in any of the cases.
    """
    if "hardware_bound" not in record:
        return "–"  # noqa: RUF001

    def best(rate: str) -> float:
        return float(max(case["rates"][rate] for case in cases.values() if "rates" in case))

    seconds = 0.0
    for work, rate in (("gflop", "gemm_gflops"), ("gigabytes", "copy_gigabytes")):
        seconds += record["hardware_bound"][work] / best(rate)
    ours = next(iter(record["contestants"].values()))
    value = 100 * seconds / ours["seconds"]
    return f"{value:.0f} %" if value >= 1 else f"{value:.1g} %"


def legend(cases: dict[str, Record]) -> str:
    """Return the explanation of the table."""
    measured = [record for record in cases.values() if "missing" not in record]
    marked = any(row["scale"] != 1 for record in measured for row in record["contestants"].values())
    scaled = f" {SCALED}: measured on a part of the case and scaled to the whole." if marked else ""
    return f"Times are medians, and every result was checked. {PEAK_MEMORY}{scaled}"


def changes(before: Record, after: Record) -> list[str]:
    """Return one row for each case, also for the cases that only one of the two has."""
    rows = ["| case | before | after | speed-up | peak memory before | after |", "|---|---|---|---|---|---|"]
    old_cases, new_cases = before["cases"], after["cases"]
    for name in [*old_cases, *(name for name in new_cases if name not in old_cases)]:
        old, new = (measured(cases.get(name)) for cases in (old_cases, new_cases))
        title = (new_cases.get(name) or old_cases[name])["title"]
        times = [seconds(row) if row else "not measured" for row in (old, new)]
        change = ratio(old["seconds"] / new["seconds"]) if old and new else ""
        peaks = [memory(row) if row else "" for row in (old, new)]
        rows.append(f"| {' | '.join((title, *times, change, *peaks))} |")
    return rows


def measured(record: Record | None) -> Record | None:
    """Return our row of a case, or None if it was not measured."""
    if record is None or "missing" in record:
        return None
    row: Record = next(iter(record["contestants"].values()))
    return row


if __name__ == "__main__":
    sys.exit(main())
