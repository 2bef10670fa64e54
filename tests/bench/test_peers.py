"""The benchmark's cases in small: every peer passes its own check. Each runs in a process of its own, as in the benchmark."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bench.contest import MissingError, contest  # noqa: F401

ROOT = Path(__file__).parents[2]


def small_cases():
    from bench.cases import channels, neighbors, spectra, values

    return {
        "entropy": neighbors.synthetic_entropy(400, 20, 30),
        "neighbors": neighbors.wide_neighbors(400, 20, 10),
        "codes": channels.codes_given(64, 64, everybody=True),
        "maps": channels.from_maps(12, 64, 5),
        "renyi": spectra.renyi_case(20, 32),
        "spectrum": spectra.spectrum_case(20, 32),
        "values": values.histogram_case(100, 3, 8),
    }


@pytest.mark.parametrize("name", ["entropy", "neighbors", "codes", "maps", "renyi", "spectrum", "values"])
def test_every_contestant_computes_what_its_case_asks_for(name):
    for library in ("faiss", "umap", "numba", "sklearn", "scipy", "threadpoolctl"):
        pytest.importorskip(library)
    script = (
        "from tests.bench.test_peers import MissingError, contest, small_cases\n"
        "try:\n"
        f"    timings = contest(small_cases()[{name!r}].contestants(), 1, tell=lambda _: None)\n"
        "    print(len(timings))\n"
        "except MissingError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "no operation" in done.stdout:
        pytest.skip(done.stdout.strip())
    assert int(done.stdout) >= 3
