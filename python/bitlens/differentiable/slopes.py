"""Entropies of matrices and their derivatives, by the way that takes the least time for an order and a device.

With A = M / tr M, e = alpha - 1 and h(A) = (A^e - 1) / e, which is log A for e = 0, the entropy is -log2(1 + e c) / e
for c = tr(A h(A)), and its derivative with respect to M is alpha (c - h(A)) / ((1 + e c) tr(M) ln 2). This is the usual
alpha / (1 - alpha) A^(alpha - 1) / (tr(A^alpha) ln 2), less the part by which a change of the trace would change it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bitlens.estimators.matrix.spectra import share_of_rounding

LARGEST_PRODUCT = 8
"""The largest whole order whose power is a product of matrices; a spectrum takes less time for larger ones."""


def entropies_and_slopes(matrices: Tensor, alpha: float, with_slopes: bool) -> tuple[Tensor, Tensor]:
    """Compute the entropies in bits of matrices [batch, n, n], and their derivatives; see `matrix_entropies`."""
    traces = matrices.diagonal(0, 1, 2).sum(1)
    sound = (traces > 0) & torch.isfinite(matrices.sum((1, 2)))
    if not sound.all():
        matrices = torch.where(sound[:, None, None], matrices, torch.eye(matrices.shape[1]).to(matrices))
        traces = torch.where(sound, traces, matrices.shape[1])
    normal = matrices / traces[:, None, None]
    if alpha in range(2, LARGEST_PRODUCT + 1):
        entropies, slopes = _by_products(normal, int(alpha), with_slopes)
    else:
        entropies, slopes = _by_eigenvectors(normal, alpha, with_slopes)
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


def _by_eigenvectors(normal: Tensor, alpha: float, with_slopes: bool) -> tuple[Tensor, Tensor]:
    """Any order. Eigenvalues that cannot be told from rounding errors do not count below order 1, as in `bitlens`.

    From order 1 on, the derivatives in their direction are those at the largest rounding error: they are finite.
    """
    values, vectors = torch.linalg.eigh(normal)
    e, least = alpha - 1, share_of_rounding(normal.shape[1]) * values[:, -1:]
    counts = values > (least if alpha < 1 else 0)
    logs = torch.log(torch.where(counts, values, 1.0))
    powers = logs if alpha == 1 else torch.expm1(e * logs) / e
    c = (torch.where(counts, values, 0.0) * powers).sum(1)
    entropies = -(c if alpha == 1 else torch.log1p(e * c) / e) / math.log(2)
    if not with_slopes:
        return entropies, normal[:0].clone()
    logs = torch.log(torch.maximum(values, least))
    powers = logs if alpha == 1 else torch.expm1(e * logs) / e
    if alpha < 1:
        powers = torch.where(counts, powers, -1 / e)  # the power of an eigenvalue that does not count is 0
    factors = alpha / ((1 + e * c) * math.log(2))
    slopes = (vectors * ((c[:, None] - powers) * factors[:, None])[:, None, :]) @ vectors.mT
    return entropies, slopes
