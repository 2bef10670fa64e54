"""The code base tests itself: directions of imports, sizes, the stub of the compiled module, examples in docstrings."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import pkgutil
import re
from importlib import metadata
from pathlib import Path

import pytest
from rich.console import Console

import bitlens
from bitlens import _core

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "bitlens"
APPS = ROOT / "apps"
NATIVE = ROOT / "csrc"

WEB = {".js", ".mjs", ".css", ".html"}
SOURCE = {".py", ".pyi", ".cpp", ".hpp", ".cu", ".cuh", *WEB}

# Imports point to smaller numbers only.
ROOMS = {
    "reference": 0,
    "_core": 1,
    "arrays": 2,
    "progress": 3,
    "runtime": 3,
    "data": 3,
    "estimators": 3,
    "differentiable": 4,
    "runs": 4,
    "network": 5,
    "execution": 5,
    "distributed": 6,
    "callbacks": 6,
    "measures": 6,
    "tables": 7,
    "cli": 8,
    "__main__": 9,
}
FACES = {"cli", "__main__"}  # they may use the package as its users do

PUBLIC = {
    "bitlens",
    "bitlens.measures",
    "bitlens.runs",
    "bitlens.tables",
    "bitlens.data.images",
}  # what an app may import

INCLUDES = {
    "core": {"core"},
    "cpu": {"core", "cpu"},
    "cuda": {"core", "cuda"},
    "bindings": {"core", "cpu", "cuda", "bindings"},
}


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def sources() -> list[Path]:
    folders = [NATIVE, PACKAGE, APPS, ROOT / "tests", ROOT / "bench"]
    found = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in SOURCE)
    assert len(found) > 40
    return found


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, package_folder: Path) -> list[tuple[str, str | None]]:
    """(module, name or None) for every import in a file, wherever it stands; relative ones are resolved."""
    package = path.relative_to(package_folder.parent).with_suffix("").parts[:-1]
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found += [(module, alias.name) for alias in node.names]
    return found


def room_of_import(module: str, name: str | None) -> str | None:
    """The room that an import enters: a key of ROOMS, "" for the package itself, None for other packages."""
    parts = module.split(".")
    if parts[0] != "bitlens":
        return None
    if len(parts) > 1:
        return parts[1]
    return name if name in ROOMS else ""


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=named)
def test_imports_point_to_smaller_numbers(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return
    for module, name in imports(path, PACKAGE):
        entered = room_of_import(module, name)
        if entered is None or entered == room:
            continue
        what = f"{module} {name or ''} in room {room}"
        if entered == "":
            assert room in FACES, f"the package itself is imported: {what}"
        else:
            assert ROOMS[entered] < ROOMS[room], what


def test_every_room_has_a_number():
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__pycache__"} == ROOMS.keys() - {"_core"}


def test_the_reference_reads_numpy_alone():
    modules = {module for module, _ in imports(PACKAGE / "reference.py", PACKAGE)}
    assert modules == {"__future__", "typing", "numpy"}


@pytest.mark.parametrize("path", python_files(APPS), ids=named)
def test_apps_use_what_the_package_offers_everybody(path):
    for module, name in imports(path, APPS / path.relative_to(APPS).parts[0]):
        if module.split(".")[0] == "bitlens":
            assert module in PUBLIC, module
            assert name is None or name in bitlens.__all__ or f"bitlens.{name}" in PUBLIC or module != "bitlens", name
            assert name is None or not name.startswith("_"), name


@pytest.mark.parametrize("path", sorted(p for p in NATIVE.rglob("*") if p.is_file()), ids=named)
def test_native_includes(path):
    """Kernels include no binding and no other back-end; what they share lies in core."""
    included = re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.MULTILINE)
    for header in included:
        assert (NATIVE / header).is_file(), f"{header} is not named from csrc on"
    folder = path.relative_to(NATIVE).parts[0]
    assert {header.split("/")[0] for header in included} <= INCLUDES[folder]


@pytest.mark.parametrize("folder", ["core", "cpu", "cuda"])
def test_kernels_know_no_framework(folder):
    for path in (NATIVE / folder).rglob("*.*"):
        assert not re.search(r"#\s*include\s*<(Python|pybind11|torch|ATen|c10|dlpack)", path.read_text()), named(path)


@pytest.mark.parametrize("path", sources(), ids=named)
def test_files_are_short(path):
    assert len(path.read_text().splitlines()) <= 300


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.parametrize("path", [path for path in sources() if path.suffix == ".py"], ids=named)
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert code_lines(node) <= 60, f"{node.name}, line {node.lineno}"


@pytest.mark.parametrize("path", [path for path in sources() if path.suffix not in WEB], ids=named)
def test_files_open_by_saying_why_they_are_there(path):
    start = path.read_text().lstrip()
    if path.name == "__init__.py" and not start:
        return
    assert start.startswith('"""' if path.suffix in {".py", ".pyi"} else "// "), start[:80]


