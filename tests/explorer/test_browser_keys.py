"""The keyboard in a headless browser: Tab reaches every component, and keys do there what the mouse does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("streamlit", reason="the explorer is an extra")
pytest.importorskip("selenium", reason="the browser is driven by Selenium")

from selenium import webdriver
from selenium.webdriver import Keys

import bitlens
from tests.support.browser_driver import CHROMIUM, DRIVER, complaints
from tests.support.browser_page import Page

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

MOST_STOPS = 90
FOCUSED = """let focused = document.activeElement;
    while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
    return focused.matches(arguments[0]);"""


@pytest.fixture
def page(browser: webdriver.Chrome, server: str, recorded_run: bitlens.Run) -> Iterator[Page]:
    yield Page(browser, server, recorded_run.path.name)
    assert complaints(browser) == []


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus, which began at the top of the page."""
    for _ in range(MOST_STOPS):
        page.press(Keys.TAB)
        if page.browser.execute_script(FOCUSED, selector):
            return
    pytest.fail(f"{MOST_STOPS} presses of Tab do not reach {selector}")


def test_the_heat_map(page: Page) -> None:
    page.open("layers", a="0", b="1", t="1", sort="index", cell="1.1")
    tab_to(page, ".heatmap .stage")
    page.press(Keys.ARROW_DOWN)
    page.until(lambda: page.address["cell"] == "1.2")
    page.shows("B: layer 1, channel 2")
    page.settled()


def test_the_strip_of_the_network(page: Page) -> None:
    page.open("channels", ".network", a="0", t="1")
    tab_to(page, ".network button")
    page.press(Keys.TAB, Keys.TAB, Keys.ENTER)
    page.until(lambda: page.address["a"] == "1")
    page.settled()


def test_the_circles(page: Page) -> None:
    page.open("channels", ".packing", a="0", t="1")
    tab_to(page, ".packing .rings circle")
    page.press(Keys.ENTER)
    page.until(lambda: page.state(".packing")["zoom"] == "0" and page.state(".packing")["moving"] == "")
    page.press(Keys.TAB, Keys.ENTER)
    page.until(lambda: page.address["c"] == "0")
    page.settled()


def test_the_scatter_plots(page: Page) -> None:
    page.open("embedding", ".scatter", a="output", t="1", d="0,1")
    tab_to(page, ".scatter .stage")
    before = page.state(".scatter")["view"]
    page.press("+")
    page.until(lambda: page.state(".scatter")["view"] != before)
    tab_to(page, ".scatter .legend button")
    page.press(Keys.SPACE)
    page.until(lambda: page.state(".scatter")["selected"] == "12" and "sel" in page.address)
    page.settled()


def test_the_maps_of_pixels(page: Page, discarded_run: bitlens.Run) -> None:
    page.open("pixels", run=discarded_run.path.name, t="1", px="2", pl="1")
    tab_to(page, ".heatmap .stage")
    page.press(Keys.ARROW_DOWN)
    page.until(lambda: page.address["px"] == "7")
    page.shows("Image 7: label 3, layer 1, epoch 1")
    page.settled()


def test_the_curves_of_ablation(page: Page, ablated_run: bitlens.Run) -> None:
    page.visit("ablation", run=ablated_run.path.name, t="2", scope="1", place="2")
    page.shows("Cumulative ablation at epoch 2")
    page.settled()
    tab_to(page, "[data-testid=stMain] [data-testid=stButtonGroup] button")
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ENTER)
    page.until(lambda: page.address["curve"] == "loss")
    page.settled()
    tab_to(page, "[data-testid=stMain] input[type=range]")
    page.press(Keys.ARROW_RIGHT)
    page.until(lambda: page.address["place"] == "3")
    page.settled()
