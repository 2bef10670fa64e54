"""What a whole run says: one function a view, labelled tables out, kept in the run."""

from bitlens.measures.ablation import layer_ablation
from bitlens.measures.channels import channel_entropies, feature_maps
from bitlens.measures.decomposition import layer_decomposition
from bitlens.measures.discarding import layer_discarding
from bitlens.measures.diversity import input_diversity, layer_diversity
from bitlens.measures.embedding import average_maps, layer_points
from bitlens.measures.flow import information_plane, processing_inequalities
from bitlens.measures.layers import channel_order, layer_pair_information
from bitlens.measures.neurons import label_information
from bitlens.measures.training import predicted_samples, training_performance
from bitlens.measures.whole import MEASURES, measure

__all__ = [
    "MEASURES",
    "average_maps",
    "channel_entropies",
    "channel_order",
    "feature_maps",
    "information_plane",
    "input_diversity",
    "label_information",
    "layer_ablation",
    "layer_decomposition",
    "layer_discarding",
    "layer_diversity",
    "layer_pair_information",
    "layer_points",
    "measure",
    "predicted_samples",
    "processing_inequalities",
    "training_performance",
]
