"""Matrix-based Renyi entropies of many samples without a complete spectrum: deflated stochastic Lanczos quadrature.

The trace of f(A), here A^alpha or -A log A, is split into two parts. Q are Ritz vectors of the largest eigenvalues from
a block Krylov space, and P = 1 - Q Q^T. The first part is the sum of f over the Ritz values. The second part, the trace
of f(P A P), is estimated by probes of random signs: the quadratic form of each is between its Gauss rule and its
Gauss-Radau rule with a node at 0, which Lanczos steps give (Golub and Meurant 2010), because all even derivatives of f
have one sign.

The trace and the Frobenius norm of A are known, and so is the trace of p(P A P) for every polynomial p of degree 2. The
probes estimate f - p alone, for the p that is closest to f, which has a hundredth of the standard error of f.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators.matrix.gaussian_kernel import GaussianKernel
from bitlens.estimators.matrix.krylov import BLOCK, TINY, KrylovSpace, Lanczos
from bitlens.estimators.matrix.spectra import share_of_rounding

PROBES = 16
"""Random sign vectors of an estimate; their number is the same for all entropies of a mutual information."""
_BLOCKS = 8  # of the first attempt; each further attempt doubles their number
_FIRST_CHECK = 4  # Lanczos steps after which the error of the quadrature is looked at
_MOST_STEPS = 100  # a spectrum that takes more is decomposed faster
_SHARE_OF_DEFLATION = 0.25  # of the standard error that is aimed at


class Power:
    """The function f of an order alpha, and the entropy in bits as a function of its trace."""

    def __init__(self, alpha: float, largest: float, n: int) -> None:
        self.alpha, self.scale = alpha, largest if alpha > 2 else 1.0
        # As in an exact entropy, eigenvalues that cannot be told from rounding errors do not count below order 1.
        self.least = share_of_rounding(n) * largest if alpha < 1 else TINY

    def __call__(self, eigenvalues: NDArray) -> NDArray:
        """Compute f; eigenvalues below the least that counts are 0."""
        if self.alpha < 1:
            eigenvalues = np.where(eigenvalues < self.least, 0, eigenvalues)
        eigenvalues = np.maximum(eigenvalues, TINY)
        if self.alpha > 2:  # A^alpha may underflow; the trace of A / scale is at least 1
            return np.asarray((eigenvalues / self.scale) ** self.alpha)
        if self.alpha == 1:
            return np.asarray(-eigenvalues * np.log(eigenvalues))
        # The trace of A itself is 1.
        return np.asarray(eigenvalues * np.expm1((self.alpha - 1) * np.log(eigenvalues)))

    def derivative(self, eigenvalues: NDArray) -> NDArray:
        """Compute f' apart from a constant; eigenvalues below the least that counts are the least."""
        eigenvalues = np.maximum(eigenvalues, self.least)
        if self.alpha == 1:
            return np.asarray(-np.log(eigenvalues))
        return np.asarray(self.alpha * (eigenvalues / self.scale) ** (self.alpha - 1) / self.scale)

    def bits(self, trace: float) -> float:
        """Compute the entropy."""
        if self.alpha == 1:
            return trace / math.log(2)
        if self.alpha > 2:
            log_of_trace = math.log(trace) + self.alpha * math.log(self.scale)
        else:
            log_of_trace = math.log1p(max(trace, 1e-15 - 1))
        return log_of_trace / ((1 - self.alpha) * math.log(2))

    def bits_for_trace(self, trace: float) -> float:
        """Compute the derivative of the entropy with respect to the trace."""
        if self.alpha == 1:
            return 1 / math.log(2)
        return 1 / ((trace if self.alpha > 2 else 1 + trace) * (1 - self.alpha) * math.log(2))


class Estimate(NamedTuple):
    """An entropy in bits, and what is known about its error."""

    bits: float
    deviations: NDArray
    """The entropy of each probe minus their mean."""
    error_bound: float
    """Bits by which the quadrature and the deflation may be wrong."""
    eigenvectors: int
    steps: int

    @property
    def standard_error(self) -> float:
        """The standard error of the mean of the probes, together with the other errors."""
        return standard_error(self.deviations, self.error_bound)


def standard_error(deviations: NDArray, error_bound: float) -> float:
    """Combine the spread of the probes with the bound of the errors that they have in common."""
    count = len(deviations)
    return math.hypot(math.sqrt(float((deviations**2).sum()) / (count * (count - 1))), error_bound)


