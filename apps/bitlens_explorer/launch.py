"""Starts the server of the explorer in the process of the command line, and opens a browser when the server answers."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import urllib.request
import webbrowser
from pathlib import Path
from typing import NoReturn

from streamlit.web.cli import main as streamlit

from bitlens_explorer.state.run_access import ROOT_VARIABLE, RUN_VARIABLE

ADDRESS = "127.0.0.1"
OPTIONS = {
    "server.address": ADDRESS,
    "server.headless": "true",  # without it, Streamlit shows an advertisement over the pages
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": "true",
    "runner.magicEnabled": "false",
}
"""The server accepts connections from this machine only, sends no usage statistics, and shows no tracebacks.

A string that stands alone in a script is not shown on the page.
"""

_FIRST_PORT, _LAST_PORT = 8501, 8599
_PATIENCE = 120.0  # seconds until the server answers


def arguments(port: int) -> list[str]:
    """The arguments of Streamlit."""
    flags = [f"--{name}={value}" for name, value in {**OPTIONS, "server.port": str(port)}.items()]
    return ["run", str(Path(__file__).with_name("main.py")), *flags]


def environment(run: Path | None, root: Path | None = None) -> dict[str, str]:
    """The environment variables of the server that name the runs which it may open."""
    if root is None:
        root = run.resolve().parent if run else Path.cwd()
    return {ROOT_VARIABLE: str(root.resolve()), RUN_VARIABLE: str(run.resolve()) if run else ""}


def free_port() -> int:
    """The first port from 8501 on that nothing listens on, so that addresses stay the same; or any free port."""
    for port in (*range(_FIRST_PORT, _LAST_PORT + 1), 0):
        with socket.socket() as candidate:
            try:
                candidate.bind((ADDRESS, port))
            except OSError:
                continue
            return int(candidate.getsockname()[1])
    raise OSError(f"port: expected a free port on {ADDRESS}, got none; end other servers")


def launch(run: Path | None, root: Path | None = None, port: int = 0, browser: bool = True) -> NoReturn:
    """Serve the explorer on 127.0.0.1, until it is interrupted.

    Parameters
    ----------
    run : path, optional
        The run to open, which may appear later. Without one, the explorer asks for it.
    root : path, optional
        Runs outside this folder are refused. Default: the run's parent folder, or the current folder.
    port : int
        Port of the server; 0 means a free port.
    browser : bool
        Open a browser, if there is a screen for it.
    """
    os.environ.update(environment(run, root))
    port = port or free_port()
    address = f"http://{ADDRESS}:{port}"
    print(f"The explorer is at {address}. Ctrl-C ends it.", file=sys.stderr, flush=True)
    if browser and _has_screen():
        threading.Thread(target=_open_browser, args=(address,), daemon=True).start()
    streamlit(arguments(port), prog_name="streamlit")
    raise SystemExit(0)


def _has_screen() -> bool:
    """Whether a browser would open in a window rather than in the terminal."""
    return sys.platform != "linux" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")))


def _open_browser(address: str) -> None:
    """Open a browser as soon as the server answers."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            webbrowser.open(address)
            return
