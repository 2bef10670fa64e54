"""Tests of small versions of the cases: every contestant passes its check, in a separate process per case."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.timing import MissingError, run_alternately  # noqa: F401

ROOT = Path(__file__).parents[2]


def small_cases():
    from bench.cases import channels, hidden_states, neighbors, spectra, values

    return {
        "entropy": neighbors.synthetic_entropy(400, 20, 30),
        "neighbors": neighbors.wide_neighbors(400, 20, 10),
        "codes": channels.codes_given(64, 64, every_library=True),
        "maps": channels.from_maps(12, 64, 5),
        "renyi": spectra.renyi_case(20, 32),
        "spectrum": spectra.spectrum_case(20, 32),
        "hidden": hidden_states.entropy_case(3, 20, 32),
        "values": values.histogram_case(100, 3, 8),
    }


@pytest.mark.parametrize("name", ["entropy", "neighbors", "codes", "maps", "renyi", "spectrum", "hidden", "values"])
def test_every_contestant_passes_the_check_of_its_case(name):
    for library in ("faiss", "umap", "numba", "sklearn", "scipy", "threadpoolctl"):
        pytest.importorskip(library)
    script = (
        "from tests.bench.test_peers import MissingError, run_alternately, small_cases\n"
        "try:\n"
        f"    timings = run_alternately(small_cases()[{name!r}].contestants(), 1, report=lambda _: None)\n"
        "    print(len(timings))\n"
        "except MissingError as error:\n"
        "    print(error)\n"
    )
    # Threads of such small cases would mostly wait for each other.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "no operation" in done.stdout:
        pytest.skip(done.stdout.strip())
    assert int(done.stdout) >= 3
