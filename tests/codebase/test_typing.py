"""What type checkers learn about the public functions: the kind of their results, and no Any."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_overloads

import pytest

import bitlens
from bitlens.measures import MEASURES
from bitlens.measures.base import Measure

ROOT = Path(__file__).parents[2]


def test_kinds_of_results() -> None:
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "tests/codebase/typed_calls.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function and measure, and every public method of a public class."""
    for name in bitlens.__all__:
        value = getattr(bitlens, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            for method, member in vars(value).items():
                function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
                written_here = inspect.isfunction(function) and function.__code__.co_filename.endswith(".py")
                if written_here and (not method.startswith("_") or method in ("__call__", "__enter__")):
                    yield f"{name}.{method}", function
        else:
            assert isinstance(value, Measure), f"{name} is neither a function, a class nor a measure"
    for name, measure in MEASURES.items():
        yield name, type(measure).__call__
        yield f"{name}.compute", type(measure).compute


FUNCTIONS = dict(public_functions())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_and_result_has_a_type(name: str) -> None:
    function = FUNCTIONS[name]
    parameters = list(inspect.signature(function).parameters.values())
    without = [p.name for p in parameters if p.annotation is p.empty and p.name not in ("self", "cls")]
    assert not without
    for signature in get_overloads(function) or [function]:
        result = signature.__annotations__["return"]
        assert result is not Any
        written = result if isinstance(result, str) else str(result)
        assert written != "Any"
        assert not written.startswith("tuple[Any")
