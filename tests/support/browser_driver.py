"""What a person does with a page of the explorer, in a headless browser: shared by the tests that drive one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import ActionChains, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from bitlens_explorer.launch import command, environment

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
ROOTS = """[...document.querySelectorAll('[data-testid^=stBidiComponent]')]
    .flatMap((host) => [host, ...host.querySelectorAll('*')]).map((host) => host.shadowRoot).filter(Boolean)"""


@contextmanager
def serving(run: Path) -> Iterator[str]:
    """Address of a running explorer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        command(port, headless=True), env=environment(run), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            for _ in range(150):
                try:
                    urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                    break
                except OSError:
                    assert process.poll() is None, "the server has ended"
                    time.sleep(0.2)
            yield address
        finally:
            process.terminate()


@contextmanager
def browsing(
    profile: Path, downloads: Path | None = None, *more: str, logged: bool = True
) -> Iterator[webdriver.Chrome]:
    """A browser of its own; `more` are further flags of it. A log of its requests is kept, which takes it time."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, *more, f"--user-data-dir={profile}", "--window-size=1400,1400"):
        options.add_argument(flag)
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL" if logged else "OFF"})
    driver = webdriver.Chrome(options, ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """One page in one browser."""

    def __init__(self, browser: webdriver.Chrome, server: str) -> None:
        self.browser, self.server = browser, server

    def open(self, path: str, ready: str = ".heatmap", **address: str) -> None:
        """Open a page and wait until a component of it is drawn."""
        query = "&".join(f"{name}={value}" for name, value in address.items())
        self.browser.get(f"{self.server}/{path}?{query}")
        self.until(lambda: self.state(ready).get("ready"))
        self.settled()

    def settled(self) -> None:
        """Until no script runs."""
        idle = "[data-testid=stApp][data-test-script-state=notRunning]"
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
        """Left, top, width and height of an element within a component, once it is in view."""
        script = f"""const part = {self.part(selector, number)}; part.scrollIntoView({{block: 'center'}});
            const box = part.getBoundingClientRect(); return [box.left, box.top, box.width, box.height];"""
        return tuple(self.browser.execute_script(script))

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
