"""The examples of docs/callbacks.md run; those that need torchrun are fenced as `py`, which is not executed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "callbacks.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize(
    ("library", "block", "output"),
    list(zip(["lightning", "transformers", "tensorboard"], BLOCKS, ["[0, 1, 2]", "[0, 1, 2]", ""], strict=True)),
    ids=["lightning", "transformers", "tensorboard"],
)
def test_examples(library: str, block: str, output: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert output in done.stdout
