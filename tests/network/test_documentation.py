"""The examples of docs/networks.md run and print what they should."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
OUTPUTS = {
    "recurrent": ["[('input', (3, 12)), ('lstm', (16, 12)), ('lstm.h', (16, 1)), ('output', (2,))]", "(3, 16)"],
    "generator and discriminator": ["('generated', 'real')", "(3, 6)", "(3,)"],
    "transformers": [
        "[('input', (12,)), ('encoder.layer.0', (16, 12)), ('encoder.layer.1', (16, 12)), ('output', (16,))]",
        "(1, 16, 16)",
    ],
    "several inputs": ["{'image': (60, 8), 'text': (60, 5)}", "(1, 1, 3, 13)"],
    "tokens": ["216 216 [('input', (1,)), ('0', (16,)), ('1', (12,)), ('2', (12,)), ('output', (3,))]", "(1, 12)"],
}


@pytest.mark.parametrize(("name", "block"), list(zip(OUTPUTS, BLOCKS, strict=True)), ids=OUTPUTS)
def test_examples(name: str, block: str, tmp_path: Path) -> None:
    if name == "transformers":
        pytest.importorskip(name)
    script = [sys.executable, "-W", "error:the axis of the channels", "-c", block]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == OUTPUTS[name]
