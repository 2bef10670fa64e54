"""The public estimators, one function for each published quantity; they take arrays and return bits."""

from bitlens.arrays import GradientWarning
from bitlens.estimators.binned import LayerInformation, binned_information
from bitlens.estimators.channels.intra_sample_entropy import channel_entropy, intra_sample_entropy
from bitlens.estimators.channels.mutual_information import (
    ChannelPairInformation,
    channel_mutual_information,
    distance_codes,
    joint_histogram,
)
from bitlens.estimators.concentration import concentration
from bitlens.estimators.hidden_states.clouds import pool_tokens
from bitlens.estimators.hidden_states.entropy import HiddenStateEntropy, hidden_state_entropy
from bitlens.estimators.hidden_states.geometry import IntrinsicDimension, intrinsic_dimension, trajectory_curvature
from bitlens.estimators.hidden_states.lidar import lidar
from bitlens.estimators.hidden_states.published_settings import hidden_state_settings
from bitlens.estimators.hidden_states.rank import effective_rank
from bitlens.estimators.hidden_states.views import ContrastiveBound, DiME, contrastive_bound, dime
from bitlens.estimators.intervals import Interval, excess_interval, jackknife
from bitlens.estimators.kde import LayerInformationBounds, pairwise_distance_information
from bitlens.estimators.label_entropies import label_entropies
from bitlens.estimators.matrix.bandwidths import Alignment, Dimension, Median, NearestNeighbors, Silverman
from bitlens.estimators.matrix.decomposition import ChannelDecomposition, channel_decomposition
from bitlens.estimators.matrix.entropy_sums import RenyiEstimate
from bitlens.estimators.matrix.gram import PrecisionWarning
from bitlens.estimators.matrix.invariants import ShannonInvariants, shannon_invariants
from bitlens.estimators.matrix.kernels import Cosine, Gaussian, Linear
from bitlens.estimators.matrix.linear_kernel import UndefinedWarning
from bitlens.estimators.matrix.multivariate import (
    MultivariateInformation,
    SaturationWarning,
    multivariate_information,
)
from bitlens.estimators.matrix.published_settings import PAPER_ERRORS, PUBLISHED_SETTINGS, published_settings
from bitlens.estimators.matrix.renyi import renyi_entropy, renyi_joint_entropy, renyi_mutual_information
from bitlens.estimators.neighbors.diversity import InterSampleDiversity, NeighborWarning
from bitlens.estimators.neighbors.inter_sample_entropy import inter_sample_entropy, neighbor_probabilities
from bitlens.estimators.neighbors.nearest import nearest_neighbors
from bitlens.estimators.neurons.generalization import GeneralizationBound, generalization_bounds
from bitlens.estimators.neurons.information import (
    EqualWidth,
    NeuronInformation,
    OneBit,
    Quantizer,
    neuron_information,
)
from bitlens.estimators.neurons.roles import NeuronRoles, neuron_roles
from bitlens.estimators.permutation import PermutationResult, permutation_test
from bitlens.estimators.verdicts import adjusted_information, q_values

__all__ = [
    "PAPER_ERRORS",
    "PUBLISHED_SETTINGS",
    "Alignment",
    "ChannelDecomposition",
    "ChannelPairInformation",
    "ContrastiveBound",
    "Cosine",
    "DiME",
    "Dimension",
    "EqualWidth",
    "Gaussian",
    "GeneralizationBound",
    "GradientWarning",
    "HiddenStateEntropy",
    "InterSampleDiversity",
    "Interval",
    "IntrinsicDimension",
    "LayerInformation",
    "LayerInformationBounds",
    "Linear",
    "Median",
    "MultivariateInformation",
    "NearestNeighbors",
    "NeighborWarning",
    "NeuronInformation",
    "NeuronRoles",
    "OneBit",
    "PermutationResult",
    "PrecisionWarning",
    "Quantizer",
    "RenyiEstimate",
    "SaturationWarning",
    "ShannonInvariants",
    "Silverman",
    "UndefinedWarning",
    "adjusted_information",
    "binned_information",
    "channel_decomposition",
    "channel_entropy",
    "channel_mutual_information",
    "concentration",
    "contrastive_bound",
    "dime",
    "distance_codes",
    "effective_rank",
    "excess_interval",
    "generalization_bounds",
    "hidden_state_entropy",
    "hidden_state_settings",
    "inter_sample_entropy",
    "intra_sample_entropy",
    "intrinsic_dimension",
    "jackknife",
    "joint_histogram",
    "label_entropies",
    "lidar",
    "multivariate_information",
    "nearest_neighbors",
    "neighbor_probabilities",
    "neuron_information",
    "neuron_roles",
    "pairwise_distance_information",
    "permutation_test",
    "pool_tokens",
    "published_settings",
    "q_values",
    "renyi_entropy",
    "renyi_joint_entropy",
    "renyi_mutual_information",
    "shannon_invariants",
    "trajectory_curvature",
]
