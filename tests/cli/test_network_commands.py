"""The commands that run the network again: the same numbers and refusals as in Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import bitlens
from bitlens.data.lenet import LeNet
from tests.cli.test_cli import command

MODELS = """
import torch
from torch import nn


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.act, self.out = nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)

    def forward(self, x, offset):
        return {"loss": torch.zeros(len(x), 1), "logits": self.out(self.act(self.hidden(x + offset)))}


def logits(model, batch):
    return model(**batch)["logits"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the network's module and a run of it."""
    import torch

    (tmp_path / "two_inputs.py").write_text(MODELS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "two_inputs", raising=False)
    import two_inputs  # type: ignore[import-not-found]

    probe = {"x": torch.rand(20, 4), "offset": torch.rand(20, 4), "labels": torch.arange(20) % 2}
    recorder = bitlens.Recorder(two_inputs.Sum(), tmp_path / "run", probe, forward=two_inputs.logits, weights=[0])
    with recorder:
        recorder.snapshot(0)
    return tmp_path


def test_a_function_by_its_name(folder: Path) -> None:
    import two_inputs

    result = command("ablate", "run", "two_inputs:Sum", "--forward", "two_inputs:logits", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    stored = bitlens.layer_ablation.stored(bitlens.open_run(folder / "run"))
    found = bitlens.layer_ablation(bitlens.open_run(folder / "run"), two_inputs.Sum(), forward=two_inputs.logits)
    assert found.identical(stored)
    info = command("info", "run", cwd=folder).stdout
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in info.splitlines()]
    assert ["inputs", "x, offset"] in rows
    assert ["run by", "logits"] in rows


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        ([], "forward: expected the function that run was recorded with (logits), got None; pass forward="),
        (["--forward", "two_inputs:nn"], "forward: expected a function of model and batch, got module; pass one"),
        (["--forward", "logits"], "forward: expected MODULE:NAME, such as my_models:mlp, got 'logits'"),
        (["--forward", "two_inputs:sum"], "forward: expected a name in the module two_inputs, got 'sum'"),
    ],
)
def test_refusals_are_one_line(folder: Path, forward: list[str], message: str) -> None:
    result = command("ablate", "run", "two_inputs:Sum", *forward, cwd=folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"bitlens: {message}\n"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A run of a LeNet with its weights, in a folder with the module that makes the LeNet."""
    import torch

    made = "from bitlens.data.lenet import LeNet\n\n\ndef make():\n    return LeNet(8, 10)\n\n\nready = make()\n"
    (tmp_path / "made.py").write_text(made)
    torch.manual_seed(0)
    probe = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
    with bitlens.Recorder(LeNet(8, 10), tmp_path / "run", probe, weights=[0], show_size=False) as recorder:
        recorder.snapshot(0)
    return tmp_path


def test_discarding_is_that_of_the_library(recorded: Path) -> None:
    given = ("--layer", "pool1", "--samples", "2", "--cells", "4", "--csv", "new")
    result = command("discard", "run", "made:make", *given, cwd=recorded, width=160)
    assert (result.returncode, result.stderr) == (0, "")
    run = bitlens.open_run(recorded / "run")
    found = bitlens.layer_discarding(run, LeNet(8, 10), ["pool1"], 2, cells=4).sel(epoch=0, layer="pool1")
    (row,) = (line for line in result.stdout.splitlines() if line.startswith("│ pool1"))
    cells = [cell.strip() for cell in row.split("│")[2:-1]]
    assert cells[0] == f"{float(found.discarding.mean()):.3f}"
    assert cells[2:4] == ["2", str(int((found.converged == 0).sum()))]
    assert (recorded / "new" / "layer_discarding_by_epoch_layer_sample.csv").exists()


def test_deconvolutions_are_stored(recorded: Path) -> None:
    result = command("deconvolve", "run", "made:make", "conv2", "--sample", "3", cwd=recorded)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Projected 16 channels of layer conv2 for 1 sample at 1 epoch.\n")
    (known,) = bitlens.layer_deconvolution.known(bitlens.open_run(recorded / "run"), "conv2")
    assert known.parameters.samples == (3,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["discard", "--layer", "nowhere"], "no layer 'nowhere'"),
        (["discard", "--alpha", "-1"], "alpha: expected"),
        (["deconvolve", "nowhere"], "no layer 'nowhere'"),
        (["deconvolve", "conv1", "--sample", "100000"], "samples: expected"),
    ],
)
def test_refusals_say_what_to_do(recorded: Path, given: list[str], message: str) -> None:
    name, *others = given
    result = command(name, "run", "made:ready", *others, cwd=recorded)
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
