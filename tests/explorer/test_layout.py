"""The packages of the explorer import in one direction, and no page imports another page."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.sample_runs import APP

# Each package imports only from those before it; the entry scripts come last.
ORDER = ("state", "results", "ui", "views", "report", "main")
FILES = sorted(APP.rglob("*.py"))


def imported(path: Path) -> set[tuple[str, ...]]:
    """The modules of the explorer that a file imports, as parts of their names without that of the explorer."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports do not work in pages"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {tuple(name.split(".")[1:]) for name in modules if name.split(".")[0] == "bitlens_explorer"}


def rank(parts: tuple[str, ...]) -> int:
    return ORDER.index(parts[0]) if parts and parts[0] in ORDER else len(ORDER)


def test_all_packages_have_a_place_in_the_order():
    packages = {path.name for path in APP.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert packages == set(ORDER) - {"main"}
    assert len(FILES) > 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(APP).as_posix())
def test_imports_follow_the_order(path):
    own = path.relative_to(APP).with_suffix("").parts
    for parts in imported(path):
        assert rank(parts) <= rank(own), f"{'.'.join(parts)} comes after {own[0]}"


@pytest.mark.parametrize("path", sorted((APP / "views").glob("*/*.py")), ids=lambda p: p.relative_to(APP).as_posix())
def test_no_page_imports_another_page(path):
    pages = {parts[1] for parts in imported(path) if parts[0] == "views"}
    assert pages <= {path.parent.name}
    assert ("views", path.parent.name, "page") not in {parts[:3] for parts in imported(path)}, "pages are scripts"


@pytest.mark.parametrize("path", [APP / "main.py", *sorted((APP / "views").glob("*/page.py"))], ids=str)
def test_scripts_have_no_strings_that_streamlit_would_show(path):
    _, *statements = ast.parse(path.read_text("utf-8")).body
    alone = [s for s in statements if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)]
    assert not alone, f"line {alone[0].lineno}: write a comment"


def test_one_helper_binds_widgets_to_the_query():
    for path in FILES:
        if path.name != "bound_widget.py":
            assert 'f"query {' not in path.read_text("utf-8"), f"{path}: use bound_widget"
            assert 'key="query ' not in path.read_text("utf-8"), f"{path}: use bound_widget"
