"""Cases of the GPU benchmark: those cases of the CPU benchmark that are useful on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

import bitlens
from bench import checks, data
from bench.gpu import peers
from bench.gpu.contestants import GpuCase, as_cupy, contestant, has, to_device
from bench.gpu.matrices import renyi_case, spectrum_case
from bench.timing import OURS, Contestant

Tensor = torch.Tensor

BINS = 32


def entropy_case(n: int, width: int, k: int) -> GpuCase:
    """Return the case of the inter-sample entropy."""

    def contestants(device: torch.device) -> dict[str, Contestant]:
        x = data.activations(n, width)
        inputs = to_device([x, x + np.float32(0.5), x * 2], device)
        value = checks.lazy_sample_entropy(x, k)
        return {
            OURS: contestant(
                "bitlens", partial(bitlens.inter_sample_entropy, k=k), inputs, checks.entropy_close(value, 1e-5)
            ),
            "torch": contestant(
                "torch cdist + topk + bisection + coalesce",
                partial(peers.sample_entropy, k=k),
                inputs,
                checks.entropy_close(value, 1e-2),
            ),
        }

    title = f"`inter_sample_entropy`, n = {n}, {width} values, k = {k}"
    return GpuCase(title, contestants, "each dot product once, in float32", gflop=n * (n - 1) * width / 1e9)


def neighbors_case(n: int, width: int, k: int) -> GpuCase:
    """Return the case of exact neighbours."""

    def contestants(device: torch.device) -> dict[str, Contestant]:
        x = data.activations(n, width)
        inputs = to_device([x], device)
        return {
            OURS: contestant("bitlens", partial(bitlens.nearest_neighbors, k=k), inputs, checks.exact_neighbors(x, k)),
            "torch": contestant(
                "torch cdist + topk",
                partial(peers.neighbors, k=k),
                inputs,
                checks.near_neighbors(x, k, least_recall=0.99),
            ),
        }

    title = f"`nearest_neighbors`, n = {n}, {width} values, k = {k}"
    return GpuCase(title, contestants, "each dot product once, in float32", gflop=n * (n - 1) * width / 1e9)


def information_check(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-9) -> Callable[[np.ndarray], str]:
    """Return the check of a table of mutual information of any size; it compares three rows and three columns."""

    def check(found: np.ndarray) -> str:
        rows, columns = (checks.sampled_rows(size, 3) for size in found.shape[:2])
        expected = [checks.mutual_information(a[i], b[j], BINS) for i in rows for j in columns]
        return checks.close([found[i, j] for i in rows for j in columns], expected, tolerance)

    return check


def counts_check(a: np.ndarray, b: np.ndarray) -> Callable[[np.ndarray], str]:
    """Return the check of the counts; it compares the first table."""

    def check(found: np.ndarray) -> str:
        expected = np.histogram2d(a[0], b[0], BINS, ((0, BINS), (0, BINS)))[0]
        np.testing.assert_array_equal(found.reshape(-1, BINS, BINS)[0], expected)
        return "counts exact"

    return check


def codes_case(n: int, channels: int) -> GpuCase:
    """Return the case of mutual information from given codes."""

    def contestants(device: torch.device) -> dict[str, Contestant]:
        few = min(8, channels)
        a, b = (data.codes(n, channels, seed) for seed in (1, 2))
        (x,), (y,) = to_device([a, b], device)
        inputs, part = [(x, y), (y, x)], [(x[:1], y[:few])]
        parts, share = channels**2 / few, f"{few} of {channels**2} pairs of channels"
        found = {
            OURS: contestant(
                "bitlens",
                partial(bitlens.channel_mutual_information, bins=BINS, codes=True),
                inputs,
                information_check(a, b),
            ),
            "int8": contestant(
                "torch int8 one-hot products",
                partial(peers.one_hot_information, bins=BINS),
                inputs,
                information_check(a, b),
            ),
            "bincount": contestant(
                "torch.bincount",
                partial(peers.bincount_information, bins=BINS),
                part,
                information_check(a, b),
                scale=parts,
                note=share,
            ),
        }
        if has("cupy", device):
            shared = [tuple(map(as_cupy, part[0]))]
            found["cupy"] = contestant(
                "cupy.bincount",
                partial(peers.cupy_information, bins=BINS),
                shared,
                counts_check(a, b),
                scale=parts,
                note=f"{share}; only the counts",
            )
        return found

    title = f"`channel_mutual_information`, {channels} x {channels} channels, n = {n}, from codes"
    pairs = n * (n - 1) // 2
    return GpuCase(title, contestants, "each code read once", gigabytes=2 * channels * pairs / 1e9)


def maps_case(n: int, channels: int, side: int) -> GpuCase:
    """Return the case of mutual information from feature maps, including their distances."""

    def contestants(device: torch.device) -> dict[str, Contestant]:
        a, b = (data.feature_maps(n, channels, side, seed) for seed in (1, 2))
        (x,), (y,) = to_device([a, b], device)

        def torch_information(left: Tensor, right: Tensor) -> Tensor:
            return peers.one_hot_information(peers.codes(left, BINS), peers.codes(right, BINS), BINS)

        few = [0, channels // 2, channels - 1]
        codes_a, codes_b = (bitlens.distance_codes(maps[:, few], BINS) for maps in (a, b))
        expected = [checks.mutual_information(i, j, BINS) for i in codes_a for j in codes_b]

        def check(tolerance: float) -> Callable[[np.ndarray], str]:
            return lambda found: checks.close(found[np.ix_(few, few)].ravel(), expected, tolerance)

        inputs = [(x, y), (y, x)]
        return {
            OURS: contestant("bitlens", partial(bitlens.channel_mutual_information, bins=BINS), inputs, check(1e-9)),
            "torch": contestant(
                "torch pdist + bucketize + int8 one-hot products", torch_information, inputs, check(1e-2)
            ),
        }

    title = f"`channel_mutual_information`, {channels} x {channels} channels, n = {n}, from maps {side} x {side}"
    operations = 2 * channels * n * (n - 1) / 2 * 3 * side**2
    return GpuCase(title, contestants, "each difference squared and added once, in float32", gflop=operations / 1e9)


def values_case(n: int, channels: int, side: int) -> GpuCase:
    """Return the case of histograms of values and their entropies."""

    def contestants(device: torch.device) -> dict[str, Contestant]:
        maps = data.feature_maps(n, channels, side, 1)
        inputs = to_device([maps, maps[::-1].copy()], device)
        wide = maps[:2].astype(np.float64)
        histograms = [[np.histogram(m, BINS, (maps.min(), maps.max()))[0] for m in sample] for sample in wide]
        expected = [[checks.entropy(h) for h in sample] for sample in histograms]

        def check(tolerance: float) -> Callable[[np.ndarray], str]:
            return lambda found: checks.close(found[:2], expected, tolerance)

        return {
            OURS: contestant("bitlens", partial(bitlens.intra_sample_entropy, bins=BINS), inputs, check(1e-6)),
            "torch": contestant("torch scatter_add", partial(peers.value_entropies, bins=BINS), inputs, check(1e-2)),
        }

    title = f"`intra_sample_entropy`, {n} x {channels} maps of {side} x {side}"
    return GpuCase(title, contestants, "each value read twice", gigabytes=2 * 4 * n * channels * side**2 / 1e9)


CASES = {
    "entropy": entropy_case(10000, 784, 1000),
    "neighbors-60000": neighbors_case(60000, 784, 15),
    "neighbors-wide": neighbors_case(50000, 3072, 100),
    "codes-64": codes_case(1000, 64),
    "codes-512": codes_case(256, 512),
    "maps-64": maps_case(1000, 64, 14),
    "values": values_case(1000, 64, 28),
    "renyi-128": renyi_case(2016, 128),
    "spectrum-128": spectrum_case(2016, 128),
    "renyi-256": renyi_case(512, 256),
    "renyi-512": renyi_case(64, 512),
}

SMALL_CASES = {
    "entropy": entropy_case(400, 20, 30),
    "neighbors": neighbors_case(500, 30, 5),
    "codes": codes_case(40, 4),
    "maps": maps_case(40, 3, 4),
    "values": values_case(20, 3, 8),
    "renyi": renyi_case(10, 20),
    "spectrum": spectrum_case(6, 20),
}
"""Small versions of the cases, which take a few seconds and show that everything runs."""
