"""Fixtures of the explorer's tests: shared runs, copies of them, a way to open a page, one browser and one server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

import bitlens
from bitlens_explorer.launch import environment
from bitlens_explorer.state.run_access import ROOT_VARIABLE, RUN_VARIABLE
from bitlens_explorer.ui import page_frame
from tests.support.sample_runs import (
    APP,
    MARKUP,
    TEXTS,
    record_ablated_run,
    record_discarded_run,
    record_flowing_run,
    record_tiny_run,
    record_token_run,
)

if TYPE_CHECKING:
    from selenium import webdriver


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the runs that all tests share. They are recorded once; tests that change a run change a copy."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def recorded_run(runs: Path) -> bitlens.Run:
    return record_tiny_run(runs / "tiny")


@pytest.fixture(scope="session")
def markup_run(runs: Path) -> bitlens.Run:
    """A run whose class names look like HTML and Markdown."""
    return record_tiny_run(runs / "markup", classes=MARKUP)


@pytest.fixture(scope="session")
def discarded_run(runs: Path) -> bitlens.Run:
    return record_discarded_run(runs / "discarded")


@pytest.fixture(scope="session")
def ablated_run(runs: Path) -> bitlens.Run:
    return record_ablated_run(runs / "ablated")


@pytest.fixture(scope="session")
def flowing_run(runs: Path) -> bitlens.Run:
    return record_flowing_run(runs / "flowing")


@pytest.fixture(scope="session")
def token_run(runs: Path) -> bitlens.Run:
    """A run whose samples are tokens of prompts."""
    run = record_token_run(runs / "tokens", texts=TEXTS)
    bitlens.measure(run, ["prompt_entropy", "layer_diversity", "channel_entropies"], k=5, permutations=3)
    return run


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[bitlens.Run], bitlens.Run]:
    """Copies a shared run, so that a test can change it."""

    def copy(run: bitlens.Run) -> bitlens.Run:
        shutil.copytree(run.path, tmp_path / run.path.name)
        return bitlens.open_run(tmp_path / run.path.name)

    return copy


@pytest.fixture
def run(recorded_run: bitlens.Run, copied: Callable[[bitlens.Run], bitlens.Run]) -> bitlens.Run:
    """A copy that the test can change."""
    return copied(recorded_run)


@pytest.fixture
def flowing_copy(flowing_run: bitlens.Run, copied: Callable[[bitlens.Run], bitlens.Run]) -> bitlens.Run:
    """A copy that the test can change."""
    return copied(flowing_run)


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Opens a page of the explorer at an address. It draws the figures under all titles, a browser those under one."""

    def opened(at: Path | None, page: str = "training", *, root: Path | None = None, **address: str) -> AppTest:
        given = environment(at, root)
        for name in (RUN_VARIABLE, ROOT_VARIABLE):
            monkeypatch.setenv(name, given[name])
        monkeypatch.setattr(page_frame, "_TABS", "all")
        app = AppTest.from_file(str(APP / "main.py"), default_timeout=180)
        for name, value in address.items():
            app.query_params[name] = value
        if page != "training":
            app._page_hash = calc_hash(page)  # open it at once, as its address does; `switch_page` needs a run before
        app.run()
        assert not app.exception
        return app

    return opened


@pytest.fixture(scope="session")
def server(runs: Path) -> Iterator[str]:
    """The explorer as a server of all shared runs; an address names the run."""
    from tests.support.browser_driver import serving

    with serving(None, runs) as address:
        yield address


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the browser saves files."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def browser(server: str, downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for all tests. It ends before the server does, because a page complains about a lost server."""
    from tests.support.browser_driver import browsing

    with browsing(tmp_path_factory.mktemp("profile"), downloads) as driver:
        yield driver
