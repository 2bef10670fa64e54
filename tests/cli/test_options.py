"""Options of the program itself: the version, completion in a shell, and an example in the help of every command."""

from __future__ import annotations

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import bitlens
from bitlens.cli.commands import app


def test_the_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"bitlens {bitlens.build_info()['version']}\n")


@pytest.mark.parametrize(
    ("words", "word"), [("bitlens meas", "measure"), ("bitlens measure run --skip i", "input_diversity")]
)
def test_completion_in_a_shell(words: str, word: str) -> None:
    asked = {"_BITLENS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert word in CliRunner().invoke(app, env=asked, prog_name="bitlens").stdout.splitlines()


@pytest.mark.parametrize("name", [[], *([name] for name in get_command(app).commands)], ids="".join)
def test_help_has_an_example(name: list[str]) -> None:
    result = CliRunner().invoke(app, [*name, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.stdout
    assert "Example: bitlens" in result.stdout
