"""Recorders for trainings of Lightning, of the Trainer of Hugging Face, and of a loop in several processes.

No library is imported before its recorder is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bitlens.callbacks.distributed import DistributedRecorder
    from bitlens.callbacks.huggingface import HuggingFace
    from bitlens.callbacks.lightning import Lightning

_MODULES = {
    "DistributedRecorder": "bitlens.callbacks.distributed",
    "HuggingFace": "bitlens.callbacks.huggingface",
    "Lightning": "bitlens.callbacks.lightning",
}
_LIBRARIES = {"lightning": "lightning", "transformers": "'transformers[torch]'"}
"""What to install, by the name of the module that is missing."""

__all__ = ["DistributedRecorder", "HuggingFace", "Lightning"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'bitlens.callbacks' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_MODULES[name]), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("bitlens"):
            raise
        package = _LIBRARIES.get(error.name, "'bitlens[torch,run]'")
        message = f"bitlens.callbacks.{name} needs {error.name}: pip install {package}"
        raise ModuleNotFoundError(message, name=error.name) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
