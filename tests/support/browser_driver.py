"""Driving the explorer in a headless browser: a server, a browser, and what a user does with a page."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from axe_core_python.base import AXE_FILE_PATH
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import ActionChains, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

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
SLIDER = "[data-testid=stSidebar] input[type=range]"
ROOTS = """[...document.querySelectorAll('[data-testid^=stBidiComponent]')]
    .flatMap((host) => [host, ...host.querySelectorAll('*')]).map((host) => host.shadowRoot).filter(Boolean)"""


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


class Page:
    """One page in one browser, of a run that the server knows by its name."""

    def __init__(self, browser: webdriver.Chrome, server: str, run: str | None = None) -> None:
        self.browser, self.server, self.run = browser, server, run

    def visit(self, path: str, **address: str) -> None:
        """Open a page."""
        parts = {"run": self.run, **address} if self.run else address
        query = "&".join(f"{name}={value}" for name, value in parts.items())
        self.browser.get(f"{self.server}/{path}?{query}")

    def open(self, path: str, ready: str = ".heatmap", **address: str) -> None:
        """Open a page and wait until a component of it is drawn."""
        self.visit(path, **address)
        self.until(lambda: self.state(ready).get("ready"))
        self.settled()

    def settled(self) -> None:
        """Until no script runs and no element waits for its code, which browsers load when it is first needed."""
        idle = "[data-testid=stApp][data-test-script-state=notRunning]:not(:has([data-testid=stSkeleton]))"
        self.until(lambda: self.browser.find_elements(By.CSS_SELECTOR, idle))

    def until(self, holds: Callable[[], object], seconds: float = 60) -> None:
        """Until something holds; machines that do other things as well may take long."""
        ignored = (StaleElementReferenceException,)
        try:
            WebDriverWait(self.browser, seconds, 0.05, ignored).until(lambda _: holds())
        except TimeoutException:
            script = "return [document.activeElement.outerHTML.slice(0, 300), document.body.innerText]"
            focus, text = self.browser.execute_script(script)
            there = f"{self.browser.current_url}\nfocus: {focus}\nheat map: {self.state()}\n{text}"
            raise AssertionError(f"still not so after {seconds} s: {there}") from None

    def part(self, selector: str, number: int = 0) -> str:
        """JavaScript for an element within a component."""
        return f"{ROOTS}.flatMap((root) => [...root.querySelectorAll({selector!r})])[{number}]"

    def state(self, selector: str = ".heatmap", number: int = 0) -> dict[str, str]:
        """What a component tells about itself."""
        return self.browser.execute_script(f"return {{...{self.part(selector, number)}?.dataset}}")

    def place(self, selector: str, number: int = 0) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element within a component, once it is in view and has come to rest."""
        script = f"""const part = {self.part(selector, number)}; part.scrollIntoView({{block: 'center'}});
            const box = part.getBoundingClientRect(); return [box.left, box.top, box.width, box.height];"""
        boxes = [self.browser.execute_script(script)]

        def rests() -> bool:
            boxes.append(self.browser.execute_script(script))
            return boxes[-1] == boxes[-2]

        self.until(rests)
        return tuple(boxes[-1])

    def pointer(self, *points: tuple[float, float], hold: bool = False, key: str | None = None) -> None:
        """Go through points of the window with the mouse, its button held if so asked; click at the only one."""
        chain = ActionChains(self.browser, duration=0)
        if key:
            chain.key_down(key)
        pointer = chain.w3c_actions.pointer_action
        pointer.move_to_location(*map(int, points[0]))
        if hold:
            pointer.pointer_down()
            for point in points[1:]:
                pointer.move_to_location(*map(int, point))
            pointer.pointer_up()
        else:
            chain.click()
        if key:
            chain.key_up(key)
        chain.perform()

    def hover(self, x: float, y: float) -> None:
        """Move the mouse."""
        chain = ActionChains(self.browser, duration=0)
        chain.w3c_actions.pointer_action.move_to_location(int(x), int(y))
        chain.perform()

    def click(self, row: int, column: int, number: int = 0) -> None:
        """Click a drawn cell of a heat map."""
        left, top, _, _ = self.place(".heatmap canvas", number)
        state = self.state(".heatmap", number)
        x, y, width, height = map(float, state["plot"].split(","))
        rows, columns = len(state["rows"].split(",")), len(state["columns"].split(","))
        self.pointer((left + x + (column + 0.5) * width / columns, top + y + (row + 0.5) * height / rows))

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        ActionChains(self.browser).send_keys(*keys).perform()

    def button(self, text: str, within: str = "[data-testid=stApp]") -> None:
        """Press Streamlit's button with these words."""
        self.until(
            lambda: [b for b in self.browser.find_elements(By.CSS_SELECTOR, f"{within} button") if b.text == text]
        )
        next(b for b in self.browser.find_elements(By.CSS_SELECTOR, f"{within} button") if b.text == text).click()

    def menu(self, number: int = 0) -> None:
        """Open the menu of a figure, which has its table, its files and its Python."""
        menus = "[data-testid=stPopover] button"
        self.until(lambda: len(self.browser.find_elements(By.CSS_SELECTOR, menus)) > number)
        self.browser.find_elements(By.CSS_SELECTOR, menus)[number].click()

    @property
    def text(self) -> str:
        """What stands on the page."""
        return self.browser.find_element(By.CSS_SELECTOR, "[data-testid=stMain]").text.replace("\u2060", "")

    @property
    def address(self) -> dict[str, str]:
        """The parts of the address."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.browser.current_url).query).items()}

    def pictures(self) -> int:
        """How many pictures are shown."""
        return len(self.browser.find_elements(By.CSS_SELECTOR, "[data-testid=stImageContainer] img"))
