"""Cases of spectra and Renyi entropies on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import bitlens
from bench import checks, data
from bench.gpu import peers
from bench.gpu.contestants import GpuCase, as_cupy, as_jax, contestant, has, to_device
from bench.timing import OURS, Contestant
from bitlens import _core
from bitlens.arrays import ArrayContext, call_kernel

Tensor = torch.Tensor

ALPHA = 1.01
PUBLIC = "public"
"""The key of the contestant that is the public function, where `OURS` is its kernel alone."""


def public_contestant(channels: int, count: int, n: int, device: torch.device) -> Contestant:
    """Return the public function that computes entropies of pairs of channels, here from maps and labels."""
    maps, labels = data.feature_maps(n, channels, 6, 3), np.arange(n) % 10
    x = torch.from_numpy(labels).to(device)
    total = 1 + 2 * (channels + count + 1)

    def decomposition(given: Tensor) -> Any:
        return bitlens.channel_decomposition(x, given, pairs=count, alpha=ALPHA, permutations=0)

    def check(found: Any) -> str:
        rows = checks.sampled_rows(count, 4)
        same_label = (labels[:, None] == labels).astype(np.float64)
        expected = [information_of_pair(maps[:, pair], same_label) for pair in found[2][rows]]
        return checks.close(found[1][rows], expected, 1e-5)

    note = f"{total} entropies, with distances and bandwidths"
    inputs = to_device([maps], device)
    return contestant("bitlens, channel_decomposition", decomposition, inputs, check, note=note)


def information_of_pair(maps: np.ndarray, same_label: np.ndarray) -> float:
    """Return the information about labels in the two channels of maps [n, 2, ...], by NumPy in float64."""
    kernel = np.ones_like(same_label)
    for channel in (0, 1):
        squares = data.squared_distances(maps[:, channel].reshape(len(maps), -1).astype(np.float64))
        kernel *= np.exp(-squares / (2 * np.median(np.sqrt(squares[squares > 0])) ** 2))
    spectra = np.linalg.eigvalsh(np.stack([same_label, kernel, same_label * kernel]) / len(maps))
    of_labels, of_pair, of_both = checks.renyi_entropy(spectra, ALPHA)
    return float(of_labels + of_pair - of_both)


def renyi_case(count: int, n: int) -> GpuCase:
    """Return the case of the entropies of the joint matrices of pairs of channels."""

    def contestants(device: torch.device) -> dict[str, Contestant]:
        channels = next(c for c in range(2, count + 2) if c * (c - 1) // 2 >= count)
        squares, pairs = data.scaled_squared_distances(n, channels), data.first_pairs(channels, count)
        rows = checks.sampled_rows(count, 16)
        wide = torch.from_numpy(squares).double()
        matrices = peers.products(wide, torch.from_numpy(pairs[rows])).numpy()
        expected = checks.renyi_entropy(np.linalg.eigvalsh(matrices), ALPHA)
        (on_device,) = to_device([squares], device)[0]
        starts = torch.arange(0, 2 * count + 1, 2, device=device)
        members, weights = (
            torch.from_numpy(pairs).to(device),
            torch.full((2 * count,), 0.5, dtype=torch.float64, device=device),
        )
        context = ArrayContext(device)

        def ours(distances: Tensor) -> Tensor:
            entropies, kept = (torch.empty(count, dtype=torch.float64, device=device) for _ in range(2))
            workspace = context.spectrum_workspace(count, n)
            call_kernel(
                context,
                _core.renyi_entropies,
                distances,
                starts,
                members.view(-1),
                weights,
                ALPHA,
                entropies,
                kept,
                workspace,
            )
            return entropies

        def check(tolerance: float) -> Callable[[np.ndarray], str]:
            return lambda found: checks.close(found[rows], expected, tolerance)

        def torch_entropies(distances: Tensor) -> Tensor:
            return peers.renyi(torch.linalg.eigvalsh(peers.products(distances, members)), ALPHA)

        inputs = [(on_device,), (on_device.clone(),)]
        found = {
            OURS: contestant("bitlens", ours, inputs, check(1e-5)),
            PUBLIC: public_contestant(channels, count, n, device),
            "torch-32": contestant("torch float32", torch_entropies, inputs, check(2e-2)),
        }
        if has("cupy", device):
            prepared = [(as_cupy(peers.products(on_device, members)),)]

            def cupy_entropies(matrices: Any) -> Tensor:
                return peers.renyi(torch.from_dlpack(peers.cupy_spectra(matrices)), ALPHA)

            note = "products given"
            found["cupy-32"] = contestant("CuPy float32", cupy_entropies, prepared, check(2e-2), note=note)
        return found

    title = f"Renyi entropy, alpha = {ALPHA}, of {count} pairs of channels, n = {n}"
    bound = "4/3 n^3 operations per matrix for the tridiagonal form, in float32"
    return GpuCase(title, contestants, bound, gflop=count * 4 / 3 * n**3 / 1e9)


def spectrum_case(count: int, n: int) -> GpuCase:
    """Return the case of all eigenvalues of prepared matrices."""

    def contestants(device: torch.device) -> dict[str, Contestant]:
        channels = next(c for c in range(2, count + 2) if c * (c - 1) // 2 >= count)
        squares, pairs = data.scaled_squared_distances(n, channels), data.first_pairs(channels, count)
        rows = checks.sampled_rows(count, 16)
        wide = torch.from_numpy(squares).double()
        expected = np.linalg.eigvalsh(peers.products(wide, torch.from_numpy(pairs[rows])).numpy())
        matrices = peers.products(torch.from_numpy(squares).to(device), torch.from_numpy(pairs).to(device))
        context = ArrayContext(device)

        def ours(given: Tensor) -> Tensor:
            spectra = torch.empty(count, n, dtype=torch.float64, device=device)
            workspace = context.spectrum_workspace(count, n, "float32")
            call_kernel(context, _core.gram_spectrum, given, spectra, workspace)
            return spectra

        def check(found: np.ndarray) -> str:
            return checks.close(found[rows], expected, 1e-6, "for a trace of 1")

        inputs = [(matrices,), (matrices.clone(),)]
        found = {
            OURS: contestant("bitlens", ours, inputs, check),
            "torch-32": contestant("torch float32", torch.linalg.eigvalsh, inputs, check),
        }
        if has("cupy", device):
            found["cupy-32"] = contestant("CuPy float32", peers.cupy_spectra, [(as_cupy(matrices),)], check)
        if has("jax", device):
            found["jax-32"] = contestant("JAX float32", peers.jax_spectra(), [(as_jax(matrices),)], check)
        return found

    title = f"all eigenvalues of {count} matrices, n = {n}"
    bound = "4/3 n^3 operations per matrix for the tridiagonal form, in float32"
    return GpuCase(title, contestants, bound, gflop=count * 4 / 3 * n**3 / 1e9)
