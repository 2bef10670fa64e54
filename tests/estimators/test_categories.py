"""Estimators of category numbers: equal to those of one-hot codes, and independent of the numbering."""

from __future__ import annotations

import numpy as np
import pytest

import bitlens
from bitlens import Dimension, Median, NearestNeighbors, reference
from bitlens.arrays import NDArray
from bitlens.estimators import categories
from bitlens.estimators.matrix.gram import variable_exponents

RANDOM = np.random.default_rng(3)
# id: category numbers [n, channels, ...]
SAMPLES = {
    "tokens": RANDOM.integers(0, 9, (40, 6)),
    "two ids": RANDOM.integers(0, 2, (40, 3)),
    "a constant position": RANDOM.integers(0, 5, (30, 4)) * [1, 1, 0, 1],
    "long texts of a large vocabulary": RANDOM.integers(0, 50_000, (25, 128)),
    "many equal samples": RANDOM.integers(0, 4, (5, 6))[RANDOM.integers(0, 5, 40)],
    "padding": np.where(np.arange(12) < RANDOM.integers(1, 12, (40, 1)), RANDOM.integers(1, 30, (40, 12)), 0),
    "negative ids": RANDOM.integers(-4, 5, (30, 4)),
    "two axes": RANDOM.integers(0, 5, (30, 3, 4)),
    "300 values": RANDOM.integers(0, 3, (20, 300)),
}


def one_hot(values: NDArray) -> NDArray:
    """[n, channels, values, categories]."""
    maps = values.reshape(*values.shape[:2], -1)
    return (maps[..., None] == np.unique(maps)).astype(np.float64)


@pytest.mark.parametrize("name", SAMPLES)
def test_estimates_are_those_of_one_hot_codes(name: str) -> None:
    values = SAMPLES[name]
    codes = one_hot(values)
    flat = codes.reshape(len(codes), -1)
    assert categories.category_diversity(values, 7) == pytest.approx(bitlens.inter_sample_entropy(flat, 7), abs=1e-9)
    assert categories.category_diversity(values, 7) == pytest.approx(reference.inter_sample_entropy(flat, 7), abs=1e-6)
    np.testing.assert_array_equal(categories.category_codes(values, 16), reference.distance_codes(codes, 16))
    for rule in (Median(), NearestNeighbors(3), 1.5):
        exponents, _ = categories.category_exponents(values, rule)
        np.testing.assert_allclose(exponents, variable_exponents(flat, "x", rule)[0], rtol=1e-12)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_numbering_of_the_categories_changes_anything(name: str) -> None:
    values = SAMPLES[name]
    distinct, codes = np.unique(values, return_inverse=True)
    renamed = RANDOM.permutation(len(distinct) * 3)[codes].reshape(values.shape)
    assert categories.category_diversity(values, 7) == categories.category_diversity(renamed, 7)
    np.testing.assert_array_equal(categories.category_codes(values, 32), categories.category_codes(renamed, 32))
    for rule in (Median(), Dimension()):
        of_values, of_renamed = (categories.category_exponents(x, rule)[0] for x in (values, renamed))
        np.testing.assert_array_equal(of_values, of_renamed)


def test_blocks_of_rows_do_not_change_the_diversity(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = categories.category_diversity(SAMPLES["tokens"], 7)
    monkeypatch.setattr(categories, "_BLOCK_BYTES", 8 * 40 * 3)
    assert categories.category_diversity(SAMPLES["tokens"], 7) == whole


# id: (call, message)
REFUSED = {
    "two samples": (lambda: categories.category_diversity(np.ones((2, 3), int), 2), "x: expected at least 3 samples"),
    "k": (lambda: categories.category_diversity(np.ones((5, 3), int), 5), r"k: expected 2 to n - 1 = 4 for 5 samples"),
    "one sample": (lambda: categories.category_codes(np.ones((1, 3), int), 8), "maps: expected at least 2 samples"),
    "bins": (lambda: categories.category_codes(np.ones((4, 3), int), 1), "bins: expected 2 to 256, got 1"),
    "a kernel": (lambda: categories.category_exponents(np.ones((1, 3), int), 1.0), "x: expected at least 2 samples"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()
