"""A small run with gradients, for the measures of information flow."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import bitlens
from tests.support.recording import record_once


@pytest.fixture
def run(tmp_path: Path) -> bitlens.Run:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    return record_once(tmp_path / "run", model, torch.rand(70, 1, 8, 8), torch.arange(70) % 3, gradients=True)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    """A run with gradients after `measure(run)`."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(48, 3))
    path = tmp_path_factory.mktemp("runs") / "run"
    run = record_once(path, model, torch.rand(30, 1, 6, 6), torch.arange(30) % 3, gradients=True, weights=[0])
    bitlens.measure(run)
    return run
