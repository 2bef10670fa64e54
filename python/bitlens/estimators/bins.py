"""The edges of equal bins, from the compiled module, so that every estimator puts a value into the same bin."""

from __future__ import annotations

import numpy as np

from bitlens import _core
from bitlens.arrays import NDArray


def bin_edges(ranges: NDArray, bins: int) -> NDArray:
    """Compute the lower end of each bin but the first, float64 [channels, bins - 1], from ranges [channels, 2].

    They are the edges of `numpy.linspace`, as in `numpy.histogram`. Those of a constant channel are infinite.
    """
    edges = np.empty((len(ranges), bins - 1))
    _core.bin_edges(np.ascontiguousarray(ranges, np.float64), edges)
    return edges
