"""The server of the explorer: how it is started, and what it may do."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

import bitlens
from bitlens_explorer.launch import command, environment
from bitlens_explorer.state.run_access import ROOT_VARIABLE

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
    line = " ".join(command(8123))
    for part in ("--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--server.port=8123",
                 "--client.showErrorDetails=none"):  # fmt: skip
        assert part in line
    assert environment(run.path)[ROOT_VARIABLE] == str(run.path.resolve().parent)


def test_the_command_serves_also_on_a_machine_that_never_ran_streamlit(run, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [sys.executable, "-m", "bitlens", "explore", str(run.path), "--port", str(port)]
    given = {**os.environ, "HOME": str(tmp_path), "BROWSER": "true"}
    with subprocess.Popen(arguments, env=given, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5)
                    assert answer.read() == b"ok"
                    return
                assert server.poll() is None
                time.sleep(0.1)
            pytest.fail("no answer within 20 seconds")
        finally:
            server.send_signal(signal.SIGINT)
