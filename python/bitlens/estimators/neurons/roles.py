"""What ordered ablation says of a layer's neurons: how many it needs, has twice, uses together, or not at all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import Array, NDArray, as_real_array


class NeuronRoles(NamedTuple):
    """How many neurons do what, by their rank in a score; the four counts add up to all."""

    needed: int
    """Suffice and cannot be spared."""
    redundant: int
    """Can do something, but nothing that the best do not do."""
    synergistic: int
    """Can do nothing without the best, which cannot do without them."""
    inactive: int
    """Can do nothing, and are not missed."""
    sufficient: int
    """So many with the highest scores do as well as all."""
    decisive: int
    """Without so many with the highest scores, the rest does no better than none."""
    apart_ascending: int | None
    """After how many removals the lowest-first curve first leaves the range of the random ones; None: never."""
    apart_descending: int | None
    """The same of the highest-first curve."""


def neuron_roles(
    removed: Array, ascending: Array, descending: Array, random: Array, tolerance: float = 0.05
) -> NeuronRoles:
    """Count needed, redundant, synergistic and inactive neurons by the curves of cumulative ablation.

    As the slides read theirs (Geiger 2020, after Liu, Amjad and Geiger 2018), made a rule. With accuracies from that of
    the network with all neurons removed (0 %) to the whole network's (100 %): `sufficient` is how many are left of the
    lowest-first removals as long as accuracy stays at 100 % - tolerance or above; `decisive` how many highest-first
    removals it takes until it stays at tolerance or below. By their rank from the highest score on, neurons up to both
    are needed; beyond `sufficient` but not `decisive`, redundant; beyond `decisive` but not `sufficient`, synergistic;
    beyond both, inactive.

    Parameters
    ----------
    removed : integer array of shape (steps,)
        How many neurons are off, from 0 to all.
    ascending, descending : arrays of shape (steps,)
        Accuracy with the lowest or the highest scores removed first.
    random : array of shape (repeats, steps)
        Accuracy in random orders.
    tolerance : float
        Share of the accuracy that counts as nothing, between 0 and 0.5.

    Returns
    -------
    NeuronRoles
        Counts; in steps of what was removed at once.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not fit each other, or the whole network is no better than without its neurons.

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
    low_first, high_first, chance = (
        as_real_array(x, name)[0].astype(np.float64)
        for x, name in ((ascending, "ascending"), (descending, "descending"), (random, "random"))
    )
    for array, name in ((low_first, "ascending"), (high_first, "descending")):
        if array.shape != counts.shape:
            raise ValueError(f"{name}: expected shape {counts.shape} to match removed, got {array.shape}")
    if chance.ndim != 2 or chance.shape[1:] != counts.shape:
        raise ValueError(f"random: expected shape (repeats, {len(counts)}), got {chance.shape}")
    if not 0 < tolerance < 0.5:
        raise ValueError(f"tolerance: expected a number between 0 and 0.5, got {tolerance}")
    whole, nothing = low_first[0], low_first[-1]
    if not whole > nothing:
        raise ValueError(f"ascending: the network is right in {whole:.3f} with its neurons, {nothing:.3f} without any")
    margin = tolerance * (whole - nothing)
    if high_first[-1] > nothing + margin:
        raise ValueError(f"descending: with all neurons off {high_first[-1]:.3f}, but ascending {nothing:.3f}")
    lost = low_first < whole - margin
    sufficient = int(counts[-1] - counts[int(lost.argmax()) - 1])
    able = high_first > nothing + margin
    decisive = int(counts[len(able) - int(able[::-1].argmax())])
    needed, most = min(sufficient, decisive), max(sufficient, decisive)
    return NeuronRoles(
        needed, decisive - needed, sufficient - needed, int(counts[-1]) - most, sufficient, decisive,
        _first(counts, low_first, chance), _first(counts, high_first, chance),
    )  # fmt: skip


def _first(removed: NDArray, curve: NDArray, random: NDArray) -> int | None:
    apart: Any = (curve < random.min(axis=0)) | (curve > random.max(axis=0))
    return int(removed[apart.argmax()]) if apart.any() else None
