"""Runs each case in a process of its own, so that its peak memory is its own; writes JSON, prints the table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import bitlens
from bench.cases import CASES

RESULTS = Path(__file__).parent / "results" / "cpu.json"


def main() -> None:
    """Run the cases that were asked for, or show what is on file."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--table", action="store_true", help="print the table of the results on file, run nothing")
    parser.add_argument("--one", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [case for case in options.cases if case not in CASES]
    if unknown:
        parser.error(f"no case {unknown[0]!r}; there are {', '.join(CASES)}")
    if options.one:
        result = CASES[options.one][1]()
        result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps(result))
        return
    if not options.table:
        if not bitlens.build_info()["optimized"]:
            parser.error("bitlens is built without optimisation; times of it mean nothing")
        measure(options.cases or list(CASES))
    print(table(json.loads(RESULTS.read_text())))


def measure(cases: list[str]) -> None:
    """Run cases and put their results on file as they come."""
    on_file = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"cases": {}}
    on_file["machine"] = machine()
    for number, case in enumerate(cases, 1):
        print(f"[{number}/{len(cases)}] {case}", file=sys.stderr)
        command = [sys.executable, "-m", "bench", "--one", case]
        finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if finished.returncode:
            sys.exit(f"{case} failed; what came before it is on file")
        on_file["cases"][case] = json.loads(finished.stdout)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(on_file, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """What the times depend on."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    info = bitlens.build_info()
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "simd": info["simd"],
        "compiler": info["compiler"],
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def table(results: dict[str, Any]) -> str:
    """The README's table."""
    about = results["machine"]
    lines = [
        f"{about['cores']} cores of an {about['processor']} ({about['simd']}), NumPy {about['numpy']}:",
        "",
        "| case | time | peak memory | result |",
        "|---|---|---|---|",
    ]
    for case, (title, _) in CASES.items():
        row = results["cases"][case]
        lines.append(f"| {title} | {row['seconds']:.2f} s | {row['peak_mib']} MiB | {row['result']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
