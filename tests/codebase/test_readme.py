"""Execute the code of the README and of the guides, and compare the tables of the benchmark with the stored results."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the Python blocks of the README were executed in order."""
    path = tmp_path_factory.mktemp("readme")
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        subprocess.run([sys.executable, "-W", "error", "-c", block], cwd=path, check=True, stdout=subprocess.DEVNULL)
    return path


GUIDES = sorted([*(ROOT / "docs" / "how-to").glob("*.md"), ROOT / "docs" / "start" / "index.md"])


@pytest.mark.parametrize(
    "page", [page for page in GUIDES if "```python" in page.read_text("utf-8")], ids=lambda p: p.stem
)
def test_code_of_the_guides(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run in order."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        exec(compile(block, page.name, "exec"), names)


def commands() -> list[str]:
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).splitlines()
    return [command for line in lines if (command := line.split("#")[0].strip())]


def test_make_knows_the_commands() -> None:
    for command in (line for line in commands() if line.startswith("make")):
        subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("bitlens")])
def test_commands(command: str, folder: Path) -> None:
    program, *arguments = command.split()
    assert program == "bitlens"
    if arguments[0] == "explore":  # it does not return; the browser tests start it
        arguments = ["explore", "--help"]
    run = [sys.executable, "-m", "bitlens", *arguments]
    subprocess.run(run, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=300)


TABLES = re.findall(
    r"<!-- python -m bench.compare(.*?) -->\n(.*?)\n<!-- end of table -->",
    (ROOT / "docs" / "benchmarks.md").read_text("utf-8"),
    re.DOTALL,
)
RESULTS = ROOT / "bench" / "results"


@pytest.mark.parametrize(("files", "table"), TABLES, ids=[f"table {files}" for files, _ in TABLES])
def test_the_tables_are_those_of_the_benchmark(files: str, table: str) -> None:
    command = [sys.executable, "-m", "bench.compare", *files.split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8", env=environment)
    assert table == done.stdout.strip()


def test_every_case_of_the_benchmark_is_in_one_table() -> None:
    from bench.cases import CASES

    once = [name for path in RESULTS.glob("cpu*.json") for name in json.loads(path.read_text())["cases"]]
    occasions = {name for path in RESULTS.glob("0.2.0/*.json") for name in json.loads(path.read_text())["cases"]}
    assert sorted([*once, *occasions]) == sorted(CASES)
    shown = sorted(file for files, _ in TABLES for file in files.split() if file != "--range")
    assert shown == sorted(
        str(path.relative_to(ROOT)) for kind in ("cpu*.json", "0.2.0/*.json") for path in RESULTS.glob(kind)
    )


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: str(page.relative_to(ROOT))
)
def test_targets_of_links_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        is_there = (page.parent / target).is_file() or target in ("api/index.md", "gallery/index.rst")  # generated
        assert target.startswith("https://") or is_there, target


def test_named_functions_exist() -> None:
    import bitlens

    for name in re.findall(r"`(\w+)`", (ROOT / "docs" / "quantities.md").read_text("utf-8")):
        assert hasattr(bitlens, name), name
