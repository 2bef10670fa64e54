"""How time and peak memory grow with samples, channels and bins: JSON as it comes, then one picture.

Each point is measured in a process of its own; a curve stops where a point takes longer than the limit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import bitlens
from bench import data, machine, store
from bench.contest import OURS, Contestant, timed
from bench.memory import peak
from bench.peers import channels, neighbors
from bench.processes import listen, tell

PICTURE = Path(__file__).parents[1] / "docs" / "growth.png"


@dataclass(frozen=True)
class Sweep:
    """One quantity grows, everything else stays."""

    title: str
    axis: str
    sizes: tuple[int, ...]
    contestants: Callable[[int], dict[str, Contestant]]
    """Made for a size, with its data."""
    names: tuple[str, ...]


def entropy_of(n: int) -> dict[str, Contestant]:
    """Inter-sample entropy of n activations."""
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


def information_of(count: int, n: int, bins: int) -> dict[str, Contestant]:
    """Mutual information of count x count channels, codes given."""
    a, b = data.codes(n, count, 1, bins), data.codes(n, count, 2, bins)
    pairs = channels.all_pairs(count, count)

    def bincount(a: data.NDArray, b: data.NDArray, bins: int) -> data.NDArray:
        return channels.bincount_information(a, b, pairs[: len(a) * len(b)], bins)

    functions = {
        OURS: bitlens.channel_mutual_information,
        "numba": channels.numba_information,
        "np.bincount": bincount,
    }
    return {
        name: Contestant(
            name, lambda function=function: function(a, b, bins), str, lambda function=function: function(a[:1, :1], b[:1, :1], bins)
        )
        for name, function in functions.items()
    }  # fmt: skip


_SEARCHERS = (OURS, "faiss + umap + SciPy", "scikit-learn + umap + SciPy")
_COUNTERS = (OURS, "numba", "np.bincount")

SWEEPS = {
    "samples": Sweep(
        "inter_sample_entropy, 784 values, k = 100", "samples",
        (500, 1000, 2000, 5000, 10000, 20000, 50000), entropy_of, _SEARCHERS,
    ),
    "channels": Sweep(
        "channel_mutual_information, 256 samples, 32 bins", "channels on either side",
        (4, 8, 16, 32, 64, 128, 256, 512), lambda c: information_of(c, 256, 32), _COUNTERS,
    ),
    "channel-samples": Sweep(
        "channel_mutual_information, 32 x 32 channels, 32 bins", "samples",
        (64, 128, 256, 512, 1024, 2048), lambda n: information_of(32, n, 32), _COUNTERS,
    ),
    "bins": Sweep(
        "channel_mutual_information, 32 x 32 channels, 512 samples", "bins",
        (4, 8, 16, 32, 64, 128, 256), lambda bins: information_of(32, 512, bins), _COUNTERS,
    ),
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Measure, then draw."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("sweeps", nargs="*", metavar="sweep", help=f"of {', '.join(SWEEPS)}; default: all")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds after which a curve stops (default: 20)")
    parser.add_argument("--output", type=Path, default=store.GROWTH, help="JSON file (default: %(default)s)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to draw (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="start the file anew")
    parser.add_argument("--draw", action="store_true", help="draw what is on file, measure nothing")
    parser.add_argument("--point", nargs=3, metavar=("SWEEP", "CONTESTANT", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.point:
        return point_here(*options.point)
    unknown = [name for name in options.sweeps if name not in SWEEPS]
    if unknown:
        parser.error(f"no sweep {unknown[0]!r}; there are {', '.join(SWEEPS)}")
    status = 0
    if not options.draw:
        if not bitlens.build_info()["optimized"]:
            parser.error("bitlens is built without optimisation; times of it mean nothing")
        try:
            results = store.resume(options.output, machine.environment(), "sweeps", fresh=options.fresh)
            measure(options.sweeps or list(SWEEPS), results, options.output, options.limit)
        except store.OtherEnvironmentError as error:
            parser.error(str(error))
        except KeyboardInterrupt:
            print(f"interrupted; what was measured is in {options.output}", file=sys.stderr)
            status = 130
    if options.output.exists():
        from bench.picture import draw

        draw(store.read(options.output), options.picture)
    return status


def measure(names: list[str], results: dict[str, Any], output: Path, limit: float) -> None:
    """Every curve up to its limit, on file point by point."""
    for name in names:
        sweep = SWEEPS[name]
        curves: dict[str, list[Any]] = {contestant: [] for contestant in sweep.names}
        results["sweeps"][name] = {"title": sweep.title, "axis": sweep.axis, "limit_seconds": limit, "curves": curves}
        for contestant in sweep.names:
            for size in sweep.sizes:
                print(f"{name}: {contestant}, {size}", file=sys.stderr, flush=True)
                found = point_in_process(name, contestant, size, 6 * limit + 60)
                if not found:
                    break
                curves[contestant].append({"size": size, **found})
                store.write(output, results)
                if found["seconds"] > limit:
                    break


def point_in_process(name: str, contestant: str, size: int, patience: float) -> dict[str, Any]:
    """One point; none if it takes longer than there is patience for or fails, which is said."""
    found = listen(["bench.growth", "--point", name, contestant, str(size)], patience=patience)
    if "error" in found:
        print(f"  {found['error']}", file=sys.stderr)
        return {}
    return found


def point_here(name: str, contestant: str, size: str) -> int:
    """One call for the peak of memory, whose time counts too if it is long; else the median of three more."""
    bitlens.set_num_threads(machine.threads())
    runner = SWEEPS[name].contestants(int(size))[contestant]
    first: list[float] = []
    memory = peak(Contestant(runner.label, lambda: first.append(timed(runner.run)[0]), str, runner.warm))
    again = [timed(runner.run)[0] for _ in range(3)] if first[0] < 2 else first
    tell({"result": {"seconds": median(again), **memory}})
    return 0


if __name__ == "__main__":
    sys.exit(main())
