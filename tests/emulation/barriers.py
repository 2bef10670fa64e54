"""Take every barrier of the CUDA kernels out once, and say which orders of the emulation notice it.

Run by hand, because it compiles and tests once for each barrier: `python tests/emulation/barriers.py > barriers.md`. It
needs CMake, Ninja and pybind11 beside the packages of the tests. A barrier that nothing notices is either redundant, or
the tests do not reach it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ORDERS = ("ascending", "descending", "turns", "warps:1", "warps:2")
_BARRIER = re.compile(r"__sync(threads|warp)\(\);")
_LONGEST = 600
"""Seconds; a kernel without one of its barriers may never end."""


@dataclass(frozen=True)
class Barrier:
    """A barrier in a file of the kernels."""

    path: str
    line: int
    start: int
    end: int

    @property
    def place(self) -> str:
        """File and line."""
        return f"{Path(self.path).name}:{self.line}"


def barriers(folder: Path) -> Iterator[Barrier]:
    """All barriers of the kernels, file by file."""
    for path in sorted([*folder.glob("*.cu"), *folder.glob("*.cuh")]):
        text = path.read_text("utf-8")
        for match in _BARRIER.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Barrier(str(path.relative_to(folder.parents[1])), line, *match.span())


class Build:
    """A copy of the sources with an emulated build of them."""

    def __init__(self, folder: Path) -> None:
        self.source, self._build, self._site = folder / "source", folder / "build", folder / "site"
        kept = shutil.ignore_patterns(".*", "build", "__pycache__", "*.so", "*-run")
        shutil.copytree(ROOT, self.source, ignore=kept)
        import pybind11

        options = {
            "CMAKE_BUILD_TYPE": "Release",
            "BITLENS_CUDA": "EMULATED",
            "pybind11_DIR": pybind11.get_cmake_dir(),
            "Python_EXECUTABLE": sys.executable,
            "SKBUILD_PROJECT_NAME": "bitlens",
            "SKBUILD_PROJECT_VERSION": "0",
            "SKBUILD_PROJECT_VERSION_FULL": "0",
        }
        given = [f"-D{name}={value}" for name, value in options.items()]
        subprocess.run(["cmake", "-G", "Ninja", "-S", self.source, "-B", self._build, *given], check=True, stdout=2)
        shutil.copytree(self.source / "python", self._site)
        self.compile()

    def compile(self) -> bool:
        """Compile what has changed; whether it could be compiled."""
        done = subprocess.run(["ninja", "-C", self._build], stdout=sys.stderr, check=False)
        for module in self._build.glob("_core*"):
            shutil.copy(module, self._site / "bitlens")
        return done.returncode == 0

    def passes(self, order: str) -> bool:
        """Whether the small cases of all kernels pass in an order."""
        paths = [str(self._site), *{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}]
        environment = os.environ | {"BITLENS_EMULATION_ORDER": order, "PYTHONPATH": os.pathsep.join(paths)}
        tests = sorted(map(str, (self.source / "tests/native").glob("test_parity*.py")))
        command = [
            sys.executable,
            "-S",
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "-m",
            "each_kernel",
            *tests,
        ]
        try:
            done = subprocess.run(
                command, cwd=self.source, env=environment, stdout=sys.stderr, check=False, timeout=_LONGEST
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def main() -> int:
    """Print a table of all barriers with the orders that notice that they are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="*", default=[""], help="parts of the names of files; default: all")
    parser.add_argument("--orders", nargs="*", default=ORDERS, help="default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build = Build(Path(folder))
        if not all(build.passes(order) for order in options.orders):
            print("the tests fail with all barriers in place", file=sys.stderr)
            return 1
        print("| barrier | noticed by |\n|---|---|")
        for barrier in barriers(build.source / "csrc/cuda"):
            if not any(part in barrier.path for part in options.files):
                continue
            path = build.source / barrier.path
            text = path.read_text("utf-8")
            path.write_text(text[: barrier.start] + text[barrier.end :], "utf-8")
            noticed = [order for order in options.orders if not build.compile() or not build.passes(order)]
            path.write_text(text, "utf-8")
            print(f"| {barrier.place} | {', '.join(noticed) or 'nothing'} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
