"""Decoders: they learn from features and images of every shape; a decoder of another shape is refused."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import bitlens
from tests.network.test_discarding import MODEL, ONE, linear, relu_network


@pytest.mark.parametrize(("layer", "epochs"), [("1", 20), ("3", 30), ("5", 40)])
def test_a_decoder_learns(layer: str, epochs: int) -> None:
    patterns = torch.rand(10, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images = patterns[torch.arange(320) % 10]
    decoder = bitlens.train_decoder(relu_network(), images, layer, epochs=epochs, width=16)
    with torch.no_grad():
        rebuilt = decoder(relu_network().eval()[: int(layer) + 1](patterns))
    assert rebuilt.shape == patterns.shape
    assert (rebuilt - patterns).square().mean() < 0.5 * (patterns - patterns.mean(0)).square().mean()


def test_the_seed_determines_the_decoder() -> None:
    images = torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    first, again, other = (
        bitlens.train_decoder(relu_network(), images, "3", epochs=2, width=4, seed=seed) for seed in (0, 0, 1)
    )
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_a_decoder_of_images_without_pixels() -> None:
    weights = torch.rand(25, 60)
    x = torch.rand(64, 60)
    decoder = bitlens.train_decoder(linear(weights), x, "0", epochs=2)
    assert decoder(linear(weights)(x)).shape == x.shape


def test_what_fits_no_decoder_is_refused() -> None:
    with pytest.raises(
        ValueError, match=re.escape("decoder: expected an output of shape (1, 8, 8) for each image, got (7,)")
    ):
        bitlens.reconstruction_uncertainty(MODEL, ONE, "1", nn.Linear(5, 7))
    for name in ("epochs", "width"):
        with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
            bitlens.train_decoder(MODEL, ONE, "1", **{name: 0})
