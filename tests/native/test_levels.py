"""Instruction sets: which one is in use, and that each gives what the reference gives."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bitlens

TESTS = Path(__file__).parents[1]
LEVELS = ["baseline", "avx2", "avx512"]
BEST = subprocess.run(
    [sys.executable, "-c", "import bitlens; print(bitlens.build_info()['simd'])"],
    env={name: value for name, value in os.environ.items() if name != "BITLENS_SIMD"},
    capture_output=True,
    text=True,
    check=True,
).stdout.strip()

# What compares kernels with the reference.
KERNELS = [
    *(f"estimators/test_{name}.py" for name in ("estimators", "neighbors", "closed_forms", "renyi")),
    *(f"native/test_{name}.py" for name in ("joint_counts", "spectra")),
]


def run(level: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "BITLENS_SIMD": level},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )


lower_levels = pytest.mark.parametrize("level", LEVELS[: LEVELS.index(BEST)])


def test_a_level_of_the_machine_is_in_use():
    wanted = os.environ.get("BITLENS_SIMD") or BEST
    assert bitlens.build_info()["simd"] == wanted
    assert LEVELS.index(wanted) <= LEVELS.index(BEST)


@lower_levels
def test_a_lower_level_can_be_forced(level):
    done = run(level, "-c", "import bitlens; print(bitlens.build_info()['simd'])")
    assert done.stdout.strip() == level, done.stderr


def test_an_empty_name_means_the_best():
    assert run("", "-c", "import bitlens; print(bitlens.build_info()['simd'])").stdout.strip() == BEST


@pytest.mark.parametrize("name", ["sse9", "AVX2", *LEVELS[LEVELS.index(BEST) + 1 :]])
def test_a_level_that_is_not_there(name):
    done = run(name, "-c", "import bitlens")
    available = ", ".join(LEVELS[: LEVELS.index(BEST) + 1])
    message = f"ImportError: BITLENS_SIMD: this machine has {available}, got {name}"
    assert done.returncode == 1
    assert re.search(f"^{re.escape(message)}$", done.stderr, re.MULTILINE)


@lower_levels
def test_kernels_of_every_level_agree_with_the_reference(level):
    done = run(level, "-m", "pytest", "-q", "-m", "not heavy", *(str(TESTS / name) for name in KERNELS))
    assert done.returncode == 0, done.stdout


SAME_BITS = """
import hashlib
import numpy as np
import bitlens
x = np.random.default_rng(0).normal(size=(700, 5, 3, 3)).astype(np.float32)
found = [*bitlens.nearest_neighbors(x, 40), *bitlens.neighbor_probabilities(x, 40)]
found += [np.array(bitlens.inter_sample_entropy(x.astype(np.float64), 40)), bitlens.intra_sample_entropy(x)]
print(hashlib.sha256(b"".join(array.tobytes() for array in found)).hexdigest())
"""


@lower_levels
def test_neighbours_and_histograms_are_the_same_bits_on_every_level(level):
    results = {run(one, "-c", SAME_BITS).stdout for one in (level, BEST)}
    assert len(results) == 1
    assert "" not in results
