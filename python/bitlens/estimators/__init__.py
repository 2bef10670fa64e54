"""One public function for each published quantity: arrays in, bits out."""

from bitlens.estimators.matrix.bandwidths import Alignment, Dimension, Median, NearestNeighbors, Silverman
from bitlens.estimators.concentration import concentration
from bitlens.estimators.matrix.decomposition import ChannelDecomposition, channel_decomposition
from bitlens.estimators.channels.mutual_information import channel_mutual_information, distance_codes, joint_histogram
from bitlens.estimators.neurons.generalization import GeneralizationBound, generalization_bounds
from bitlens.estimators.label_entropies import label_entropies
from bitlens.estimators.neighbors.nearest import inter_sample_entropy, nearest_neighbors, neighbor_probabilities
from bitlens.estimators.neurons.information import EqualWidth, NeuronInformation, OneBit, Quantizer, neuron_information
from bitlens.estimators.permutation import PermutationResult, permutation_test
from bitlens.estimators.kde import (
    LayerInformation,
    LayerInformationBounds,
    binned_information,
    pairwise_distance_information,
)
from bitlens.estimators.matrix.published_settings import PAPER_ERRORS, PRESETS, preset
from bitlens.estimators.matrix.renyi import (
    MultivariateInformation,
    SaturationWarning,
    multivariate_information,
    renyi_entropy,
    renyi_joint_entropy,
    renyi_mutual_information,
)
from bitlens.estimators.neurons.roles import NeuronRoles, neuron_roles
from bitlens.estimators.channels.intra_sample_entropy import channel_entropy, intra_sample_entropy

__all__ = [
    "PAPER_ERRORS",
    "PRESETS",
    "Alignment",
    "ChannelDecomposition",
    "Dimension",
    "EqualWidth",
    "GeneralizationBound",
    "LayerInformation",
    "LayerInformationBounds",
    "Median",
    "MultivariateInformation",
    "NearestNeighbors",
    "NeuronInformation",
    "NeuronRoles",
    "OneBit",
    "PermutationResult",
    "Quantizer",
    "SaturationWarning",
    "Silverman",
    "binned_information",
    "channel_decomposition",
    "channel_entropy",
    "channel_mutual_information",
    "concentration",
    "distance_codes",
    "generalization_bounds",
    "inter_sample_entropy",
    "intra_sample_entropy",
    "joint_histogram",
    "label_entropies",
    "multivariate_information",
    "nearest_neighbors",
    "neighbor_probabilities",
    "neuron_information",
    "neuron_roles",
    "pairwise_distance_information",
    "permutation_test",
    "preset",
    "renyi_entropy",
    "renyi_joint_entropy",
    "renyi_mutual_information",
]
