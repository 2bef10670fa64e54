"""Tidy tables of results: one row for each observation, as `pandas.DataFrame`.

Every function takes the `xarray.Dataset` of a measure of `bitlens` and returns a table with plain columns and a default
index. Results along several epochs, and results of one selected epoch, have a column ``epoch``. Each docstring names
the unit of every column.

This package needs pandas, which comes with xarray. ``import bitlens`` does not import it; write ``from bitlens import
tables``.
"""

from __future__ import annotations

from bitlens.estimators.verdicts import MEASURED
from bitlens.tables.ablation import ablation_curves, neuron_ranking, removal_means, role_counts
from bitlens.tables.channels import (
    ALL_SAMPLES,
    average_values,
    channel_entropies,
    channel_projections,
    dead_channels,
    layer_points,
)
from bitlens.tables.comparison import run_comparison
from bitlens.tables.comparison_texts import comparison_texts
from bitlens.tables.decomposition import channel_decomposition
from bitlens.tables.discarding import discarding_by_layer, discarding_maps, unconverged_maps, unit_maps
from bitlens.tables.inequalities import chain_violations, information_chains
from bitlens.tables.layers import channel_pairs, duplicate_channels
from bitlens.tables.metrics import recorded_metrics
from bitlens.tables.neighbors import nearest_samples
from bitlens.tables.neurons import class_means, label_information
from bitlens.tables.overview import joined_runs, named_runs, run_overview
from bitlens.tables.plane import gap_bounds, information_plane, saturation, target_entropies
from bitlens.tables.prompts import layer_prompt_entropy, prompt_entropies
from bitlens.tables.steps import layer_steps
from bitlens.tables.summary import layer_axes, layer_summary
from bitlens.tables.training import (
    confusion,
    input_diversity,
    label_uncertainty,
    layer_diversity,
    training_progress,
    training_summary,
)
from bitlens.tables.wording import drawn_pairs, estimate, no_error, p_value

__all__ = [
    "ALL_SAMPLES",
    "MEASURED",
    "ablation_curves",
    "average_values",
    "chain_violations",
    "channel_decomposition",
    "channel_entropies",
    "channel_pairs",
    "channel_projections",
    "class_means",
    "comparison_texts",
    "confusion",
    "dead_channels",
    "discarding_by_layer",
    "discarding_maps",
    "drawn_pairs",
    "duplicate_channels",
    "estimate",
    "gap_bounds",
    "information_chains",
    "information_plane",
    "input_diversity",
    "joined_runs",
    "label_information",
    "label_uncertainty",
    "layer_axes",
    "layer_diversity",
    "layer_points",
    "layer_prompt_entropy",
    "layer_steps",
    "layer_summary",
    "named_runs",
    "nearest_samples",
    "neuron_ranking",
    "no_error",
    "p_value",
    "prompt_entropies",
    "recorded_metrics",
    "removal_means",
    "role_counts",
    "run_comparison",
    "run_overview",
    "saturation",
    "target_entropies",
    "training_progress",
    "training_summary",
    "unconverged_maps",
    "unit_maps",
]
