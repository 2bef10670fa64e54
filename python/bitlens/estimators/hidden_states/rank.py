"""The effective rank of hidden states: 2 to the entropy of their spectrum, by the conventions that are in use."""

from __future__ import annotations

import math
from typing import Any, Literal, overload

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    Foreign,
    NDArray,
    array_namespace,
    check_number,
    in_callers_library,
)
from bitlens.estimators.hidden_states.clouds import AnyStates, ForeignStates, States, as_clouds
from bitlens.estimators.matrix.kernels import Clamped, Cosine, Linear, as_linear_kernel
from bitlens.estimators.matrix.linear_kernel import kernel_rows, linear_entropies, warn_of_undefined
from bitlens.estimators.matrix.spectra import share_of_rounding


@overload
def effective_rank(
    states: States,
    mask: Array | None = ...,
    *,
    kernel: Linear | Cosine = ...,
    spectrum: Literal["variance", "singular"] = ...,
    epsilon: float = ...,
    skip_first: int = ...,
) -> float | NDArray: ...
@overload
def effective_rank(
    states: ForeignStates[Foreign],
    mask: Array | None = ...,
    *,
    kernel: Linear | Cosine = ...,
    spectrum: Literal["variance", "singular"] = ...,
    epsilon: float = ...,
    skip_first: int = ...,
) -> float | Foreign: ...
@in_callers_library
def effective_rank(
    states: AnyStates,
    mask: Array | None = None,
    *,
    kernel: Linear | Cosine = Linear(center=True, unit=True),  # noqa: B008
    spectrum: Literal["variance", "singular"] = "variance",
    epsilon: float = 0.0,
    skip_first: int = 0,
) -> Any:
    """Compute the effective rank of hidden states: 2 to the entropy in bits of their normalised spectrum.

    The spectrum consists of the squared singular values of the rows ("variance"), so that the rank is 2 to
    `hidden_state_entropy`, as in Diff-eRank (Wei et al. 2024, arXiv 2401.17139); or of the singular values themselves
    ("singular"), as in the effective rank of Roy and Vetterli (2007) and in RankMe (Garrido et al. 2023,
    arXiv 2210.02885). The two are different numbers. `published_settings` has the settings of each.

    Parameters
    ----------
    states, mask, skip_first
        As in `hidden_state_entropy`.
    kernel : Linear or Cosine
        How the rows are prepared.
    spectrum : {"variance", "singular"}
        Squared singular values, or singular values.
    epsilon : float
        A number that is added to each normalised value of the spectrum, as in RankMe; also to those that are 0.

    Returns
    -------
    float or float64 array
        One rank for each cloud, from 1 to min(n, D); NaN for a cloud without spread.

    Raises
    ------
    TypeError, ValueError
        As in `hidden_state_entropy`, or if epsilon is below 0.

    Warns
    -----
    UndefinedWarning
        If any value is NaN; it counts them.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> round(bitlens.effective_rank(np.eye(6)[[0, 1, 2, 0, 1, 2]], kernel=bitlens.Linear(), spectrum="singular"), 12)
    3.0
    """
    chosen = as_linear_kernel(kernel)
    if spectrum not in ("variance", "singular"):
        raise ValueError(f"spectrum: expected 'variance' or 'singular', got {spectrum!r}")
    if isinstance(chosen, Clamped):
        raise ValueError(f"kernel: expected Linear() or Cosine(), got {kernel!r}, which has no rows")
    added = check_number(epsilon, "epsilon")
    if not 0 <= added < math.inf:
        raise ValueError(f"epsilon: expected a finite number from 0 on, got {epsilon}")
    clouds = as_clouds(states, mask, skip_first=skip_first)
    context = clouds.context

    def ranks(x: Any, valid: Any) -> Any:
        if spectrum == "variance" and not added:
            return 2 ** linear_entropies(x, valid, chosen, 1.0, context)
        result = context.empty((len(x),), "float64")
        for i in range(len(x)):
            rows, collapsed = kernel_rows(x[i : i + 1], None if valid is None else valid[i : i + 1], chosen, context)
            count = rows.shape[1] if valid is None else int(valid[i].sum())
            result[i] = math.nan if bool(collapsed[0]) else _rank(rows[0], count, spectrum, added, context)
        return result

    result = clouds.each(ranks)
    warn_of_undefined(result, "states", "clouds with spread")
    return clouds.numbers(result)


def _rank(rows: Any, count: int, spectrum: str, epsilon: float, context: ArrayContext) -> float:
    """The effective rank of prepared rows [n, D], of which `count` count and the others are 0."""
    xp = array_namespace(rows)
    values = xp.linalg.svd(rows, compute_uv=False) if isinstance(rows, np.ndarray) else xp.linalg.svdvals(rows)
    values = values[: min(count, rows.shape[1])]  # in descending order; the others are those of rows that are 0
    values = values * (values > share_of_rounding(len(values)) * values[0])
    if spectrum == "variance":
        values = values**2
    shares = values / values.sum() + epsilon
    logs = xp.log2(shares + (shares <= 0))
    return 2 ** float(-(shares * logs).sum())
