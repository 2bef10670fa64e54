"""The server of the explorer: how it is started, and what it may do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time

import bitlens
from bitlens_explorer.launch import arguments, environment, free_port
from bitlens_explorer.state.run_access import ROOT_VARIABLE
from tests.support.browser_driver import explore_command, wait_for
from tests.support.page_contents import words

# What is not there


def _spoil(run: bitlens.Run, how: str) -> None:
    manifest = run.path / "manifest.json"
    if how == "none":
        manifest.unlink()
    elif how == "damaged":
        manifest.write_text(manifest.read_text()[:100])
    elif how == "binary":
        manifest.write_bytes(b"\xff\xfe\x00")
    elif how == "layers":
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "layers": ["conv"]}))
    else:
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema_version": 99}))


def test_looking_needs_no_rights_to_write(run, look):
    for path in [run.path, *run.path.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(path.stat().st_mtime_ns for path in run.path.rglob("*"))
    for page in ("training", "layers"):
        look(run.path, page)
    assert sorted(path.stat().st_mtime_ns for path in run.path.rglob("*")) == before


def test_the_server_is_for_this_machine_only_and_tells_nobody(run):
    flags = arguments(8123)
    for flag in ("--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--server.port=8123",
                 "--client.showErrorDetails=none", "--server.headless=true"):  # fmt: skip
        assert flag in flags
    assert environment(run.path)[ROOT_VARIABLE] == str(run.path.resolve().parent)


def test_the_first_free_port_is_taken():
    first = free_port()
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", first))
        assert free_port() != first


def test_the_command_serves_and_opens_a_browser_on_a_machine_that_never_ran_streamlit(run, tmp_path):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part\nmv {opened}.part {opened}\n')
    browser.chmod(0o755)
    port = free_port()
    given = {**os.environ, "HOME": str(tmp_path), "BROWSER": str(browser)}
    command = explore_command(run.path, None, port)
    with subprocess.Popen(command, env=given, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr.readline() == f"The explorer is at http://127.0.0.1:{port}. Ctrl-C ends it.\n"
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
            end = time.monotonic() + 180
            while not opened.exists():
                assert time.monotonic() < end
                time.sleep(0.05)
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(120) == 0
    assert opened.read_text() == f"http://127.0.0.1:{port}\n"


def test_a_run_that_is_about_to_appear_is_awaited(run, look, tmp_path):
    app = look(tmp_path / "later")
    assert "Waiting for later" in words(app)
    run.path.rename(tmp_path / "later")
    app.run()
    assert "Confusion matrix" in words(app)


def test_a_page_of_a_missing_run_shows_the_runs_that_there_are(run, look, tmp_path):
    app = look(tmp_path / "tiny", "layers", run="moved")
    assert "there is no such folder" in words(app)
    assert app.button[0].label == "Open tiny"
