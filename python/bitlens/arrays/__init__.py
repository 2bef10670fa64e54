"""Arrays on the way in and out: arrays of every library are told apart, checked and converted here alone.

Kernels and estimators work on NumPy arrays, or on CUDA tensors where a CUDA kernel exists. CPU tensors, and arrays of
other libraries in the CPU's memory, are viewed as NumPy arrays without a copy. A public function returns arrays of its
caller's library (`in_callers_library`). No other library is imported here: an array can only be of a library that the
caller has imported.
"""

from bitlens.arrays.caller import in_callers_library, warn_caller
from bitlens.arrays.context import (
    Array,
    ArrayContext,
    ArrayLike,
    Foreign,
    NDArray,
    array_namespace,
    as_numpy,
    call_kernel,
    is_tensor,
)
from bitlens.arrays.foreign import as_array, as_host_array, describe
from bitlens.arrays.gradients import GradientWarning
from bitlens.arrays.memory import check_memory
from bitlens.arrays.rescale import have_finite_squares, need_no_rescaling, rescale_for_squares, scale_to_peak
from bitlens.arrays.validation import (
    MAX_BINS,
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
    is_uint8_array,
)

__all__ = [
    "MAX_BINS",
    "Array",
    "ArrayContext",
    "ArrayLike",
    "Foreign",
    "GradientWarning",
    "NDArray",
    "array_namespace",
    "as_array",
    "as_channel_maps",
    "as_class_indices",
    "as_host_array",
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
    "in_callers_library",
    "is_tensor",
    "is_uint8_array",
    "need_no_rescaling",
    "rescale_for_squares",
    "scale_to_peak",
    "warn_caller",
]
