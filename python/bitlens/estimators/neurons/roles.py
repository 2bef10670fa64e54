"""Roles of neurons, read from ablation curves: needed, redundant, synergistic or inactive."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import Array, NDArray, as_real_array, check_number, in_callers_library


class NeuronRoles(NamedTuple):
    """The number of neurons in each role, by their rank in a score; the first four numbers sum to all neurons."""

    needed: int
    """Neurons that suffice together, and without any of which accuracy falls."""
    redundant: int
    """Neurons that can classify without the neurons of higher scores, but add nothing to them."""
    synergistic: int
    """Neurons that cannot classify without those of higher scores, and that these need."""
    inactive: int
    """Neurons that cannot classify, and whose removal does not lower accuracy."""
    sufficient: int
    """The smallest number of neurons with the highest scores that is as accurate as all neurons."""
    decisive: int
    """The smallest number of neurons with the highest scores without which the others are not better than none."""
    apart_ascending: int | None
    """The number of removals after which the lowest-first curve first leaves the range of the random curves."""
    apart_descending: int | None
    """The number of removals after which the highest-first curve first leaves that range; None if it never does."""


@in_callers_library
def neuron_roles(
    removed: Array, ascending: Array, descending: Array, random: Array, tolerance: float = 0.05
) -> NeuronRoles:
    """Count needed, redundant, synergistic and inactive neurons by the curves of cumulative ablation.

    This makes a rule of how Geiger's slides (2020, after Liu, Amjad and Geiger 2018) read such curves. Accuracy is
    expressed as a share, from 0 % for the network without any of the neurons to 100 % for the whole network.
    `sufficient` is the number of neurons left when the lowest scores are removed first, as long as the accuracy stays
    at 100 % - tolerance or above. `decisive` is the number of removals, highest scores first, after which the accuracy
    stays at tolerance or below. Neurons are ranked from the highest score on: those up to both numbers are needed,
    those beyond `sufficient` but not beyond `decisive` redundant, those beyond `decisive` but not beyond `sufficient`
    synergistic, and those beyond both inactive.

    Parameters
    ----------
    removed : integer array of shape (steps,)
        Number of neurons that are turned off at each step, ascending from 0 to all.
    ascending, descending : arrays of shape (steps,)
        Accuracy when neurons with the lowest or with the highest scores are removed first.
    random : array of shape (repeats, steps)
        Accuracy when neurons are removed in random orders.
    tolerance : float
        Share of the accuracy that is considered negligible, between 0 and 0.5.

    Returns
    -------
    NeuronRoles
        Numbers of neurons, with the resolution of the steps in `removed`.

    Raises
    ------
    TypeError, ValueError
        If the shapes of the arrays do not match, tolerance is out of range, or the whole network is not more accurate
        than without its neurons.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> lowest_first, highest_first = np.array([1, 1, 1, 0.5, 0]), np.array([1, 1, 0.5, 0, 0])
    >>> bitlens.neuron_roles(np.arange(5), lowest_first, highest_first, np.array([[1, 1, 0.8, 0.5, 0]]))[:4]
    (2, 1, 0, 1)
    """
    counts = as_real_array(removed, "removed")[0].astype(np.int64)
    if counts.ndim != 1 or len(counts) < 2 or counts[0] != 0 or (np.diff(counts) <= 0).any():
        raise ValueError(f"removed: expected ascending counts from 0 on, got {counts.tolist()}")
    lowest_first, highest_first, random_orders = (
        as_real_array(x, name)[0].astype(np.float64)
        for x, name in ((ascending, "ascending"), (descending, "descending"), (random, "random"))
    )
    for array, name in ((lowest_first, "ascending"), (highest_first, "descending")):
        if array.shape != counts.shape:
            raise ValueError(f"{name}: expected shape {counts.shape} to match removed, got {array.shape}")
    if random_orders.ndim != 2 or random_orders.shape[1:] != counts.shape:
        raise ValueError(f"random: expected shape (repeats, {len(counts)}), got {random_orders.shape}")
    if not 0 < check_number(tolerance, "tolerance") < 0.5:
        raise ValueError(f"tolerance: expected a number between 0 and 0.5, got {tolerance}")
    whole, nothing = lowest_first[0], lowest_first[-1]
    if not whole > nothing:
        raise ValueError(
            f"ascending: expected a higher accuracy with all neurons than without any, got {whole:.3f} and "
            f"{nothing:.3f}"
        )
    margin = float(tolerance) * (whole - nothing)
    if highest_first[-1] > nothing + margin:
        raise ValueError(
            f"descending: expected the accuracy of ascending with all neurons off, {nothing:.3f}, got "
            f"{highest_first[-1]:.3f}"
        )
    below_whole = lowest_first < whole - margin
    sufficient = int(counts[-1] - counts[int(below_whole.argmax()) - 1])
    above_nothing = highest_first > nothing + margin
    decisive = int(counts[len(above_nothing) - int(above_nothing[::-1].argmax())])
    needed = min(sufficient, decisive)
    return NeuronRoles(
        needed=needed,
        redundant=decisive - needed,
        synergistic=sufficient - needed,
        inactive=int(counts[-1]) - max(sufficient, decisive),
        sufficient=sufficient,
        decisive=decisive,
        apart_ascending=_first_outside(counts, lowest_first, random_orders),
        apart_descending=_first_outside(counts, highest_first, random_orders),
    )


def _first_outside(removed: NDArray, curve: NDArray, random_orders: NDArray) -> int | None:
    """The number of removals at which a curve first leaves the range of the random curves; None if it never does."""
    outside: Any = (curve < random_orders.min(axis=0)) | (curve > random_orders.max(axis=0))
    return int(removed[outside.argmax()]) if outside.any() else None
