"""Measures of all layers at once: a layer that contains NaN or infinity does not prevent those of the other layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from bitlens.arrays import NDArray
from bitlens.runs import Run

T = TypeVar("T")


def of_finite_layers(
    run: Run, epoch: int, layers: Sequence[str], what: str, compute: Callable[[str, NDArray], T], missing: T
) -> list[T]:
    """Compute a value of each layer from its activations; `missing`, with a warning, where they are not finite."""
    values, left_out = [], []
    for name in layers:
        activations = run.activations(name, epoch)
        finite = bool(np.isfinite([activations.min(), activations.max()]).all())
        values.append(compute(name, activations) if finite else missing)
        if not finite:
            left_out.append(name)
    if layers and len(left_out) == len(layers):
        raise ValueError(f"the activations of {_listed(left_out)} contain NaN or infinity; every value must be finite")
    if left_out:
        warnings.warn(
            f"left out {what} of {_listed(left_out)}, epoch {epoch}: the activations contain NaN or infinity",
            stacklevel=4,
        )
    return values


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]}, ... ({len(names)} layers)"
