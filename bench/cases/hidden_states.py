"""The cases of matrix-based entropies of the hidden states of all layers of a language model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import bitlens
from bench import checks
from bench.data import NDArray
from bench.peers import hidden_states as peers
from bench.timing import OURS, Case, Contestant, HardwareBound

_EXACT = 1e-5  # for products of float32 rows
_SINGLE = 2e-2  # a covariance of D > n columns has D - n eigenvalues of rounding errors


def layer_states(layers: int, tokens: int, width: int) -> NDArray:
    """Return float32 states [layers, tokens, width] with a spectrum that falls, and with an offset."""
    random = np.random.default_rng(0)
    scales = (1 + np.arange(width, dtype=np.float32)) ** -0.5
    states = random.standard_normal((layers, tokens, width), np.float32)
    return states * random.permutation(scales) + 0.2 * random.standard_normal(width, np.float32)


def entropy_case(layers: int, tokens: int, width: int, layers_of_covariance: int = 1) -> Case:
    """Return the case of one entropy a layer; the D x D route computes some layers alone."""

    def contestants() -> dict[str, Contestant]:
        states = layer_states(layers, tokens, width)
        some = states[:layers_of_covariance]
        kernel = bitlens.Linear(center=True, unit=True)

        def check(tolerance: float) -> Callable[[NDArray], str]:
            def check(found: NDArray) -> str:
                rows = checks.sampled_rows(len(found), 2)
                return checks.close(found[rows], [_entropy(states[row]) for row in rows], tolerance)

            return check

        def positive(found: NDArray) -> str:
            assert (found > 0).all()
            return "a surrogate, which is not the entropy"

        def covariance(label: str, function: Callable[[NDArray], NDArray], tolerance: float, note: str) -> Contestant:
            tiny = states[:1, :8, :16]
            scale, check_of = layers / len(some), check(tolerance)
            return Contestant(label, lambda: function(some), check_of, lambda: function(tiny), scale, note)

        return {
            OURS: Contestant(
                "bitlens",
                lambda: bitlens.hidden_state_entropy(states, kernel=kernel),
                check(_EXACT),
                lambda: bitlens.hidden_state_entropy(states[:1, :8], kernel=kernel),
                note="the smaller Gram matrix, float32 products",
            ),
            "torch-covariance": covariance(
                "torch, D x D", peers.torch_covariance_entropies, _SINGLE, f"float32, {len(some)} of {layers} layers"
            ),
            "numpy-covariance": covariance(
                "NumPy, D x D", peers.numpy_covariance_entropies, _EXACT, f"float64, {len(some)} of {layers} layers"
            ),
            "nuclear-norm": Contestant(
                "surrogate of the nuclear norm, torch",
                lambda: peers.nuclear_norms(states),
                positive,
                lambda: peers.nuclear_norms(states[:1, :8]),
                note="another quantity",
            ),
        }

    side = min(tokens, width)
    work = layers * (tokens * width * side + 4 / 3 * side**3) / 1e9
    bound = HardwareBound("n D m operations per layer for the products, 4/3 m^3 for the tridiagonal form", gflop=work)
    title = f"`hidden_state_entropy`, {layers} layers, {tokens} tokens, {width} channels"
    return Case(title, {"layers": layers, "n": tokens, "width": width}, contestants, bound)


def _entropy(rows: NDArray) -> float:
    """Return the entropy in bits from the singular values of float64 rows."""
    rows = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    shares = np.linalg.svd(rows, compute_uv=False) ** 2 / len(rows)
    return float(checks.renyi_entropy(shares, 1 + 1e-9))


CASES = {
    "hidden-states-512": entropy_case(33, 512, 4096),
    "hidden-states-128": entropy_case(33, 128, 2048),
    "hidden-states-wide-512": entropy_case(33, 512, 2048),
}
