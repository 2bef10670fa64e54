"""The warning that a gradient ends in an estimator, and the name of the function through which it would flow."""

from __future__ import annotations

import sys
from typing import Any

from bitlens.arrays.caller import public_function, warn_caller

DIFFERENTIABLE = (
    "multivariate_information",
    "renyi_entropy",
    "renyi_joint_entropy",
    "renyi_mutual_information",
)
"""The estimators that `bitlens.differentiable` has as well."""


class GradientWarning(UserWarning):
    """A tensor requires a gradient, but the result of the estimator has none.

    It is issued when gradients are recorded, so that it does not come within ``torch.no_grad()``.
    """


def warn_of_lost_gradient(tensor: Any, name: str) -> None:
    """Warn if a tensor is about to be detached although its gradient is recorded; `name` is that of the argument."""
    if not tensor.requires_grad or not sys.modules["torch"].is_grad_enabled():
        return
    function = public_function()
    if function in DIFFERENTIABLE:
        remedy = f"use bitlens.differentiable.{function} to train with it"
    else:
        remedy = f"{function} has no differentiable form"
    warn_caller(
        f"{name}: expected a tensor without a gradient, got one that requires it, and the result has none; {remedy}, "
        f"or pass {name}.detach()",
        GradientWarning,
    )
