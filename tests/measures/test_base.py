"""Measures as objects: one default for each parameter, keys, versions, what is known, tasks, and texts that run."""

from __future__ import annotations

import inspect
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens.measures import COMPUTED, MEASURES, execute
from bitlens.measures.layers import LayerPairInformation, LayerPairInformationParameters
from bitlens.measures.parameters import parameter
from bitlens.runs import ResultKey
from tests.support.recording import record_once

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a stored result is computed again")


def test_a_plain_run_is_measured_by_tasks_of_any_process(run: bitlens.Run) -> None:
    target, parameters = bitlens.layer_pair_information.arguments_of(run, "0", "1", bins=4)
    (task,) = bitlens.layer_pair_information.missing(run, target, parameters)
    assert (task.run, task.measure, task.target, task.epoch) == (str(run.path), "layer_pair_information", ("0", "1"), 0)
    execute(task)
    assert bitlens.layer_pair_information.missing(run, target, parameters) == []


@pytest.fixture
def run(measured: bitlens.Run, tmp_path: Path) -> bitlens.Run:
    """A copy for a test to change."""
    shutil.copytree(measured.path, tmp_path / "run")
    return bitlens.open_run(tmp_path / "run")


def test_equal_settings_are_one_set_of_results(run: bitlens.Run) -> None:
    before = len(bitlens.information_plane.known(run))
    for alpha in (1.5, np.float32(1.5), np.float64(1.5), torch.tensor(1.5)):
        bitlens.information_plane(run, alpha=alpha, permutations=2)
    bitlens.information_plane(run, estimator="binning")
    bitlens.information_plane(run, estimator="binning", alpha=2.0, batch=5)  # which binning does not use
    assert len(bitlens.information_plane.known(run)) == before + 2
    # A limit beyond what the run has is the same as all.
    for samples in (30, 31, 10**6):
        bitlens.layer_pair_information(run, "0", "1", samples=samples)
    assert len(bitlens.layer_pair_information.known(run, "0", "1")) == 1


class NextVersion(LayerPairInformation):
    """The same measure after its numbers have changed."""

    version = LayerPairInformation.version + 1


def test_results_of_another_version_are_said_and_never_given(run: bitlens.Run) -> None:
    new = NextVersion()
    assert new.stored(run, "0", "1") is None
    assert new.known(run) == []
    (sentence,) = new.ignored(run)
    assert sentence.endswith("results of layer_pair_information version 4 are ignored, not version 5")
    with pytest.warns(UserWarning, match="version 4 are ignored and computed again by version 5"):
        new(run, "0", "1")
    assert [known.key.version for known in new.known(run)] == [5]
    assert {known.key.version for known in bitlens.layer_pair_information.known(run)} == {4}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new(run, "0", "1")


@dataclass(frozen=True)
class GrownParameters(LayerPairInformationParameters):
    """A parameter that an older version does not know."""

    shift: int = parameter(3, "A new parameter.", absent=0)


class Grown(LayerPairInformation):
    """A measure with one parameter more."""

    Parameters = GrownParameters


def test_a_new_parameter_hides_no_old_results(run: bitlens.Run) -> None:
    old = bitlens.layer_pair_information.known(run, "0", "1")
    grown = Grown()
    assert [known.key for known in grown.known(run, "0", "1")] == [known.key for known in old]
    assert [known.parameters.shift for known in grown.known(run, "0", "1")] == [0]
    assert grown.stored(run, "0", "1", shift=0).identical(bitlens.layer_pair_information(run, "0", "1"))
    assert grown.stored(run, "0", "1") is None


def test_an_unknown_parameter_is_shown_and_its_results_can_be_loaded(run: bitlens.Run) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Grown()(run, "0", "1")
    known = bitlens.layer_pair_information.known(run, "0", "1")
    assert sorted(str(results.unknown) for results in known) == ["{'shift': 3}", "{}"]
    for results in known:
        assert bitlens.layer_pair_information.load(run, results).sizes["epoch"] == 1


def test_results_of_a_replaced_epoch_are_computed_again(run: bitlens.Run) -> None:
    before = bitlens.layer_diversity(run)
    other = record_once(
        run.path.parent / "other",
        torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(48, 3)),
        torch.rand(30, 1, 6, 6),
        torch.arange(30) % 3,
        gradients=True,
    )
    shutil.copy(other.path / "epochs" / "0000.safetensors", run.path / "epochs" / "0000.safetensors")
    assert bitlens.layer_diversity.stored(run) is None
    assert not bitlens.layer_diversity(run).equals(before)


def test_a_damaged_result_is_computed_again(run: bitlens.Run) -> None:
    before = bitlens.channel_entropies(run, "0")
    (known,) = bitlens.channel_entropies.known(run, "0")
    path = run.path / "results" / "channel_entropies" / f"{known.key.version}-{known.key.digest}" / "0000.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    assert bitlens.channel_entropies.stored(run, "0") is None
    assert bitlens.channel_entropies(run, "0").identical(before)


def test_a_result_of_another_form_counts_as_none(run: bitlens.Run) -> None:
    (known,) = bitlens.channel_entropies.known(run, "0")
    (series,) = run.results.load(known.key)
    alien = {"surprise": series.variables["lowest"]}
    from bitlens.runs import StoredArray, StoredResult

    array = StoredArray((), alien["surprise"].values[0], {})
    source = run.source("epoch", 0)
    run.results.save(known.key, 0, StoredResult({"surprise": array}, {}), source)
    assert bitlens.channel_entropies.load(run, known) is None
    assert bitlens.channel_entropies(run, "0").sizes["epoch"] == 1


def test_stored_never_computes(run: bitlens.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(bitlens.layer_pair_information), "compute", refuse)
    assert bitlens.layer_pair_information.stored(run, "0", "1", bins=5) is None
    assert bitlens.layer_pair_information.stored(run, "0", "1").sizes["epoch"] == 1


@pytest.mark.parametrize("name", COMPUTED)
def test_the_call_text_gives_the_same_results(measured: bitlens.Run, name: str) -> None:
    measure = MEASURES[name]
    for target in measure.targets(measured)[:2]:
        _, parameters = measure.arguments_of(measured, *target)
        text = measure.call_text(target, parameters)
        result = eval(text, {"bitlens": bitlens, "run": measured})
        assert result.identical(measure(measured, *target))


def test_a_call_is_documented_and_has_a_signature() -> None:
    signature = inspect.signature(bitlens.layer_pair_information)
    assert list(signature.parameters) == [
        "run",
        "a",
        "b",
        "bins",
        "permutations",
        "samples",
        "seed",
        "intervals",
        "pairs",
        "epochs",
    ]
    assert signature.parameters["bins"].default == 32
    with pytest.raises(TypeError, match="unexpected keyword argument 'bin'"):
        bitlens.layer_pair_information(None, "a", "b", bin=3)


def test_keys_contain_the_version_and_the_target(measured: bitlens.Run) -> None:
    target, parameters = bitlens.channel_entropies.arguments_of(measured, "0")
    key = bitlens.channel_entropies.key(target, parameters)
    assert key == ResultKey("channel_entropies", 3, {"layer": "0", "bins": 32, "seed": 0})
