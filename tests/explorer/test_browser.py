"""The explorer in a headless browser: what only real clicks, keys and requests can show."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("streamlit", reason="the explorer is an extra")
pytest.importorskip("selenium", reason="the browser is driven by Selenium")

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from tiny_run import MARKUP, record_tiny_run

import bitlens
from bitlens_explorer.launch import command, environment

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SLIDER = "[data-testid=stSidebar] input[type=range]"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    return record_tiny_run(tmp_path_factory.mktemp("runs") / "tiny", classes=MARKUP)


@pytest.fixture(scope="module")
def server(run: bitlens.Run) -> Iterator[str]:
    """Address of a running explorer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        command(port, headless=True), env=environment(run.path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1400,1400"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, server: str) -> Iterator[Page]:
    yield Page(browser, server)
    complaints = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    # Streamlit looks for its server below a page's path first.
    complaints = [entry for entry in complaints if "/layers/_stcore/" not in entry["message"]]
    assert complaints == []


class Page:
    """What a person does with a page."""

    def __init__(self, browser: webdriver.Chrome, server: str) -> None:
        self.browser, self.server = browser, server

    def open(self, path: str, **address: str) -> None:
        query = "&".join(f"{name}={value}" for name, value in address.items())
        self.browser.get(f"{self.server}/{path}?{query}")
        self.until(lambda: self.map(0).get("ready"))
        self.settled()

    def settled(self) -> None:
        idle = "[data-testid=stApp][data-test-script-state=notRunning]"
        self.until(lambda: self.browser.find_elements(By.CSS_SELECTOR, idle))

    def until(self, holds: Callable[[], object]) -> None:
        ignored = (StaleElementReferenceException,)
        WebDriverWait(self.browser, 20, 0.05, ignored).until(lambda _: holds())

    def _map(self, number: int) -> str:
        return f"""[...document.querySelectorAll('[data-testid=stBidiComponentRegular], [data-testid^=stBidiComponent]')]
            .flatMap((host) => [host, ...host.querySelectorAll('*')]).map((host) => host.shadowRoot)
            .filter(Boolean).map((root) => root.querySelector('.heatmap')).filter(Boolean)[{number}]"""

    def map(self, number: int = 0) -> dict[str, str]:
        """What a heat map tells about itself."""
        return self.browser.execute_script(f"return {{...{self._map(number)}?.dataset}}")

    def click(self, row: int, column: int, number: int = 0) -> None:
        """Click a drawn cell with the mouse."""
        script = f"""const map = {self._map(number)}; const canvas = map.querySelector('canvas');
            canvas.scrollIntoView({{block: 'center'}});
            const frame = canvas.getBoundingClientRect(); return [frame.left, frame.top];"""
        left, top = self.browser.execute_script(script)
        state = self.map(number)
        x, y, width, height = map(float, state["plot"].split(","))
        rows, columns = len(state["rows"].split(",")), len(state["columns"].split(","))
        chain = ActionChains(self.browser, duration=0)
        chain.w3c_actions.pointer_action.move_to_location(
            int(left + x + (column + 0.5) * width / columns), int(top + y + (row + 0.5) * height / rows)
        )
        chain.click().perform()

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    @property
    def text(self) -> str:
        return self.browser.find_element(By.CSS_SELECTOR, "[data-testid=stMain]").text.replace("\u2060", "")

    @property
    def address(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.browser.current_url).query).items()}

    def pictures(self) -> int:
        return len(self.browser.find_elements(By.CSS_SELECTOR, "[data-testid=stImageContainer] img"))


def test_a_click_and_the_arrow_keys_choose_channels(page: Page) -> None:
    page.open("layers", a="0", b="1", t="1", sort="index")
    assert "No cell is chosen" in page.text
    assert page.pictures() == 0
    page.click(2, 3)
    page.until(lambda: "A: layer 0, channel 3; B: layer 1, channel 2" in page.text and page.pictures() == 24)
    assert page.address["cell"] == "3.2"
    assert page.map()["selected"] == "2.3"
    page.press(Keys.ARROW_UP, Keys.ARROW_LEFT)
    page.until(lambda: "A: layer 0, channel 2; B: layer 1, channel 1" in page.text)
    assert page.map()["selected"] == "1.2"


