"""Starts the explorer's server; apart from the app itself, because it runs in the process that asks for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from bitlens_explorer.opening import ROOT_VARIABLE, RUN_VARIABLE

OPTIONS = {
    "server.address": "127.0.0.1",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
}
"""The app is for the person at this machine, tells nobody, and shows no tracebacks."""


def command(port: int = 0, headless: bool = False) -> list[str]:
    """The command line of the server."""
    options = {**OPTIONS, "server.headless": str(headless).lower()}
    if port:
        options["server.port"] = str(port)
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("main.py")), *flags]


def environment(run: Path | None, root: Path | None = None) -> dict[str, str]:
    """The server's environment, which carries what it may open."""
    if root is None:
        root = run.resolve().parent if run else Path.cwd()
    given = {ROOT_VARIABLE: str(root.resolve()), RUN_VARIABLE: str(run.resolve()) if run else ""}
    return {**os.environ, **given}


def launch(run: Path | None, root: Path | None = None, port: int = 0, headless: bool = False) -> int:
    """Serve the explorer on 127.0.0.1 until it is interrupted.

    Parameters
    ----------
    run : path, optional
        The run to open. Without one, the explorer asks for it.
    root : path, optional
        Runs outside this folder are refused. Default: the run's parent folder, or the current folder.
    port : int
        0 takes a free one.
    headless : bool
        Do not open a browser.

    Returns
    -------
    int
        The server's exit code.
    """
    with subprocess.Popen(command(port, headless), env=environment(run, root)) as server:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: server.terminate())  # or it would outlive this process
        while True:
            try:
                code = server.wait()
            except KeyboardInterrupt:  # the terminal has interrupted the server too: let it end
                continue
            return max(code, 0)
