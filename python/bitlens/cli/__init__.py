"""The command line: record a demo, measure a run, print its contents, export it and look at it."""

from bitlens.cli.commands import main

__all__ = ["main"]
