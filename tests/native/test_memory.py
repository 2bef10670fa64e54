"""Sizes that cannot fit are refused before memory is taken."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import bitlens
from bitlens.arrays import check_memory, memory


def test_distances_that_cannot_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "usable_memory", lambda: 20e9)
    maps = np.zeros((70000, 2), np.float32)
    tracemalloc.start()
    with pytest.raises(MemoryError) as refused:
        bitlens.distance_codes(maps)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(refused.value) == (
        "maps: distances of 2449965000 pairs of 70000 samples need 24.5 GB of memory, and 20.0 GB are free; "
        "use fewer samples"
    )
    assert peak < 10e6


def test_other_arrays_that_cannot_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "usable_memory", lambda: 1e9)
    with pytest.raises(
        MemoryError, match=r"400000000 intermediate values need 3\.2 GB of memory, and 1\.0 GB are free"
    ):
        bitlens.renyi_entropy(np.zeros((20000, 1), np.float32), kernel=bitlens.Gaussian(1.0), alpha=1.5)


def test_the_limits_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2097152 kB\nSwapFree:   1048576 kB\n")
    (tmp_path / "limit").write_text("max\n")
    monkeypatch.setattr(memory, "_LINUX_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CONTAINER_LIMIT", tmp_path / "limit")
    assert memory.usable_memory() == 3 * 2**30
    check_memory(3 * 2**30, "These")
    (tmp_path / "limit").write_text("2147483648\n")
    assert memory.usable_memory() == 2 * 2**30
    with pytest.raises(MemoryError, match=r"These need 3\.2 GB"):
        check_memory(3 * 2**30, "These")
