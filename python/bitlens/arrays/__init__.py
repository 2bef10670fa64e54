"""Arrays on the way in and out: NumPy arrays and PyTorch tensors are told apart, checked and converted here alone.

Kernels and estimators work on NumPy arrays, or on CUDA tensors where a CUDA kernel exists. CPU tensors are viewed as
NumPy arrays without a copy. PyTorch is never imported here: an array can only be a tensor if the caller has imported
PyTorch.
"""

from bitlens.arrays.context import Array, ArrayContext, NDArray, array_namespace, as_numpy, call_kernel, is_tensor
from bitlens.arrays.memory import check_memory
from bitlens.arrays.rescale import have_finite_squares, rescale_for_squares, scale_to_peak
from bitlens.arrays.validation import (
    MAX_BINS,
    as_array,
    as_channel_maps,
    as_class_indices,
    as_real_array,
    as_samples,
    check_bin_count,
    check_integer,
    check_label_shape,
    check_neighbor_count,
    check_number,
    check_positive,
    check_same_device,
    check_same_samples,
    check_seed,
    check_value_range,
    describe,
    is_uint8_array,
)

__all__ = [
    "MAX_BINS",
    "Array",
    "ArrayContext",
    "NDArray",
    "array_namespace",
    "as_array",
    "as_channel_maps",
    "as_class_indices",
    "as_numpy",
    "as_real_array",
    "as_samples",
    "call_kernel",
    "check_bin_count",
    "check_integer",
    "check_label_shape",
    "check_memory",
    "check_neighbor_count",
    "check_number",
    "check_positive",
    "check_same_device",
    "check_same_samples",
    "check_seed",
    "check_value_range",
    "describe",
    "have_finite_squares",
    "is_tensor",
    "is_uint8_array",
    "rescale_for_squares",
    "scale_to_peak",
]
