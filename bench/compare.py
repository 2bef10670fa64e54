"""Turns results on file into a table in Markdown: of one file, or of two as before and after."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench.store import CPU

Record = dict[str, Any]
SCALED = "~"


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=f"one or two; default: {CPU.name}")
    options = parser.parse_args(arguments)
    if len(options.files) > 2:
        parser.error(f"expected one file or two, got {len(options.files)}")
    try:
        results = [json.loads(path.read_text("utf-8")) for path in options.files or [CPU]]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(table(*results))
    return 0


def table(first: Record, second: Record | None = None) -> str:
    """The README's table of one run; of two, what the second changes."""
    if second is None:
        return "\n".join([about(first), "", *one_run(first["cases"]), "", legend(first["cases"])])
    return "\n".join([f"Before: {about(first)}  ", f"After: {about(second)}", "", *changes(first, second)])


def about(results: Record) -> str:
    """On what it ran."""
    environment = results["environment"]
    machine, build = environment["machine"], environment["build"]
    libraries = ", ".join(f"{name} {version}" for name, version in environment["libraries"].items())
    return (
        f"{environment['threads']} threads on an {machine['processor']} ({build['simd']}, {machine['memory_gib']} GiB), "
        f"Python {environment['python']}, {libraries}:"
    )


def one_run(cases: dict[str, Record]) -> list[str]:
    """One row a case."""
    rows = ["| case | bitlens | peers: how many times its time | peak memory | of the floor |", "|---|---|---|---|---|"]
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
    """A peer and its ratio, marked if scaled."""
    mark = SCALED if row["scale"] != 1 else ""
    return f"{row['label']} {mark}{ratio(row['ratio'])}"


def ratio(value: float) -> str:
    """With two digits where they say something."""
    return f"{value:.1f}×" if value < 10 else f"{value:.0f}×"  # noqa: RUF001


def seconds(row: Record) -> str:
    """Three digits in a unit that fits."""
    value, unit = (row["seconds"], "s") if row["seconds"] >= 0.1 else (1000 * row["seconds"], "ms")
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def memory(row: Record) -> str:
    """The peak of the process, and what of it the call itself took."""
    if "peak_mib" not in row:
        return ""
    return f"{row['peak_mib']:.0f} MiB (+{row['peak_mib'] - row['baseline_mib']:.0f})"


def share(record: Record, cases: dict[str, Record]) -> str:
    """The floor's time as a share of ours, at the best rates that the machine reached in any of the cases."""
    if "floor" not in record:
        return "–"  # noqa: RUF001
    seconds = 0.0
    for work, rate in (("gflop", "gemm_gflops"), ("gigabytes", "copy_gigabytes")):
        seconds += record["floor"][work] / max(case["rates"][rate] for case in cases.values() if "rates" in case)
    ours = next(iter(record["contestants"].values()))
    value = 100 * seconds / ours["seconds"]
    return f"{value:.0f} %" if value >= 1 else f"{value:.1g} %"


def legend(cases: dict[str, Record]) -> str:
    """How to read the marks."""
    measured = [record for record in cases.values() if "missing" not in record]
    marked = any(row["scale"] != 1 for record in measured for row in record["contestants"].values())
    scaled = f" {SCALED}: timed on a part of the case and scaled to the whole." if marked else ""
    return (
        "Medians of runs in turn, every result checked first. Peak memory: of the process with data and libraries, in "
        f"brackets what the call added.{scaled}"
    )


def changes(before: Record, after: Record) -> list[str]:
    """One row a case that both have, then those that one has."""
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
    """Our row of a case, if there is one."""
    if record is None or "missing" in record:
        return None
    row: Record = next(iter(record["contestants"].values()))
    return row


if __name__ == "__main__":
    sys.exit(main())
