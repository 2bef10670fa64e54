"""Arrays of hidden states that integer arithmetic makes, so that every machine has the same bits."""

from __future__ import annotations

import numpy as np


def grid(n, d, seed, offset=0.0):
    k = np.arange(1, n * d + 1, dtype=np.int64)
    v = ((k**3 + seed * k**2 + 17 * k) % 1009).reshape(n, d) / 1009 - 0.5
    return v / np.sqrt(1 + np.arange(d)) + offset


A, B, C = grid(24, 40, 0), grid(24, 40, 0, 1.0), grid(60, 16, 1, 1.0)
"""Two clouds of fewer rows than columns, of which the second has an offset, and one of more rows than columns."""
CLOUDS = {"A": A, "B": B, "C": C}

STATES = grid(72, 20, 5, 0.5).reshape(2, 3, 12, 20)
"""Hidden states of two layers and three prompts of 12, 9 and 4 tokens."""
MASK = np.arange(12) < np.array([[12], [9], [4]])

PROMPTS = grid(240, 12, 7, 0.5).reshape(40, 6, 12)
"""Forty prompts of six tokens."""

VIEW_A, VIEW_B = (grid(20, 30, 3) + 0.3 * grid(20, 30, seed) for seed in (11, 12))
SHIFTS = np.array([(np.arange(20) + s) % 20 for s in range(1, 11)])
"""The orders of the items of the second view in a null."""

VIEWS = np.stack([grid(25, 10, 3) + 0.3 * grid(25, 10, 20 + i) for i in range(4)], axis=1)
"""Four views of 25 items."""

SOLID = grid(200, 3, 4) @ grid(3, 12, 6)
"""Samples of three directions among twelve."""
