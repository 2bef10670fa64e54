"""Instruction sets: which one is in use, and that the kernels of each agree with the reference."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bitlens

TESTS = Path(__file__).parents[1]
INSTRUCTION_SETS = ["baseline", "avx2", "avx512"]
BEST = subprocess.run(
    [sys.executable, "-c", "import bitlens; print(bitlens.build_info()['simd'])"],
    env={name: value for name, value in os.environ.items() if name != "BITLENS_SIMD"},
    capture_output=True,
    text=True,
    check=True,
).stdout.strip()

# The tests that compare kernels with the reference.
KERNELS = [
    *(f"estimators/test_{name}.py" for name in ("estimators", "neighbors", "closed_forms", "renyi")),
    *(f"native/test_{name}.py" for name in ("joint_counts", "spectra")),
]


def run(isa: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "BITLENS_SIMD": isa},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )


lower_instruction_sets = pytest.mark.parametrize("isa", INSTRUCTION_SETS[: INSTRUCTION_SETS.index(BEST)])


def test_an_instruction_set_of_the_machine_is_in_use():
    wanted = os.environ.get("BITLENS_SIMD") or BEST
    assert bitlens.build_info()["simd"] == wanted
    assert INSTRUCTION_SETS.index(wanted) <= INSTRUCTION_SETS.index(BEST)


@lower_instruction_sets
def test_a_lower_one_can_be_forced(isa):
    done = run(isa, "-c", "import bitlens; print(bitlens.build_info()['simd'])")
    assert done.stdout.strip() == isa, done.stderr


def test_an_empty_name_means_the_best():
    assert run("", "-c", "import bitlens; print(bitlens.build_info()['simd'])").stdout.strip() == BEST


@pytest.mark.parametrize("name", ["sse9", "AVX2", *INSTRUCTION_SETS[INSTRUCTION_SETS.index(BEST) + 1 :]])
def test_an_instruction_set_that_the_machine_lacks(name):
    done = run(name, "-c", "import bitlens")
    available = ", ".join(INSTRUCTION_SETS[: INSTRUCTION_SETS.index(BEST) + 1])
    message = f"ImportError: BITLENS_SIMD: this machine has {available}, got {name}"
    assert done.returncode == 1
    assert re.search(f"^{re.escape(message)}$", done.stderr, re.MULTILINE)


@lower_instruction_sets
def test_kernels_of_every_instruction_set_agree_with_the_reference(isa):
    done = run(isa, "-m", "pytest", "-q", "-m", "not heavy", *(str(TESTS / name) for name in KERNELS))
    assert done.returncode == 0, done.stdout


SAME_BITS = """
import hashlib
import numpy as np
import bitlens
x = np.random.default_rng(0).normal(size=(700, 5, 3, 3)).astype(np.float32)
arrays = [*bitlens.nearest_neighbors(x, 40), *bitlens.neighbor_probabilities(x, 40)]
arrays += [np.array(bitlens.inter_sample_entropy(x.astype(np.float64), 40)), bitlens.intra_sample_entropy(x)]
print(hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""


@lower_instruction_sets
def test_neighbours_and_histograms_are_the_same_bits_for_every_instruction_set(isa):
    results = {run(name, "-c", SAME_BITS).stdout for name in (isa, BEST)}
    assert len(results) == 1
    assert "" not in results
