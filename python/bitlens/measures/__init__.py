"""Measures of a whole run: declared objects that compute results, store them in the run and find them again."""

from typing import Any

from bitlens.measures.ablation import layer_ablation
from bitlens.measures.base import Measure
from bitlens.measures.channels import channel_entropies
from bitlens.measures.decomposition import layer_decomposition
from bitlens.measures.deconvolution import layer_deconvolution
from bitlens.measures.discarding import layer_discarding
from bitlens.measures.diversity import input_diversity, layer_diversity
from bitlens.measures.embedding import layer_points
from bitlens.measures.inequalities import processing_inequalities
from bitlens.measures.layers import layer_pair_information
from bitlens.measures.maps import average_maps, feature_maps
from bitlens.measures.measuring import measure
from bitlens.measures.neurons import label_information
from bitlens.measures.ordering import channel_order
from bitlens.measures.parameters import Field, Parameters, parameter
from bitlens.measures.plane import information_plane
from bitlens.measures.projection import nearest_samples, projected_points
from bitlens.measures.prompts import prompt_entropy
from bitlens.measures.registry import (
    COMPUTED,
    MEASURES,
    announcements,
    execute,
    parameter_fields,
    published_parameters,
    titled,
)
from bitlens.measures.schema import Known, Result, Target, Task, Variable
from bitlens.measures.training import predicted_classes, predicted_samples, training_performance

__all__ = [
    "COMPUTED",
    "MEASURES",
    "Field",
    "Known",
    "Measure",
    "Parameters",
    "Result",
    "Target",
    "Task",
    "Variable",
    "announcements",
    "average_maps",
    "channel_entropies",
    "channel_order",
    "execute",
    "feature_maps",
    "information_plane",
    "input_diversity",
    "label_information",
    "layer_ablation",
    "layer_decomposition",
    "layer_deconvolution",
    "layer_discarding",
    "layer_diversity",
    "layer_pair_information",
    "layer_points",
    "measure",
    "nearest_samples",
    "parameter",
    "parameter_fields",
    "predicted_classes",
    "predicted_samples",
    "processing_inequalities",
    "projected_points",
    "prompt_entropy",
    "published_parameters",
    "titled",
    "training_performance",
]


def __getattr__(name: str) -> Measure[Any]:
    """A measure that is declared in a module of this package but not listed above."""
    if name in MEASURES:
        return MEASURES[name]
    raise AttributeError(f"module 'bitlens.measures' has no attribute {name!r}")
