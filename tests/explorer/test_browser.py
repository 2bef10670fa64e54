"""The explorer in a headless browser: what only real clicks, keys and requests can show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("streamlit", reason="the explorer is an extra")
pytest.importorskip("selenium", reason="the browser is driven by Selenium")

from selenium import webdriver
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By

import bitlens
from tests.support.browser_driver import CHROMIUM, DRIVER, complaints, hosts
from tests.support.browser_page import Page
from tests.support.sample_runs import MARKUP

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")


@pytest.fixture
def page(browser: webdriver.Chrome, server: str, markup_run: bitlens.Run) -> Iterator[Page]:
    yield Page(browser, server, markup_run.path.name)
    assert complaints(browser) == []


def test_a_click_and_the_arrow_keys_choose_channels(page: Page) -> None:
    page.open("layers", a="0", b="1", t="1", sort="index")
    page.shows("No cell is chosen")
    assert page.pictures() == 0
    page.click(2, 3)
    page.until(lambda: "A: layer 0, channel 3; B: layer 1, channel 2" in page.text and page.pictures() == 24)
    page.until(lambda: page.address["cell"] == "3.2" and page.state()["selected"] == "2.3")
    # One after the other: Streamlit drops the pictures of a run that another overtakes, perhaps while they are loaded.
    for key, cell in (
        (Keys.ARROW_UP, "channel 3; B: layer 1, channel 1"),
        (Keys.ARROW_LEFT, "channel 2; B: layer 1, channel 1"),
    ):
        page.settled()
        page.press(key)
        page.shows(f"A: layer 0, {cell}")
    page.until(lambda: page.state()["selected"] == "1.2")


def test_the_epoch_and_the_order_change_the_heat_map(page: Page, markup_run: bitlens.Run) -> None:
    page.open("layers", a="0", b="1", t="1", sort="index")
    before = page.state()
    assert before["columns"] == "0,1,2,3"
    page.slide(Keys.ARROW_LEFT)
    page.until(lambda: page.state()["ready"] != before["ready"] and page.address["t"] == "0")
    page.settled()
    page.button("maximum", "[data-testid=stMain]")
    values = bitlens.layer_pair_information(
        markup_run, "0", "1", permutations=3, samples=32, epochs=[0]
    ).mutual_information[0]
    expected = ",".join(map(str, bitlens.channel_order(values, "channel_a", "maximum")))
    assert expected != "0,1,2,3"
    page.until(lambda: page.state()["columns"] == expected)
    page.shows("at epoch 0")


def test_lines_of_python_come_when_asked_for_and_follow_the_page(page: Page) -> None:
    def lines() -> str:
        return " ".join(block.text for block in page.browser.find_elements(By.CSS_SELECTOR, "[data-testid=stCode]"))

    page.open("layers", a="0", b="1", t="1", sort="index")
    assert lines() == ""
    page.menu()
    page.until(lambda: "epochs=[1]" in lines())
    page.settled()
    page.slide(Keys.ARROW_LEFT)
    page.until(lambda: "epochs=[0]" in lines())
    page.settled()


def lasting(text: str) -> list[str]:
    """Lines of a page without the description of the cell under the pointer."""
    return [line for line in text.splitlines() if "channel of layer" not in line]


def brightness(page: Page) -> tuple[float, float]:
    """Mean brightness of the labels left of a heat map and of the page behind them, 0 to 255."""
    script = f"""const canvas = {page.part(".heatmap canvas")};
        const width = {page.state()["plot"].split(",")[0]} * devicePixelRatio;
        const values = canvas.getContext("2d").getImageData(0, 0, Math.floor(width), canvas.height).data;
        let [total, count] = [0, 0];
        for (let i = 0; i < values.length; i += 4) if (values[i + 3] > 200) {{ total += values[i]; count += 1; }}
        const page = getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor;
        return [total / count, Number(page.match(/[0-9]+/)[0])];"""
    label, behind = page.browser.execute_script(script)
    return label, behind


def test_a_theme_that_is_switched_while_the_page_is_open(page: Page) -> None:
    def prefer(scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    prefer("light")
    page.open("layers", a="0", b="1", t="1", sort="index")
    page.until(lambda: brightness(page)[0] < 128 < brightness(page)[1])
    prefer("dark")
    page.until(lambda: brightness(page)[1] < 128 < brightness(page)[0])
    prefer("light")
    page.until(lambda: brightness(page)[0] < 128 < brightness(page)[1])


def test_an_address_gives_the_same_in_a_new_tab(page: Page) -> None:
    page.open("", t="2")
    page.click(1, 2)
    page.shows("12 samples")
    page.settled()
    page.follow("Layers")
    page.until(lambda: "Chosen channels" in page.text and page.state().get("ready"))
    page.settled()
    page.click(0, 0)
    page.until(lambda: page.pictures() == 24 and "cell" in page.address)
    page.until(lambda: "joint entropy" in page.text and page.text.count("Download CSV") == 2)
    page.settled()
    text, state, address = lasting(page.text), page.state(), page.browser.current_url
    assert page.address["cm"] == "1.2"
    first = page.browser.current_window_handle
    page.browser.switch_to.new_window("tab")
    try:
        page.browser.get(address)
        page.until(lambda: page.state().get("ready") and page.pictures() == 24)
        page.settled()
        page.until(lambda: lasting(page.text) == text and page.state() == state)
        page.until(lambda: page.browser.current_url == address)
    finally:
        page.browser.close()
        page.browser.switch_to.window(first)


def test_names_from_a_run_stay_text(page: Page) -> None:
    page.open("", t="2", cm="1.2")
    page.until(lambda: page.pictures() == 12)
    page.shows(*MARKUP[:2])
    page.settled()
    page.open("layers", t="2")
    page.until(lambda: all(name in page.sidebar for name in MARKUP))
    assert page.browser.find_elements(By.CSS_SELECTOR, "img[src*='example.com'], a[href*='example.com']") == []


def test_a_run_outside_the_root_is_refused(page: Page) -> None:
    page.visit("", run="/etc")
    page.shows("lies outside")
    assert "Traceback" not in page.text


def test_nothing_leaves_this_machine(page: Page) -> None:
    """The log, which is read once, has the requests of all pages that were opened before."""
    page.open("", t="0")
    assert hosts(page.browser) == {"127.0.0.1"}
    assert "agents" not in page.browser.find_element(By.TAG_NAME, "body").text  # an advertisement of Streamlit
