"""The compiled module itself: what it refuses to borrow, and the sizes that operations check before they read."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from capsules import CUDA, METAL, READ_ONLY, Exporter

import bitlens
from bitlens import _core


def f32(*shape):
    return np.ones(shape, np.float32)


def f64(*shape):
    return np.ones(shape)


def i32(*shape):
    return np.ones(shape, np.int32)


def i64(*shape):
    return np.zeros(shape, np.int64)


def u8(*shape):
    return np.zeros(shape, np.uint8)


# Operands that fit: 5 samples, k = 3, 4 candidates; 2 and 3 channels, 10 pairs, 4 bins; maps of 6 values.
FITTING = {
    "keep_nearest": lambda: {
        "dots": f32(5, 7),
        "row_norms": f32(5),
        "column_norms": f32(7),
        "first_row": 0,
        "first_column": 0,
        "bounds": np.full((5, 4), np.inf, np.float32),
        "indices": i64(5, 4),
    },
    "exact_neighbors": lambda: {
        "x": f64(5, 2),
        "first_row": 0,
        "candidates": np.tile(np.arange(4), (5, 1)),
        "beyond": f64(5),
        "distances": f64(5, 3),
        "indices": i64(5, 3),
    },
    "neighbor_scales": lambda: {"distances": f64(5, 3), "scales": f64(5), "probabilities": f64(5, 3)},
    "edge_entropy": lambda: {"distances": f64(5, 3), "indices": i64(5, 3), "scales": f64(5), "entropy": f64(1)},
    "distance_codes": lambda: {"maps": f64(5, 2, 6), "bins": 4, "codes": u8(2, 10)},
    "joint_counts": lambda: {"a": u8(2, 10), "b": u8(3, 10), "bins": 4, "counts": i64(2, 3, 16)},
    "joint_entropies": lambda: {"a": u8(2, 10), "b": u8(3, 10), "bins": 4, "entropies": f64(2, 3)},
    "value_histograms": lambda: {"maps": f64(5, 2, 6), "low": 0.0, "high": 1.0, "counts": i32(5, 2, 4), "stream": 0},
    "histogram_entropies": lambda: {"counts": i32(5, 2, 4), "entropies": f64(5, 2), "stream": 0},
}

INPUTS = {"dots", "row_norms", "column_norms", "x", "candidates", "beyond", "maps", "a", "b"}
INPUTS_OF = {
    "neighbor_scales": {"distances"},
    "edge_entropy": {"distances", "indices", "scales"},
    "histogram_entropies": {"counts"},
}


def call(operation, **changed):
    operands = FITTING[operation]()
    assert changed.keys() <= operands.keys()
    getattr(_core, operation)(**operands | changed)
    return operands | changed


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
    others = {"set_num_threads", "num_threads", "build_info"}
    assert {name for name in dir(_core) if not name.startswith("_")} == FITTING.keys() | others


@each_array
def test_no_array(operation, operand):
    message = f"^{operand}: expected an array that speaks DLPack, got <class 'list'>$"
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
    "on CUDA": ({"device": CUDA}, ValueError, r"^this operation has no CUDA kernel: pass the tensor's \.cpu\(\)$"),
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
    plain = call("neighbor_scales", distances=x.copy(), scales=f64(4), probabilities=f64(4, 5))["scales"]
    compact = Exporter(x, strides=None)
    np.testing.assert_array_equal(
        call("neighbor_scales", distances=compact, scales=f64(4), probabilities=f64(4, 5))["scales"], plain
    )
    behind = np.concatenate([np.full((1, 5), math.nan), x])
    shifted = Exporter(behind, shape=Exporter(x).shape, byte_offset=40)
    np.testing.assert_array_equal(
        call("neighbor_scales", distances=shifted, scales=f64(4), probabilities=f64(4, 5))["scales"], plain
    )


@pytest.mark.parametrize(("device", "stream"), [(1, None), (CUDA, -1)], ids=["cpu", "cuda"])
def test_the_producer_is_asked_for_version_1_and_for_no_synchronisation(device, stream):
    exporter = Exporter(f64(5, 3), device=device)
    operands = FITTING["neighbor_scales"]() | {"distances": exporter}
    if device == CUDA:
        with pytest.raises(ValueError, match="no CUDA kernel"):
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


# (operation, operands that do not fit, message)
SIZES = [
    ("keep_nearest", {"row_norms": f32(4)}, "row_norms: expected 5, got 4"),
    ("keep_nearest", {"column_norms": f32(8)}, "column_norms: expected 7, got 8"),
    ("keep_nearest", {"bounds": f32(6, 4)}, "bounds: rows: expected 5, got 6"),
    ("keep_nearest", {"indices": i64(4, 4)}, "indices: rows: expected 5, got 4"),
    ("keep_nearest", {"indices": i64(5, 3)}, "indices: kept: expected 4, got 3"),
    ("keep_nearest", {"bounds": f32(5, 0), "indices": i64(5, 0)}, "bounds: nothing to keep"),
    ("exact_neighbors", {"first_row": 1}, "first_row: rows beyond the last sample"),
    ("exact_neighbors", {"first_row": -1}, "first_row: rows beyond the last sample"),
    ("exact_neighbors", {"distances": f64(5, 5)}, "distances: k must be 1 to n - 1"),
    ("exact_neighbors", {"distances": f64(5, 0)}, "distances: k must be 1 to n - 1"),
    ("exact_neighbors", {"candidates": i64(4, 4)}, "candidates: rows: expected 5, got 4"),
    ("exact_neighbors", {"beyond": f64(6)}, "beyond: expected 5, got 6"),
    ("exact_neighbors", {"indices": i64(4, 3)}, "indices: rows: expected 5, got 4"),
    ("exact_neighbors", {"indices": i64(5, 2)}, "indices: k: expected 3, got 2"),
    ("exact_neighbors", {"candidates": i64(5, 4) - 1}, "candidates: index -1 is no sample"),
    ("exact_neighbors", {"candidates": i64(5, 4) + 5}, "candidates: index 5 is no sample"),
    ("neighbor_scales", {"distances": f64(5, 1)}, "distances: k must be 2 or more, or log2(k) leaves no scale"),
    ("neighbor_scales", {"scales": f64(4)}, "scales: expected 5, got 4"),
    ("neighbor_scales", {"probabilities": f64(4, 3)}, "probabilities: samples: expected 5, got 4"),
    ("neighbor_scales", {"probabilities": f64(5, 4)}, "probabilities: k: expected 3, got 4"),
    ("edge_entropy", {"indices": i64(4, 3)}, "indices: samples: expected 5, got 4"),
    ("edge_entropy", {"indices": i64(5, 4)}, "indices: k: expected 3, got 4"),
    ("edge_entropy", {"scales": f64(6)}, "scales: expected 5, got 6"),
    ("edge_entropy", {"entropy": f64(2)}, "entropy: expected 1, got 2"),
    ("distance_codes", {"maps": f64(1, 2, 6)}, "maps: at least two samples are needed for a pair"),
    ("distance_codes", {"bins": 257}, "bins: expected 2 to 256, got 257"),
    ("distance_codes", {"codes": u8(3, 10)}, "codes: channels: expected 2, got 3"),
    ("distance_codes", {"codes": u8(2, 9)}, "codes: pairs: expected 10, got 9"),
    ("joint_counts", {"bins": 1}, "bins: expected 2 to 256, got 1"),
    ("joint_counts", {"b": u8(3, 9)}, "b: expected the 10 sample pairs of a, got 9"),
    ("joint_counts", {"a": u8(2, 10) + 4}, "codes: found code 4, expected below bins = 4"),
    ("joint_counts", {"b": u8(3, 10) + 255}, "codes: found code 255, expected below bins = 4"),
    ("joint_counts", {"counts": i64(3, 3, 16)}, "counts: channels of a: expected 2, got 3"),
    ("joint_counts", {"counts": i64(2, 2, 16)}, "counts: channels of b: expected 3, got 2"),
    ("joint_counts", {"counts": i64(2, 3, 4)}, "counts: bins * bins: expected 16, got 4"),
    ("joint_entropies", {"bins": 0}, "bins: expected 2 to 256, got 0"),
    ("joint_entropies", {"a": u8(2, 0), "b": u8(3, 0)}, "a: no sample pairs"),
    ("joint_entropies", {"entropies": f64(1, 3)}, "entropies: channels of a: expected 2, got 1"),
    ("joint_entropies", {"entropies": f64(2, 4)}, "entropies: channels of b: expected 3, got 4"),
    ("value_histograms", {"counts": i32(4, 2, 4)}, "counts: samples: expected 5, got 4"),
    ("value_histograms", {"counts": i32(5, 3, 4)}, "counts: channels: expected 2, got 3"),
    ("value_histograms", {"counts": i32(5, 2, 257)}, "bins: expected 2 to 256, got 257"),
    ("value_histograms", {"counts": i32(5, 2, 1)}, "bins: expected 2 to 256, got 1"),
    ("value_histograms", {"low": 2.0}, "low: above high"),
    ("value_histograms", {"low": math.nan}, "low: above high"),
    ("histogram_entropies", {"entropies": f64(4, 2)}, "entropies: samples: expected 5, got 4"),
    ("histogram_entropies", {"entropies": f64(5, 3)}, "entropies: channels: expected 2, got 3"),
]


@pytest.mark.parametrize(("operation", "changed", "message"), SIZES, ids=[f"{row[0]}: {row[2]}" for row in SIZES])
def test_sizes(operation, changed, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(operation, **changed)
