"""The case of intra-sample entropy of many maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bitlens
from bench import checks, data
from bench.data import NDArray
from bench.peers import values as peers
from bench.timing import OURS, Case, Contestant, HardwareBound
from bitlens import reference

_EXACT = 1e-12
_SINGLE = 2e-2  # rounding in float32 moves a few of the 784 values of a map into the neighbouring bin


def histogram_case(n: int, channels: int, side: int) -> Case:
    """Return the case of one entropy per map, with bins over the range of the whole array."""

    def contestants() -> dict[str, Contestant]:
        maps = data.feature_maps(n, channels, side, 1)
        flat = maps.reshape(n, channels, -1)
        low, high = float(maps.min()), float(maps.max())

        def check(tolerance: float) -> Callable[[NDArray], str]:
            def check(found: NDArray) -> str:
                rows = checks.sampled_rows(len(found), 5)
                return checks.close(
                    found[rows], reference.intra_sample_entropy(flat[rows], value_range=(low, high)), tolerance
                )

            return check

        def loop(label: str, function: Callable[..., Any], samples: int, tolerance: float) -> Contestant:
            return Contestant(
                label,
                lambda: function(flat[:samples], low, high),
                check(tolerance),
                lambda: function(flat[:1], low, high),
                scale=n / samples,
                note=f"maps of {samples} of {n} samples; the range given",
            )

        ours, blocks = bitlens.intra_sample_entropy, peers.bincount_blocks
        return {
            OURS: Contestant("bitlens", lambda: ours(maps), check(_EXACT), lambda: ours(maps[:1])),
            "bincount": Contestant(
                "np.bincount in blocks", lambda: blocks(flat), check(_SINGLE), lambda: blocks(flat[:1])
            ),
            "histogram": loop("np.histogram", peers.histogram_loop, 20, _EXACT),
            "histc": loop("torch.histc", peers.histc_loop, 100, _SINGLE),
        }

    size = n * channels * side**2 * 4 / 1e9
    title = f"`intra_sample_entropy`, {n} samples, {channels} channels of {side} x {side}"
    sizes = {"n": n, "channels": channels, "side": side}
    return Case(
        title, sizes, contestants, HardwareBound("one read of the array at the rate of copying", gigabytes=size)
    )


CASES = {"values": histogram_case(1000, 64, 28)}
