"""A server of the explorer, a headless browser, and what the browser complains about."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from axe_core_python.base import AXE_FILE_PATH
from selenium import webdriver
from selenium.webdriver import ChromeOptions, ChromeService

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZE = (1400, 1400)


def explore_command(run: Path | None, root: Path | None, port: int, *more: str) -> list[str]:
    """The command that users type to look at a run, or at all runs in a folder."""
    given = [str(run)] if run else []
    given += ["--root", str(root)] if root else []
    return [sys.executable, "-m", "bitlens", "explore", *given, "--port", str(port), *more]


@contextmanager
def serving(run: Path | None, root: Path | None = None) -> Iterator[str]:
    """Address of a running explorer of a run, or of all runs in a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        explore_command(run, root, port, "--no-browser"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(f"{address}/_stcore/health", process)
            yield address
        finally:
            process.terminate()


def wait_for(address: str, process: subprocess.Popen, seconds: float = 180) -> None:
    """Until a server answers; busy machines take long to start one."""
    end = time.monotonic() + seconds
    while True:
        assert process.poll() is None, "the server has stopped"
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            assert time.monotonic() < end, f"no answer within {seconds} s"
            time.sleep(0.2)
        else:
            return


@contextmanager
def browsing(
    profile: Path, downloads: Path | None = None, *more: str, logged: bool = True
) -> Iterator[webdriver.Chrome]:
    """A new browser; `more` are further flags. `logged` records its requests, which makes it slower."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, *more, f"--user-data-dir={profile}", f"--window-size={SIZE[0]},{SIZE[1]}"):
        options.add_argument(flag)
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL" if logged else "OFF"})
    driver = webdriver.Chrome(options, ChromeService(DRIVER))
    driver.set_script_timeout(120)
    try:
        yield driver
    finally:
        driver.quit()


def hosts(browser: webdriver.Chrome) -> set[str | None]:
    """The hosts that pages sent requests to since the log was last read."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    asked += [event["params"]["url"] for event in events if event["method"] == "Network.webSocketCreated"]
    return {urlsplit(url).hostname for url in asked if urlsplit(url).scheme not in ("data", "blob", "chrome", "about")}


def complaints(browser: webdriver.Chrome) -> list[dict]:
    """Errors in the console, except that Streamlit first looks for its server below the path of a page."""
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return [entry for entry in severe if not re.search(r":\d+/\w+/_stcore/", entry["message"])]


def serious_violations(browser: webdriver.Chrome) -> list[tuple[object, ...]]:
    """What axe-core finds in components, and in words and pictures of pages; not in Streamlit's own widgets."""
    browser.execute_script(Path(AXE_FILE_PATH).read_text("utf-8"))
    results = browser.execute_async_script(
        "const done = arguments[arguments.length - 1]; axe.run(document, {resultTypes: ['violations']}).then(done);"
    )
    serious = [
        (violation["id"], node["target"], node["html"][:200])
        for violation in results["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    return [entry for entry in serious if any(isinstance(part, list) for part in entry[1]) or "<img" in entry[2]]
