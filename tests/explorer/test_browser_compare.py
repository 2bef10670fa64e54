"""The comparison page and the report in a browser: linked plots, and a file that needs no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("selenium")

from selenium.webdriver import Keys

import bitlens
from bitlens_explorer.report import write_report
from tests.support.browser_driver import CHROMIUM, DRIVER, Page, complaints, hosts

if TYPE_CHECKING:
    from selenium import webdriver

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

SCATTER = ".scatter"


@pytest.fixture
def page(browser: webdriver.Chrome, server: str, recorded_run: bitlens.Run, markup_run: bitlens.Run) -> Iterator[Page]:
    yield Page(browser, server, recorded_run.path.name)
    assert complaints(browser) == []


def test_plots_of_two_networks_are_linked(page: Page) -> None:
    page.open("compare", SCATTER, vs="markup", cp="samples", a="0", t="1")
    page.until(lambda: page.state(SCATTER, 1).get("ready"))
    for number in (0, 1):
        assert page.state(SCATTER, number)["selected"] == "0"
    before = page.state(SCATTER, 1)["view"]
    page.browser.execute_script(f"{page.part(SCATTER + ' .stage')}.focus()")
    page.press("+", "+")
    page.until(lambda: page.state(SCATTER, 1)["view"] != before)
    page.until(lambda: page.state(SCATTER, 1)["view"] == page.state(SCATTER, 0)["view"])
    page.press(Keys.HOME)
    page.until(lambda: page.state(SCATTER, 1)["view"] == before == page.state(SCATTER, 0)["view"])
    page.browser.execute_script(f"{page.part(SCATTER + ' .legend button')}.click()")
    page.until(lambda: "sel" in page.address)
    page.settled()
    assert [page.state(SCATTER, number)["selected"] for number in (0, 1)] == ["12", "12"]


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
