"""bitlens measures, in bits, what each layer and channel of a neural network carries while it trains.

The rooms of the package, in the order in which a number comes about; each imports only from those before it:

1. ``arrays``       NumPy and PyTorch arrays in, checked
2. ``_core``        compiled kernels (csrc/), borrowing arrays through DLPack
3. ``estimators``   one public function for each published quantity; needs NumPy alone
4. ``runs``         a recorded training on disk: writer, reader, slices
5. ``network``      the recorder, receptive fields, deconvolution; needs PyTorch
6. ``measures``     what a whole run says, as labelled tables
7. ``cli``          the command line; ``bitlens_explorer`` (apps/) draws a run

``reference`` holds the same estimators in short NumPy, to be read against the papers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bitlens.estimators import (
    PermutationResult,
    channel_entropy,
    channel_mutual_information,
    distance_codes,
    inter_sample_entropy,
    intra_sample_entropy,
    joint_histogram,
    label_entropies,
    nearest_neighbors,
    neighbor_probabilities,
    permutation_test,
)
from bitlens.machine import build_info, get_num_threads, set_num_threads

__all__ = [
    "PermutationResult",
    "build_info",
    "channel_entropy",
    "channel_mutual_information",
    "distance_codes",
    "get_num_threads",
    "inter_sample_entropy",
    "intra_sample_entropy",
    "joint_histogram",
    "label_entropies",
    "nearest_neighbors",
    "neighbor_probabilities",
    "permutation_test",
    "set_num_threads",
]
