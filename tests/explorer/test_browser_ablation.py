"""The ablation page in a headless browser, by real clicks and keys."""

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

PLACE = "[data-testid=stMain] input[type=range]"


@pytest.fixture
def page(browser: webdriver.Chrome, server: str, ablated_run: bitlens.Run) -> Iterator[Page]:
    yield Page(browser, server, ablated_run.path.name)
    assert complaints(browser) == []


def charts(page: Page) -> list[str]:
    """What the drawn axes are called, chart by chart."""
    script = """return [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].map(
        (chart) => [...chart.querySelectorAll('.role-axis-title')].map((title) => title.textContent).join(' | '));"""
    drawn: list[str] = page.browser.execute_script(script)
    return drawn


def neuron(run: bitlens.Run, scope: str, place: int) -> str:
    """How the page names it."""
    known = bitlens.layer_ablation.known(run)[0]
    one = bitlens.layer_ablation.load(run, known, [2]).sel(epoch=2, scope=scope, rank=place - 1)
    return f"Layer {one.ranked_layer.values}, channel {int(one.ranked_channel)}: "


def test_curves_are_switched_and_a_neuron_is_chosen_by_keys(page: Page, ablated_run: bitlens.Run) -> None:
    page.visit("ablation", t="2", scope="1", place="2")
    page.shows(neuron(ablated_run, "1", 2))
    page.until(lambda: charts(page)[:3] == ["neurons turned off | accuracy"] * 3)
    page.until(lambda: page.pictures() == 16)  # inputs and maps
    page.settled()
    page.button("loss", "[data-testid=stMain]")
    page.until(lambda: page.address.get("curve") == "loss")
    page.until(lambda: charts(page)[:3] == ["neurons turned off | loss (bits)"] * 3)
    page.settled()
    page.slide(Keys.ARROW_RIGHT, PLACE)
    page.until(lambda: page.address.get("place") == "3")
    page.shows(neuron(ablated_run, "1", 3))
    assert neuron(ablated_run, "1", 2) != neuron(ablated_run, "1", 3)
    page.settled()
    assert page.address == {**page.address, "curve": "loss", "scope": "1", "t": "2"}
    address = page.browser.current_url
    page.browser.get("about:blank")
    page.browser.get(address)  # the same by its address
    page.shows(neuron(ablated_run, "1", 3))
    page.until(lambda: charts(page)[:3] == ["neurons turned off | loss (bits)"] * 3)


def test_the_page_is_reached_by_name_and_shows_one_order_alone(page: Page, ablated_run: bitlens.Run) -> None:
    page.visit("", t="2")
    page.shows("Confusion matrix")
    page.settled()
    page.follow("Ablation")
    page.shows("Cumulative ablation at epoch 2", neuron(ablated_run, "whole network", 8))
    page.until(lambda: len([title for title in charts(page) if title]) >= 3)
    page.until(lambda: page.address["t"] == "2")
    page.settled()

    def strong() -> list[str]:
        """The lines of the first chart that are not faint."""
        script = """const chart = document.querySelector('[data-testid=stVegaLiteChart]');
            return [...chart.querySelectorAll('.mark-line.role-mark path')]
                .filter((line) => Number(line.getAttribute('opacity') ?? 1) > 0.5)
                .map((line) => line.getAttribute('stroke'))"""
        lines: list[str] = page.browser.execute_script(script)
        return lines

    page.until(lambda: len(strong()) == 3)
    assert len(set(strong())) == 3
    page.button("highest first")
    page.until(lambda: len(strong()) == 1)
    assert page.address["ord"] == "descending"
