"""All measures at once: what is computed, what is skipped, what is refused, and how a new measure is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import bitlens
from bitlens.measures import COMPUTED, MEASURES, Measure, Parameters, titled
from bitlens.runs import RunError
from tests.support.recording import record_once

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a stored result is computed again")


@pytest.mark.parametrize("name", COMPUTED)
def test_after_measure_the_default_call_computes_nothing(
    measured: bitlens.Run, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = MEASURES[name]
    monkeypatch.setattr(type(measure), "compute", refuse)
    for target in measure.targets(measured):
        assert not measure.missing(measured, *measure.arguments_of(measured, *target))
        assert getattr(bitlens, name)(measured, *target).attrs["measure"] == name


def test_measure_again_computes_nothing(measured: bitlens.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for measure in COMPUTED.values():
        monkeypatch.setattr(type(measure), "compute", refuse)
    told: list[str] = []
    results = bitlens.measure(measured, progress=lambda title, *_: told.append(title))
    assert told == []
    assert set(results) == {titled(m, target) for m in COMPUTED.values() for target in m.targets(measured)}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda run: bitlens.measure(run, ["layer_ablation"]), ValueError, "measure: layer_ablation needs the network"),
        (lambda run: bitlens.measure(run, bin=3), ValueError, "bin: expected a parameter of the measures, alpha, "),
        (lambda run: bitlens.measure(run, bins=1), ValueError, "bins: expected 2 to 256, got 1"),
        (lambda run: bitlens.measure(run, published="mine"), ValueError, "name: expected one of paper"),
        (lambda run: bitlens.channel_entropies(run, "x"), RunError, "layer: no layer 'x'"),
        (lambda run: bitlens.channel_entropies(run), TypeError, "missing a required argument: 'layer'"),
    ],
)
def test_refused(measured: bitlens.Run, call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(measured)


def test_a_measure_that_cannot_be_answered_is_skipped_with_a_sentence(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    run = record_once(tmp_path / "run", model, torch.rand(12, 4), None)
    told: list[str] = []
    results = bitlens.measure(run, skipped=told.append, tensor=True)
    assert "information plane" in results
    # 12 samples have no 15 neighbours: this is reported, and the other measures are there all the same.
    assert [sentence.partition(":")[0] for sentence in told] == [
        "skipped training performance",
        "skipped input diversity",
        "skipped layer diversity",
        "skipped label information",
    ]
    assert "input diversity" not in results
    with pytest.raises(RunError, match=r"k: expected 2 to n - 1 = 11 for the samples of .*, got 15"):
        bitlens.measure(run, ["layer_diversity"])


def test_every_measure_is_declared_in_full() -> None:
    for name, measure in MEASURES.items():
        assert isinstance(measure, Measure)
        assert (measure.name, getattr(bitlens, name)) == (name, measure)
        assert issubclass(measure.Parameters, Parameters)
        assert measure.version >= 1
        names = [variable.name for variable in measure.variables]
        assert len(set(names)) == len(names)
        assert all(variable.long_name and variable.unit for variable in measure.variables)


NEW_MEASURE = '''
"""A measure in its own file."""
from dataclasses import dataclass
from bitlens.measures.base import Measure
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Variable


@dataclass(frozen=True)
class LargestParameters(Parameters):
    """Parameters."""

    power_of_value: int = parameter(2, "Power of the largest value.", minimum=1)


class Largest(Measure[LargestParameters]):
    """The largest value of a layer.

    Returns
    -------
    xarray.Dataset
        By epoch.
    """

    name = "largest_value"
    title = "largest value"
    rank = 45
    Parameters = LargestParameters
    target_names = ("layer",)
    variables = (Variable("largest", (), "largest value", "1"),)

    def compute(self, run, epoch, target, parameters):
        return Result({"largest": run.activations(target[0], epoch).max() ** parameters.power_of_value})


largest_value = Largest()
'''


USED = """
import sys, importlib.util
import bitlens.measures
spec = importlib.util.find_spec("bitlens.measures")
package = sys.modules["bitlens.measures"]
for name in [name for name in sys.modules if name.startswith("bitlens.measures")]:
    del sys.modules[name]
spec.submodule_search_locations.append(sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["bitlens.measures"] = module
spec.loader.exec_module(module)
import bitlens
run = bitlens.open_run(sys.argv[2])
print(float(bitlens.largest_value(run, "0", power_of_value=1).largest[0]))
print(list(bitlens.measure(run, ["largest_value"]))[0])
from bitlens.cli.commands import app
from typer.testing import CliRunner
print(CliRunner().invoke(app, ["measure", "--help"], env={"COLUMNS": "200"}).output)
"""


def test_a_new_measure_touches_its_own_file_only(measured: bitlens.Run, tmp_path: Path) -> None:
    (tmp_path / "largest.py").write_text(NEW_MEASURE)
    done = subprocess.run(
        [sys.executable, "-c", USED, str(tmp_path), str(measured.path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    value, title, *printed = done.stdout.splitlines()
    assert float(value) == pytest.approx(float(measured.activations("0", 0).max()))
    assert title == "largest value of input"
    assert "--power-of-value" in "\n".join(printed)
    assert "largest_value" in "\n".join(printed)
