"""Measure how time and peak memory grow with samples, channels and bins; write JSON and draw one picture.

Each point is measured in a separate process. A curve stops at the first point that takes longer than the limit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import bitlens
from bench import data, machine, store
from bench.memory import peak
from bench.peers import channels, neighbors
from bench.processes import run_module, send
from bench.timing import OURS, Contestant, timed

PICTURE = Path(__file__).parents[1] / "docs" / "growth.png"


@dataclass(frozen=True)
class Sweep:
    """A series of cases in which one quantity grows and all others are constant."""

    title: str
    axis: str
    sizes: tuple[int, ...]
    contestants: Callable[[int], dict[str, Contestant]]
    """Makes the data and the contestants of a size."""
    names: tuple[str, ...]


def entropy_of(n: int) -> dict[str, Contestant]:
    """Return the contestants for the inter-sample entropy of n activations."""
    x, k = data.activations(n, 784), 100
    functions = {
        OURS: bitlens.inter_sample_entropy,
        "faiss + umap + SciPy": neighbors.faiss_entropy,
        "scikit-learn + umap + SciPy": neighbors.sklearn_entropy,
    }
    return {
        name: Contestant(name, lambda function=function: function(x, k), str, neighbors.tiny(function))
        for name, function in functions.items()
    }


def search_of(n: int) -> dict[str, Contestant]:
    """Return the contestants for the nearest neighbours of n activations."""
    x, k = data.activations(n, 784), 15
    functions = {
        OURS: bitlens.nearest_neighbors,
        "faiss": neighbors.faiss_neighbors,
        "pynndescent (approximate)": neighbors.pynndescent_neighbors,
    }
    return {
        name: Contestant(name, lambda function=function: function(x, k), str, neighbors.tiny(function))
        for name, function in functions.items()
    }


def information_of(count: int, n: int, bins: int) -> dict[str, Contestant]:
    """Return the contestants for the mutual information of count x count channels from given codes."""
    a, b = data.codes(n, count, 1, bins), data.codes(n, count, 2, bins)
    pairs = channels.all_pairs(count, count)

    def bincount(a: data.NDArray, b: data.NDArray, bins: int) -> data.NDArray:
        return channels.bincount_information(a, b, pairs[: len(a) * len(b)], bins)

    functions = {
        OURS: partial(bitlens.channel_mutual_information, codes=True),
        "numba": channels.numba_information,
        "np.bincount": bincount,
    }
    return {
        name: Contestant(
            name,
            lambda function=function: function(a, b, bins),
            str,
            lambda function=function: function(a[:1, :1], b[:1, :1], bins),
        )
        for name, function in functions.items()
    }


_FINDERS = (OURS, "faiss", "pynndescent (approximate)")
_SEARCHERS = (OURS, "faiss + umap + SciPy", "scikit-learn + umap + SciPy")
_COUNTERS = (OURS, "numba", "np.bincount")

SWEEPS = {
    "neighbors": Sweep(
        "nearest_neighbors, 784 values, k = 15",
        "samples",
        (2000, 5000, 10000, 20000, 50000, 100000, 200000),
        search_of,
        _FINDERS,
    ),
    "samples": Sweep(
        "inter_sample_entropy, 784 values, k = 100",
        "samples",
        (500, 1000, 2000, 5000, 10000, 20000, 50000),
        entropy_of,
        _SEARCHERS,
    ),
    "channels": Sweep(
        "channel_mutual_information, 256 samples, 32 bins",
        "channels on either side",
        (4, 8, 16, 32, 64, 128, 256, 512),
        lambda c: information_of(c, 256, 32),
        _COUNTERS,
    ),
    "channel-samples": Sweep(
        "channel_mutual_information, 32 x 32 channels, 32 bins",
        "samples",
        (64, 128, 256, 512, 1024, 2048),
        lambda n: information_of(32, n, 32),
        _COUNTERS,
    ),
    "bins": Sweep(
        "channel_mutual_information, 32 x 32 channels, 512 samples",
        "bins",
        (4, 8, 16, 32, 64, 128, 256),
        lambda bins: information_of(32, 512, bins),
        _COUNTERS,
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure the requested sweeps, draw all stored sweeps, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("sweeps", nargs="*", metavar="sweep", help=f"one of {', '.join(SWEEPS)}; default: all")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds after which a curve stops (default: 20)")
    parser.add_argument(
        "--output", type=Path, default=store.GROWTH, help="JSON file that results are added to (default: %(default)s)"
    )
    parser.add_argument("--picture", type=Path, default=PICTURE, help="file of the picture (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="replace the file instead of adding to it")
    parser.add_argument("--draw", action="store_true", help="draw the stored results without measuring")
    parser.add_argument("--point", nargs=3, metavar=("SWEEP", "CONTESTANT", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.point:
        return point_here(*options.point)
    unknown = [name for name in options.sweeps if name not in SWEEPS]
    if unknown:
        parser.error(f"sweep: expected one of {', '.join(SWEEPS)}, got {unknown[0]!r}")
    status = 0
    if not options.draw:
        if not bitlens.build_info()["optimized"]:
            parser.error(
                "bitlens was built without optimization, so its times are meaningless; install it again in release mode"
            )
        try:
            results = store.resume(options.output, machine.environment(), "sweeps", fresh=options.fresh)
            measure(options.sweeps or list(SWEEPS), results, options.output, options.limit)
        except store.OtherEnvironmentError as error:
            parser.error(str(error))
        except KeyboardInterrupt:
            print(f"interrupted; the points measured so far are in {options.output}", file=sys.stderr)
            status = 130
    if options.output.exists():
        from bench.picture import draw

        draw(store.read(options.output), options.picture)
    return status


def measure(names: list[str], results: dict[str, Any], output: Path, limit: float) -> None:
    """Measure every curve up to the limit and write the file after every point."""
    for name in names:
        sweep = SWEEPS[name]
        curves: dict[str, list[Any]] = {contestant: [] for contestant in sweep.names}
        results["sweeps"][name] = {"title": sweep.title, "axis": sweep.axis, "limit_seconds": limit, "curves": curves}
        for contestant in sweep.names:
            for size in sweep.sizes:
                print(f"{name}: {contestant}, {size}", file=sys.stderr, flush=True)
                point = point_in_process(name, contestant, size, 6 * limit + 60)
                if not point:
                    break
                curves[contestant].append({"size": size, **point})
                store.write(output, results)
                if point["seconds"] > limit:
                    break


def point_in_process(name: str, contestant: str, size: int, timeout: float) -> dict[str, Any]:
    """Measure one point in a new process. If that fails or times out, print why and return an empty dict."""
    point = run_module(["bench.growth", "--point", name, contestant, str(size)], timeout=timeout)
    if "error" in point:
        print(f"  {point['error']}", file=sys.stderr)
        return {}
    return point


def point_here(name: str, contestant: str, size: str) -> int:
    """Measure one point in this process.

    The first call gives the peak memory. Its time is used if it took at least 2 s; otherwise the median of three more
    calls is used.
    """
    bitlens.set_num_threads(machine.threads())
    runner = SWEEPS[name].contestants(int(size))[contestant]
    first: list[float] = []
    memory = peak(Contestant(runner.label, lambda: first.append(timed(runner.run)[0]), str, runner.warm))
    again = [timed(runner.run)[0] for _ in range(3)] if first[0] < 2 else first
    send({"result": {"seconds": median(again), **memory}})
    return 0


if __name__ == "__main__":
    sys.exit(main())
