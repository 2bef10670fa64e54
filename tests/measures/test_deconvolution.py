"""Deconvolutions over a run: those of the network at its epoch, what is stored, and what cannot be computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import bitlens
from bitlens.runs import RunError
from tests.support.recording import record_once

IMAGES = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4))


@pytest.fixture
def run(tmp_path: Path) -> bitlens.Run:
    return record_once(tmp_path / "run", network(), IMAGES, torch.arange(12) % 4, weights=[0])


def test_they_are_those_of_the_network_at_its_epoch(run: bitlens.Run) -> None:
    other = network()
    with torch.no_grad():
        other[0].weight.zero_()  # the weights of the run count, not those of the model
    result = bitlens.layer_deconvolution(run, other, "1", [7, 2])
    for channel in range(3):
        expected = bitlens.deconvolve(network(), IMAGES[[7, 2]], "1", channel)
        stored = torch.from_numpy(result.deconvolution.sel(epoch=0, channel=channel).values)
        assert torch.equal(stored, expected)
    assert result.sample.values.tolist() == [7, 2]
    assert bitlens.layer_deconvolution.stored(run, "1", [7, 2]).identical(result)
    assert not other[0].weight.any()


def test_by_default_one_sample_of_each_class(run: bitlens.Run, tmp_path: Path) -> None:
    assert bitlens.layer_deconvolution(run, network(), "2").sample.values.tolist() == [0, 1, 2, 3]
    plain = record_once(tmp_path / "plain", network(), IMAGES, None, weights=[0])
    assert bitlens.layer_deconvolution(plain, network(), "2").sample.values.tolist() == list(range(10))


@pytest.mark.parametrize(
    ("layer", "samples", "message"),
    [
        ("input", None, "layers: input was not recorded as the output of a module"),
        ("1", [12], "samples: expected some of 0 to 11"),
        ("1", [], "samples: expected some of 0 to 11"),
        ("x", None, "layer: no layer 'x'"),
    ],
)
def test_refused(run: bitlens.Run, layer: str, samples: list[int] | None, message: str) -> None:
    with pytest.raises(RunError, match=message):
        bitlens.layer_deconvolution(run, network(), layer, samples)


def test_a_run_without_weights_says_so(tmp_path: Path) -> None:
    run = record_once(tmp_path / "run", network(), IMAGES, None)
    with pytest.raises(RunError, match="no weights were recorded in"):
        bitlens.layer_deconvolution(run, network(), "1")
