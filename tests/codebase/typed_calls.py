"""Calls whose types test_typing.py checks; nothing here is executed."""

from typing import assert_type

import array_api_strict
import jax
import numpy as np
import polars as pl
import torch
import xarray as xr

import bitlens
from bitlens import differentiable
from bitlens.arrays import NDArray

array, tensor, frame = np.zeros((80, 3), np.float32), torch.zeros(80, 3), pl.DataFrame()
numbers = [[0.0, 1.0], [2.0, 3.0]]
labels, run = np.zeros(80, np.int64), bitlens.open_run("run")

# NumPy arrays, tables and lists give NumPy arrays, of their own type of numbers.
assert_type(bitlens.distance_codes(array), NDArray)
assert_type(bitlens.distance_codes(frame, bins=3), NDArray)
assert_type(bitlens.distance_codes(numbers), NDArray)
assert_type(bitlens.joint_histogram(array, array), NDArray)
assert_type(bitlens.channel_mutual_information(array, array), NDArray)
assert_type(bitlens.channel_mutual_information(array, array, full_output=True), bitlens.ChannelPairInformation)
assert_type(bitlens.intra_sample_entropy(array), NDArray)
assert_type(bitlens.channel_entropy(array, labels), NDArray)
assert_type(bitlens.label_entropies(numbers), tuple[NDArray, NDArray])
assert_type(bitlens.concentration(array, labels), NDArray)
assert_type(bitlens.nearest_neighbors(array, 3), tuple[NDArray, NDArray])
assert_type(bitlens.neighbor_probabilities(array), tuple[NDArray, NDArray, NDArray])
assert_type(bitlens.q_values(labels), NDArray)
assert_type(bitlens.adjusted_information(array, 0.5, array), NDArray)
assert_type(bitlens.excess_interval(array, 0.1), tuple[NDArray, NDArray])
assert_type(bitlens.pool_tokens((array, array)), NDArray)
assert_type(bitlens.effective_rank(array), float | NDArray)
assert_type(bitlens.trajectory_curvature(array), float | NDArray)
assert_type(bitlens.lidar(array), float | NDArray)
assert_type(bitlens.hidden_state_entropy([array, array]), float | NDArray)
assert_type(bitlens.hidden_state_entropy(array, full_output=True), bitlens.HiddenStateEntropy)

# Tensors give tensors.
assert_type(bitlens.distance_codes(tensor), torch.Tensor)
assert_type(bitlens.joint_histogram(tensor, array), torch.Tensor)
assert_type(bitlens.channel_mutual_information(tensor, tensor), torch.Tensor)
assert_type(bitlens.channel_mutual_information(tensor, tensor, full_output=True), bitlens.ChannelPairInformation)
assert_type(bitlens.intra_sample_entropy(tensor, channel_axis=-1), torch.Tensor)
assert_type(bitlens.channel_entropy(tensor, labels), torch.Tensor)
assert_type(bitlens.label_entropies(tensor), tuple[torch.Tensor, torch.Tensor])
assert_type(bitlens.concentration(tensor, tensor), torch.Tensor)
assert_type(bitlens.nearest_neighbors(tensor, 3, among=tensor), tuple[torch.Tensor, torch.Tensor])
assert_type(bitlens.neighbor_probabilities(tensor), tuple[torch.Tensor, torch.Tensor, torch.Tensor])
assert_type(bitlens.q_values(tensor), torch.Tensor)
assert_type(bitlens.adjusted_information(tensor, tensor, 1.0), torch.Tensor)
assert_type(bitlens.excess_interval(tensor, tensor), tuple[torch.Tensor, torch.Tensor])
assert_type(bitlens.pool_tokens((tensor, tensor)), torch.Tensor)
assert_type(bitlens.effective_rank(tensor), float | torch.Tensor)
assert_type(bitlens.trajectory_curvature(tensor), float | torch.Tensor)
assert_type(bitlens.lidar(tensor), float | torch.Tensor)
assert_type(bitlens.hidden_state_entropy((tensor, tensor)), float | torch.Tensor)
assert_type(differentiable.renyi_entropy(tensor), torch.Tensor)

# Arrays of other libraries give their kind.
assert_type(bitlens.distance_codes(jax.numpy.zeros((8, 3))), jax.Array)
assert_type(bitlens.nearest_neighbors(jax.numpy.zeros((8, 3)), 3), tuple[jax.Array, jax.Array])
assert_type(bitlens.distance_codes(array_api_strict.zeros((8, 3))), array_api_strict._array_object.Array)

# Numbers stay numbers, and measures give Datasets.
assert_type(bitlens.adjusted_information(0.75, 0.5, 1.0), float)
assert_type(bitlens.excess_interval(0.5, 0.1), tuple[float, float])
assert_type(bitlens.renyi_entropy(tensor), float)
assert_type(bitlens.inter_sample_entropy(frame), float)
assert_type(bitlens.renyi_mutual_information(array, tensor), float)
assert_type(bitlens.neuron_information(tensor, labels), bitlens.NeuronInformation)
assert_type(bitlens.layer_diversity(run, k=10), xr.Dataset)
assert_type(bitlens.channel_entropies(run, "hidden"), xr.Dataset)
