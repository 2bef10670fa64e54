"""How an error is reported: as one line, without a traceback."""

from __future__ import annotations

import os
import sys
import warnings
from typing import NoReturn

from rich.console import Console

from bitlens.cli.commands import app
from bitlens.cli.measure import warn


def run_command() -> None:
    """Run a command. An error or a warning is one line, also of the system; exit code 1, or 2 for wrong options."""
    warnings.showwarning = lambda message, *_: warn(f"bitlens: {message}")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # so that a full disk is reported here
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # else the interpreter tries to write the rest again
        named = f"{error.filename}: " if error.filename else ""
        _fail(f"{named}{error.strerror or error}")
    except MemoryError as error:
        _fail(str(error) or "not enough memory; use fewer samples, channels or permutations")
    except (ValueError, TypeError, ModuleNotFoundError) as error:
        _fail(str(error))


def _fail(sentence: str) -> NoReturn:
    Console(stderr=True, soft_wrap=True).print(f"bitlens: {sentence}", style="red", markup=False, highlight=False)
    raise SystemExit(1) from None
