"""Circles, embedding, play and downloads in a headless browser, by real clicks, lassos and keys."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="the explorer is an extra")
pytest.importorskip("selenium", reason="the browser is driven by Selenium")

from selenium import webdriver
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By

import bitlens
from tests.support.browser_driver import CHROMIUM, DRIVER, browsing, complaints, hosts
from tests.support.browser_page import Page

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

SCATTER, CIRCLES = ".scatter", ".packing"


@pytest.fixture(scope="module")
def run(recorded_run: bitlens.Run) -> bitlens.Run:
    """The shared run. These tests add selections to it, and change nothing else."""
    return recorded_run


@pytest.fixture
def page(browser: webdriver.Chrome, server: str, run: bitlens.Run) -> Iterator[Page]:
    yield Page(browser, server, run.path.name)
    assert complaints(browser) == []


def point_at(page: Page, unit_x: float, unit_y: float, row: int = 0, column: int = 0) -> tuple[float, float]:
    """Where a point of a plot is in the window; units are 0 to 1 from the lowest to the highest value."""
    left, top, _, _ = page.place(f"{SCATTER} .stage")
    state = page.state(SCATTER)
    plot_left, plot_top, _, _, margin = map(float, state["plot"].split(","))
    x, y, k = map(float, state["view"].split(","))
    inner = 1 - 2 * margin
    return (
        left + plot_left + (column + margin + unit_x * inner - x) * k,
        top + plot_top + (row + 1 - margin - unit_y * inner - y) * k,
    )


def units(run: bitlens.Run, layer: str, channel: int) -> np.ndarray:
    values = bitlens.layer_points(run, layer, 1).activation.sel(channel=channel).values
    return (values - values.min()) / (values.max() - values.min())


def test_a_lasso_selects_samples_on_all_pages(page: Page, run: bitlens.Run) -> None:
    page.open("embedding", SCATTER, a="output", t="1", d="0,1")
    x, y = units(run, "output", 0), units(run, "output", 1)
    middle = (float(np.median(x)), float(np.median(y)))
    inside = np.flatnonzero((x < middle[0]) & (y < middle[1])).tolist()
    corners = [
        (-0.02, -0.02),
        (middle[0] - 1e-4, -0.02),
        (middle[0] - 1e-4, middle[1] - 1e-4),
        (-0.02, middle[1] - 1e-4),
    ]
    around = [corners[i] for i in (0, 1, 2, 3, 0)]
    page.pointer(*(point_at(page, *corner, row=1, column=0) for corner in around), hold=True)
    page.until(lambda: "sel" in page.address)
    page.settled()
    selected = bitlens.load_selection(run, page.address["sel"])
    # A corner may come to lie on the other side of a point by rounding to pixels.
    near = np.flatnonzero((abs(x - middle[0]) < 0.02) | (abs(y - middle[1]) < 0.02))
    assert set(selected) - set(near) == set(inside) - set(near)
    page.until(lambda: page.state(SCATTER)["selected"] == str(len(selected)))
    page.shows(f"Over the {len(selected)} selected samples")
    page.settled()
    page.follow("Layers")
    page.shows("have not been measured")
    page.until(lambda: f"{len(selected)} samples of 48 selected" in page.sidebar)
    page.settled()
    page.open("layers", a="0", b="1", t="1", sel=page.address["sel"])
    page.click(0, 0)
    page.until(lambda: page.pictures() == 24)
    page.shows(*(f"{sample}: label" for sample in selected[:8]))
    page.settled()


def test_click_control_click_legend_and_escape(page: Page, run: bitlens.Run) -> None:
    page.open("embedding", SCATTER, a="output", t="1", d="0,1")
    x, y = units(run, "output", 0), units(run, "output", 1)
    first, second = int(np.argmax(x)), int(np.argmin(x))
    page.pointer(point_at(page, x[first], y[first], row=1))
    page.until(lambda: page.address.get("sel"))
    assert bitlens.load_selection(run, page.address["sel"]) == [first]
    page.settled()
    page.pointer(point_at(page, x[second], y[second], row=1), key=Keys.CONTROL)
    page.until(lambda: bitlens.load_selection(run, page.address["sel"]) == sorted([first, second]))
    page.settled()
    page.tap(f"{SCATTER} .legend button", 2)
    of_class = np.flatnonzero(run.labels == 2).tolist()
    page.until(lambda: bitlens.load_selection(run, page.address["sel"]) == of_class)
    page.settled()
    page.focus(f"{SCATTER} .stage")
    page.press(Keys.ESCAPE)
    page.until(lambda: "sel" not in page.address and page.state(SCATTER)["selected"] == "0")


def test_hover_shows_the_image_and_what_the_point_sees(page: Page, run: bitlens.Run) -> None:
    page.open("embedding", SCATTER, a="2", t="1", d="0,1")
    points = bitlens.layer_points(run, "2", 1)
    x, y = units(run, "2", 0), units(run, "2", 1)
    best = int(np.argmax(x + y))
    sample = str(int(points["sample"][best]))

    def hovered() -> bool:
        page.hover(0, 0)
        page.hover(*point_at(page, x[best], y[best], row=1))
        return page.state(SCATTER).get("hover") == sample

    page.until(hovered)
    card = f"{page.part(SCATTER + ' .card')}"
    page.until(lambda: page.browser.execute_script(f"return !{card}.hidden"))
    assert sample in page.read(f"{SCATTER} .card")
    inked = f"""const canvas = {card}.querySelector('canvas'); if (!canvas) return 0;
        return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.filter((v) => v).length"""
    page.until(lambda: page.browser.execute_script(inked) > 100)


def test_wheel_keys_and_overview_move_the_view(page: Page) -> None:
    page.open("embedding", SCATTER, a="2", t="1")
    page.place(f"{SCATTER} .stage")
    before = page.state(SCATTER)["view"]
    page.focus(f"{SCATTER} .stage")
    page.press("+", "+")
    page.until(lambda: page.state(SCATTER)["view"] != before)
    left, top, width, height = page.place(f"{SCATTER} .overview")
    zoomed = page.state(SCATTER)["view"]
    page.pointer((left + 0.8 * width, top + 0.8 * height), (left + 0.7 * width, top + 0.7 * height), hold=True)
    page.until(lambda: page.state(SCATTER)["view"] != zoomed)
    page.focus(f"{SCATTER} .stage")
    page.press(Keys.HOME)
    page.until(lambda: page.state(SCATTER)["view"] == before)


def test_a_click_on_an_average_map_goes_to_its_dimension(page: Page, run: bitlens.Run) -> None:
    page.open("embedding", SCATTER, a="output", t="1")
    number = [layer.name for layer in run.layers].index("0")
    page.until(lambda: page.state(".heatmap", number).get("ready"))
    page.settled()
    state = page.state(".heatmap", number)
    columns = len(state["columns"].split(","))
    across = columns // 8  # maps of 8 x 8
    channel = 2
    page.click(channel // across * 8 + 3, channel % across * 8 + 5, number)
    page.until(lambda: page.address.get("a") == "0" and page.address.get("d") == "2" and page.address.get("c") == "2")
    page.until(lambda: page.state(SCATTER).get("cells") == "1")


def test_circles_zoom_and_choose_a_channel(page: Page) -> None:
    def zoomed(group: str) -> None:  # a click while it zooms would hit what just comes by
        page.until(lambda: page.state(CIRCLES)["zoom"] == group and page.state(CIRCLES)["moving"] == "")

    page.open("channels", CIRCLES, a="0", t="1")
    assert page.state(CIRCLES)["circles"] == "20"
    page.pointer(page.middle(f"{CIRCLES} .rings circle", 1))
    zoomed("1")
    page.pointer(page.middle(f"{CIRCLES} .items circle", 4 + 3))
    page.until(lambda: page.address.get("c") == "3")
    page.shows("layer 0, channel 3")
    page.until(lambda: page.state(CIRCLES)["picked"] == "1.3")
    page.settled()
    page.press(Keys.ESCAPE)
    zoomed("-1")
    page.press(Keys.ENTER)
    zoomed("1")
    page.press(Keys.TAB, Keys.ARROW_LEFT, Keys.ENTER)
    page.until(lambda: page.address.get("c") == "2")


def test_epochs_play_to_the_last(page: Page) -> None:
    page.open("layers", a="0", b="1", t="0")
    page.button("Play")
    seen = set()

    def at_the_end() -> bool:
        epoch = page.address.get("t")
        seen.add(epoch)
        return epoch == "2"

    page.until(at_the_end)
    page.until(lambda: "Play" in page.sidebar)
    page.settled()
    assert {"0", "1", "2"} >= seen >= {"2"}
    page.button("◀")
    page.until(lambda: page.address.get("t") == "1")


def test_a_run_that_is_being_recorded_is_followed(page: Page, run: bitlens.Run, runs: Path) -> None:
    growing = runs / "growing"
    shutil.copytree(run.path, growing)
    last = growing / "epochs" / sorted(p.name for p in (run.path / "epochs").iterdir())[-1]
    content = last.read_bytes()
    last.unlink()
    shutil.rmtree(growing / "results")
    page = Page(page.browser, page.server, growing.name)
    page.open("embedding", SCATTER)
    page.shows("at epoch 1")
    page.button("Follow")
    page.until(lambda: "Stop" in page.sidebar)
    last.with_suffix(".part").write_bytes(content)
    last.with_suffix(".part").rename(last)
    page.shows("at epoch 2")
    page.button("Stop")
    page.until(lambda: "Follow" in page.sidebar)
    page.settled()
    page.browser.get("about:blank")
    shutil.rmtree(growing)


def test_pictures_and_tables_are_saved(page: Page, downloads: Path) -> None:
    page.open("layers", a="0", b="1", t="1")
    drawing = downloads / "bitlens_tiny_layers_0_1_epoch1_mi.svg"
    for file in (drawing.with_suffix(".png"), drawing):
        page.pointer(page.middle(f".heatmap .save-{file.suffix[1:]}"))
        page.until(file.exists)
    parsed = ElementTree.fromstring(drawing.read_text("utf-8"))
    texts = [part.text for part in parsed.iter("{http://www.w3.org/2000/svg}text")]
    assert {"bits", "channel of layer 0 (A)", "channel of layer 1 (B)", "0", "1", "2", "3"} <= set(texts)
    assert len(list(parsed.iter("{http://www.w3.org/2000/svg}image"))) == 1
    page.open("channels", CIRCLES, a="0", t="1")
    page.tap(f"{CIRCLES} .save-svg")
    page.until(lambda: list(downloads.glob("*circles.svg")))
    page.visit("", t="1", fig="Accuracy+and+loss")
    page.menu()
    for ending in ("SVG", "PNG"):
        page.button(f"Download {ending}", "body")
        page.until(lambda ending=ending: list(downloads.glob(f"*accuracy.{ending.lower()}")))
    for path in downloads.glob("*.svg"):
        assert "<svg" in path.read_text("utf-8")
    for path in downloads.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_without_webgl_points_are_drawn_all_the_same(server: str, run: bitlens.Run, tmp_path: Path) -> None:
    with browsing(tmp_path / "profile", None, "--disable-3d-apis") as driver:
        page = Page(driver, server, run.path.name)
        page.open("embedding", SCATTER, a="output", t="1", d="0,1")
        assert page.state(SCATTER)["webgl"] == "0"
        x, y = units(run, "output", 0), units(run, "output", 1)
        far = int(np.argmax(x))

        def picked() -> bool:  # a click while a slow machine still draws the page meets nothing
            page.pointer(point_at(page, x[far], y[far], row=1))
            try:
                page.until(lambda: "sel" in page.address, 10)
            except AssertionError:
                return False
            return True

        page.until(picked)
        assert bitlens.load_selection(run, page.address["sel"]) == [far]


def test_no_page_asks_another_machine(page: Page) -> None:
    """The log, which is read once, has the requests of all pages that were opened before."""
    for path in (
        "",
        "flow",
        "layers",
        "channels",
        "embedding",
        "pixels",
        "ablation",
        "hidden_states",
        "compare",
        "method",
    ):
        page.visit(path)
        page.until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "h1"))
        page.settled()
    assert hosts(page.browser) == {"127.0.0.1"}
