"""Loading a user's network and functions by the names of module and attribute, for commands that run the network."""

from __future__ import annotations

import importlib
import sys
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


def load_named(name: str, argument: str) -> Any:
    """What is called NAME in the module of MODULE:NAME, which may be in the current folder."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise RunError(f"{argument}: expected MODULE:NAME, such as my_models:mlp, got {name!r}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise RunError(
            f"{argument}: expected an importable module, got {module!r}; run the command in its folder or install it"
        ) from None
    except AttributeError:
        raise RunError(f"{argument}: expected a name in the module {module}, got {attribute!r}") from None
