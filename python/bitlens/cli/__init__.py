"""The command line: record a demo, measure a run, print its contents, export it and look at it."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run a command, or say which libraries are missing."""
    try:
        from bitlens.cli.errors import run_command
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("bitlens"):
            raise
        sys.exit(f"bitlens: the command line needs {error.name}: pip install 'bitlens[run]'")
    run_command()
