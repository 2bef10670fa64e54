"""Where things stand in a headless browser: answers in view, nothing cut, and the buttons of the browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("streamlit", reason="the explorer is an extra")
pytest.importorskip("selenium", reason="the browser is driven by Selenium")

from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

import bitlens
from tests.support.browser_driver import CHROMIUM, DRIVER, complaints
from tests.support.browser_page import Page

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

SIZES = ((1440, 900), (1024, 768))
MOST_SCREENS = 2.5
ANSWER = ".st-key-answer"
STRIP = ".network"
# Buttons, tabs and titles that are cut.
CUT = """const wide = (e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0;
    const names = '[data-testid=stApp] button p, [data-testid=stMetricValue], [role=tablist], [role=radiogroup], h1';
    const parts = [...document.querySelectorAll(`${names}, h3`)];
    return parts.filter((e) => e.offsetParent && wide(e)).map((e) => e.textContent);"""
EXTENT = """const main = document.querySelector('[data-testid=stMain]');
    return [main.scrollHeight / main.clientHeight, main.scrollWidth - main.clientWidth];"""
SEEN = """const seen = (e) => { const box = e.getBoundingClientRect();
    return box.top >= 0 && box.bottom <= innerHeight && box.height > 0; };
    return [...document.querySelectorAll(arguments[0])].filter(seen).length;"""
SIDEBAR = "return document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().width;"
LOADED = "return [...document.querySelectorAll(arguments[0])].filter((image) => image.naturalHeight).length;"


@pytest.fixture
def page(browser: webdriver.Chrome, server: str, recorded_run: bitlens.Run) -> Iterator[Page]:
    yield Page(browser, server, recorded_run.path.name)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert complaints(browser) == []


def resize(page: Page, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.until(lambda: page.browser.execute_script("return innerWidth") == width)


PAGES = [
    *((name, {"t": "1"}) for name in ("", "flow", "layers", "channels", "embedding", "method")),
    ("hidden_states", {"run": "tokens"}),
    *(("compare", {"t": "1", "vs": "markup", "cp": part}) for part in ("training", "estimates", "matrices", "samples")),
]


def prefer(page: Page, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.mark.parametrize(("name", "address"), PAGES, ids=lambda part: part if isinstance(part, str) else part.get("cp"))
def test_nothing_is_cut_or_inaccessible_and_pages_are_short(
    page: Page, name: str, address: dict[str, str], markup_run: bitlens.Run, token_run: bitlens.Run
) -> None:
    resize(page, *SIZES[0])
    page.visit(name, **{"a": "1", "b": "2", "cell": "3.2", "c": "1", "cm": "1.1"} | address)
    page.until(lambda: page.state(STRIP).get("ready") and page.browser.find_elements(By.CSS_SELECTOR, "h3"))
    page.settled()
    for size, scheme in zip(SIZES, ("light", "dark"), strict=True):
        prefer(page, scheme)
        resize(page, *size)
        page.settled()
        page.accessible()
        page.until(lambda: page.browser.execute_script(CUT) == [])
        page.until(lambda: page.browser.execute_script(EXTENT)[0] <= MOST_SCREENS)
        page.until(lambda: page.browser.execute_script(EXTENT)[1] <= 0)


def test_the_answer_to_a_click_is_in_view(page: Page) -> None:
    resize(page, *SIZES[0])
    page.open("layers", a="0", b="1", t="1", sort="index")
    _, top, _, height = page.place(".heatmap canvas")
    assert top > 0
    assert top + height <= SIZES[0][1]
    page.click(2, 3)
    # An image has no height until it is loaded.
    page.until(lambda: page.browser.execute_script(LOADED, f"{ANSWER} img") == 24)
    page.settled()
    page.browser.execute_script("document.querySelector('[data-testid=stMain]').scrollTop = 0")  # `click` scrolls
    assert page.browser.execute_script(SEEN, f"{ANSWER} [data-testid=stMetricValue]") == 2
    assert page.browser.execute_script(SEEN, f"{ANSWER} img") >= 8


@pytest.mark.parametrize(
    ("name", "figure", "share"),
    [
        ("", ".heatmap canvas", 0.8),
        ("layers", ".heatmap canvas", 0.8),
        ("channels", ".packing .picture", 0.8),
        ("embedding", ".scatter .stage", 0.7),
    ],
)
def test_a_figure_is_in_view_in_a_small_window(page: Page, name: str, figure: str, share: float) -> None:
    """Most of it, because the lines of text above it may be longer with other fonts."""
    width, height = SIZES[1]
    resize(page, width, height)
    page.open(name, figure.split()[0], a="0", b="1", t="1", cell="2.3", c="1", cm="1.1")
    box = f"const box = {page.part(figure)}.getBoundingClientRect(); return [box.top, box.height, box.right];"
    top, tall, right = page.browser.execute_script(box)
    assert 0 <= top < top + share * tall <= height
    assert page.browser.execute_script(SIDEBAR) < width / 4
    (answer,) = page.browser.find_elements(By.CSS_SELECTOR, ANSWER)
    assert answer.rect["y"] < height / 2
    assert right <= answer.rect["x"]


def test_the_strip_chooses_layers_with_the_mouse_and_the_keyboard(page: Page) -> None:
    box = f"{STRIP} button"
    page.open("layers", a="0", b="1", t="1", sort="index")
    page.tap(box, 2)
    page.until(lambda: page.address.get("a") == "1")
    page.settled()
    page.focus(box, 4)
    ActionChains(page.browser).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
    page.until(lambda: page.address.get("b") == "output")
    page.settled()
    assert page.address["a"] == "1"
    page.open("", STRIP, t="1")
    page.tap(box, 1)
    page.until(lambda: "/channels" in page.browser.current_url and page.address.get("a") == "0")


def test_back_undoes_the_last_choice_and_forward_repeats_it(page: Page) -> None:
    """Without pictures, which Streamlit drops from a run of the script that another one overtakes."""

    def shows(sort: str | None, page_path: str = "/layers") -> bool:
        ready = page.state(STRIP).get("ready")
        return page_path in page.browser.current_url and page.address.get("sort") == sort and bool(ready)

    def chosen() -> str:
        marked = "[data-testid=stMain] button[aria-checked=true], [data-testid=stMain] button[kind$=Active]"
        return " ".join(button.text for button in page.browser.find_elements(By.CSS_SELECTOR, marked))

    page.open("layers", a="0", b="1", t="1")
    for name, sort in (("mean", "mean"), ("number", "index")):
        page.button(name)
        page.until(lambda sort=sort: shows(sort))
        page.settled()
    for go, sort, name in (
        (page.browser.back, "mean", "mean"),
        (page.browser.back, None, "maximum"),
        (page.browser.forward, "mean", "mean"),
    ):
        go()
        page.until(lambda sort=sort, name=name: shows(sort) and name in chosen())
        page.settled()
    entries = page.browser.execute_script("return history.length")
    page.follow("Channels")
    page.until(lambda: shows("mean", "/channels"))
    page.settled()
    # One entry for the page, in place of the one that was ahead.
    assert page.browser.execute_script("return history.length") == entries
    page.browser.back()
    page.until(lambda: shows("mean") and "mean" in chosen())
    page.settled()
    page.browser.forward()
    page.until(lambda: shows("mean", "/channels"))
    page.settled()


def test_findings_lead_to_what_they_are_about(page: Page) -> None:
    page.open("", STRIP, t="1")
    page.button("Saturation →")
    page.until(lambda: "/flow" in page.browser.current_url and page.address.get("fig") == "Saturation")
    page.shows("share of log2 n")
    page.settled()
