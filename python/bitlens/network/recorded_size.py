"""The size of one recorded epoch, and how to make it smaller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bitlens.network.activations import stored_shapes
from bitlens.runs import Layer

_MANY_LAYERS = 10
"""With more layers than this, a smaller choice of layers is worth a hint."""


def epoch_bytes(layers: Sequence[Layer], samples: int, dtype: str, gradients: bool) -> int:
    """Size of the activations of one epoch on disk, without the file header."""
    values = sum(int(np.prod(shape)) for shape in stored_shapes(layers, samples, gradients).values())
    return values * np.dtype(dtype).itemsize


def size_lines(layers: Sequence[Layer], samples: int, dtype: str, gradients: bool, every: int) -> list[str]:
    """The size of one epoch with the share of the largest layer, and a second line if it can be made smaller."""
    sizes = {name: int(np.prod(shape)) for name, shape in stored_shapes(layers, samples, False).items()}
    size = f"{_readable(epoch_bytes(layers, samples, dtype, gradients))} per epoch"
    if len(sizes) > 1:
        largest = max(sizes, key=lambda name: sizes[name])
        share = 100 * sizes[largest] / sum(sizes.values())
        size += f", {share:.0f} % of it for {largest!r}, the largest of {len(sizes)} layers"
    hints = []
    if dtype == "float32":
        hints.append('dtype="float16" halves it')
    if len(sizes) > _MANY_LAYERS:
        hints.append("layers=[...] records fewer layers")
    if every == 1:
        hints.append("every=10 keeps one epoch in ten")
    return [size, f"to store less: {'; '.join(hints)}"] if hints else [size]


def _readable(size: int) -> str:
    unit, divisor = next((pair for pair in (("GiB", 2**30), ("MiB", 2**20)) if size >= pair[1]), ("KiB", 2**10))
    return f"{size / divisor:.1f} {unit}"
