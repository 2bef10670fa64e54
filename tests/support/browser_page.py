"""What a user does with a page of the explorer in a browser. Everything waits for what it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.browser_driver import serious_violations

SLIDER = "[data-testid=stSidebar] input[type=range]"
# Errors of elements that are missing or covered while a page is drawn.
NOT_YET = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    KeyError,  # of the state of a component
    NoSuchElementException,
    StaleElementReferenceException,
)
# All that is read and where it stands, once no script runs and all code and pictures have been loaded; else nothing.
AT_REST = """const waiting = '[data-testid=stSkeleton], [data-testid=stApp]:not([data-test-script-state=notRunning])';
    const app = document.querySelector('[data-testid=stApp]');
    if (!app || document.querySelector(waiting) || ![...document.images].every((i) => i.complete)) return null;
    const boxes = [...document.querySelectorAll('[data-testid=stElementContainer], canvas, svg')]
        .map((part) => Object.values(part.getBoundingClientRect().toJSON()).map(Math.round).join());
    return [app.innerText, ...boxes].join(' ');"""
ROOTS = """[...document.querySelectorAll('[data-testid^=stBidiComponent]')]
    .flatMap((host) => [host, ...host.querySelectorAll('*')]).map((host) => host.shadowRoot).filter(Boolean)"""


class Page:
    """One page in one browser, of a run that the server knows by its name."""

    def __init__(self, browser: webdriver.Chrome, server: str, run: str | None = None) -> None:
        self.browser, self.server, self.run = browser, server, run

    def visit(self, path: str, **address: str) -> None:
        """Open a page."""
        parts = {"run": self.run, **address} if self.run else address
        query = "&".join(f"{name}={value}" for name, value in parts.items())
        self.browser.get(f"{self.server}/{path}?{query}")

    def open(self, path: str, ready: str = ".heatmap", **address: str) -> None:
        """Open a page and wait until a component of it is drawn."""
        self.visit(path, **address)
        self.until(lambda: self.state(ready).get("ready"))
        self.settled()

    def settled(self) -> None:
        """Until no script runs, nothing is loaded any more, and all stands where it stood a moment ago.

        This is also so between an action and the script that it starts: wait for what the action changes first.
        """
        self.same(lambda: self.browser.execute_script(AT_REST))

    def same(self, read: Callable[[], object]) -> Any:
        """What is read twice in a row."""
        found = [None]

        def rests() -> bool:
            found.append(read())
            return found[-1] is not None and found[-1] == found[-2]

        self.until(rests)
        return found[-1]

    def until(self, holds: Callable[[], object], seconds: float = 60, tell: Callable[[], object] | None = None) -> None:
        """Until something holds; machines that do other things as well may take long. `tell` says more of a failure."""
        try:
            WebDriverWait(self.browser, seconds, 0.05, NOT_YET).until(lambda _: holds())
        except TimeoutException:
            script = "return [document.activeElement.outerHTML.slice(0, 300), document.body.innerText]"
            focus, text = self.browser.execute_script(script)
            there = f"{self.browser.current_url}\nfocus: {focus}\nheat map: {self.state()}\n{text}"
            more = f"\n{tell()}" if tell else ""
            raise AssertionError(f"still not so after {seconds} s: {there}{more}") from None

    def accessible(self) -> None:
        """Until axe-core finds nothing. While colours change from light to dark, it finds what users do not notice."""
        found: list[object] = []

        def nothing() -> bool:
            found[:] = serious_violations(self.browser)
            return not found

        self.until(nothing, tell=lambda: found)

    def shows(self, *texts: str) -> None:
        """Until all texts stand on the page."""
        self.until(lambda: all(text in self.text for text in texts))

    def part(self, selector: str, number: int = 0) -> str:
        """JavaScript for an element within a component; undefined before it is drawn."""
        return f"{ROOTS}.flatMap((root) => [...root.querySelectorAll({selector!r})])[{number}]"

    def state(self, selector: str = ".heatmap", number: int = 0) -> dict[str, str]:
        """What a component tells about itself."""
        return self.browser.execute_script(f"return {{...{self.part(selector, number)}?.dataset}}")

    def place(self, selector: str, number: int = 0) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element within a component, once it is in view and has come to rest."""
        return self.place_of(self.part(selector, number))

    def place_of(self, element: str) -> tuple[float, float, float, float]:
        """The same of an element that JavaScript finds."""
        script = f"""const part = {element}; if (!part) return null; part.scrollIntoView({{block: 'center'}});
            const box = part.getBoundingClientRect(); return [box.left, box.top, box.width, box.height];"""
        return tuple(self.same(lambda: self.browser.execute_script(script)))

    def middle(self, selector: str, number: int = 0) -> tuple[float, float]:
        """The middle of an element within a component."""
        return self.middle_of(self.part(selector, number))

    def middle_of(self, element: str) -> tuple[float, float]:
        """The middle of an element that JavaScript finds."""
        left, top, width, height = self.place_of(element)
        return left + width / 2, top + height / 2

    def tap(self, selector: str, number: int = 0) -> None:
        """Click an element within a component, wherever it stands."""
        self._act_on(selector, number, "click()")

    def focus(self, selector: str, number: int = 0) -> None:
        """Give an element within a component the focus."""
        self._act_on(selector, number, "focus()")

    def _act_on(self, selector: str, number: int, act: str) -> None:
        script = f"const part = {self.part(selector, number)}; part?.{act}; return Boolean(part);"
        self.until(lambda: self.browser.execute_script(script))

    def read(self, selector: str, number: int = 0) -> str:
        """The text of an element within a component, hidden or not."""
        return str(self.browser.execute_script(f"return {self.part(selector, number)}?.textContent ?? ''"))

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
        self.pointer(self.cell(row, column, number))

    def cell(self, row: int, column: int, number: int = 0) -> tuple[float, float]:
        """The middle of a drawn cell of a heat map."""
        left, top, _, _ = self.place(".heatmap canvas", number)
        state = self.state(".heatmap", number)
        x, y, width, height = map(float, state["plot"].split(","))
        rows, columns = len(state["rows"].split(",")), len(state["columns"].split(","))
        return left + x + (column + 0.5) * width / columns, top + y + (row + 0.5) * height / rows

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        ActionChains(self.browser).send_keys(*keys).perform()

    def button(self, text: str, within: str = "[data-testid=stApp]") -> None:
        """Press Streamlit's button with these words."""

        def pressed() -> bool:
            named = [b for b in self.browser.find_elements(By.CSS_SELECTOR, f"{within} button") if b.text == text]
            for button in named[:1]:
                button.click()
            return bool(named)

        self.until(pressed)

    def follow(self, name: str) -> None:
        """Click the link to a page."""
        self._on(By.LINK_TEXT, name, WebElement.click)

    def slide(self, key: str, slider: str = SLIDER) -> None:
        """Press a key on a slider."""
        self._on(By.CSS_SELECTOR, slider, lambda found: found.send_keys(key))

    def menu(self) -> None:
        """Open the menu of the first figure, which has its table, its files and its Python."""
        self._on(
            By.CSS_SELECTOR,
            "[data-testid=stMain] [class*=st-key-below] [data-testid=stPopover] button",
            WebElement.click,
        )

    def _on(self, by: str, name: str, act: Callable[[WebElement], object]) -> None:
        """Act on an element as soon as it is there, and again if the page replaced it before the act."""

        def acted() -> bool:
            act(self.browser.find_element(by, name))
            return True

        self.until(acted)

    @property
    def sidebar(self) -> str:
        """What stands in the sidebar."""
        return self._text_of("[data-testid=stSidebar]")

    @property
    def text(self) -> str:
        """What stands on the page."""
        return self._text_of("[data-testid=stMain]")

    def _text_of(self, selector: str) -> str:
        return self.browser.find_element(By.CSS_SELECTOR, selector).text.replace("\u2060", "")

    @property
    def address(self) -> dict[str, str]:
        """The parts of the address."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.browser.current_url).query).items()}

    def pictures(self) -> int:
        """How many pictures are shown."""
        return len(self.browser.find_elements(By.CSS_SELECTOR, "[data-testid=stImageContainer] img"))
