"""Loading a user's network and functions by the names of module and attribute, for commands that run the network."""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from bitlens.runs import RunError


def load_model(name: str) -> nn.Module:
    """The network MODULE:NAME, or the network that this function returns; MODULE may be in the current folder."""
    named = load_named(name, "model")
    model = named if isinstance(named, nn.Module) or not callable(named) else named()
    if not isinstance(model, nn.Module):
        raise RunError(
            f"model: expected a torch.nn.Module, or a function that returns one, got {type(model).__name__} for {name}"
        )
    return model


def load_forward(name: str | None) -> Any:
    """The function MODULE:NAME that a run was recorded with, or None without a name."""
    return None if name is None else load_named(name, "forward")


def load_named(name: str, argument: str) -> Any:
    """What is called NAME in the module of MODULE:NAME, which may be in the current folder."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise RunError(f"{argument}: expected MODULE:NAME, such as my_models:mlp, got {name!r}")
    try:
        with _current_folder():
            imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise RunError(
            f"{argument}: expected an importable module, got {module!r}; run the command in its folder or install it"
        ) from None
    try:
        return getattr(imported, attribute)
    except AttributeError:
        raise RunError(f"{argument}: expected a name in the module {module}, got {attribute!r}") from None


@contextlib.contextmanager
def errors_of_model(name: str) -> Iterator[None]:
    """Report any error of the user's code as one sentence with its place."""
    try:
        yield
    except (ValueError, TypeError, ModuleNotFoundError, OSError, MemoryError):
        raise  # sentences already
    except Exception as error:  # the code of a user raises anything
        if isinstance(error, SyntaxError):
            file, line = error.filename, error.lineno
        else:
            last = traceback.extract_tb(error.__traceback__)[-1]
            file, line = last.filename, last.lineno
        raise RunError(f"{name} failed with {type(error).__name__}: {error} ({file}, line {line})") from None


@contextlib.contextmanager
def _current_folder() -> Iterator[None]:
    """Modules of the current folder can be imported, after all others and for a moment only.

    Libraries look for others that they can use, such as Dask. A file of the same name must not be taken for them.
    """
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
