"""Fixtures of the explorer's tests: a tiny run, one to be spoilt, and a way to open a page on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import bitlens
from bitlens_explorer.launch import environment
from bitlens_explorer.state.run_access import ROOT_VARIABLE, RUN_VARIABLE
from tests.support.sample_runs import APP, record_ablated_run, record_discarded_run, record_tiny_run


@pytest.fixture(scope="module")
def recorded_run(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    return record_tiny_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="module")
def discarded_run(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    return record_discarded_run(tmp_path_factory.mktemp("runs") / "discarded")


@pytest.fixture(scope="module")
def ablated_run(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    return record_ablated_run(tmp_path_factory.mktemp("runs") / "ablated")


@pytest.fixture
def run(recorded_run: bitlens.Run, tmp_path: Path) -> bitlens.Run:
    """A run of the test's own, to be spoilt."""
    shutil.copytree(recorded_run.path, tmp_path / "tiny")
    return bitlens.open_run(tmp_path / "tiny")


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch):
    """Opens a page of the explorer at an address."""

    def opened(at: Path | None, page: str = "training", *, root: Path | None = None, **address: str) -> AppTest:
        given = environment(at, root)
        for name in (RUN_VARIABLE, ROOT_VARIABLE):
            monkeypatch.setenv(name, given[name])
        app = AppTest.from_file(str(APP / "main.py"), default_timeout=60)
        for name, value in address.items():
            app.query_params[name] = value
        app.run()
        if page != "training":
            app.switch_page(f"views/{page}/page.py").run()
        assert not app.exception
        return app

    return opened
