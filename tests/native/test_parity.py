"""The operations that have a CPU and a CUDA kernel: every back-end against the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens
from bitlens import _core, reference
from bitlens.arrays import ArrayContext, as_numpy, call_kernel

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])

# id: a view of a tensor [n, channels, height, width]
LAYOUTS = {
    "contiguous": lambda x: x,
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(0, 1),
    "every other sample": lambda x: x[::2],
    "cropped": lambda x: x[:, 1:, :, 1:-1],
    "maps of one value": lambda x: x[:, :, 0, 0],
    "one map": lambda x: x[:1, :1],
    "expanded": lambda x: x[:, :1].expand(x.shape),
    "requires grad": lambda x: x.clone().requires_grad_(),
}

# id: values [n, channels, height, width]
VALUES = {
    "normal": lambda random: random.normal(size=(7, 5, 6, 11)),
    "mostly zero": lambda random: np.maximum(random.normal(size=(7, 5, 6, 11)) - 1, 0),
    "constant": lambda random: np.full((3, 2, 4, 4), -2.5),
    "large": lambda random: random.normal(size=(4, 3, 5, 5)) * 1e30,
    "small": lambda random: random.normal(size=(4, 3, 5, 5)) * 1e-30,
    "offset": lambda random: random.normal(size=(4, 3, 5, 5)) + 1e6,
    "more values than threads in a block": lambda random: random.normal(size=(2, 3, 40, 33)),
    "on the edges of the bins": lambda random: random.integers(-8, 9, (6, 4, 6, 6)) / 8,
}


def make(name, dtype):
    return VALUES[name](np.random.default_rng(3)).astype(dtype)


def histograms(backend, maps, low, high, bins):
    """Counts by the compiled module, for a tensor [n, channels, values]."""
    context = ArrayContext(maps.device)
    counts = torch.full((*maps.shape[:2], bins), -1, dtype=torch.int32, device=maps.device)
    call_kernel(context, _core.value_histograms, maps, low, high, counts)
    return counts


@each_dtype
@pytest.mark.parametrize("bins", [2, 7, 32, 256])
@pytest.mark.parametrize("values", VALUES)
def test_counts_are_those_of_numpy(backend, values, bins, dtype):
    x = make(values, dtype).reshape(*VALUES[values](np.random.default_rng(3)).shape[:2], -1)
    low, high = float(x.min()) - 0.0, float(x.max())
    if low == high:
        low, high = low - 1.0, high + 1.0
    with backend.active():
        counts = histograms(backend, backend.put(x), low, high, bins).cpu()
    wide = x.astype(np.float64)
    expected = [[np.histogram(values, bins, (low, high))[0] for values in sample] for sample in wide]
    np.testing.assert_array_equal(counts.numpy(), expected)


@each_dtype
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("values", VALUES)
def test_intra_sample_entropy(backend, values, layout, dtype):
    x = make(values, dtype)
    expected = reference.intra_sample_entropy(LAYOUTS[layout](torch.from_numpy(x)).detach().numpy(), 20)
    with backend.active():
        tensor = LAYOUTS[layout](backend.put(x))
        result = bitlens.intra_sample_entropy(tensor, 20)
        assert isinstance(result, torch.Tensor)
        assert (result.device, result.dtype) == (tensor.device, torch.float64)
        assert not result.requires_grad
        result = result.cpu()
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol={"float64": 1e-9, "float32": 1e-6}[dtype])


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "uint8", "int32", "bool"])
def test_intra_sample_entropy_of_other_kinds(backend, kind):
    x = np.random.default_rng(0).integers(0, 2 if kind == "bool" else 9, (6, 3, 40)).astype(np.float32)
    expected = reference.intra_sample_entropy(x)
    with backend.active():
        result = bitlens.intra_sample_entropy(backend.put(x).to(getattr(torch, kind))).cpu()
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.each_kernel
@each_dtype
@pytest.mark.parametrize("classes", [None, 3])
def test_channel_entropy(backend, classes, dtype):
    x = make("mostly zero", dtype)
    labels = None if classes is None else np.arange(len(x)) % classes
    expected = reference.channel_entropy(x, labels)
    with backend.active():
        tensor = backend.put(x)
        result = bitlens.channel_entropy(tensor, labels)
        assert result.device == tensor.device
        result = result.cpu()
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol={"float64": 1e-9, "float32": 1e-6}[dtype])


def test_channels_on_the_last_axis(backend):
    x = make("normal", "float32")
    expected = reference.intra_sample_entropy(x)
    with backend.active():
        tensor = backend.put(np.ascontiguousarray(np.moveaxis(x, 1, -1)))
        result = bitlens.intra_sample_entropy(tensor, channel_axis=-1).cpu()
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.heavy
def test_more_maps_than_the_smaller_axes_of_a_grid_have_blocks(backend):
    x = np.random.default_rng(0).random((3, 30_000, 2), np.float32)
    above = (x >= 0.5).sum(axis=2)
    with backend.active():
        maps = backend.put(x)
        counts = histograms(backend, maps, 0.0, 1.0, 2).cpu()
        entropies = bitlens.intra_sample_entropy(maps, 2, (0.0, 1.0)).cpu()
    np.testing.assert_array_equal(counts.numpy(), np.stack([2 - above, above], axis=2))
    np.testing.assert_array_equal(entropies.numpy(), above == 1)


@pytest.mark.each_kernel
def test_entropies_of_counts(backend):
    counts = np.random.default_rng(0).integers(0, 5, (9, 31, 6)).astype(np.int32)
    counts[0, 0] = 0  # an empty histogram
    counts[1, 1] = [0, 2**31 - 1, 0, 2**31 - 1, 2**31 - 1, 2**31 - 1]
    expected = [[reference.entropy(table) if table.any() else 0.0 for table in row] for row in counts.astype(float)]
    with backend.active():
        tensor = backend.put(counts)
        entropies = torch.full((9, 31), -1.0, dtype=torch.float64, device=tensor.device)
        call_kernel(ArrayContext(tensor.device), _core.histogram_entropies, tensor, entropies)
        entropies = entropies.cpu()
    np.testing.assert_allclose(entropies.numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(backend, value):
    x = make("normal", "float32")
    x[-1, -1, -1, -1] = value
    with backend.active():
        tensor = backend.put(x)
        with pytest.raises(ValueError, match=r"^maps: contains NaN or infinity; every value must be finite$"):
            bitlens.intra_sample_entropy(tensor)


# All combinations that leave a pair of samples.
PAIRS = [
    pytest.param(values, layout, id=f"{values}-{layout}")
    for values in VALUES
    for layout, view in LAYOUTS.items()
    if len(view(torch.from_numpy(make(values, "float32")))) >= 2
]


@each_dtype
@pytest.mark.parametrize(("values", "layout"), PAIRS)
def test_distance_codes(backend, values, layout, dtype):
    x = make(values, dtype)
    expected = reference.distance_codes(LAYOUTS[layout](torch.from_numpy(x)).detach().numpy(), 20)
    with backend.active():
        tensor = LAYOUTS[layout](backend.put(x))
        result = bitlens.distance_codes(tensor, 20)
        assert isinstance(result, torch.Tensor)
        assert (result.device, result.dtype) == (tensor.device, torch.uint8)
        result = result.cpu()
    np.testing.assert_array_equal(result.numpy(), expected)


@pytest.mark.each_kernel
@each_dtype
@pytest.mark.parametrize(("n", "length"), [(2, 1), (31, 31), (32, 32), (33, 33), (64, 64), (65, 1), (130, 70)])
@pytest.mark.parametrize("kept", [0, 2, 3])
def test_distance_codes_around_the_tiles(backend, n, length, kept, dtype):
    """Distances of no, of two or of all three channels are kept."""
    x = np.random.default_rng(n).normal(size=(n, 3, length)).astype(dtype)
    distances = reference.channel_distances(x)
    with backend.active():
        maps = backend.put(x)
        context = ArrayContext(maps.device)
        codes = torch.full((3, n * (n - 1) // 2), 255, dtype=torch.uint8, device=maps.device)
        ranges = torch.full((3, 2), np.nan, dtype=torch.float64, device=maps.device)
        workspace = context.empty((kept, n * (n - 1) // 2 if kept else 0), "float64")
        call_kernel(context, _core.distance_codes, maps, 32, codes, ranges, workspace)
        codes, ranges = codes.cpu(), ranges.cpu()
    np.testing.assert_array_equal(codes.numpy(), reference.distance_codes(x, 32))
    np.testing.assert_allclose(ranges.numpy(), np.stack([distances.min(1), distances.max(1)], 1), rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e300])
def test_distance_codes_at_the_ends_of_float64(backend, scale):
    x = np.random.default_rng(0).normal(size=(20, 2, 9))
    with backend.active():
        codes = bitlens.distance_codes(backend.put(x * scale)).cpu()
    np.testing.assert_array_equal(codes.numpy(), reference.distance_codes(x))


def random_codes(channels, pairs, bins):
    """Codes, some of which are rare and one of which does not occur."""
    random = np.random.default_rng(channels + bins)
    return np.minimum(random.exponential(bins / 5, (channels, pairs)), bins - 1).astype(np.uint8) // 2 * 2


# The table of up to 106 bins fits into one block. For more bins the codes of a are counted in portions.
@pytest.mark.each_kernel
@pytest.mark.parametrize("bins", [2, 7, 32, 33, 64, 105, 106, 107, 200, 256])
@pytest.mark.parametrize(("channels_a", "channels_b"), [(1, 1), (2, 9), (17, 3)])
def test_joint_histograms_and_information(backend, channels_a, channels_b, bins):
    a, b = random_codes(channels_a, 45 * 89, bins), random_codes(channels_b, 45 * 89, bins)
    cells = (a[:, None].astype(np.int64) * bins + b).reshape(-1, a.shape[1])
    counts = np.stack([np.bincount(row, minlength=bins * bins) for row in cells])
    counts = counts.reshape(channels_a, channels_b, bins, bins)
    joint = np.array([[reference.entropy(table) for table in row] for row in counts])
    with backend.active():
        tensors = backend.put(a), backend.put(b)
        found = bitlens.joint_histogram(*tensors, bins, codes=True)
        information = bitlens.channel_mutual_information(*tensors, bins, codes=True, full_output=True)
        for array in (found, *information):
            assert array.device == tensors[0].device
        found, information = found.cpu(), type(information)(*(array.cpu().numpy() for array in information))
    np.testing.assert_array_equal(found.numpy(), counts)
    np.testing.assert_allclose(information.joint_entropy, joint, rtol=0, atol=1e-9)
    entropy_a = np.array([reference.entropy(np.bincount(row)) for row in a])
    entropy_b = np.array([reference.entropy(np.bincount(row)) for row in b])
    np.testing.assert_allclose(information.entropy_a, entropy_a, rtol=0, atol=1e-9)
    np.testing.assert_allclose(information.entropy_b, entropy_b, rtol=0, atol=1e-9)
    expected = entropy_a[:, None] + entropy_b - joint
    np.testing.assert_allclose(information.mutual_information, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(information.conditional_entropy, joint - entropy_b, rtol=0, atol=1e-9)


@pytest.mark.each_kernel
@pytest.mark.parametrize("columns", [slice(0, 1200), slice(4, 1203), slice(0, 3), slice(1, 1201)], ids=str)
def test_joint_histograms_of_rows_at_any_address(backend, columns):
    """Rows that start at multiples of 4 bytes or not, with and without a rest of less than 4 codes."""
    a, b = random_codes(2, 1204, 32), random_codes(9, 1204, 32)
    cells = (a[:, None, columns].astype(np.int64) * 32 + b[:, columns]).reshape(18, -1)
    expected = np.stack([np.bincount(row, minlength=1024) for row in cells]).reshape(2, 9, 1024)
    with backend.active():
        tensors = backend.put(a)[:, columns], backend.put(b)[:, columns]
        context = ArrayContext(tensors[0].device)
        counts = context.empty((2, 9, 1024), "int64")
        call_kernel(context, _core.joint_counts, *tensors, 32, counts)
        counts = as_numpy(counts)
    np.testing.assert_array_equal(counts, expected)


@each_dtype
@pytest.mark.parametrize("values", ["normal", "constant", "mostly zero"])
def test_channel_mutual_information(backend, values, dtype):
    x = make(values, dtype)
    expected = reference.channel_mutual_information(x, x)
    with backend.active():
        tensor = backend.put(x)
        result = bitlens.channel_mutual_information(tensor, tensor).cpu()
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-9)


def test_information_has_the_same_bits_each_time(backend):
    x = np.random.default_rng(0).normal(size=(200, 6, 9)).astype(np.float32)
    with backend.active():
        tensor = backend.put(x)
        found = [bitlens.channel_mutual_information(tensor, tensor).cpu().numpy() for _ in range(3)]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("argument", ["a", "b"])
def test_codes_beyond_the_bins_are_refused(backend, argument):
    codes = {"a": random_codes(2, 45, 8), "b": random_codes(2, 45, 8)}
    codes[argument][1, 44] = 8
    with backend.active():
        tensors = [backend.put(array) for array in codes.values()]
        with pytest.raises(ValueError, match=f"^{argument}: found code 8, expected codes below bins = 8$"):
            bitlens.channel_mutual_information(*tensors, 8, codes=True)


def test_permutations_of_tensors(backend):
    x = np.random.default_rng(0).normal(size=(60, 2, 5))
    expected = bitlens.permutation_test(bitlens.channel_mutual_information, x, x[:, ::-1].copy())
    with backend.active():
        tensors = backend.put(x), backend.put(x[:, ::-1].copy())
        result = bitlens.permutation_test(bitlens.channel_mutual_information, *tensors)
        observed, null_mean = result.observed.cpu().numpy(), result.null_mean.cpu().numpy()
    np.testing.assert_allclose(observed, expected.observed, rtol=0, atol=1e-9)
    np.testing.assert_allclose(null_mean, expected.null_mean, rtol=0, atol=1e-9)
