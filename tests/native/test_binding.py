"""The compiled module: which arrays it borrows, and which it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import _core
from tests.support.fake_dlpack import CUDA, METAL, READ_ONLY, Exporter
from tests.support.operands import FITTING, INPUTS, INPUTS_OF, call, f64, u8


def arrays(outputs_only=False):
    """(operation, operand) for every array that an operation takes."""
    rows = []
    for operation, make in FITTING.items():
        inputs = INPUTS_OF.get(operation, INPUTS)
        for operand, value in make().items():
            if isinstance(value, np.ndarray) and not (outputs_only and operand in inputs):
                rows.append(pytest.param(operation, operand, id=f"{operation}({operand})"))
    return rows


each_array = pytest.mark.parametrize(("operation", "operand"), arrays())
each_output = pytest.mark.parametrize(("operation", "operand"), arrays(outputs_only=True))


@pytest.mark.parametrize("operation", FITTING)
def test_fitting_operands_are_taken(operation):
    call(operation)


def test_every_operation_has_rows_here():
    others = {"set_num_threads", "num_threads", "build_info", "cuda_workspace_for_matrix"}
    functions = {name for name in dir(_core) if not name.startswith("_") and callable(getattr(_core, name))}
    assert functions == FITTING.keys() | others


@each_array
def test_an_object_that_is_not_an_array(operation, operand):
    message = f"^{operand}: expected an array that supports DLPack, got <class 'list'>$"
    with pytest.raises(TypeError, match=message):
        call(operation, **{operand: [1.0, 2.0]})


@each_array
@pytest.mark.parametrize("kind", ["float16", "int8", "uint16", "uint64"])
def test_other_element_types(operation, operand, kind):
    array = np.zeros_like(FITTING[operation]()[operand], kind)
    with pytest.raises(TypeError, match=rf"^{operand}: expected (float|int|uint)\d+, got {kind}$"):
        call(operation, **{operand: array})


@pytest.mark.parametrize("kind", ["bool", "complex64", "complex128"])
def test_element_types_without_a_kernel_are_called_by_their_name(kind):
    with pytest.raises(TypeError, match=f"^a: expected uint8, got {kind}$"):
        call("joint_counts", a=u8(2, 10).astype(kind))


@each_array
def test_another_number_of_axes(operation, operand):
    array = FITTING[operation]()[operand]
    message = f"^{operand}: expected {array.ndim} axes, got {array.ndim + 1}$"
    with pytest.raises(ValueError, match=message):
        call(operation, **{operand: array[None]})


@each_array
def test_a_last_axis_with_gaps(operation, operand):
    array = np.repeat(FITTING[operation]()[operand], 2, axis=-1)[..., ::2]
    if array.shape[-1] == 1:  # one element has no gaps
        array = np.repeat(array, 4, axis=-1)[..., ::2]
    with pytest.raises(ValueError, match=f"^{operand}: expected a contiguous last axis$"):
        call(operation, **{operand: array})


@each_output
def test_a_read_only_output(operation, operand):
    array = FITTING[operation]()[operand]
    array.flags.writeable = False
    with pytest.raises(ValueError, match=f"^{operand}: expected a writable array$"):
        call(operation, **{operand: array})


def test_big_endian_arrays_are_refused_by_numpy():
    with pytest.raises(BufferError, match="native byte order"):
        call("neighbor_scales", distances=f64(5, 3).astype(">f8"))


# id: (what the capsule claims, error, message)
CLAIMS = {
    "unversioned": ({"name": b"dltensor"}, ValueError, "PyCapsule_GetPointer called with incorrect name"),
    "used": ({"name": b"used_dltensor_versioned"}, ValueError, "PyCapsule_GetPointer called with incorrect name"),
    "version 2": ({"major": 2}, ValueError, "^distances: expected DLPack version 1$"),
    "on Metal": ({"device": METAL}, ValueError, "^distances: expected CPU or CUDA memory$"),
    "on CUDA": ({"device": CUDA}, ValueError, r"^scales: expected the device of distances$"),
    "of pairs": ({"lanes": 2}, TypeError, "^distances: expected float64, got "),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_capsules_of_another_kind(claim):
    claims, error, message = CLAIMS[claim]
    call("neighbor_scales", distances=Exporter(f64(5, 3)))
    with pytest.raises(error, match=message):
        call("neighbor_scales", distances=Exporter(f64(5, 3), **claims))


def test_capsules_claiming_to_be_read_only():
    call("neighbor_scales", distances=Exporter(f64(5, 3), flags=READ_ONLY))
    with pytest.raises(ValueError, match=r"^scales: expected a writable array$"):
        call("neighbor_scales", scales=Exporter(f64(5), flags=READ_ONLY))


def test_capsules_without_strides_and_with_an_offset():
    x = np.arange(20.0).reshape(4, 5)
    plain = call("neighbor_scales", distances=x.copy(), scales=f64(4))["scales"]
    compact = Exporter(x, strides=None)
    np.testing.assert_array_equal(call("neighbor_scales", distances=compact, scales=f64(4))["scales"], plain)
    behind = np.concatenate([np.full((1, 5), math.nan), x])
    shifted = Exporter(behind, shape=Exporter(x).shape, byte_offset=40)
    np.testing.assert_array_equal(call("neighbor_scales", distances=shifted, scales=f64(4))["scales"], plain)


@pytest.mark.parametrize(("device", "stream"), [(1, None), (CUDA, -1)], ids=["cpu", "cuda"])
def test_the_producer_is_asked_for_version_1_and_for_no_synchronisation(device, stream):
    exporter = Exporter(f64(5, 3), device=device)
    operands = FITTING["neighbor_scales"]() | {"distances": exporter}
    if device == CUDA:
        with pytest.raises(ValueError, match=r"^scales: expected the device of distances$"):
            _core.neighbor_scales(**operands)
    else:
        _core.neighbor_scales(**operands)
    assert exporter.asked == {"max_version": (1, 0), "stream": stream}


@pytest.mark.parametrize(
    ("operation", "operand", "message"),
    [
        ("value_histograms", "maps", "^counts: expected the device of maps$"),
        ("value_histograms", "counts", "^counts: expected the device of maps$"),
        ("histogram_entropies", "counts", "^entropies: expected the device of counts$"),
        ("histogram_entropies", "entropies", "^entropies: expected the device of counts$"),
        ("neighbor_scales", "scales", "^scales: expected the device of distances$"),
        ("neighbor_weights", "weights", "^weights: expected the device of distances$"),
        ("edge_sums", "sums", "^sums: expected the device of distances$"),
        ("edge_entropy", "entropy", "^entropy: expected the device of sums$"),
        ("distance_codes", "ranges", "^ranges: expected the device of maps$"),
        ("joint_counts", "b", "^b: expected the device of a$"),
        ("code_entropies", "entropies_b", "^entropies_b: expected the device of a$"),
        ("center_samples", "norms", "^norms: expected the device of x$"),
        ("dot_products", "columns", "^columns: expected the device of rows$"),
        ("keep_nearest", "limits", "^limits: expected the device of rows$"),
        ("cut_candidates", "kth_estimates", "^kth_estimates: expected the device of bounds$"),
        ("exact_neighbors", "indices", "^indices: expected the device of x$"),
        ("label_counts", "labels", "^this operation has no CUDA kernel: pass the tensor's .cpu\\(\\)$"),
        ("entropy_slopes", "slopes", "^this operation has no CUDA kernel: pass the tensor's .cpu\\(\\)$"),
        ("value_range", "values", "^this operation has no CUDA kernel: pass the tensor's .cpu\\(\\)$"),
    ],
)
def test_operands_on_two_devices(operation, operand, message):
    with pytest.raises(ValueError, match=message):
        call(operation, **{operand: Exporter(f64(5, 2, 4), device=CUDA)})


@pytest.mark.skipif(bool(bitlens.build_info()["cuda"]), reason="built with CUDA")
def test_a_build_without_cuda_says_so():
    maps, counts = Exporter(f64(5, 2, 6), device=CUDA), Exporter(f64(5, 2, 4), device=CUDA, code=0, bits=32)
    with pytest.raises(RuntimeError, match=r"^bitlens was built without CUDA: "):
        call("value_histograms", maps=maps, counts=counts)
    with pytest.raises(RuntimeError, match=r"^bitlens was built without CUDA: "):
        call("histogram_entropies", counts=counts, entropies=Exporter(f64(5, 2), device=CUDA))


def test_tensors_are_borrowed_and_written_to():
    scales = torch.zeros(5, dtype=torch.float64)
    call("neighbor_scales", distances=torch.ones(5, 3, dtype=torch.float64), scales=scales)
    assert (scales > 0).all()
