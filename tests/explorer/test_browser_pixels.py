"""The pixels page in a headless browser, by real clicks and keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("streamlit", reason="the explorer is an extra")
pytest.importorskip("selenium", reason="the browser is driven by Selenium")

from selenium import webdriver
from selenium.webdriver import Keys

import bitlens
from tests.support.browser_driver import CHROMIUM, DRIVER, SIZE, complaints
from tests.support.browser_page import Page

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

TIP = ".heatmap .tip"


@pytest.fixture
def page(browser: webdriver.Chrome, server: str, discarded_run: bitlens.Run) -> Iterator[Page]:
    yield Page(browser, server, discarded_run.path.name)
    browser.set_window_size(*SIZE)
    assert complaints(browser) == []


def pixel(page: Page, row: int, column: int) -> tuple[float, float]:
    """Where a pixel of the strip stands in the window."""
    left, top, _, _ = page.place(".heatmap canvas")
    state = page.state()
    x, y, width, height = map(float, state["plot"].split(","))
    rows, columns = (len(state[name].split(",")) for name in ("rows", "columns"))
    return left + x + (column + 0.5) * width / columns, top + y + (row + 0.5) * height / rows


def side(state: dict[str, str], axis: int) -> float:
    """Length of a pixel on the page along columns (0) or rows (1)."""
    return float(state["plot"].split(",")[2 + axis]) / len(state[("columns", "rows")[axis]].split(","))


def test_a_click_on_a_map_chooses_image_and_layer(page: Page, discarded_run: bitlens.Run) -> None:
    page.open("pixels", t="1")
    page.shows("Image 2: label 2, layer 1, epoch 1")
    page.click(6 + 3, 16 + 4)
    page.until(lambda: (page.address.get("px"), page.address.get("pl")) == ("7", "output"))
    page.shows("Image 7: label 3, layer output, epoch 1")
    page.until(lambda: page.state()["selected"] == "6.16")  # the whole map
    page.settled()
    page.click(2, 3)  # the input: its image, in the layer that was chosen
    page.until(lambda: (page.address.get("px"), page.address.get("pl")) == ("2", "output"))
    page.until(lambda: page.state()["selected"] == "0.16")
    page.settled()
    page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_DOWN)
    page.until(lambda: (page.address.get("px"), page.address.get("pl")) == ("7", "1"))
    page.shows("Image 7: label 3, layer 1, epoch 1")
    page.until(lambda: page.state()["selected"] == "6.8")


def test_maps_and_inputs_tell_their_values(page: Page, discarded_run: bitlens.Run) -> None:
    page.open("pixels", t="1")
    known = bitlens.layer_discarding.known(discarded_run)[0]
    found = bitlens.layer_discarding.load(discarded_run, known, [1]).discarding.sel(epoch=1)

    def tells(row: int, column: int, text: str) -> None:
        def told() -> bool:
            page.hover(0, 0)
            page.hover(*pixel(page, row, column))
            return page.read(TIP) == text

        page.until(told)

    value = float(found.sel(sample=7, layer="output")[0, 3, 4])
    tells(6 + 3, 16 + 4, f"image 7: label 3, output, row 3, column 4: {value:.3f} bits")
    shade = float(discarded_run.inputs[2, 0, 2, 5])
    tells(2, 5, f"image 2: label 2, input, row 2, column 5: value {shade:.3f}")
    wide = page.same(page.state)
    assert side(wide, 1) == pytest.approx(side(wide, 0), abs=0.01)  # pixels are squares
    page.browser.set_window_size(500, 1000)
    page.until(lambda: side(page.state(), 1) < side(wide, 1))
    narrow = page.same(page.state)
    assert side(narrow, 1) == pytest.approx(side(narrow, 0), abs=0.01)
