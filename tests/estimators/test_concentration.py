"""Concentration of information discarding: against the reference, for both kinds of arrays, and refused arguments."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import bitlens
from bitlens import reference

ENTROPIES = np.random.default_rng(0).normal(size=(5, 3, 6, 7))
MASKS = np.random.default_rng(1).random((5, 6, 7)) < 0.3


def test_against_the_reference() -> None:
    everywhere = np.broadcast_to(MASKS[:, None], ENTROPIES.shape)
    expected = reference.concentration(ENTROPIES, everywhere)
    np.testing.assert_allclose(bitlens.concentration(ENTROPIES, MASKS), expected, atol=1e-12)
    np.testing.assert_allclose(bitlens.concentration(ENTROPIES, everywhere), expected, atol=1e-12)
    tensors = bitlens.concentration(torch.from_numpy(ENTROPIES), torch.from_numpy(MASKS))
    assert isinstance(tensors, torch.Tensor)
    np.testing.assert_allclose(tensors, expected, atol=1e-12)


def test_identities() -> None:
    given = bitlens.concentration(ENTROPIES, MASKS)
    np.testing.assert_allclose(bitlens.concentration(ENTROPIES, ~MASKS), -given, atol=1e-12)
    np.testing.assert_allclose(bitlens.concentration(3 * ENTROPIES + 2, MASKS), 3 * given, atol=1e-12)
    np.testing.assert_allclose(bitlens.concentration(np.where(MASKS, 0.0, 2.0), MASKS), 2)


def test_no_object_and_no_background() -> None:
    masks = np.stack([np.zeros((6, 7), bool), np.ones((6, 7), bool), *MASKS[2:]])
    assert np.isnan(bitlens.concentration(ENTROPIES, masks)).tolist() == [True, True, False, False, False]


REFUSED = [
    ("abc", MASKS, TypeError, "entropies: expected a NumPy array or a PyTorch tensor, got str"),
    (ENTROPIES, None, TypeError, "masks: expected a NumPy array or a PyTorch tensor, got NoneType"),
    (ENTROPIES, torch.from_numpy(MASKS), TypeError, "masks: expected an array of the same kind as entropies"),
    (ENTROPIES, MASKS.astype(int), TypeError, "masks: expected booleans, got int64"),
    (np.ones_like(ENTROPIES, dtype=int), MASKS, TypeError, "entropies: expected floats, got int64"),
    (
        ENTROPIES,
        MASKS[:, :5],
        ValueError,
        "masks: expected shape (n, height, width) of entropies of shape (5, 3, 6, 7)",
    ),
    (ENTROPIES[:, 0, 0], MASKS, ValueError, "masks: expected shape (n, height, width) of entropies of shape (5, 7)"),
]


@pytest.mark.parametrize(("entropies", "masks", "error", "message"), REFUSED, ids=[row[3] for row in REFUSED])
def test_refused(entropies: object, masks: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        bitlens.concentration(entropies, masks)
