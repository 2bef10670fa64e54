"""The same quantities computed on a GPU with other libraries: PyTorch, CuPy and JAX."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

Tensor = torch.Tensor

_CHUNK_BYTES = 2**32  # size of a block of distances
_ONE_HOT_PAIRS = 16384


def neighbors(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k nearest neighbours by torch.cdist and topk, by blocks of rows.

    Each sample is its own nearest neighbour, which is dropped.
    """
    chunk = max(1, _CHUNK_BYTES // (4 * len(x)))
    distances, indices = [], []
    for start in range(0, len(x), chunk):
        found = torch.cdist(x[start : start + chunk], x).topk(k + 1, largest=False)
        distances.append(found.values[:, 1:])
        indices.append(found.indices[:, 1:])
    return torch.cat(distances), torch.cat(indices)


def sample_entropy(x: Tensor, k: int) -> float:
    """Return the entropy: neighbours, 64 bisections for the scales, a sparse matrix for the symmetric probabilities."""
    n = len(x)
    distances, indices = neighbors(x, k)
    low = torch.zeros(n, 1, device=x.device)
    high = torch.full((n, 1), math.inf, device=x.device)
    scale = distances.mean(1, keepdim=True)
    for _ in range(64):
        above = torch.exp(-distances / scale).sum(1, keepdim=True) > math.log2(k)
        high, low = torch.where(above, scale, high), torch.where(above, low, scale)
        scale = torch.where(torch.isinf(high), 2 * scale, (low + high) / 2)
    weights = torch.exp(-distances / scale).double().reshape(-1)
    rows, columns = torch.arange(n, device=x.device).repeat_interleave(k), indices.reshape(-1)
    places = torch.stack([torch.cat([rows, columns]), torch.cat([columns, rows])])
    p = torch.sparse_coo_tensor(places, weights.repeat(2), (n, n), check_invariants=False).coalesce().values()
    p = p / p.sum()
    return float(-torch.xlogy(p, p).sum() / math.log(2))


def information_of_counts(counts: Tensor) -> Tensor:
    """Return the mutual information of tables [..., bins, bins] in bits."""

    def entropy(table: Tensor) -> Tensor:
        p = table.double() / table.sum(-1, keepdim=True)
        return -torch.xlogy(p, p).sum(-1) / math.log(2)

    return entropy(counts.sum(-1)) + entropy(counts.sum(-2)) - entropy(counts.flatten(-2))


def one_hot_information(a: Tensor, b: Tensor, bins: int) -> Tensor:
    """Return mutual information by int8 products of one-hot rows, which are exact, by blocks of sample pairs."""

    def one_hot(codes: Tensor) -> Tensor:
        hot = codes[:, None] == torch.arange(bins, device=codes.device, dtype=torch.uint8)[None, :, None]
        return torch.nn.functional.pad(hot.flatten(0, 1).to(torch.int8), (0, -codes.shape[1] % 32))

    counts = torch.zeros(len(a) * bins, len(b) * bins, dtype=torch.int32, device=a.device)
    for start in range(0, a.shape[1], _ONE_HOT_PAIRS):
        part = slice(start, start + _ONE_HOT_PAIRS)
        counts += torch._int_mm(one_hot(a[:, part]), one_hot(b[:, part]).T)
    return information_of_counts(counts.view(len(a), bins, len(b), bins).transpose(1, 2))


def bincount_information(a: Tensor, b: Tensor, bins: int) -> Tensor:
    """Return mutual information by one torch.bincount per pair of channels."""
    tables = [torch.bincount(x.long() * bins + y, minlength=bins**2) for x in a for y in b]
    return information_of_counts(torch.stack(tables).view(len(a), len(b), bins, bins))


def cupy_information(a: Any, b: Any, bins: int) -> Any:
    """Return the tables of counts by one cupy.bincount per pair of channels."""
    import cupy

    return cupy.stack([cupy.bincount(x.astype(cupy.int32) * bins + y, minlength=bins**2) for x in a for y in b])


def codes(maps: Tensor, bins: int) -> Tensor:
    """Return the codes of distances by torch.pdist of each channel and bucketize."""
    found = []
    for channel in maps.flatten(2).transpose(0, 1):
        distances = torch.pdist(channel.contiguous())
        low, high = distances.min().item(), distances.max().item()
        edges = torch.linspace(low, high, bins + 1, device=maps.device)
        found.append(torch.bucketize(distances, edges[1:-1], right=True).to(torch.uint8))
    return torch.stack(found)


def value_entropies(maps: Tensor, bins: int) -> Tensor:
    """Return the entropies of the histograms of all maps, which one scatter_add counts."""
    n, channels = maps.shape[:2]
    values = maps.flatten(2)
    low, high = values.min(), values.max()
    places = ((values - low) * (bins / (high - low))).long().clamp(max=bins - 1)
    counts = torch.zeros(n, channels, bins, device=maps.device).scatter_add(2, places, torch.ones_like(values))
    p = counts.double() / values.shape[2]
    return -torch.xlogy(p, p).sum(-1) / math.log(2)


def renyi(eigenvalues: Tensor, alpha: float) -> Tensor:
    """Return the Renyi entropy in bits, by the form that stays accurate near alpha = 1."""
    shares = eigenvalues.double().clamp(min=0)
    shares = shares / shares.sum(-1, keepdim=True)
    logs = torch.where(shares > 0, shares, 1).log()
    return torch.log1p((shares * torch.expm1((alpha - 1) * logs)).sum(-1)) / ((1 - alpha) * math.log(2))


def products(squares: Tensor, pairs: Tensor) -> Tensor:
    """Return the Hadamard products of pairs of Gram matrices, of trace 1."""
    return torch.exp(-0.5 * (squares[pairs[:, 0]] + squares[pairs[:, 1]])) / squares.shape[1]


def cupy_spectra(matrices: Any) -> Any:
    """Return eigenvalues by cuSOLVER through CuPy."""
    import cupy

    return cupy.linalg.eigvalsh(matrices)


def jax_spectra() -> Callable[[Any], Any]:
    """Return a compiled function that computes eigenvalues by cuSOLVER through JAX."""
    import jax

    spectra = jax.jit(jax.numpy.linalg.eigvalsh)
    return lambda matrices: spectra(matrices).block_until_ready()
