"""Counts of binned values for each class: parts of the samples that different threads count."""

from __future__ import annotations

import numpy as np
import pytest

from bitlens import _core


def direct(maps, edges, labels, classes):
    counts = np.zeros((maps.shape[1], classes, edges.shape[1] + 1), np.int64)
    for c, of_channel in enumerate(edges):
        bins = np.searchsorted(of_channel, maps[:, c], side="right")
        np.add.at(counts[c], (np.broadcast_to(labels[:, None], bins.shape), bins), 1)
    return counts


@pytest.mark.parametrize(
    ("n", "channels", "values", "bins", "classes"),
    [
        (300_000, 1, 1, 2, 3),  # neurons of three parts of the samples
        (300_000, 17, 1, 2, 3),  # and of two groups of channels
        (4000, 2, 100, 5, 3),
        (1000, 1, 500, 9, 1000),  # more counts than a part has values
    ],
)
def test_parts_of_the_samples_add_up(threads, n, channels, values, bins, classes):
    random = np.random.default_rng(0)
    maps = random.normal(size=(n, channels, values)).astype(np.float32)
    edges = np.sort(random.normal(size=(channels, bins - 1)), axis=1)
    labels = random.integers(0, classes, n)
    expected = direct(maps, edges, labels, classes)
    for count in (1, 2, 5):
        threads(count)
        counts = np.full(expected.shape, -1)
        _core.label_counts(maps, edges, labels, counts)
        np.testing.assert_array_equal(counts, expected)
