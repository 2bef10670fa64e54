"""The network and the data that the tests of callbacks train with."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn


def seed_everything(seed: int = 1) -> None:
    """Seed all global random number generators."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def convolutional() -> nn.Module:
    """A network whose training depends on random numbers (dropout) and on its mode (batch normalization)."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(36, 10),
    )  # fmt: skip


def samples(n: int = 40) -> tuple[Tensor, Tensor]:
    """Images of 8 x 8 and their labels."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 1, 8, 8, generator=generator), torch.arange(n) % 10


def assert_equal_weights(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> None:
    """Bitwise equality."""
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name
