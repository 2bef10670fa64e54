"""Sums of matrix-based entropies of a few variables: exact, or estimated with a tolerance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    as_array,
    as_samples,
    check_number,
    check_positive,
    check_seed,
    warn_caller,
)
from bitlens.estimators.matrix.gaussian_kernel import KEPT_BYTES, GaussianKernel, Variable, check_fit
from bitlens.estimators.matrix.gram import (
    PrecisionWarning,
    bits_of_discarded,
    checked_late,
    classes_of,
    entropies,
    join_variables,
    joint_of_channels,
    type_of_kernels,
    variable_exponents,
)
from bitlens.estimators.matrix.kernels import Gaussian, Linear
from bitlens.estimators.matrix.linear_kernel import (
    entropies_of_matrices,
    kernel_rows,
    linear_entropies,
    warn_of_undefined,
)
from bitlens.estimators.matrix.spectra import share_of_rounding
from bitlens.estimators.matrix.stochastic import PROBES, Estimate, estimate_entropy, standard_error

# From this number of samples on, tiles and estimates are used.
MANY = 1024
# The largest number of samples whose complete spectrum replaces an estimate that does not attain its tolerance.
_MOST_FOR_SPECTRUM = 16384
# The standard error that is aimed at, and the rounding errors that are permitted, as shares of the tolerance.
_ERROR_SHARE, _ROUNDING_SHARE = 0.4, 0.1
_ROUNDING_BITS = 1e-9  # in an exact result
# For smaller tolerances, rounding errors of the Frobenius norm of the deflated matrix in float32 are too large.
_LEAST_FOR_FLOAT32 = 0.002


class RenyiEstimate(NamedTuple):
    """A matrix-based entropy or mutual information, in bits, and how precise it is."""

    value: float
    """The entropy or the mutual information, in bits."""
    standard_error: float
    """Standard error of `value` in bits, with the bounds of its systematic errors; 0 if it is exact in float64."""
    eigenvectors: int
    """Number of deflated eigenvectors; of several entropies, the largest number. 0 if the value is exact."""
    probes: int
    """Number of random vectors; 0 if the value is exact."""
    steps: int
    """Number of Lanczos steps; of several entropies, the largest number. 0 if the value is exact."""
    exact: bool
    """Whether only rounding errors separate the value from its definition."""


class Term(NamedTuple):
    """An entropy in a sum: its sign, and the indices of its variables."""

    sign: int
    members: list[int]


def sum_of_entropies(
    given: dict[str, Array],
    terms: Sequence[Term],
    alpha: float,
    kernel: Gaussian | Linear,
    divisor: int,
    tolerance: float | None,
    seed: int,
    name: str,
) -> RenyiEstimate:
    """Compute a sum of entropies of products of kernels; exponents of Gaussian kernels are divided by `divisor`."""
    arrays = {argument: as_array(x, argument) for argument, x in given.items()}
    alpha, seed = check_positive(alpha, "alpha"), check_seed(seed)
    aim = math.inf if tolerance is None else _checked_tolerance(tolerance)
    if isinstance(kernel, Linear):
        return _of_linear_kernels(arrays, terms, alpha, kernel, name)
    bandwidth = kernel.bandwidth
    samples = max(len(x) if x.ndim else 0 for x in arrays.values())
    if samples >= MANY and (alpha == 2 or aim < math.inf):
        kept_bytes = 0 if alpha == 2 else KEPT_BYTES // (2 * len(arrays))
        variables = [Variable.of(x, argument, bandwidth, divisor, kept_bytes) for argument, x in arrays.items()]
        check_fit(variables, name)

        def error(dtype: str) -> float:
            return sum(variable.rounding_error(dtype) for variable in variables)

        dtype, rounding = type_of_tiles(variables[0].n, error, alpha, aim)
        if dtype and alpha == 2:
            kernels = (GaussianKernel([variables[i] for i in term.members], dtype, keep=False) for term in terms)
            return _exact(terms, [-math.log2(kernel.squared_norm) for kernel in kernels], rounding)
        estimate = _estimated(variables, terms, alpha, aim, seed, dtype, rounding) if dtype else None
        if estimate and (estimate.standard_error <= _ERROR_SHARE * aim or samples > _MOST_FOR_SPECTRUM):
            _warn_of_tolerance(estimate, aim)
            return estimate

    def bits(deferred: bool) -> list[float]:
        each = [variable_exponents(x, argument, bandwidth, deferred=deferred) for argument, x in arrays.items()]
        exponents = join_variables([of_x for of_x, _ in each], [context for _, context in each], name)
        sets = [term.members for term in terms]
        if len(sets) == 1 and len(arrays) > 1:
            exponents, sets = joint_of_channels(exponents, divisor > 1), [[0]]
        context = each[0][1]
        dtype = type_of_kernels(list(arrays.values()), alpha, context)
        of_sets: list[float] = entropies(exponents, sets, alpha, context, dtype).tolist()
        return of_sets

    return _exact(
        terms, checked_late(bits, lambda of_sets: not any(map(math.isnan, of_sets)), kernel, *arrays.values())
    )


def _checked_tolerance(tolerance: float) -> float:
    bits = check_number(tolerance, "tolerance")
    if not 0 < bits < math.inf:
        raise ValueError(
            f"tolerance: expected a number of bits above 0, got {tolerance}; leave it out for the exact result"
        )
    return bits


def _exact(terms: Sequence[Term], bits: Sequence[float], rounding: float = 0) -> RenyiEstimate:
    total = sum(term.sign * entropy for term, entropy in zip(terms, bits, strict=True))
    return RenyiEstimate(float(total), rounding if rounding > _ROUNDING_BITS else 0.0, 0, 0, 0, exact=True)


def _of_linear_kernels(
    arrays: dict[str, Array], terms: Sequence[Term], alpha: float, kernel: Linear, name: str
) -> RenyiEstimate:
    """Compute a sum of entropies of linear kernels exactly; those of products from the products of n x n matrices.

    The kernel of classes is 1 within a class and 0 between classes, as it is for Gaussian kernels.
    """
    variables = {argument: _LinearVariable.of(x, argument) for argument, x in arrays.items()}
    check_fit(list(variables.values()), name)
    context, bits = next(iter(variables.values())).context, []
    for term in terms:
        members = [list(variables.values())[i] for i in term.members]
        if len(members) == 1 and members[0].classes is None:
            entropy = linear_entropies(members[0].rows[None], None, kernel, alpha, context)
        else:
            product = math.prod(variable.matrix(kernel) for variable in members)
            trace = product.diagonal().sum()
            entropy = entropies_of_matrices(product[None] / (trace + (trace <= 0)), alpha, context)
            entropy[0] = float(entropy[0]) if float(trace) > 0 else math.nan
        bits.append(float(entropy[0]))
    result = _exact(terms, bits)
    warn_of_undefined(np.array([result.value]), name, "a kernel that is not 0 everywhere")
    return result


class _LinearVariable(NamedTuple):
    """Samples as rows, or classes."""

    n: int
    context: ArrayContext
    rows: Any = None
    classes: Any = None

    @classmethod
    def of(cls, x: Array, name: str) -> _LinearVariable:
        """Convert an argument of a public function."""
        classes = classes_of(x, name)
        if classes is not None:
            context = ArrayContext.of(x)
            return cls(len(classes), context, classes=context.to_device(classes))
        rows, context, _ = as_samples(x, name, at_least=2)
        return cls(len(rows), context, rows=rows)

    def matrix(self, kernel: Linear) -> Any:
        """The float64 kernel [n, n]."""
        if self.classes is not None:
            return self.context.astype(self.classes[:, None] == self.classes, "float64")
        rows, collapsed = kernel_rows(self.rows[None], None, kernel, self.context)
        return rows[0] @ rows[0].swapaxes(0, 1) * float(~collapsed[0])


def type_of_tiles(
    n: int, rounding_error: Callable[[str], float], alpha: float, tolerance: float
) -> tuple[str | None, float]:
    """The smallest type whose rounding errors do not matter, and the bits that they may change; None if there is none.

    Relative errors d of the elements change an entropy of order 2 by up to 2 d / ln 2 bits. For other orders, errors
    that are d / 4 on average are a random matrix, the sum of whose absolute eigenvalues is about t = sqrt(n) d / 4, and
    entropies change by about t log2(n / t). Below order 1, all eigenvalues could be so small that they do not count,
    and float32 is not precise enough.
    """
    most = _ROUNDING_BITS if tolerance == math.inf else _ROUNDING_SHARE * tolerance
    for dtype in ("float32", "float64"):
        error = float(np.finfo(dtype).eps) + rounding_error(dtype)  # that elements of the kernel usually have
        total = min(math.sqrt(n) * error / 4, 1)
        bits = 2 * error / math.log(2) if alpha == 2 else total * math.log2(n / total)
        if alpha < 1 and tolerance < math.inf:
            bits += bits_of_discarded(n, share_of_rounding(n), alpha, math.log2(n))
        usable = dtype == "float64" or alpha == 2 or (alpha >= 1 and tolerance >= _LEAST_FOR_FLOAT32)
        if usable and bits <= most:
            return dtype, bits
    return None, math.inf


def _estimated(
    variables: Sequence[Variable],
    terms: Sequence[Term],
    alpha: float,
    tolerance: float,
    seed: int,
    dtype: str,
    rounding: float,
) -> RenyiEstimate:
    """Estimate every entropy with the same probes, so that errors that they have in common cancel."""
    target = _ERROR_SHARE * tolerance / math.sqrt(len(terms))
    estimates: list[Estimate] = []
    for term in terms:
        kernel = GaussianKernel([variables[i] for i in term.members], dtype, keep=True)
        estimates.append(estimate_entropy(kernel, alpha, target, seed))
    signs = [term.sign for term in terms]
    deviations = sum(sign * estimate.deviations for sign, estimate in zip(signs, estimates, strict=True))
    if alpha < 1:
        smallest = min(estimate.bits for estimate in estimates)
        rounding += bits_of_discarded(variables[0].n, share_of_rounding(variables[0].n), alpha, smallest)
    bound = math.hypot(rounding, *(estimate.error_bound for estimate in estimates))
    return RenyiEstimate(
        value=sum(sign * estimate.bits for sign, estimate in zip(signs, estimates, strict=True)),
        standard_error=standard_error(np.asarray(deviations), bound),
        eigenvectors=max(estimate.eigenvectors for estimate in estimates),
        probes=PROBES,
        steps=max(estimate.steps for estimate in estimates),
        exact=False,
    )


def _warn_of_tolerance(estimate: RenyiEstimate, tolerance: float) -> None:
    if estimate.standard_error > _ERROR_SHARE * tolerance:
        warn_caller(
            f"tolerance: expected a number of bits that is attained with few eigenvectors, got {tolerance:g}; the "
            f"standard error is {estimate.standard_error:.2g} bits; use a larger tolerance or fewer samples",
            PrecisionWarning,
        )