def test_the_epoch_and_the_order_change_the_heat_map(page: Page, run: bitlens.Run) -> None:
    page.open("layers", a="0", b="1", t="1", sort="index")
    before = page.map()
    assert before["columns"] == "0,1,2,3"
    page.until(lambda: page.browser.find_elements(By.CSS_SELECTOR, SLIDER))
    page.browser.find_element(By.CSS_SELECTOR, SLIDER).send_keys(Keys.ARROW_LEFT)
    page.until(lambda: page.map()["ready"] != before["ready"] and page.address["t"] == "0")
    page.settled()
    for button in page.browser.find_elements(By.CSS_SELECTOR, "[data-testid=stMain] button"):
        if button.text == "maximum":
            button.click()
            break
    values = bitlens.layer_information(run, "0", "1", permutations=3, samples=32, epochs=[0]).mutual_information[0]
    expected = ",".join(map(str, bitlens.channel_order(values, "channel_a", "maximum")))
    assert expected != "0,1,2,3"
    page.until(lambda: page.map()["columns"] == expected)
    assert "at epoch 0" in page.text


def lasting(text: str) -> list[str]:
    """Lines of a page but for what a heat map says of the cell under the pointer."""
    return [line for line in text.splitlines() if "channel of layer" not in line]


def test_an_address_gives_the_same_in_a_new_tab(page: Page) -> None:
    page.open("", t="2")
    page.click(1, 2)
    page.until(lambda: "12 samples" in page.text)
    page.browser.find_element(By.LINK_TEXT, "Layers").click()
    page.until(lambda: "Chosen channels" in page.text and page.map().get("ready"))
    page.settled()
    page.click(0, 0)
    page.until(lambda: page.pictures() == 24 and "cell" in page.address)
    page.settled()
    text, state, address = lasting(page.text), page.map(), page.browser.current_url
    assert page.address["cm"] == "1.2"
    first = page.browser.current_window_handle
    page.browser.switch_to.new_window("tab")
    try:
        page.browser.get(address)
        page.until(lambda: page.map().get("ready") and page.pictures() == 24)
        page.settled()
        page.until(lambda: lasting(page.text) == text)
        assert page.map() == state
        assert page.browser.current_url == address
    finally:
        page.browser.close()
        page.browser.switch_to.window(first)


def test_names_from_a_run_stay_text(page: Page) -> None:
    page.open("", t="2", cm="1.2")
    page.until(lambda: page.pictures() == 12)
    for name in MARKUP[:2]:
        assert name in page.text
    sidebar = page.browser.find_element(By.CSS_SELECTOR, "[data-testid=stSidebar]").text.replace("\u2060", "")
    assert [name for name in MARKUP if name not in sidebar] == []
    assert page.browser.find_elements(By.CSS_SELECTOR, "img[src*='example.com'], a[href*='example.com']") == []


def test_a_run_outside_the_root_is_refused(page: Page) -> None:
    page.browser.get(f"{page.server}/?run=/etc")
    page.until(lambda: "lies outside" in page.text)
    assert "Traceback" not in page.text


def test_nothing_leaves_this_machine(page: Page) -> None:
    """Of all pages that were opened before; the log is read once."""
    page.open("", t="0")
    events = [json.loads(entry["message"])["message"] for entry in page.browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    asked += [event["params"]["url"] for event in events if event["method"] == "Network.webSocketCreated"]
    hosts = {urlsplit(url).hostname for url in asked if urlsplit(url).scheme not in ("data", "blob", "chrome", "about")}
    assert hosts == {"127.0.0.1"}
