"""The settings of published work, with which its numbers can be reproduced."""

from __future__ import annotations

from typing import Any

from bitlens.arrays import Array
from bitlens.estimators.matrix.bandwidths import Alignment, Dimension, Silverman

PUBLISHED_SETTINGS = ("paper", "repitl", "tensor-kernel")
"""The names that `published_settings` accepts."""
PAPER_ERRORS = Silverman(0.1)
"""The bandwidth of Yu et al. (2018) for the chain of errors."""


def published_settings(name: str, labels: Array | None = None) -> dict[str, Any]:
    """Return the keyword arguments with which `multivariate_information` reproduces published numbers.

    Measures of matrix-based information over a run accept them as well.

    ================ =============================================================================================
    "paper"          Yu et al. (2018), section III: Silverman's rule with h = 5, the plain product of the channels'
                     kernels, alpha 1.01. It saturates: all layers tend to the entropy of the input. For the chain of
                     errors the paper has h = 0.1: ``processing_inequalities(bandwidth_errors=Silverman(0.1))``.
    "repitl"         The library representation-itl: sigma sqrt(d / 2), the plain product. Its numbers are in nats.
    "tensor-kernel"  Wickstrom et al. (2023): one kernel for all values of a layer, whose sigma is aligned to the labels
                     in each batch; the input's kernel is exp(-d^2 / 8^2), and alpha is 1. The paper's running mean of
                     sigma over iterations is left out.
    ================ =============================================================================================

    Parameters
    ----------
    name : {"paper", "repitl", "tensor-kernel"}
        The work whose settings are returned.
    labels : integer array of shape (n,), optional
        The labels of the samples, for "tensor-kernel". Measures over a run use the labels of the run.

    Returns
    -------
    dict
        Keyword arguments.

    Raises
    ------
    ValueError
        If name is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(50, 2, 4))
    >>> labels = (x[:, 0, 0] > 0).astype(int)
    >>> settings = bitlens.published_settings("tensor-kernel", labels)
    >>> result = bitlens.multivariate_information(x, np.tanh(x), **settings)
    >>> result.information < result.entropy_x
    True
    """
    if name == "paper":
        return {"alpha": 1.01, "bandwidth": Silverman(5.0), "bandwidth_x": Silverman(5.0), "scale_bandwidth": False}
    if name == "repitl":
        return {"alpha": 1.01, "bandwidth": Dimension(), "bandwidth_x": Dimension(), "scale_bandwidth": False}
    if name == "tensor-kernel":
        rule = Alignment(labels, smallest=0.1)
        return {"alpha": 1.0, "bandwidth": rule, "bandwidth_x": 8 / 2**0.5, "tensor": True}
    raise ValueError(f"name: expected one of {', '.join(PUBLISHED_SETTINGS)}, got {name!r}")
