"""Opening runs. A path in an address is user input, so runs outside the root folder are refused."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

import bitlens
from bitlens.runs import Run, RunError

RUN_VARIABLE = "BITLENS_EXPLORER_RUN"
ROOT_VARIABLE = "BITLENS_EXPLORER_ROOT"


def root() -> Path:
    """The folder that runs may be opened from."""
    return Path(os.environ.get(ROOT_VARIABLE) or Path.cwd()).resolve()


def given_run() -> str | None:
    """Address of the run that the explorer was started with."""
    path = os.environ.get(RUN_VARIABLE)
    return address(Path(path)) if path else None


def is_awaited(text: str) -> bool:
    """Whether this is the run that the explorer was started with, and nothing exists there yet."""
    return text == given_run() and not (root() / text).exists()


def address(path: Path) -> str:
    """A path as addresses write it: relative to the root if it lies in the root."""
    path = path.resolve()
    return path.relative_to(root()).as_posix() if path.is_relative_to(root()) else str(path)


def locate(text: str) -> Path:
    """The folder that an address names. It must lie in the root after links and dots are resolved."""
    try:
        path = (root() / text).resolve()
    except (ValueError, OSError, RuntimeError):
        raise RunError("run: expected a path, got text that is not a path; choose a run below") from None
    if not path.is_relative_to(root()):
        raise RunError(f"run: {text} lies outside {root()}, the folder that this explorer may open runs from")
    return path


def open_at(text: str) -> Run:
    """The run at an address.

    Raises
    ------
    RunError
        If it lies outside the root, or is not a readable run.
    OSError
        If the system refuses to read it.
    """
    path = locate(text)
    manifest = path / "manifest.json"
    return _opened(str(path), manifest.stat().st_mtime_ns if manifest.is_file() else 0)


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(path: str, stamp: int) -> Run:
    return bitlens.open_run(path)


def runs_in_root(limit: int = 20) -> list[str]:
    """Addresses of the runs in the root or one folder below, the latest first."""
    manifests = [*root().glob("manifest.json"), *root().glob("*/manifest.json")]
    manifests.sort(key=lambda manifest: manifest.stat().st_mtime, reverse=True)
    return [address(manifest.parent) for manifest in manifests[:limit] if manifest.resolve().is_relative_to(root())]
