"""The recorded network that measures run again is compared with what was recorded."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import bitlens


class Scaled(nn.Module):
    """A network whose values depend on a number that is not among its weights."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.hidden, self.act, self.out = nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.act(self.hidden(x))) * self.scale


class Centred(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.hidden(x))
        return self.out(h - h.mean(0, keepdim=True))


PROBE = torch.randn(40, 8, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3


def record(model: nn.Module, path: Path, probe: object = PROBE, **options: object) -> bitlens.Run:
    with bitlens.Recorder(model, path, probe, weights=[0], show_size=False, **options) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(path)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_recorded_network_gives_no_warning(dtype: str, tmp_path: Path) -> None:
    run = record(Scaled(2.0), tmp_path / "run", dtype=dtype)
    other = Scaled(2.0)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    bitlens.layer_ablation(run, other, repeats=1)
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


def test_another_network_gives_a_warning(tmp_path: Path) -> None:
    run = record(Scaled(2.0), tmp_path / "run")
    with pytest.warns(UserWarning, match="model: with the weights of epoch 0 its output is not the one that"):
        bitlens.layer_ablation(run, Scaled(3.0), repeats=1)


def test_a_network_that_depends_on_its_batch_is_compared_on_all_samples(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the output for a sample depends")
        run = record(Centred(1.0), tmp_path / "run")
    bitlens.layer_ablation(run, Centred(1.0), repeats=1)
