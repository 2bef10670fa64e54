"""Eigenvalues of batches of symmetric matrices, and the entropies of such spectra."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bitlens import _core
from bitlens.arrays import ArrayContext, array_namespace, call_kernel

# From this number of rows on, LAPACK and cuSOLVER decompose one matrix faster with their own parallel code. On the CPU
# several matrices take less time side by side, one on each thread, up to the second number.
_LARGE = 1024
_LARGE_OF_SEVERAL = 2048


def is_large(n: int, matrices: int, context: ArrayContext) -> bool:
    """Whether LAPACK or cuSOLVER decomposes this number of n x n matrices in less time than the compiled kernels."""
    return n >= (_LARGE if context.on_cuda or matrices == 1 else _LARGE_OF_SEVERAL)


def eigenvalues(matrices: Any, context: ArrayContext) -> Any:
    """Compute the eigenvalues of symmetric matrices [batch, n, n], float64 [batch, n]."""
    batch, n, _ = matrices.shape
    result = context.empty((batch, n), "float64")
    if is_large(n, batch, context):
        xp = array_namespace(matrices)
        for i, matrix in enumerate(matrices):
            result[i] = xp.linalg.eigvalsh(matrix)
    else:
        dtype = str(matrices.dtype).removeprefix("torch.")
        workspace = context.spectrum_workspace(batch, n, dtype)
        call_kernel(context, _core.gram_spectrum, matrices, result, workspace)
    return result


def entropies_of_spectra(spectra: Any, alpha: float, discarded_share: float) -> tuple[Any, Any]:
    """Compute the Renyi entropies in bits of spectra [batch, n], and the number of eigenvalues that count, [batch].

    Only eigenvalues above `discarded_share` of the largest one, and above 0, count. The result is NaN if there are
    none.
    """
    xp = array_namespace(spectra)
    largest = xp.amax(spectra, axis=1, keepdims=True).clip(0)
    counts = spectra > discarded_share * largest
    shares = spectra * counts
    total = shares.sum(1, keepdims=True)
    undefined = total[:, 0] <= 0
    shares = shares / (total + (total <= 0))
    logs = xp.log(shares + (shares <= 0))
    if alpha == 1:
        bits = -(shares * logs).sum(1) / math.log(2)
    elif alpha > 2:
        top = xp.amax(shares, axis=1) + undefined
        log_of_trace = alpha * xp.log(top) + xp.log(((shares / top[:, None]) ** alpha).sum(1) + undefined)
        bits = log_of_trace / ((1 - alpha) * math.log(2))
    else:
        # log1p and expm1 keep the digits that log2(sum(spectrum**alpha)) loses when alpha is close to 1.
        trace_minus_one = (shares * xp.expm1((alpha - 1) * logs)).sum(1)
        bits = xp.log1p(trace_minus_one) / ((1 - alpha) * math.log(2))
    bits = bits.clip(0, math.log2(spectra.shape[1])) + 0.0  # -0.0 becomes 0.0
    bits[undefined] = math.nan
    return bits, counts.sum(1)


def share_of_rounding(n: int, dtype: str = "float64") -> float:
    """The share of the largest of n eigenvalues that rounding errors of the matrix reach."""
    return n * float(np.finfo(dtype).eps)
