"""Spectra of many Gram matrices by PyTorch and NumPy, and the matrix-based entropy by repitl's formulas."""

from __future__ import annotations

import numpy as np

from bench.data import NDArray
from bench.machine import threads
from bench.peers.parallel import one_thread_each


def torch_spectra(matrices: NDArray) -> NDArray:
    """Return eigenvalues [batch, n] in the type of the matrices."""
    import torch

    def of_part(part: NDArray) -> NDArray:
        return torch.linalg.eigvalsh(torch.from_numpy(part)).numpy()

    with one_thread_each() as pool:
        return np.concatenate(list(pool.map(of_part, np.array_split(matrices, threads()))))


def torch_spectra_of_products(grams: NDArray, pairs: NDArray) -> NDArray:
    """Return the eigenvalues of the Hadamard products of pairs of Gram matrices [channels, n, n] of trace 1."""
    import torch

    tables = torch.from_numpy(grams)

    def of_part(part: NDArray) -> NDArray:
        products = tables[part[:, 0]] * tables[part[:, 1]]
        return torch.linalg.eigvalsh(products.mul_(grams.shape[1])).numpy()

    with one_thread_each() as pool:
        return np.concatenate(list(pool.map(of_part, np.array_split(pairs, threads()))))


def numpy_spectra(matrices: NDArray) -> NDArray:
    """Return eigenvalues [batch, n] in the type of the matrices."""
    with one_thread_each() as pool:
        return np.concatenate(list(pool.map(np.linalg.eigvalsh, np.array_split(matrices, threads()))))


def repitl_entropies(grams: NDArray, pairs: NDArray, alpha: float) -> NDArray:
    """Return joint entropies, one pair per call, by the formulas of repitl in plain PyTorch."""
    import torch

    tables = torch.from_numpy(grams)

    def of_pair(pair: NDArray) -> float:
        joint = tables[pair[0]] * tables[pair[1]]
        eigenvalues = torch.linalg.eigvalsh(joint / torch.trace(joint))
        return float(torch.log2((eigenvalues.clamp(min=0) ** alpha).sum()) / (1 - alpha))

    with one_thread_each() as pool:
        return np.array(list(pool.map(of_pair, pairs)))


def torch_entropy(x: NDArray, alpha: float) -> float:
    """Return the entropy of samples from all eigenvalues in float64; the bandwidth is the median distance."""
    import torch

    samples = torch.from_numpy(x).double()
    pairs = torch.nn.functional.pdist(samples)
    gram = torch.exp(
        -0.5 * (torch.cdist(samples, samples, compute_mode="donot_use_mm_for_euclid_dist") / pairs.median()) ** 2
    )
    eigenvalues = torch.linalg.eigvalsh(gram / len(x)).clamp(min=0)
    return float(torch.log2((eigenvalues**alpha).sum()) / (1 - alpha))


def order_2_by_blocks(x: NDArray, bandwidth: float) -> float:
    """Return the entropy of order 2: each pair of blocks of the Gram matrix once, in float32."""
    norms = np.square(x).sum(1)
    total, block = 0.0, 2000
    for first in range(0, len(x), block):
        here = slice(first, first + block)
        for second in range(first, len(x), block):
            there = slice(second, second + block)
            squares = x[here] @ x[there].T
            squares *= -2
            squares += norms[here, None]
            squares += norms[there]
            np.maximum(squares, 0, out=squares)
            squares *= -1 / bandwidth**2
            total += np.exp(squares, out=squares).sum(dtype=np.float64) * (1 if first == second else 2)
    return float(-np.log2(total / len(x) ** 2))