def stub_functions() -> dict[str, list[str]]:
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    return {node.name: [a.arg for a in node.args.args] for node in tree.body if isinstance(node, ast.FunctionDef)}


def compiled_functions() -> dict[str, list[str]]:
    """Names and arguments as pybind11 writes them into the first line of each docstring."""
    functions = {}
    for name in (name for name in dir(_core) if not name.startswith("_") and callable(getattr(_core, name))):
        signature = ast.parse(f"def {getattr(_core, name).__doc__.splitlines()[0]}: ...").body[0]
        functions[signature.name] = [argument.arg for argument in signature.args.args]
    return functions


def test_the_stub_declares_what_is_compiled():
    assert stub_functions() == compiled_functions()


def test_the_compiled_module_is_of_this_version():
    assert bitlens.build_info()["version"] == metadata.version("bitlens")


def operations_declared() -> list[str]:
    """The structs of core/ops that check themselves for a back-end, by the names that Python would give them."""
    structs = []
    for path in sorted((NATIVE / "core" / "ops").glob("*.hpp")):
        for name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", path.read_text(), re.MULTILINE | re.DOTALL):
            if re.search(r"void check\(const BackEnd& ?\w*\) const", body):
                structs.append(re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    return structs


def test_every_operation_is_declared_once_and_bound():
    helpers = {"set_num_threads", "num_threads", "build_info", "cuda_workspace_for_matrix"}
    assert sorted(operations_declared()) == sorted(stub_functions().keys() - helpers)


def test_a_back_end_is_included_by_the_bindings_only_where_it_is_missing():
    """Bindings call a back-end through core/backends.hpp."""
    for path in (NATIVE / "bindings").iterdir():
        assert set(re.findall(r'"cuda/(.*?)"', path.read_text())) <= {"cuda_unavailable.hpp"}, named(path)


def needs_no_example(item: object) -> bool:
    """Records and errors are made by the package, not by its users."""
    if not isinstance(item, type):
        return False
    return dataclasses.is_dataclass(item) or issubclass(item, BaseException) or hasattr(item, "_fields")


@pytest.mark.parametrize("name", bitlens.__all__)
def test_every_public_name_has_an_example(name):
    item = getattr(bitlens, name)
    assert item.__doc__
    if not needs_no_example(item):
        assert re.search(r"^\s*Examples\n\s*-{8}\n", item.__doc__, re.MULTILINE)
        assert ">>> " in item.__doc__


def test_public_names_are_sorted_and_known_to_dir():
    assert list(bitlens.__all__) == sorted(bitlens.__all__)
    assert set(bitlens.__all__) <= set(dir(bitlens))


def modules() -> list[str]:
    found = [module.name for module in pkgutil.walk_packages(bitlens.__path__, "bitlens.")]
    return sorted({"bitlens", *found} - {"bitlens._core", "bitlens.__main__"})


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory) -> Path:
    """A folder with demo-run in it, which examples read: what `bitlens demo` writes, after one epoch."""
    from bitlens.cli.demo import train_and_record
    from bitlens.data.images import load_digits

    folder = tmp_path_factory.mktemp("examples")
    train_and_record(load_digits(), folder / "demo-run", 1, Console(quiet=True))
    return folder


@pytest.mark.parametrize("name", modules())
def test_examples(name, demo_folder, monkeypatch):
    monkeypatch.chdir(demo_folder)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_examples_are_found():
    finder = doctest.DocTestFinder()
    examples = finder.find(importlib.import_module("bitlens.estimators.matrix.renyi"))
    assert sum(len(test.examples) for test in examples) >= 10
