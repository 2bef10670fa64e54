"""`bitlens compare` and `bitlens report`: what they print and write, and how they refuse."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import bitlens
from bitlens import tables
from bitlens.cli.commands import app
from tests.support.sample_runs import record_tiny_run


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    paths = folder / "[red]one", folder / "two"
    for path in paths:
        record_tiny_run(path)
    return paths


def invoke(*arguments: object) -> str:
    result = CliRunner(env={"COLUMNS": "250"}).invoke(app, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_compare_prints_and_writes_the_table(pair, tmp_path):
    printed = invoke("compare", *pair, "--csv", tmp_path)
    runs = tables.named_runs([bitlens.open_run(path) for path in pair])
    written = pd.read_csv(tmp_path / "comparison.csv", keep_default_na=False, na_values=[""])
    assert len(written) == len(tables.run_comparison(runs))
    (line,) = (line for line in printed.splitlines() if "loss (bits)" in line)
    loss = float(bitlens.training_performance.stored(runs["two"]).loss.sel(epoch=2))
    assert line.count(f"{loss:.3f}") == 2
    assert "[red]one at epoch 2, two at epoch 2" in printed
    assert "two - [red]one" in printed
    assert (tmp_path / "runs.csv").is_file()


def test_report_writes_one_file(pair, tmp_path):
    out = tmp_path / "report.html"
    printed = invoke("report", *pair, "--out", out)
    assert f"Wrote {out}" in printed
    text = out.read_text("utf-8")
    assert "two - [red]one" in text
    assert text.count("<svg") > 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "{0}"], "RUN: expected 2 to 4 runs, got 1"),
        (["compare", "{0}", "{0}"], "expected different runs"),
        (["compare", "{0}", "{1}", "--epoch", "9"], "has no results at epoch 9"),
        (["compare", "{0}", "nowhere"], "there is no such folder"),
        (["report", "{0}", "--out", "{2}"], "--out: expected a file, got the folder"),
        (["report", *["{0}"] * 5], "expected 1 to 4 runs, got 5"),
    ],
)
def test_refusals(pair, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        invoke(*(argument.format(*pair, tmp_path) for argument in arguments))
