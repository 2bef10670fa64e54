"""Additional tests for `make sanitize`: that the sanitizers are active, and calls from several threads."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bitlens

SANITIZERS = os.environ.get("BITLENS_SANITIZE")


@pytest.mark.skipif(not SANITIZERS, reason="the kernels were not built by `make sanitize`")
def test_the_kernels_under_test_are_watched():
    assert f"-fsanitize={SANITIZERS} " in bitlens.build_info()["flags"] + " "
    runtime = ctypes.CDLL(None)
    assert hasattr(runtime, "__tsan_init" if SANITIZERS == "thread" else "__asan_init")


OPERATIONS = {
    "nearest_neighbors": lambda x: bitlens.nearest_neighbors(x, 20),
    "neighbor_probabilities": lambda x: bitlens.neighbor_probabilities(x, 20),
    "inter_sample_entropy": lambda x: bitlens.inter_sample_entropy(x, 20),
    "intra_sample_entropy": bitlens.intra_sample_entropy,
    "channel_entropy": bitlens.channel_entropy,
    "channel_mutual_information": lambda x: bitlens.channel_mutual_information(x, x),
}


def all_operations(maps: np.ndarray) -> list[bytes]:
    results = [operation(maps) for operation in OPERATIONS.values()]
    parts = [part for result in results for part in (result if isinstance(result, tuple) else [result])]
    return [np.asarray(part).tobytes() for part in parts]


def test_calls_from_several_threads_at_once(threads):
    """All calls use the same maps while the number of threads changes."""
    maps = np.random.default_rng(0).normal(size=(200, 4, 7)).astype(np.float32)
    expected = all_operations(maps)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(all_operations, maps) for _ in range(6)]
        for call in calls:
            for count in (1, 2, 3):
                threads(count)
            assert call.result() == expected
