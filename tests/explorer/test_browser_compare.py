"""Linked plots, clouds that turn, and the report in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("selenium")

from selenium.webdriver import Keys

import bitlens
from bitlens_explorer.report import write_report
from tests.support.browser_driver import CHROMIUM, DRIVER, complaints, hosts
from tests.support.browser_page import Page

if TYPE_CHECKING:
    from selenium import webdriver

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

SCATTER = ".scatter"


@pytest.fixture
def page(browser: webdriver.Chrome, server: str, recorded_run: bitlens.Run, markup_run: bitlens.Run) -> Iterator[Page]:
    yield Page(browser, server, recorded_run.path.name)
    assert complaints(browser) == []


def test_plots_of_two_networks_are_linked(page: Page) -> None:
    def selected() -> list[str]:
        return [page.state(SCATTER, number)["selected"] for number in (0, 1)]

    page.open("compare", SCATTER, vs="markup", cp="samples", a="0", t="1")
    page.until(lambda: selected() == ["0", "0"])
    page.settled()
    before = page.state(SCATTER, 1)["view"]
    page.focus(f"{SCATTER} .stage")
    page.press("+", "+")
    page.until(lambda: page.state(SCATTER, 1)["view"] != before)
    page.until(lambda: page.state(SCATTER, 1)["view"] == page.state(SCATTER, 0)["view"])
    page.press(Keys.HOME)
    page.until(lambda: page.state(SCATTER, 1)["view"] == before == page.state(SCATTER, 0)["view"])
    page.tap(f"{SCATTER} .legend button")
    page.until(lambda: "sel" in page.address and selected() == ["12", "12"])
    page.settled()


def test_a_cloud_turns_by_the_mouse_and_the_keys_and_shows_its_density(page: Page) -> None:
    def angles() -> list[float]:
        return [float(angle) for angle in page.state(SCATTER)["angles"].split(",")]

    page.open("embedding", SCATTER, a="2", t="1", emb="turn")
    middle = page.middle(f"{SCATTER} .marks")
    turn, tilt = angles()
    page.pointer(middle, (middle[0] + 40, middle[1]), (middle[0] + 60, middle[1] - 20), hold=True)
    page.until(lambda: angles()[0] > turn and angles()[1] < tilt)
    assert page.state(SCATTER)["selected"] == "0"
    before = page.same(angles)
    page.focus(f"{SCATTER} .stage")
    page.press(Keys.ARROW_LEFT, Keys.ARROW_UP)
    page.until(lambda: angles() == [before[0] - 5, before[1] - 5])
    page.tap(f"{SCATTER} .density-button")
    page.until(lambda: page.state(SCATTER)["dense"] == "1")
    page.until(lambda: "the strongest square has" in page.read(f"{SCATTER} .note"))
    page.button("channels")  # the next figure has no angles, and the mouse selects again
    page.until(lambda: page.state(SCATTER).get("angles") == "")
    page.settled()


def test_the_report_is_read_without_a_network(browser: webdriver.Chrome, recorded_run, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report([recorded_run.path], out)
    hosts(browser)
    browser.get(out.as_uri())
    assert hosts(browser) == {None}  # files have no host
    width = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    assert width <= 0
    drawn = (
        "return [...document.querySelectorAll('svg')].filter((svg) => svg.getBoundingClientRect().height > 60).length"
    )
    assert (
        browser.execute_script(drawn) == browser.execute_script("return document.querySelectorAll('svg').length") > 20
    )
    assert complaints(browser) == []
