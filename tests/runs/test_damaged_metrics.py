"""Damaged lines of metrics and damaged selections cost themselves alone."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from bitlens.runs import Layer, Manifest, RunError, RunWriter, load_selection, open_run

MANIFEST = Manifest("Net", (Layer("input", "input", (3,)), Layer("a", "linear", (2,))), 4, (), "float32", "f" * 64)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    RunWriter(tmp_path / "run", MANIFEST, {"inputs": np.zeros((4, 3), np.float32)}).close()
    return tmp_path / "run"


LINES = {
    "invalid UTF-8": b'{"epoch": 1, "loss": "\xff\xfe"}',
    "NUL bytes": b"\0" * 4096,
    "half a character": '{"epoch": 1, "name \u00e9"'.encode()[:-2],
    "another encoding": '{"epoch": 1}'.encode("utf-16"),
    "truth as epoch": b'{"epoch": true, "loss": 1}',
    "float as epoch": b'{"epoch": 1.0, "loss": 1}',
    "negative epoch": b'{"epoch": -1, "loss": 1}',
    "huge epoch": b'{"epoch": 1' + b"0" * 30 + b"}",
    "endless epoch": b'{"epoch": ' + b"9" * 5000 + b"}",
    "no epoch": b'{"loss": 1}',
    "text as metric": b'{"epoch": 1, "loss": "1"}',
    "truth as metric": b'{"epoch": 1, "loss": true}',
    "nothing as metric": b'{"epoch": 1, "loss": null}',
    "list as metric": b'{"epoch": 1, "loss": [1]}',
    "integer beyond every float": b'{"epoch": 1, "loss": 1' + b"0" * 400 + b"}",
    "text": b'"epoch"',
    "number": b"1",
    "deep": b'{"epoch":' * 100_000,
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_damaged_line_of_metrics_costs_that_line_alone(store: Path, line: bytes) -> None:
    path = store / "metrics.jsonl"
    path.write_bytes(b'{"epoch": 0, "loss": 2}\n' + line + b'\n{"epoch": 2, "loss": NaN, "top": 1e999}\n')
    with pytest.warns(UserWarning, match=r"metrics\.jsonl is damaged at lines \[2\]; their metrics are left out"):
        metrics = open_run(store).metrics
    assert list(metrics) == [0, 2]
    assert metrics[0] == {"loss": 2.0}
    assert math.isnan(metrics[2]["loss"])
    assert metrics[2]["top"] == math.inf


def test_metrics_whose_last_line_has_no_end(store: Path) -> None:
    path = store / "metrics.jsonl"
    path.write_bytes(b'{"epoch": 0, "loss": 1}\n\n{"epoch": 0, "loss": 2}\n{"epoch": 3, "loss": 4}')
    expected = {0: {"loss": 2.0}, 3: {"loss": 4.0}}  # the last line of an epoch counts
    assert open_run(store).metrics == expected
    with RunWriter(store, MANIFEST, {}) as writer:
        writer.write_metrics(4, {"loss": 5.0})
        assert open_run(store).metrics == expected | {4: {"loss": 5.0}}
        with pytest.raises(ValueError, match="metrics: expected names other than 'epoch'"):
            writer.write_metrics(5, {"epoch": 1.0})


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"samples": [1.5]}', b'{"samples": [true]}', b'{"samples": 3}', b"[" * 10**5]
)
def test_selections(store: Path, content: bytes) -> None:
    path = store / "selections" / "0123456789ab.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(RunError, match=re.escape(str(path))):
        load_selection(open_run(store), "0123456789ab")
