"""What `make cuda-check` runs on a machine that has little beside a GPU."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = sorted((ROOT / "tests/native").glob("test_parity*.py"))


def imports(path: Path) -> set[str]:
    """The modules that a file imports when it is loaded."""
    found = set()
    for statement in ast.parse(path.read_text("utf-8")).body:
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            found |= {statement.module, *(f"{statement.module}.{alias.name}" for alias in statement.names)}
    return found


def files_of(module: str) -> set[Path]:
    """The files of a module, if it belongs to this repository."""
    path = ROOT / module.replace(".", "/")
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return {candidate for candidate in candidates if candidate.is_file()}


def test_it_needs_no_library_that_the_makefile_does_not_name():
    named = re.search(r"PYTHON must have (.*?)\. CuPy", (ROOT / "Makefile").read_text("utf-8"), re.DOTALL)
    assert named
    libraries = set(re.findall(r"\w+", named[1].lower())) | {"bitlens"} | sys.stdlib_module_names
    waiting = {ROOT / "tests/conftest.py", *TESTS, ROOT / "bench/gpu/__main__.py"}
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        for module in imports(path):
            own = files_of(module)
            waiting |= own - seen
            top = module.partition(".")[0]
            assert own or top in libraries or top in ("bench", "tests"), f"{path.name} imports {module}"
    assert len(seen) > len(TESTS) + 6


def test_it_finds_every_kernel_in_these_files():
    marked = {path for path in (ROOT / "tests").rglob("test_*.py") if "mark.each_kernel" in path.read_text("utf-8")}
    assert marked - {Path(__file__)} <= set(TESTS)
    assert "$(wildcard tests/native/test_parity*.py)" in (ROOT / "Makefile").read_text("utf-8")
