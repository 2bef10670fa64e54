"""Entropies of matrices and their derivatives, by the way that takes the least time for an order and a device.

With A = M / tr M, e = alpha - 1 and h(A) = (A^e - 1) / e, which is log A for e = 0, the entropy is -log2(1 + e c) / e
for c = tr(A h(A)), and its derivative with respect to M is alpha (c - h(A)) / ((1 + e c) tr(M) ln 2). This is the usual
alpha / (1 - alpha) A^(alpha - 1) / (tr(A^alpha) ln 2), less the part by which a change of the trace would change it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bitlens import _core
from bitlens.arrays import ArrayContext
from bitlens.estimators.matrix.spectra import eigenvalues, entropies_of_spectra, is_large, share_of_rounding

LARGEST_PRODUCT = 8
"""The largest whole order whose power is a product of matrices; a spectrum takes less time for larger ones."""
_LARGEST_QUADRATURE = 1.5  # the largest order of the compiled kernel; see csrc/core/ops/entropy_slopes.hpp


_SAFE_TRACE = 1e100  # traces up to this and down to its reciprocal need no division before the compiled kernel


def entropies_and_slopes(matrices: Tensor, alpha: float, with_slopes: bool) -> tuple[Tensor, Tensor]:
    """Compute the entropies in bits of matrices [batch, n, n], and their derivatives; see `matrix_entropies`."""
    traces = matrices.diagonal(0, 1, 2).sum(1)
    if with_slopes and 1 <= alpha <= _LARGEST_QUADRATURE and not _is_large(matrices):
        smallest, largest = torch.aminmax(traces)
        if smallest >= 1 / _SAFE_TRACE and largest <= _SAFE_TRACE:
            return _by_quadrature(matrices, alpha)
    return _of_normal_matrices(matrices, traces, alpha, with_slopes)


def _of_normal_matrices(matrices: Tensor, traces: Tensor, alpha: float, with_slopes: bool) -> tuple[Tensor, Tensor]:
    """Divide matrices by their traces, and compute all of them in a way that refuses none."""
    sound = (traces > 0) & torch.isfinite(matrices.sum((1, 2)))
    if not sound.all():
        matrices = torch.where(sound[:, None, None], matrices, torch.eye(matrices.shape[1]).to(matrices))
        traces = torch.where(sound, traces, matrices.shape[1])
    normal = matrices / traces[:, None, None]
    if alpha in range(2, LARGEST_PRODUCT + 1):
        entropies, slopes = _by_products(normal, int(alpha), with_slopes)
    elif with_slopes:
        entropies, slopes = _by_eigenvectors(normal, alpha)
    else:
        entropies, slopes = _by_eigenvalues(normal, alpha), normal[:0].clone()
    entropies = entropies.clip(0, math.log2(matrices.shape[1])).masked_fill(~sound, math.nan)
    if with_slopes:
        slopes /= torch.where(sound, traces, math.nan)[:, None, None]
    return entropies, slopes


def _by_products(normal: Tensor, alpha: int, with_slopes: bool) -> tuple[Tensor, Tensor]:
    """Orders 2, 3, ..., which need no spectrum: tr(A^alpha) is the sum of the elements of A^(alpha - 1) times A."""
    power = torch.linalg.matrix_power(normal, alpha - 1)
    trace = (power * normal).sum((1, 2))
    entropies = torch.log2(trace) / (1 - alpha)
    if not with_slopes:
        return entropies, normal[:0].clone()
    factor = alpha / ((1 - alpha) * math.log(2))
    slopes = power * (factor / trace)[:, None, None]
    slopes.diagonal(0, 1, 2).sub_(factor)
    return entropies, slopes


def _is_large(matrices: Tensor) -> bool:
    """Whether PyTorch takes less time than the compiled kernel, which there is for the CPU only."""
    context = ArrayContext(matrices.device)
    return context.on_cuda or is_large(matrices.shape[1], len(matrices), context)


def _by_quadrature(matrices: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Orders from 1 to 1.5 by the compiled kernel; matrices that it refuses, by their eigenvectors.

    It refuses few: those that are not finite, and those that have an eigenvalue too far below 0 by rounding.
    """
    entropies, slopes = (
        matrices.new_empty(len(matrices)),
        torch.empty_like(matrices, memory_format=torch.contiguous_format),
    )
    matrices = matrices.contiguous()
    _core.entropy_slopes(matrices.numpy(), alpha, entropies.numpy(), slopes.numpy())
    refused = entropies.isnan()
    if refused.any():
        rest = matrices[refused]
        entropies[refused], slopes[refused] = _of_normal_matrices(rest, rest.diagonal(0, 1, 2).sum(1), alpha, True)
    return entropies, slopes


def _by_eigenvalues(normal: Tensor, alpha: float) -> Tensor:
    """The entropies alone, of any order, as in `bitlens`."""
    context = ArrayContext(normal.device)
    spectra = eigenvalues(normal if context.on_cuda else normal.numpy(), context)
    discarded = share_of_rounding(normal.shape[1]) if alpha < 1 else 0.0
    return torch.as_tensor(entropies_of_spectra(spectra, alpha, discarded)[0])


def _by_eigenvectors(normal: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Any order. Eigenvalues that cannot be told from rounding errors do not count below order 1.

    From order 1 on, the derivatives in their direction are those at the largest rounding error: they are finite.
    """
    values, vectors = torch.linalg.eigh(normal)
    e, least = alpha - 1, share_of_rounding(normal.shape[1]) * values[:, -1:]
    counts = values > (least if alpha < 1 else 0)
    positive = torch.where(counts, values, 0.0)
    entropies, _ = entropies_of_spectra(positive, alpha, 0.0)
    kept = torch.where(counts, values, 1.0) if alpha < 1 else torch.maximum(values, least)
    if alpha > 2:  # (c - h(A)) / (1 + e c) is (1 - A^e / tr(A^alpha)) / e
        shares = positive / values[:, -1:]
        factors = (1 - shares**e / (values[:, -1:] * (shares**alpha).sum(1, keepdim=True))) / e
    else:
        logs = torch.log(kept)
        h = logs if alpha == 1 else torch.expm1(e * logs) / e
        c = (positive * h).sum(1, keepdim=True)
        h = torch.where(counts, h, -1 / e) if alpha < 1 else h  # the power of what does not count is 0
        factors = (c - h) / (1 + e * c)
    return entropies, (vectors * (alpha / math.log(2) * factors)[:, None, :]) @ vectors.mT
