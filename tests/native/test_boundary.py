"""Which arrays the public functions refuse, by name, and that every accepted kind of array has the same results."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")

MAPS = np.random.default_rng(0).normal(size=(8, 3, 4, 4))
CONFUSION = np.arange(9.0).reshape(3, 3)


def mutual_information(a, b):
    return bitlens.channel_mutual_information(a, b)


# id: (the argument's name, call with it, an array that is accepted)
ARGUMENTS = {
    "nearest_neighbors(x)": ("x", lambda x: bitlens.nearest_neighbors(x, 2), MAPS),
    "neighbor_probabilities(x)": ("x", lambda x: bitlens.neighbor_probabilities(x, 2), MAPS),
    "inter_sample_entropy(x)": ("x", lambda x: bitlens.inter_sample_entropy(x, 2), MAPS),
    "intra_sample_entropy(maps)": ("maps", lambda x: bitlens.intra_sample_entropy(x), MAPS),
    "channel_entropy(maps)": ("maps", lambda x: bitlens.channel_entropy(x), MAPS),
    "distance_codes(maps)": ("maps", lambda x: bitlens.distance_codes(x), MAPS),
    "joint_histogram(a)": ("a", lambda x: bitlens.joint_histogram(x, MAPS), MAPS),
    "joint_histogram(b)": ("b", lambda x: bitlens.joint_histogram(MAPS, x), MAPS),
    "channel_mutual_information(a)": ("a", lambda x: mutual_information(x, MAPS), MAPS),
    "channel_mutual_information(b)": ("b", lambda x: mutual_information(MAPS, x), MAPS),
    "renyi_entropy(x)": ("x", lambda x: bitlens.renyi_entropy(x), MAPS),
    "renyi_joint_entropy(variables)": (r"variables\[1\]", lambda x: bitlens.renyi_joint_entropy([MAPS, x]), MAPS),
    "renyi_mutual_information(x)": ("x", lambda x: bitlens.renyi_mutual_information(x, MAPS), MAPS),
    "renyi_mutual_information(y)": ("y", lambda x: bitlens.renyi_mutual_information(MAPS, x), MAPS),
    "multivariate_information(x)": ("x", lambda x: bitlens.multivariate_information(x, MAPS), MAPS),
    "multivariate_information(maps)": ("maps", lambda x: bitlens.multivariate_information(MAPS, x), MAPS),
    "tensor kernel(maps)": ("maps", lambda x: bitlens.multivariate_information(MAPS, x, tensor=True), MAPS),
    "channel_decomposition(x)": ("x", lambda x: bitlens.channel_decomposition(x, MAPS), MAPS),
    "channel_decomposition(maps)": ("maps", lambda x: bitlens.channel_decomposition(MAPS, x), MAPS),
    "binned_information(activations)": ("activations", lambda x: bitlens.binned_information(x), MAPS),
    "pairwise_distance_information(activations)": (
        "activations",
        lambda x: bitlens.pairwise_distance_information(x),
        MAPS,
    ),
    "label_entropies(confusion)": ("confusion", lambda x: bitlens.label_entropies(x), CONFUSION),
}


def with_value(value, kind=np.float64):
    def spoil(array):
        spoiled = array.astype(kind)
        spoiled.flat[-1] = value
        return spoiled

    return spoil


def meta(array):
    return torch.empty(array.shape, device="meta")


# id: (how an accepted array is spoiled, error, message after the argument's name)
SPOILED = {
    "NaN": (with_value(np.nan), ValueError, "contains NaN or infinity; every value must be finite"),
    "infinity": (with_value(np.inf), ValueError, "contains NaN or infinity"),
    "minus infinity": (with_value(-np.inf), ValueError, "contains NaN or infinity"),
    "float16 infinity": (with_value(np.inf, np.float16), ValueError, "contains NaN or infinity"),
    "torch NaN": (lambda x: torch.from_numpy(with_value(np.nan)(x)), ValueError, "contains NaN or infinity"),
    "masked NaN": (lambda x: np.ma.masked_invalid(with_value(np.nan)(x)), (TypeError, ValueError), ""),
    "no samples": (lambda x: x[:0], ValueError, r"is empty, got shape \(0, "),
    "no values": (lambda x: x[..., :0], ValueError, r"is empty, got shape \(\d, .*0\)"),
    "no axes": (lambda x: np.array(1.0), ValueError, r"expected .*, got.* \(\)"),
    "one axis": (lambda x: x.ravel()[:9], ValueError, r"expected .*, got.* \(9,\)"),
    "a ragged list": (lambda x: [[[1.0], [2.0]], [[1.0]]], TypeError, "expected an array, got list that is not one: "),
    "a list of texts": (lambda x: [["a"], ["b"]], TypeError, "expected an array of real numbers, got <U1 of shape"),
    "a number": (lambda x: 2.0, TypeError, "expected a NumPy array or a PyTorch tensor, got float"),
    "a set": (lambda x: {1.0, 2.0}, TypeError, "expected a NumPy array or a PyTorch tensor, got set"),
    "a string": (lambda x: "maps", TypeError, "expected a NumPy array or a PyTorch tensor, got str"),
    "None": (lambda x: None, TypeError, "expected a NumPy array or a PyTorch tensor, got NoneType"),
    "objects": (lambda x: x.astype(object), TypeError, "expected an array of real numbers, got object of shape"),
    "strings": (lambda x: x.astype(str), TypeError, "expected an array of real numbers, got <U32 of shape"),
    "dates": (lambda x: x.astype("M8[s]"), TypeError, r"expected an array of real numbers, got datetime64\[s\]"),
    "records": (lambda x: x.view([("v", "f8")]), TypeError, "expected an array of real numbers"),
    "complex": (lambda x: x.astype(complex), TypeError, "expected an array of real numbers, got complex128"),
    "long double": (lambda x: x.astype("g"), TypeError, "expected an array of real numbers, got "),
    "big-endian": (lambda x: x.astype(">f8"), TypeError, "expected native byte order, got >f8; use x.astype"),
    "torch complex": (
        lambda x: torch.from_numpy(x).to(torch.complex64).conj(),
        TypeError,
        "expected a dense real tensor, got torch.strided torch.complex64",
    ),
    "torch sparse": (
        lambda x: torch.from_numpy(x).to_sparse(),
        TypeError,
        "expected a dense real tensor, got torch.sparse_coo torch.float64",
    ),
    "torch on no device": (meta, ValueError, "lies on meta; expected a CPU or CUDA tensor"),
    "torch no samples": (lambda x: torch.from_numpy(x[:0]), ValueError, r"is empty, got shape \(0, "),
}


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_the_array_that_the_rows_below_spoil_is_accepted(argument):
    _, call, accepted = ARGUMENTS[argument]
    call(accepted)
    call(torch.from_numpy(accepted))


@pytest.mark.parametrize("spoiled", SPOILED)
@pytest.mark.parametrize("argument", ARGUMENTS)
def test_refused_arrays(argument, spoiled):
    name, call, accepted = ARGUMENTS[argument]
    spoil, error, message = SPOILED[spoiled]
    with pytest.raises(error, match=f"^{name}: {message}"):
        call(spoil(accepted))


# Whole numbers 0 to 3, which every kind of number holds exactly.
COUNTS = np.random.default_rng(1).integers(0, 4, (8, 3, 4, 4)).astype(np.float64)

CLASSES = np.arange(8) % 2

# id: call with maps [8, 3, 4, 4]; x + 0 is another array with the same values
FUNCTIONS = {
    "nearest_neighbors": lambda x: bitlens.nearest_neighbors(x, 3),
    "neighbor_probabilities": lambda x: bitlens.neighbor_probabilities(x, 3),
    "inter_sample_entropy": lambda x: bitlens.inter_sample_entropy(x, 3),
    "intra_sample_entropy": lambda x: bitlens.intra_sample_entropy(x, 8),
    "channel_entropy": lambda x: bitlens.channel_entropy(x, None, 8),
    "channel_entropy by class": lambda x: bitlens.channel_entropy(x, np.arange(8) % 2, 8),
    "distance_codes": lambda x: bitlens.distance_codes(x, 8),
    "joint_histogram": lambda x: bitlens.joint_histogram(x, x + 0, 8),
    "channel_mutual_information": lambda x: bitlens.channel_mutual_information(x, x + 0, 8),
    "all entropies": lambda x: bitlens.channel_mutual_information(x, x + 0, 8, full_output=True),
    "label_entropies": lambda x: bitlens.label_entropies(x[:3, :3, 0, 0]),
    "renyi_entropy": lambda x: bitlens.renyi_entropy(x),
    "renyi_joint_entropy": lambda x: bitlens.renyi_joint_entropy([x, x + 0]),
    "renyi_mutual_information": lambda x: bitlens.renyi_mutual_information(x, x + 0),
    "multivariate_information": lambda x: bitlens.multivariate_information(x, x + 0),
    "channel_decomposition": lambda x: bitlens.channel_decomposition(x, x + 0)[:2],
    "binned_information": lambda x: bitlens.binned_information(x, CLASSES),
    "pairwise_distance_information": lambda x: sum(bitlens.pairwise_distance_information(x, CLASSES), ()),
}

FLOATS = {name for name in FUNCTIONS if name.startswith(("inter", "renyi", "multivariate", "binned", "pairwise"))}
"""Functions that return plain numbers."""


def parts(result) -> tuple:
    return tuple(result) if isinstance(result, tuple) else (result,)


def assert_same(result, expected):
    for part, expected_part in zip(parts(result), parts(expected), strict=True):
        # Means of tensors are computed by PyTorch, which sums in another order.
        np.testing.assert_allclose(np.asarray(part), np.asarray(expected_part), rtol=1e-14)


def strided(x):
    wide = np.full((2 * x.shape[0], x.shape[1], x.shape[2], 3 * x.shape[3]), np.nan)
    wide[::2, :, :, 1::3] = x
    return wide[::2, :, :, 1::3]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def packed(x):
    """A field of records of nine bytes, which is neither aligned nor strided by whole values."""
    records = np.zeros(x.shape, [("flag", "u1"), ("value", "f8")])
    records["value"] = x
    return records["value"]


def negated(x):
    """A real tensor that PyTorch only marks as negated."""
    tensor = torch.complex(torch.zeros(x.shape, dtype=torch.float64), torch.from_numpy(-x)).conj().imag
    assert tensor.is_neg()
    return tensor


# id: the same numbers in another array
KINDS = {
    **{name: lambda x, name=name: x.astype(name) for name in ("float16", "float32", "int8", "int16", "int32", "int64")},
    **{name: lambda x, name=name: x.astype(name) for name in ("uint16", "uint32", "uint64")},
    "transposed": lambda x: np.asfortranarray(x),
    "strided": strided,
    "negative strides": lambda x: x[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1],
    "read-only": read_only,
    "packed records": packed,
    "torch float64": lambda x: torch.from_numpy(x),
    "torch float32": lambda x: torch.from_numpy(x).float(),
    "torch float16": lambda x: torch.from_numpy(x).half(),
    "torch bfloat16": lambda x: torch.from_numpy(x).bfloat16(),
    "torch int32": lambda x: torch.from_numpy(x).int(),
    "torch int64": lambda x: torch.from_numpy(x).long(),
    "torch requires grad": lambda x: torch.from_numpy(x).clone().requires_grad_(),
    "torch parameter": lambda x: torch.nn.Parameter(torch.from_numpy(x)),
    "torch channels last": lambda x: torch.from_numpy(x).to(memory_format=torch.channels_last),
    "torch strided": lambda x: torch.from_numpy(strided(x)),
    "torch negated": negated,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_kind_of_array_gives_the_same(function, kind):
    call, x = FUNCTIONS[function], KINDS[kind](COUNTS)
    expected = call(COUNTS)
    if function in FLOATS:
        assert all(type(part) is float for part in parts(call(x)))
    else:
        context = torch.Tensor if kind.startswith("torch") else np.ndarray
        assert all(isinstance(part, context) for part in parts(call(x)))
    assert_same(call(x), expected)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_booleans_are_numbers(function):
    mask = COUNTS > 1
    expected = FUNCTIONS[function](mask.astype(np.float64))
    assert_same(FUNCTIONS[function](mask), expected)
    assert_same(FUNCTIONS[function](torch.from_numpy(mask)), expected)


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_bytes_are_numbers(function):
    expected = FUNCTIONS[function](COUNTS)
    assert_same(FUNCTIONS[function](COUNTS.astype(np.uint8)), expected)
    assert_same(FUNCTIONS[function](torch.from_numpy(COUNTS).byte()), expected)


@pytest.mark.parametrize("kind", [lambda x: x, torch.from_numpy], ids=["numpy", "torch"])
def test_codes_of_any_layout(kind):
    codes = bitlens.distance_codes(COUNTS)
    expected = bitlens.channel_mutual_information(codes, codes + 0, codes=True)
    for layout in (np.asfortranarray(codes), np.repeat(codes, 2, axis=1)[:, ::2]):
        result = bitlens.channel_mutual_information(kind(layout), kind(layout + 0), codes=True)
        assert type(result) is type(kind(expected))
        assert_same(result, expected)


# id: whole numbers that float32 would round to each other
LARGE = {
    "int32": np.array([[2**24], [2**24 + 1], [2**24 + 3]], np.int32),
    "uint32": np.array([[2**24], [2**24 + 1], [2**24 + 3]], np.uint32),
    "int64": np.array([[2**52], [2**52 + 1], [2**52 + 3]], np.int64),
    "uint64": np.array([[2**52], [2**52 + 1], [2**52 + 3]], np.uint64),
}


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
@pytest.mark.parametrize("kind", LARGE)
def test_large_integers_keep_their_differences(kind, make):
    distances, _ = bitlens.nearest_neighbors(make(LARGE[kind]), 1)
    assert distances.tolist() == [[1.0], [1.0], [2.0]]


@pytest.mark.parametrize("shape", [(8, 48), (8, 3, 16), (8, 3, 4, 4), (8, 3, 2, 2, 4)], ids=str)
def test_values_behind_the_channels_are_flattened(shape):
    x = COUNTS.reshape(shape)
    assert_same(bitlens.nearest_neighbors(x, 2), bitlens.nearest_neighbors(COUNTS, 2))
    if len(shape) > 2:
        for function in ("intra_sample_entropy", "channel_entropy", "distance_codes"):
            assert_same(getattr(bitlens, function)(x), getattr(bitlens, function)(COUNTS))
    else:
        assert bitlens.distance_codes(x).shape == (48, 28)


@pytest.mark.parametrize("layout", [np.asfortranarray, read_only, packed], ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("function", ["intra_sample_entropy", "channel_entropy", "distance_codes"])
def test_maps_of_one_value(function, layout):
    x = COUNTS[:, :, 0, 0]
    assert_same(getattr(bitlens, function)(layout(x)), getattr(bitlens, function)(x.copy()))


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3, np.int8(3)], ids=repr)
@pytest.mark.parametrize("kind", [lambda x: x, torch.from_numpy], ids=["numpy", "torch"])
@pytest.mark.parametrize("function", ["intra_sample_entropy", "channel_entropy", "distance_codes"])
def test_channels_on_any_axis(function, kind, axis):
    moved = np.moveaxis(COUNTS, 1, axis)
    assert_same(getattr(bitlens, function)(kind(moved), channel_axis=axis), getattr(bitlens, function)(COUNTS))


def test_kinds_of_results():
    kinds = {name: [np.asarray(part).dtype.name for part in parts(call(COUNTS))] for name, call in FUNCTIONS.items()}
    assert kinds.pop("nearest_neighbors") == ["float64", "int64"]
    assert kinds.pop("neighbor_probabilities") == ["int64", "float64", "float64"]
    assert kinds.pop("distance_codes") == ["uint8"]
    assert kinds.pop("joint_histogram") == ["int64"]
    assert {kind for each in kinds.values() for kind in each} == {"float64"}
