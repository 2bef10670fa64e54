"""Starts the server of the explorer. It does not import the app, because it runs in the process of the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from bitlens_explorer.state.run_access import ROOT_VARIABLE, RUN_VARIABLE

OPTIONS = {
    "server.address": "127.0.0.1",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "runner.magicEnabled": "false",
}
"""The server accepts connections from this machine only, sends no usage statistics, and shows no tracebacks.

A string that stands alone in a script is not shown on the page.
"""


def command(port: int = 0, headless: bool = False) -> list[str]:
    """The command line of the server."""
    options = {**OPTIONS, "server.headless": str(headless).lower()}
    if port:
        options["server.port"] = str(port)
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("main.py")), *flags]


def environment(run: Path | None, root: Path | None = None) -> dict[str, str]:
    """The environment of the server, which names the runs that it may open."""
    if root is None:
        root = run.resolve().parent if run else Path.cwd()
    variables = {ROOT_VARIABLE: str(root.resolve()), RUN_VARIABLE: str(run.resolve()) if run else ""}
    return {**os.environ, **variables}


def launch(run: Path | None, root: Path | None = None, port: int = 0, headless: bool = False) -> NoReturn:
    """Become the server of the explorer on 127.0.0.1, until it is interrupted.

    The process is replaced, so that Ctrl-C and signals reach the server.

    Parameters
    ----------
    run : path, optional
        The run to open. Without one, the explorer asks for it.
    root : path, optional
        Runs outside this folder are refused. Default: the run's parent folder, or the current folder.
    port : int
        Port of the server; 0 means a free port.
    headless : bool
        Do not open a browser.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command(port, headless), environment(run, root))