@dataclass
class Deflation:
    """The leading Ritz vectors Q, and what is known of the rest of the kernel, P A P."""

    vectors: Any
    values: NDArray
    moments: NDArray
    """The traces of P, P A P and (P A P)^2."""
    errors: NDArray
    """The rounding errors of these traces."""
    coupling: float
    """The trace of f(A) without those of f(Q^T A Q) and f(P A P), to second order."""

    @classmethod
    def of(cls, space: KrylovSpace, f: Power, most_bits: float) -> Deflation:
        """Deflate as many Ritz vectors as change the entropy by at most `most_bits` through their coupling.

        It is the sum of |r|^2 (f'(l) - f'(m)) / (l - m) over Ritz values l, their residuals r, and the eigenvalues m of
        P A P that take part in r. For m stands the mean of all, weighted by themselves.
        """
        n, least = space.kernel.n, float(np.finfo(space.kernel.dtype).eps) * float(space.values[0])
        values = np.maximum(space.values, least)  # smaller Ritz values are rounding errors
        numbers = n - np.arange(1, len(values) + 1)
        traces = np.maximum(1 - space.values.cumsum(), 0)
        squares = space.kernel.squared_norm + (space.values**2 - 2 * space.squared_images).cumsum()
        squares = np.maximum(squares, traces**2 / np.maximum(numbers, 1))
        means = np.clip(squares / np.maximum(traces, TINY), least / 4, values / 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = (f.derivative(values) - f.derivative(means)[:, None]) / (values - means[:, None])
        couplings = np.tril(slopes) @ space.squared_residuals
        totals = f(values).cumsum() + f(means) / means * traces  # a coarse estimate of the trace of f(A)
        bits = [abs(f.bits_for_trace(total) * coupling) for total, coupling in zip(totals, couplings, strict=True)]
        count = int(np.flatnonzero(np.array(bits) <= most_bits).max(initial=-1)) + 1
        moments = np.array([[n, 1, space.kernel.squared_norm], *zip(numbers, traces, squares, strict=True)])[count]
        return cls(
            space.vectors[:, space.vectors.shape[1] - count :],
            space.values[:count],
            moments,
            least / 4 * np.array([0, 1, space.kernel.squared_norm]) / float(space.values[0]),
            float(couplings[count - 1]) if count else 0.0,
        )

    def without(self, vectors: Any) -> Any:
        """Project vectors off the Ritz vectors."""
        return vectors - self.vectors @ (self.vectors.T @ vectors)


def _probed(rules: Any, f: Power, deflation: Deflation) -> tuple[NDArray, NDArray, float]:
    """Estimate the trace of f(P A P) with every probe by both rules, and the error of what is known of it.

    The polynomial p minimises the sum of two variances: that of the probes, 2 / PROBES times the squared Frobenius norm
    of (f - p)(P A P), and that of the trace of p, of which the moments have rounding errors.
    """
    (nodes, weights), _ = rules
    scale = max(float(nodes.max()), TINY) ** np.arange(3)

    def powers(at: NDArray) -> NDArray:
        return at[..., None] ** np.arange(3) / scale

    roots = (2 * weights[..., None]) ** 0.5 / PROBES  # the weights of each probe sum to the dimension
    errors = np.diag(deflation.errors / scale)
    design = np.concatenate([(powers(nodes) * roots).reshape(-1, 3), errors])
    polynomial = np.linalg.lstsq(design, np.concatenate([(f(nodes) * roots[..., 0]).reshape(-1), np.zeros(3)]))[0]
    known = float(polynomial @ (deflation.moments / scale))
    gauss, radau = (known + (weight * (f(at) - powers(at) @ polynomial)).sum(1) for at, weight in rules)
    return gauss, radau, float(np.linalg.norm(errors @ polynomial))


def estimate_entropy(kernel: GaussianKernel, alpha: float, target: float, seed: int) -> Estimate:
    """Estimate the entropy of the kernel with a standard error of at most `target` bits, if that is attained."""
    space = KrylovSpace(kernel, seed)
    signs = np.random.default_rng([seed, 0]).choice([-1.0, 1.0], (kernel.n, PROBES))
    blocks = _BLOCKS
    while True:
        space.extend(blocks)
        f = Power(alpha, float(space.values[0]), kernel.n)
        deflation = Deflation.of(space, f, _SHARE_OF_DEFLATION * target)
        estimate = _from_probes(kernel, deflation, f, kernel.context.to_device(signs), target)
        blocks = space.basis.shape[1] // BLOCK
        enough = estimate.standard_error <= target or not space.next.shape[1]
        if enough or estimate.steps == _MOST_STEPS or 2 * blocks * BLOCK > kernel.n // 4:
            return estimate


def _from_probes(kernel: GaussianKernel, deflation: Deflation, f: Power, signs: Any, target: float) -> Estimate:
    """Take Lanczos steps until the error of the quadrature is small, or that of the probes is seen to be too large."""
    lanczos = Lanczos(kernel, deflation.without, signs)
    while True:
        lanczos.step()
        steps = len(lanczos.diagonals)
        if steps < _FIRST_CHECK:
            continue
        gauss, radau, known_error = _probed(lanczos.rules(), f, deflation)
        traces = (gauss + radau) / 2
        trace = float(f(deflation.values).sum()) + deflation.coupling + float(traces.mean())
        factor = f.bits_for_trace(trace)
        width = abs(float((radau - gauss).mean()) / 2 * factor)
        estimate = Estimate(
            bits=min(max(f.bits(trace), 0.0), math.log2(kernel.n)),
            deviations=(traces - traces.mean()) * factor,
            error_bound=math.hypot(width + abs(deflation.coupling * factor), known_error * factor),
            eigenvectors=len(deflation.values),
            steps=steps,
        )
        too_few_eigenvectors = standard_error(estimate.deviations, 0) > target
        if estimate.standard_error <= target or too_few_eigenvectors or steps == _MOST_STEPS:
            return estimate
