"""Time bitlens, PyTorch, CuPy and JAX on a GPU, check every result first, and write JSON after each case.

Times are measured by CUDA events after a warm-up, and successive calls use different inputs. On a machine without a
GPU, `--small --device cpu` shows that the benchmark runs.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import torch

import bitlens
from bench import store
from bench.gpu.cases import CASES, SMALL_CASES
from bench.gpu.contestants import GpuCase
from bench.gpu.matrices import PUBLIC
from bench.timing import OURS, Contestant

LIBRARIES = ("numpy", "torch", "cupy-cuda12x", "cupy-cuda13x", "jax")
WARM_SECONDS = 0.5
SECONDS = 1.5
"""How long each contestant is timed, within these numbers of runs:"""
LEAST_RUNS = 5
MOST_RUNS = 200
"""A call that takes longer than `SECONDS` is timed once."""


def main(arguments: list[str] | None = None) -> int:
    """Run the requested cases and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"one of {', '.join(CASES)}; default: all")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, ... (default: %(default)s)")
    parser.add_argument("--small", action="store_true", help="use tiny sizes")
    parser.add_argument(
        "--output", type=Path, help="JSON file (default: bench/results/<gpu>.json; with --small: no file)"
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # otherwise JAX reserves most of the memory
    device = torch.device(options.device)
    cases = SMALL_CASES if options.small else CASES
    unknown = [name for name in options.cases if name not in cases]
    if unknown:
        parser.error(f"case: expected one of {', '.join(cases)}, got {unknown[0]!r}")
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error(
            "--device: expected a CUDA device, but PyTorch sees no GPU; use --small --device cpu to run without one"
        )
    output = options.output
    if output is None and not options.small:
        output = store.CPU.with_name(slug(device_name(device)) + ".json")
    results: dict[str, Any] = {"environment": environment(device), "rates": rates(device), "cases": {}}
    failed = False
    for name in options.cases or cases:
        record, right = run(cases[name], device, results["rates"])
        failed |= not right
        results["cases"][name] = record
        if output:
            store.write(output, results)
        print("\n".join(lines(record)), flush=True)
    return 1 if failed else 0


def run(case: GpuCase, device: torch.device, known: dict[str, float]) -> tuple[dict[str, Any], bool]:
    """Check and time every contestant; return the record to store and whether our result was right."""
    rows: dict[str, dict[str, Any]] = {}
    try:
        contestants = case.contestants(device)
    except Exception as error:
        return {"title": case.title, "hardware_bound": case.bound, "error": described(error), "contestants": {}}, False
    for name, contestant in contestants.items():
        print(f"  {case.title}: {contestant.label}", file=sys.stderr, flush=True)
        row: dict[str, Any] = {"label": contestant.label, "note": contestant.note, "scale": contestant.scale}
        try:
            row["check"] = contestant.check(contestant.run())
            times = timed(contestant, device)
            row.update(milliseconds=contestant.scale * median(times), measured=times)
        except Exception as error:
            # Whatever another library raises is a result and is stored; a failure of ours fails the whole run. The
            # other cases are timed all the same, because time on a GPU is short.
            row["error"] = described(error)
        rows[name] = row
        if device.type == "cuda":
            torch.cuda.empty_cache()
    record: dict[str, Any] = {"title": case.title, "hardware_bound": case.bound, "contestants": rows}
    ours = rows[OURS].get("milliseconds")
    right = all("error" not in rows[name] for name in (OURS, PUBLIC) if name in rows)
    if ours:
        for row in rows.values():
            if "milliseconds" in row:
                row["ratio"] = row["milliseconds"] / ours
        least = 1e3 * max(case.gflop / known["float32_gflops"], case.gigabytes / known["copy_gigabytes"])
        record["share_of_bound"] = least / ours
    return record, right


def described(error: Exception) -> str:
    """Return what is stored of an error."""
    return f"{type(error).__name__}: {str(error).strip()[:300]}"


def timed(contestant: Contestant, device: torch.device) -> list[float]:
    """Return the milliseconds of each run."""
    once = event_milliseconds if device.type == "cuda" else wall_milliseconds
    first = once(contestant.run)
    if first > SECONDS * 1e3:  # the check has called it before, so this call is not the first one
        return [first]
    until = time.perf_counter() + WARM_SECONDS
    while time.perf_counter() < until:
        once(contestant.run)
    runs = min(MOST_RUNS, max(LEAST_RUNS, int(SECONDS * 1e3 / max(first, 1e-3))))
    return [once(contestant.run) for _ in range(runs)]


def event_milliseconds(function: Callable[[], Any]) -> float:
    """Return the milliseconds of one call, between two events on the current stream."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    function()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


def wall_milliseconds(function: Callable[[], Any]) -> float:
    """Return the wall-clock milliseconds of one call on the CPU."""
    start = time.perf_counter()
    function()
    return 1e3 * (time.perf_counter() - start)


def rates(device: torch.device) -> dict[str, float]:
    """Measure the device's rates: float32 matrix products, and copies in bytes read plus bytes written."""
    size = 8192 if device.type == "cuda" else 512
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    try:
        a = torch.rand(size, size, device=device)
        product = Contestant("product", lambda: a @ a, lambda _: "")
        gflops = 2 * size**3 / min(timed(product, device)) / 1e6
    finally:
        torch.backends.cuda.matmul.fp32_precision = before
    source = torch.ones(size**2 * 4, device=device)
    target = torch.empty_like(source)
    copy = Contestant("copy", lambda: target.copy_(source), lambda _: "")
    gigabytes = 2 * source.nbytes / min(timed(copy, device)) / 1e6
    return {"float32_gflops": gflops, "copy_gigabytes": gigabytes}


def environment(device: torch.device) -> dict[str, Any]:
    """Describe the environment that the times depend on."""
    libraries = {}
    for name in LIBRARIES:
        try:
            libraries[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "gpu": device_name(device),
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "libraries": libraries,
        "build": bitlens.build_info(),
    }


def device_name(device: torch.device) -> str:
    """Return the name that the driver gives the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def slug(name: str) -> str:
    """Turn the name of a device into a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def lines(record: dict[str, Any]) -> list[str]:
    """Format the record of a case for the screen."""
    share = f", {record['share_of_bound']:.0%} of the hardware bound" if "share_of_bound" in record else ""
    text = [f"{record['title']}{share}"]
    if "error" in record:
        text.append(f"    {record['error']}")
    for row in record["contestants"].values():
        outcome = row.get("error") or f"{row['milliseconds']:10.3f} ms  {row.get('ratio', 1):8.2f}x  {row['check']}"
        text.append(f"    {row['label']:45} {outcome}")
    return text


if __name__ == "__main__":
    sys.exit(main())
