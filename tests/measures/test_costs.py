"""Estimated times of tasks: of every measure, growing with what is asked for, and 0 for what is not computed."""

from __future__ import annotations

import pytest
import torch

import bitlens
from bitlens.measures import COMPUTED, MEASURES
from bitlens.measures.registry import planned
from tests.support.sample_runs import convolutions, record_epochs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[bitlens.Run]:
    """The same network and 80 and 160 samples, so that both have standard errors."""
    torch.manual_seed(0)
    folder, model = tmp_path_factory.mktemp("runs"), convolutions()
    return [record_epochs(folder / str(n), model, torch.rand(n, 1, 8, 8), True, True) for n in (80, 160)]


def seconds(run: bitlens.Run, name: str, **parameters: object) -> float:
    return sum(each.seconds(run, target, settings) for each, target, settings in planned(run, name, None, parameters))


@pytest.mark.parametrize("name", [name for name in COMPUTED if name != "prompt_entropy"])
def test_more_samples_and_shuffles_take_longer(runs: list[bitlens.Run], name: str) -> None:
    few, many = (seconds(run, name) for run in runs)
    assert 0 < few <= many < 60
    assert few < many or name == "training_performance"
    if "permutations" in {field.name for field in MEASURES[name].Parameters.fields()}:
        assert seconds(runs[0], name, permutations=100) > few
    if "intervals" in {field.name for field in MEASURES[name].Parameters.fields()} and "diversity" not in name:
        assert seconds(runs[0], name, intervals=False) < few


def test_estimators_of_the_plane(runs: list[bitlens.Run]) -> None:
    assert seconds(runs[0], "information_plane", estimator="binning") < seconds(runs[0], "information_plane")
