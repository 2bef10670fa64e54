"""The command line: record and measure a demo, measure a run, say what it holds, look at it."""

from bitlens.cli.commands import main

__all__ = ["main"]
