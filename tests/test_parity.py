"""One table over the operations that have a CPU and a CUDA kernel: every back-end against the reference, none treated apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens
from bitlens import _core, reference
from bitlens.arrays import Family, apply

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
    family = Family(maps.device)
    counts = torch.full((*maps.shape[:2], bins), -1, dtype=torch.int32, device=maps.device)
    apply(family, _core.value_histograms, maps, low, high, counts)
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
        assert (type(result), result.device, result.dtype) == (torch.Tensor, tensor.device, torch.float64)
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


def test_more_maps_than_a_grid_has_blocks(backend):
    x = np.random.default_rng(0).random((3, 400_000, 2), np.float32)
    above = (x >= 0.5).sum(axis=2)
    with backend.active():
        maps = backend.put(x)
        counts = histograms(backend, maps, 0.0, 1.0, 2).cpu()
        entropies = bitlens.intra_sample_entropy(maps, 2, (0.0, 1.0)).cpu()
    np.testing.assert_array_equal(counts.numpy(), np.stack([2 - above, above], axis=2))
    np.testing.assert_array_equal(entropies.numpy(), above == 1)


def test_entropies_of_counts(backend):
    counts = np.random.default_rng(0).integers(0, 5, (9, 31, 6)).astype(np.int32)
    counts[0, 0] = 0  # an empty histogram
    counts[1, 1] = [0, 2**31 - 1, 0, 2**31 - 1, 2**31 - 1, 2**31 - 1]
    expected = [[reference.entropy(table) if table.any() else 0.0 for table in row] for row in counts.astype(float)]
    with backend.active():
        tensor = backend.put(counts)
        entropies = torch.full((9, 31), -1.0, dtype=torch.float64, device=tensor.device)
        apply(Family(tensor.device), _core.histogram_entropies, tensor, entropies)
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
