"""The table of the metrics that a training recorded."""

from __future__ import annotations

import math

from bitlens import tables


def test_metrics_by_name_and_epoch() -> None:
    table = tables.recorded_metrics({0: {"loss": 2.5}, 3: {"rate": 0.1, "loss": math.nan}})
    assert table["epoch"].tolist() == [0, 3, 3]
    assert table["metric"].tolist() == ["loss", "loss", "rate"]
    assert table["value"].tolist()[0::2] == [2.5, 0.1]
    assert math.isnan(table["value"][1])


def test_no_metrics() -> None:
    assert tables.recorded_metrics({}).columns.tolist() == ["epoch", "metric", "value"]
