"""Loading a user's network by the names of its module and attribute, for commands that run the network."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from torch import nn

from bitlens.runs import RunError


def load_model(name: str) -> nn.Module:
    """The network MODULE:NAME, or the network that this function returns; MODULE may be in the current folder."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise RunError(f"model: expected MODULE:NAME, such as my_models:mlp, got {name!r}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        named = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise RunError(
            f"model: expected an importable module, got {module!r}; run the command in its folder or install it"
        ) from None
    except AttributeError:
        raise RunError(f"model: expected a name in the module {module}, got {attribute!r}") from None
    model = named if isinstance(named, nn.Module) or not callable(named) else named()
    if not isinstance(model, nn.Module):
        raise RunError(
            f"model: expected a torch.nn.Module, or a function that returns one, got {type(model).__name__} for {name}"
        )
    return model
