"""What the values of a run's input are: magnitudes, or category numbers such as token ids.

Integers are category numbers, because models look them up in tables, with one exception: integers of up to 16 bits with
three or more axes are pixels or sound. Only equality counts for category numbers: the distance of two samples is that
of their one-hot codes, the square root of twice the number of values in which they differ.
"""

from __future__ import annotations

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators import InterSampleDiversity, distance_codes, inter_sample_entropy
from bitlens.estimators.categories import category_codes, category_diversity, full_category_diversity
from bitlens.runs import Run, RunError
from bitlens.runs.layout import INPUT


def are_categories(inputs: NDArray) -> bool:
    """Whether inputs [sample, ...] of a model are category numbers."""
    return inputs.dtype.kind in "iu" and (inputs.dtype.itemsize > 2 or inputs.ndim < 3)


def has_categories(run: Run, layer: str) -> bool:
    """Whether the values of a layer are category numbers, which only those of the input can be."""
    return layer == INPUT and are_categories(run.inputs)


def require_magnitudes(run: Run, layer: str, what: str) -> None:
    """Raise RunError where something that needs the order of values is asked of category numbers."""
    if has_categories(run, layer):
        raise RunError(
            f"{run.path}: the {layer} is {run.inputs.dtype} of shape {run.inputs.shape}, category numbers such as "
            f"token ids, which have no order; {what} needs magnitudes"
        )


def diversity_of(run: Run, layer: str, values: NDArray, k: int) -> float:
    """The inter-sample entropy of samples of a layer, with the distance that suits its values."""
    return category_diversity(values, k) if has_categories(run, layer) else inter_sample_entropy(values, k)


def full_diversity_of(
    run: Run, layer: str, values: NDArray, k: int, *, seed: int, intervals: bool
) -> InterSampleDiversity:
    """The inter-sample entropy and what tells how to read it, with the distance that suits the layer's values."""
    if has_categories(run, layer):
        return full_category_diversity(values, k, seed=seed, intervals=intervals)
    return inter_sample_entropy(values, k, full_output=True, seed=seed, intervals=intervals)


def codes_of(run: Run, layer: str, maps: NDArray, bins: int) -> NDArray:
    """The distance codes of a layer's channels, with the distance that suits its values."""
    codes = category_codes(maps, bins) if has_categories(run, layer) else distance_codes(maps, bins)
    return np.asarray(codes)
