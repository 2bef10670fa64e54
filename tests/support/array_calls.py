"""A call of every public estimator, whose arrays are converted to a library."""

from __future__ import annotations

import numpy as np

import bitlens

MAPS = np.random.default_rng(0).normal(size=(8, 3, 4))
LABELS = np.array([0, 1, 1, 0, 1, 0, 0, 1])
CODES = bitlens.distance_codes(MAPS)
ACCURACIES = np.array([[1, 1, 1, 0.5, 0], [1, 1, 0.5, 0, 0], [1, 1, 0.8, 0.5, 0]])
ORDERS = np.array([[1, 2, 3, 4, 5, 6, 7, 0], [2, 3, 4, 5, 6, 7, 0, 1]])
MASKS = np.random.default_rng(1).random((8, 3, 4)) > 0.5

# name of the function: call of it, whose arrays are converted to a kind
CALLS = {
    "adjusted_information": lambda kind: bitlens.adjusted_information(kind(LABELS * 0.5), kind(LABELS * 0.1), 1.0),
    "binned_information": lambda kind: bitlens.binned_information(kind(MAPS), kind(LABELS), 4),
    "channel_decomposition": lambda kind: bitlens.channel_decomposition(kind(MAPS), kind(MAPS))[:2],
    "channel_entropy": lambda kind: bitlens.channel_entropy(kind(MAPS), kind(LABELS)),
    "channel_mutual_information": lambda kind: bitlens.channel_mutual_information(kind(MAPS), kind(MAPS)),
    "concentration": lambda kind: bitlens.concentration(kind(MAPS[:, None]), kind(MASKS)),
    "contrastive_bound": lambda kind: bitlens.contrastive_bound(kind(MAPS), kind(MAPS + 1)),
    "dime": lambda kind: bitlens.dime(kind(MAPS), kind(MAPS + 1), permutations=kind(ORDERS)),
    "distance_codes": lambda kind: bitlens.distance_codes(kind(MAPS)),
    "effective_rank of a cloud": lambda kind: bitlens.effective_rank(kind(MAPS[:, :, 0])),
    "effective_rank": lambda kind: bitlens.effective_rank(kind(MAPS), kind(MASKS[:, :, 0] | (MAPS[:, :, 0] > -2))),
    "excess_interval": lambda kind: bitlens.excess_interval(kind(LABELS * 0.5), kind(LABELS * 0.1)),
    "generalization_bounds": lambda kind: (
        bitlens.generalization_bounds(None, 8, sample_information=kind(np.arange(8.0)))[0].value
    ),
    "hidden_state_entropy of a cloud": lambda kind: bitlens.hidden_state_entropy(kind(MAPS[:, :, 0])),
    "hidden_state_entropy of layers": lambda kind: bitlens.hidden_state_entropy([kind(MAPS), kind(MAPS + 1)]),
    "hidden_state_entropy": lambda kind: bitlens.hidden_state_entropy(kind(MAPS), kind(LABELS[:3] < 2)),
    "hidden_state_settings": lambda kind: bitlens.effective_rank(kind(MAPS), **bitlens.hidden_state_settings("rankme")),
    "inter_sample_entropy": lambda kind: bitlens.inter_sample_entropy(kind(MAPS), 3),
    "intrinsic_dimension": lambda kind: bitlens.intrinsic_dimension(kind(MAPS)),
    "intra_sample_entropy": lambda kind: bitlens.intra_sample_entropy(kind(MAPS), value_range=kind(np.array([-9, 9]))),
    "jackknife": lambda kind: bitlens.jackknife(lambda x: x[:3] * 2, kind(np.arange(70.0)))[:2],
    "joint_histogram": lambda kind: bitlens.joint_histogram(kind(MAPS), kind(MAPS)),
    "label_entropies": lambda kind: bitlens.label_entropies(kind(np.arange(9.0).reshape(3, 3))),
    "lidar": lambda kind: bitlens.lidar(kind(MAPS)),
    "multivariate_information": lambda kind: bitlens.multivariate_information(
        kind(LABELS), kind(MAPS), bandwidth=kind(np.array([1.0, 2, 3]))
    ),
    "multivariate_information of units": lambda kind: bitlens.multivariate_information(kind(LABELS), kind(MAPS)),
    "nearest_neighbors": lambda kind: bitlens.nearest_neighbors(kind(MAPS), 3),
    "neighbor_probabilities": lambda kind: bitlens.neighbor_probabilities(kind(MAPS), 3),
    "neuron_information": lambda kind: bitlens.neuron_information(kind(MAPS), kind(LABELS))[:-1],
    "neuron_roles": lambda kind: bitlens.neuron_roles(kind(np.arange(5)), *map(kind, ACCURACIES[:2]), kind(ACCURACIES))[
        :6
    ],
    "pairwise_distance_information": lambda kind: sum(
        bitlens.pairwise_distance_information(kind(MAPS), kind(LABELS)), ()
    ),
    "permutation_test": lambda kind: (
        bitlens.permutation_test(bitlens.channel_mutual_information, kind(MAPS), kind(MAPS)).null_mean
    ),
    "pool_tokens of a prompt": lambda kind: bitlens.pool_tokens(kind(MAPS[:, :, 0])),
    "pool_tokens": lambda kind: bitlens.pool_tokens(kind(MAPS), kind(LABELS[:3] < 2)),
    "published_settings": lambda kind: bitlens.multivariate_information(
        kind(MAPS), kind(MAPS), **bitlens.published_settings("tensor-kernel", kind(LABELS))
    ),
    "q_values": lambda kind: bitlens.q_values(kind(np.array([0.1, 0.02, 1.0]))),
    "renyi_entropy": lambda kind: bitlens.renyi_entropy(kind(MAPS)),
    "renyi_entropy of labels": lambda kind: bitlens.renyi_entropy(kind(LABELS)),
    "renyi_joint_entropy": lambda kind: bitlens.renyi_joint_entropy([kind(MAPS), kind(LABELS)]),
    "renyi_mutual_information": lambda kind: bitlens.renyi_mutual_information(kind(MAPS), kind(LABELS)),
    "renyi_entropy of a linear kernel": lambda kind: bitlens.renyi_entropy(kind(MAPS), kernel=bitlens.Linear()),
    "shannon_invariants": lambda kind: bitlens.shannon_invariants(kind(LABELS), kind(MAPS)),
    "trajectory_curvature of a prompt": lambda kind: bitlens.trajectory_curvature(kind(MAPS[:, :, 0])),
    "trajectory_curvature": lambda kind: bitlens.trajectory_curvature(kind(MAPS), kind(LABELS[:3] < 2)),
}
