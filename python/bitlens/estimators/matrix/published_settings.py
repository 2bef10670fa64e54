"""The settings of others, to reproduce their numbers."""

from __future__ import annotations

from typing import Any

from bitlens.arrays import Array
from bitlens.estimators.matrix.bandwidths import Alignment, Dimension, Silverman

PRESETS = ("paper", "repitl", "tensor-kernel")
"""Names that `preset` knows."""
PAPER_ERRORS = Silverman(0.1)
"""The bandwidth of Yu et al. (2018) for the chain of errors."""


def preset(name: str, labels: Array | None = None) -> dict[str, Any]:
    """Keyword arguments with which `multivariate_information` and measures over a run give the numbers of others.

    ================ =============================================================================================
    "paper"          Yu et al. (2018), section III: Silverman's rule with h = 5, the plain product of the channels'
                     kernels, alpha 1.01. It saturates: all layers tend to the entropy of the input. For the chain of
                     errors the paper has h = 0.1: ``processing_inequalities(bandwidth_errors=Silverman(0.1))``.
    "repitl"         The library representation-itl: sigma sqrt(d / 2), the plain product; its numbers are nats.
    "tensor-kernel"  Wickstrom et al. (2023): one kernel of all values of a layer, aligned to the labels' by each batch
                     for itself, that of the input exp(-d^2 / 8^2), alpha 1. Their running mean of sigma over
                     iterations is left out.
    ================ =============================================================================================

    Parameters
    ----------
    name : {"paper", "repitl", "tensor-kernel"}
        Whose settings.
    labels : integer array of shape (n,), optional
        For "tensor-kernel"; measures over a run take the run's.

    Returns
    -------
    dict
        Keyword arguments.

    Raises
    ------
    ValueError
        If there is no such preset.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(50, 2, 4))
    >>> labels = (x[:, 0, 0] > 0).astype(int)
    >>> result = bitlens.multivariate_information(x, np.tanh(x), **bitlens.preset("tensor-kernel", labels))
    >>> result.information < result.entropy_x
    True
    """
    if name == "paper":
        return {"alpha": 1.01, "bandwidth": Silverman(5.0), "bandwidth_x": Silverman(5.0), "saturating": True}
    if name == "repitl":
        return {"alpha": 1.01, "bandwidth": Dimension(), "bandwidth_x": Dimension(), "saturating": True}
    if name == "tensor-kernel":
        rule = Alignment(labels, smallest=0.1)
        return {"alpha": 1.0, "bandwidth": rule, "bandwidth_x": 8 / 2**0.5, "tensor": True}
    raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
