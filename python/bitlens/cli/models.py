"""A network of the user's, by the name of its module and its own: what the command line has to run it again."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from torch import nn

from bitlens.runs import RunError


def load_model(name: str) -> nn.Module:
    """The network that MODULE:NAME is or, called without arguments, gives; modules of the current folder are found."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise RunError(f"model: expected MODULE:NAME, such as my_models:mlp, got {name!r}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise RunError(f"model: there is no module {module!r} here or among what is installed") from None
    except AttributeError:
        raise RunError(f"model: {module} has no {attribute!r}") from None
    made = found if isinstance(found, nn.Module) or not callable(found) else found()
    if not isinstance(made, nn.Module):
        raise RunError(
            f"model: {name} is {type(made).__name__}; expected a torch.nn.Module, or a function that makes one"
        )
    return made
