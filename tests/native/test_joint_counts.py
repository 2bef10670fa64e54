"""Joint counts around the sizes at which their kernels switch: bins, channels, sample pairs and instruction sets."""

from __future__ import annotations

import numpy as np
import pytest

import bitlens
from bitlens import _core, reference

BLOCK = 4096  # sample pairs that the carry-save counters add at a time


def codes(channels, pairs, bins, seed=0):
    """Codes whose middle values are frequent and whose outer values are rare or absent."""
    values = np.random.default_rng(seed).normal(0.45 * bins, bins / 6, (channels, pairs))
    return np.clip(values, 0, bins - 1).astype(np.uint8)


def counted(a, b, bins):
    counts = np.full((len(a), len(b), bins * bins), -1)
    _core.joint_counts(a, b, bins, counts, 0)
    return counts


def expected_counts(a, b, bins):
    cells = a[:, None].astype(np.int64) * bins + b
    return np.array([[np.bincount(pair, minlength=bins * bins) for pair in row] for row in cells])


def assert_counts(a, b, bins):
    np.testing.assert_array_equal(counted(a, b, bins), expected_counts(a, b, bins))


@pytest.mark.parametrize("bins", [2, 3, 31, 32, 33, 63, 64, 65, 255, 256])
def test_bins(bins):
    """Words of 32 bits up to 32 bins, of 64 up to 64, single counts beyond."""
    assert_counts(codes(9, 5000, bins, 1), codes(11, 5000, bins, 2), bins)


FEW_CHANNELS = [(1, 1), (1, 8), (2, 3), (2, 4), (3, 3), (3, 4), (4, 1), (3, 7), (9, 8)]
MANY_CHANNELS = [(1, 15), (2, 16), (2, 17), (8, 33), (65, 5), (66, 130)]


@pytest.mark.parametrize("bins", [32, 50])
@pytest.mark.parametrize(("channels_a", "channels_b"), FEW_CHANNELS + MANY_CHANNELS)
def test_channels(channels_a, channels_b, bins):
    """Groups of 16 or 8 channels, tiles of 64 by 128, and too few channels for the carry-save counters."""
    assert_counts(codes(channels_a, 700, bins, 1), codes(channels_b, 700, bins, 2), bins)


ROUNDS = [1, 2, 15, 16, 17, 239, 240, 241, 255, 256, 257]
BLOCKS = [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5, 9 * BLOCK + 1]


@pytest.mark.parametrize("pairs", ROUNDS + BLOCKS)
def test_pairs(pairs):
    """Rounds of 16 rows, runs of 15 rounds, blocks, and more blocks than are prepared at a time."""
    assert_counts(codes(5, pairs, 7, 1), codes(6, pairs, 7, 2), 7)


@pytest.mark.parametrize("bins", [32, 64])
@pytest.mark.parametrize("code", [0, 1, 31])
def test_one_code_only(code, bins):
    """Every counter of this code carries through all its planes."""
    constant = np.full((4, 70_001), code, np.uint8)
    counts = counted(constant, constant, bins)
    assert (counts[:, :, code * bins + code] == 70_001).all()
    assert counts.sum() == 16 * 70_001


def test_rows_of_codes_need_not_follow_each_other():
    wide = codes(12, 900, 20)
    assert_counts(wide[::2, 100:800], wide[1:, 100:800], 20)


@pytest.mark.parametrize("bins", [5, 32, 48, 100])
@pytest.mark.parametrize("shape", [(3, 2), (20, 19)])
def test_entropies_are_those_of_the_counts(bins, shape):
    a, b = codes(shape[0], 20_000, bins, 1), codes(shape[1], 20_000, bins, 2)
    a[0], b[-1] = 3, 4  # constant channels
    joint, entropies_a, entropies_b = np.empty(shape), np.empty(shape[0]), np.empty(shape[1])
    _core.code_entropies(a, b, bins, joint, entropies_a, entropies_b, 0)
    expected = [[reference.entropy(cell) for cell in row] for row in expected_counts(a, b, bins)]
    np.testing.assert_allclose(joint, expected, rtol=0, atol=1e-12)
    for entropies, channels in ((entropies_a, a), (entropies_b, b)):
        alone = [reference.entropy(np.bincount(channel)) for channel in channels]
        np.testing.assert_allclose(entropies, alone, rtol=0, atol=1e-12)


def test_counts_too_large_for_the_table_of_logarithms():
    a, b = codes(4, 300_000, 2, 1), codes(4, 300_000, 2, 2)
    information = np.empty((4, 4)), np.empty(4), np.empty(4)
    _core.code_entropies(a, b, 2, *information, 0)
    expected = [[reference.entropy(cell) for cell in row] for row in expected_counts(a, b, 2)]
    np.testing.assert_allclose(information[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bins", [32, 64, 256])
def test_threads_do_not_change_a_bit(threads, bins):
    a, b = codes(20, 9000, bins, 1), codes(37, 9000, bins, 2)
    threads(1)
    a, b = a[:, : 134 * 133 // 2], b[:, : 134 * 133 // 2]
    one = bitlens.channel_mutual_information(a, b, bins, codes=True)
    threads(2)
    two = bitlens.channel_mutual_information(a, b, bins, codes=True)
    np.testing.assert_array_equal(one, two)
