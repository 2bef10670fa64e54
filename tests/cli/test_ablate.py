"""`bitlens ablate` of a network of several inputs that a function runs: the same numbers and refusals as in Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import bitlens
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
