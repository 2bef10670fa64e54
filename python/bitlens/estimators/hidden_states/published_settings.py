"""The settings with which the quantities of hidden states are computed in published work."""

from __future__ import annotations

import math
from typing import Any

from bitlens.estimators.matrix.kernels import Clamped, Linear

_PREPARED = Linear(center=True, unit=True)
_UNCLAMPED: dict[str, dict[str, Any]] = {
    "prompt-entropy": {"kernel": _PREPARED, "alpha": 1.0, "base": math.e},
    "pooling": {"how": "mean", "kernel": _PREPARED},
    "dataset-entropy": {"kernel": Linear(), "alpha": 1.0, "base": math.e},
    "dime": {"kernel": Linear(), "alpha": 1.0, "permutations": 10},
    "infonce": {"temperature": 0.1, "kernel": Linear()},
    "lidar": {"delta": 1e-4, "unbiased": False},
    "intrinsic-dimension": {"estimator": "linear", "keep": 0.9, "kernel": _PREPARED},
    "curvature": {"folded": True, "kernel": _PREPARED},
}
_SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "diff-erank": {"effective-rank": {"kernel": _PREPARED, "spectrum": "variance", "epsilon": 0.0}},
    "rankme": {"effective-rank": {"kernel": Linear(), "spectrum": "singular", "epsilon": 1e-7}},
    "skean2025": _UNCLAMPED
    | {
        "prompt-entropy": _UNCLAMPED["prompt-entropy"] | {"kernel": Clamped(center=True, unit=True)},
        "dataset-entropy": _UNCLAMPED["dataset-entropy"] | {"kernel": Clamped()},
    },
    "skean2025-unclamped": _UNCLAMPED,
}


def hidden_state_settings(name: str, quantity: str | None = None) -> dict[str, Any]:
    """Return the keyword arguments with which quantities of hidden states reproduce published numbers.

    ===================== ========================================================================================
    "diff-erank"          Wei et al. (2024): the effective rank of centred unit rows, from squared singular values.
    "rankme"              Garrido et al. (2023): the effective rank of rows as they are, from singular values, with
                          1e-7 added to each share.
    "skean2025"           The public code of Skean et al. (2025), in nats. It replaces negative elements of the Gram
                          matrix by 0 before an entropy, which changes the entropy; nothing else in bitlens does.
    "skean2025-unclamped" The same without this replacement.
    ===================== ========================================================================================

    The quantities of "skean2025", and the functions whose arguments they are: "prompt-entropy" and "dataset-entropy"
    (`hidden_state_entropy`), "pooling" (`pool_tokens`, for the vectors of "dataset-entropy", "dime" and "infonce"),
    "dime", "infonce" (`contrastive_bound`), "lidar", "intrinsic-dimension" and "curvature" (`trajectory_curvature`).
    The others have "effective-rank" (`effective_rank`).

    Parameters
    ----------
    name : {"diff-erank", "rankme", "skean2025", "skean2025-unclamped"}
        The work whose settings are returned.
    quantity : str, optional
        One of the quantities above. The default is the first one of the work: the prompt entropy or the effective rank.

    Returns
    -------
    dict
        Keyword arguments.

    Raises
    ------
    ValueError
        If name is unknown, or the work has no such quantity.

    Examples
    --------
    Two different tokens have centred rows that point in opposite directions: one dimension, 0 bits. The public code
    removes the negative elements and finds one bit, log 2 nats.

    >>> import numpy as np
    >>> import bitlens
    >>> tokens = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 5.0]])
    >>> round(bitlens.hidden_state_entropy(tokens), 12)
    0.0
    >>> round(bitlens.hidden_state_entropy(tokens, **bitlens.hidden_state_settings("skean2025") | {"base": 2}), 12)
    1.0
    """
    if name not in _SETTINGS:
        raise ValueError(f"name: expected one of {', '.join(_SETTINGS)}, got {name!r}")
    settings = _SETTINGS[name]
    chosen = next(iter(settings)) if quantity is None else quantity
    if chosen not in settings:
        raise ValueError(f"quantity: expected one of {', '.join(settings)} for {name!r}, got {quantity!r}")
    return dict(settings[chosen])
