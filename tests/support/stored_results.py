"""Results to store, and a store that is in no run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bitlens.runs import ResultKey, ResultStore, StoredArray, StoredResult, StoredSeries

KEY = ResultKey("channel_entropies", 1, {"layer": "conv1", "bins": 32})
SOURCE = "epoch:" + "a" * 32


def new_store(folder: Path, sources: dict[tuple[str, int], str] | None = None) -> ResultStore:
    """A store whose source files are those of a dictionary by kind and epoch; absent where there is none."""
    return ResultStore(folder, lambda kind, epoch: (sources or {}).get((kind, epoch)))


def small_result(value: float = 0.0, channels: int = 4) -> StoredResult:
    """Entropies by channel, a number, truth values and names."""
    bits = {"long_name": "entropy", "units": "bits"}
    return StoredResult(
        {
            "entropy": StoredArray(("channel",), np.full(channels, value), bits),
            "lowest": StoredArray((), np.float32(value), {}),
            "dead": StoredArray(("channel",), np.arange(channels) % 2 == 0, {}),
            "kind": StoredArray(("channel",), np.array(["edge", "blob"] * (channels // 2)), {}),
        },
        {"channel": StoredArray(("channel",), np.arange(channels), {"long_name": "channel"})},
    )


def equal(stored: StoredArray, given: StoredArray, epoch: int | None = None) -> bool:
    """Whether an array came back as it was given: at one place of its epochs, or without epochs."""
    values = stored.values if epoch is None else stored.values[epoch]
    dims = stored.dims if epoch is None else stored.dims[1:]
    expected = np.asarray(given.values)
    texts = expected.dtype.kind in "OUT"
    same_type = values.dtype.kind == "U" if texts else values.dtype == expected.dtype.newbyteorder("=")
    same = np.array_equal(values, expected.astype(str) if texts else expected, equal_nan=expected.dtype.kind == "f")
    return bool(
        same and same_type and dims == given.dims and values.shape == expected.shape
        and dict(stored.attributes) == dict(given.attributes)
    )  # fmt: skip


def the_series(found: list[StoredSeries]) -> StoredSeries:
    """The only one."""
    (series,) = found
    return series
