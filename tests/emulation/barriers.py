"""Take every barrier of the CUDA kernels out once, and say which order of the emulation, or whether the shadow notices.

Run by hand, because it compiles and tests once for each barrier, which takes an hour of one core:
`python tests/emulation/barriers.py > barriers.md`. It needs CMake, Ninja and pybind11 beside the packages of the tests.
A barrier that nothing notices is either redundant, or the tests do not reach it.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHADOW = "shadow"
WAYS = ("warps:1", SHADOW, "turns", "ascending", "descending", "warps:2")
"""In this sequence, until one of them notices it: first those that notice most."""
_BARRIER = re.compile(r"__sync(threads|warp)\(\);")
_LONGEST = 300
"""Seconds; a kernel without one of its barriers may never end."""

_SEARCHES = "wider_than or lost or (neighbors and seams)"
_MATRICES = "matrices or closed_form or two_threads"
TESTS = {
    "dot_products.cu": "panels or dot_products",
    "exact_neighbors.cu": _SEARCHES,
    "joint_counts.cu": "joint_histograms",
    "measured_row.cuh": f"parity_scan or {_SEARCHES}",
    "neighbor_candidates.cu": f"fewer_than_k or products_above or {_SEARCHES}",
    "panel_products.cuh": f"dot_products or {_SEARCHES}",
    "pair_tiles.cuh": "squared_distances or distance_codes",
    "reduce.cuh": f"joint_histograms or from_distances or {_MATRICES}",
    "renyi_entropies.cu": _MATRICES,
    "scan_neighbors.cu": "parity_scan",
    "select.cuh": f"parity_scan or {_SEARCHES}",
    "spectra.cu": "matrices",
    "tridiagonal.cuh": _MATRICES,
    "value_histograms.cu": "channel_entropy or entropies_of_counts",
}
"""The tests of the kernels in each file, as pytest's option -k, of those that are marked each_kernel."""


@dataclass(frozen=True)
class Barrier:
    """A barrier in a file of the kernels."""

    path: Path
    number: int
    """From the top of the file, 1 or more."""
    start: int
    end: int


def barriers(folder: Path) -> Iterator[Barrier]:
    """All barriers of the kernels, file by file."""
    for path in sorted([*folder.glob("*.cu"), *folder.glob("*.cuh")]):
        for number, match in enumerate(_BARRIER.finditer(path.read_text("utf-8")), 1):
            yield Barrier(path, number, *match.span())


@contextmanager
def without(barrier: Barrier) -> Iterator[None]:
    """Take a barrier out of its file."""
    text = barrier.path.read_text("utf-8")
    barrier.path.write_text(text[: barrier.start] + text[barrier.end :], "utf-8")
    try:
        yield
    finally:
        barrier.path.write_text(text, "utf-8")


class Build:
    """An emulated build of a copy of the sources."""

    def __init__(self, source: Path, folder: Path, mode: str) -> None:
        import pybind11

        self._source, self._build, self._site = source, folder / "build", folder / "site"
        options = {
            "CMAKE_BUILD_TYPE": "Release",
            "BITLENS_CUDA": mode,
            "pybind11_DIR": pybind11.get_cmake_dir(),
            "Python_EXECUTABLE": sys.executable,
            "SKBUILD_PROJECT_NAME": "bitlens",
            "SKBUILD_PROJECT_VERSION": "0",
            "SKBUILD_PROJECT_VERSION_FULL": "0",
        }
        given = [f"-D{name}={value}" for name, value in options.items()]
        command = ["cmake", "-G", "Ninja", "-S", source, "-B", self._build, *given]
        subprocess.run(command, check=True, stdout=sys.stderr)
        shutil.copytree(source / "python", self._site)

    def passes(self, order: str | None, tests: str) -> bool:
        """Whether tests pass in an order, after what has changed is compiled."""
        subprocess.run(["ninja", "-C", self._build], check=True, stdout=sys.stderr)
        for module in self._build.glob("_core*"):
            shutil.copy(module, self._site / "bitlens")
        paths = [str(self._site), *dict.fromkeys([sysconfig.get_path("purelib"), *sys.path])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        if order is not None:
            environment["BITLENS_EMULATION_ORDER"] = order
        files = sorted(map(str, (self._source / "tests/native").glob("test_parity*.py")))
        options = ["-q", "-x", "-p", "no:cacheprovider", "--capture=sys", "-m", "each_kernel", "-k", tests]
        command = [sys.executable, "-S", "-m", "pytest", *options, *files]
        try:
            done = subprocess.run(
                command, cwd=self._source, env=environment, stdout=sys.stderr, check=False, timeout=_LONGEST
            )
        except subprocess.TimeoutExpired:
            return False
        if done.returncode not in (0, 1) and done.returncode > 0:
            raise RuntimeError(f"pytest ended with {done.returncode}; see its messages above")
        return done.returncode == 0


def main() -> int:
    """Print a table of all barriers with what notices that they are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="*", default=sorted(TESTS), choices=sorted(TESTS), help="default: all")
    parser.add_argument("--ways", nargs="*", default=WAYS, choices=WAYS, help="default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ignored = shutil.ignore_patterns(".*", "build", "extra", "__pycache__", "*.so", "*-run")
        source = Path(shutil.copytree(ROOT, folder / "source", ignore=ignored))
        emulated, shadowed = (Build(source, folder / mode, mode) for mode in ("EMULATED", "SHADOWED"))

        def passes(way: str, tests: str) -> bool:
            return shadowed.passes(None, tests) if way == SHADOW else emulated.passes(way, tests)

        passes_with_all = functools.cache(passes)
        print("| file | barrier | noticed by |\n|---|---|---|")
        for barrier in barriers(source / "csrc/cuda"):
            tests = TESTS[barrier.path.name]
            if barrier.path.name not in options.files:
                continue
            noticed = "nothing"
            for way in options.ways:
                if not passes_with_all(way, tests):
                    print(f"{way}: {tests} fail with all barriers in place", file=sys.stderr)
                    return 1
                with without(barrier):
                    if not passes(way, tests):
                        noticed = way
                        break
            print(f"| `{barrier.path.name}` | {barrier.number} | {noticed} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
