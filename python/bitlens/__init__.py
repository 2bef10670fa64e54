"""bitlens estimates, in bits, how much information each layer and channel of a neural network carries.

The packages, in the order of their imports: each imports only from those before it. ``data`` has the images and the
network of the demo, ``reference`` the same estimators in short NumPy.

1. ``_core``        compiled kernels (csrc/), which borrow arrays through DLPack
2. ``arrays``       arrays of every library are checked and converted here
3. ``estimators``   one public function for each published quantity; needs NumPy alone, as does ``reference``
4. ``runs``         a recorded training on disk: writer, reader, selections, stored results;
   ``differentiable`` has entropies of tensors with derivatives
5. ``network``      the recorder, discarding, ablation, deconvolution; needs PyTorch
6. ``callbacks``    the recorder in trainings of Lightning and of Hugging Face's Trainer
7. ``execution``    tasks in other processes, on this machine or on a Dask cluster; ``distributed``: dask arrays
8. ``measures``     declared objects that compute and store the results of a run
9. ``tables``       tidy tables of these results
10. ``cli``         the command line; ``bitlens_explorer`` (apps/) draws a run
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bitlens.estimators import (
    Alignment,
    ChannelDecomposition,
    ChannelPairInformation,
    ContrastiveBound,
    Cosine,
    DiME,
    Dimension,
    EqualWidth,
    Gaussian,
    GeneralizationBound,
    GradientWarning,
    HiddenStateEntropy,
    InterSampleDiversity,
    Interval,
    IntrinsicDimension,
    LayerInformation,
    LayerInformationBounds,
    Linear,
    Median,
    MultivariateInformation,
    NearestNeighbors,
    NeighborWarning,
    NeuronInformation,
    NeuronRoles,
    OneBit,
    PermutationResult,
    PrecisionWarning,
    RenyiEstimate,
    SaturationWarning,
    ShannonInvariants,
    Silverman,
    UndefinedWarning,
    adjusted_information,
    binned_information,
    channel_decomposition,
    channel_entropy,
    channel_mutual_information,
    concentration,
    contrastive_bound,
    dime,
    distance_codes,
    effective_rank,
    excess_interval,
    generalization_bounds,
    hidden_state_entropy,
    hidden_state_settings,
    inter_sample_entropy,
    intra_sample_entropy,
    intrinsic_dimension,
    jackknife,
    joint_histogram,
    label_entropies,
    lidar,
    multivariate_information,
    nearest_neighbors,
    neighbor_probabilities,
    neuron_information,
    neuron_roles,
    pairwise_distance_information,
    permutation_test,
    pool_tokens,
    published_settings,
    q_values,
    renyi_entropy,
    renyi_joint_entropy,
    renyi_mutual_information,
    shannon_invariants,
    trajectory_curvature,
)
from bitlens.runtime import build_info, get_num_threads, set_num_threads

if TYPE_CHECKING:
    from bitlens.measures import (
        average_maps,
        channel_entropies,
        channel_order,
        feature_maps,
        information_plane,
        input_diversity,
        label_information,
        layer_ablation,
        layer_decomposition,
        layer_deconvolution,
        layer_discarding,
        layer_diversity,
        layer_pair_information,
        layer_points,
        measure,
        predicted_samples,
        processing_inequalities,
        prompt_entropy,
        training_performance,
    )
    from bitlens.network import (
        AblationCurve,
        InformationDiscarding,
        Recorder,
        View,
        cumulative_ablation,
        deconvolve,
        information_discarding,
        receptive_fields,
        reconstruction_uncertainty,
        train_decoder,
    )
    from bitlens.runs import Run, RunError, from_hidden_states, load_selection, open_run, record_arrays, save_selection

# Packages that need more than NumPy are imported when a name of theirs is first used. The names of bitlens.measures are
# not listed: they are the other ones in `__all__`, and the measures that are registered.
_RUNS = ("Run", "RunError", "from_hidden_states", "load_selection", "open_run", "record_arrays", "save_selection")
_LAZY = {
    "bitlens.runs": _RUNS,
    "bitlens_explorer.notebook": ("show",),
    "bitlens.network": (
        "AblationCurve",
        "InformationDiscarding",
        "Recorder",
        "View",
        "cumulative_ablation",
        "deconvolve",
        "information_discarding",
        "receptive_fields",
        "reconstruction_uncertainty",
        "train_decoder",
    ),
}
_EXTRAS = {"bitlens.runs": "run", "bitlens.network": "torch,run", "bitlens.measures": "run"}
__all__ = [
    "AblationCurve",
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
    "InformationDiscarding",
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
    "Recorder",
    "RenyiEstimate",
    "Run",
    "RunError",
    "SaturationWarning",
    "ShannonInvariants",
    "Silverman",
    "UndefinedWarning",
    "View",
    "adjusted_information",
    "average_maps",
    "binned_information",
    "build_info",
    "channel_decomposition",
    "channel_entropies",
    "channel_entropy",
    "channel_mutual_information",
    "channel_order",
    "concentration",
    "contrastive_bound",
    "cumulative_ablation",
    "deconvolve",
    "dime",
    "distance_codes",
    "effective_rank",
    "excess_interval",
    "feature_maps",
    "from_hidden_states",
    "generalization_bounds",
    "get_num_threads",
    "hidden_state_entropy",
    "hidden_state_settings",
    "information_discarding",
    "information_plane",
    "input_diversity",
    "inter_sample_entropy",
    "intra_sample_entropy",
    "intrinsic_dimension",
    "jackknife",
    "joint_histogram",
    "label_entropies",
    "label_information",
    "layer_ablation",
    "layer_decomposition",
    "layer_deconvolution",
    "layer_discarding",
    "layer_diversity",
    "layer_pair_information",
    "layer_points",
    "lidar",
    "load_selection",
    "measure",
    "multivariate_information",
    "nearest_neighbors",
    "neighbor_probabilities",
    "neuron_information",
    "neuron_roles",
    "open_run",
    "pairwise_distance_information",
    "permutation_test",
    "pool_tokens",
    "predicted_samples",
    "processing_inequalities",
    "prompt_entropy",
    "published_settings",
    "q_values",
    "receptive_fields",
    "reconstruction_uncertainty",
    "record_arrays",
    "renyi_entropy",
    "renyi_joint_entropy",
    "renyi_mutual_information",
    "save_selection",
    "set_num_threads",
    "shannon_invariants",
    "show",
    "train_decoder",
    "training_performance",
    "trajectory_curvature",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        package = next((package for package, names in _LAZY.items() if name in names), "bitlens.measures")
        try:
            return getattr(importlib.import_module(package), name)
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("bitlens"):
                raise
            message = f"bitlens.{name} needs {error.name}: pip install 'bitlens[{_EXTRAS.get(package, 'notebook')}]'"
            raise ModuleNotFoundError(message, name=error.name) from error
    if (measure := None if name.startswith("_") else _registered(name)) is None:
        raise AttributeError(f"module 'bitlens' has no attribute {name!r}")
    return measure


def _registered(name: str) -> Any:
    try:
        return importlib.import_module("bitlens.measures").MEASURES.get(name)
    except ModuleNotFoundError:
        return None  # measures need more than NumPy


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
