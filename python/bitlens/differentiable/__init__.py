"""Matrix-based information that a network can be trained with: tensors in, tensors with first derivatives out.

The functions have the names, arguments, units and values of those in `bitlens`. They return tensors of no dimension on
the device of their arguments, and are the only part of bitlens through which gradients flow.
"""

from bitlens.differentiable.information import multivariate_information, renyi_mutual_information, total_correlation
from bitlens.differentiable.renyi import renyi_entropy, renyi_joint_entropy

__all__ = [
    "multivariate_information",
    "renyi_entropy",
    "renyi_joint_entropy",
    "renyi_mutual_information",
    "total_correlation",
]
