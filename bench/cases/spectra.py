"""Spectra and matrix-based entropies of pairs of channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench import checks, data
from bench.contest import OURS, Case, Contestant, Floor, MissingError
from bench.data import NDArray
from bench.peers import spectra as peers
from bitlens import _core

ALPHA = 1.01
_EXACT = 1e-5  # of float32 distances; a spectrum in float64 moves as much by their rounding
_SINGLE = 2e-2  # the textbook form in float32 loses four digits

Operation = Callable[..., None]


def operation(name: str) -> Operation:
    """A compiled operation, if this build has it."""
    found: Operation | None = getattr(_core, name, None)
    if found is None:
        raise MissingError(f"this build has no operation {name}")
    return found


def floor(batch: int, n: int) -> Floor:
    """Householder's tridiagonalisation, which every eigenvalue solver for dense matrices begins with."""
    return Floor("4/3 n^3 operations a matrix to tridiagonal form, in float32", gflop=batch * 4 / 3 * n**3 / 1e9)


def grams(squares: NDArray, kind: type) -> NDArray:
    """Gram matrices of trace 1, [channels, n, n]."""
    return (np.exp(-0.5 * squares.astype(np.float64)) / squares.shape[1]).astype(kind)


def products(squares: NDArray, pairs: NDArray, kind: type) -> NDArray:
    """Hadamard products of pairs of them, of trace 1 again, [pairs, n, n]."""
    joint = np.empty((len(pairs), *squares.shape[1:]), kind)
    for row, (i, j) in enumerate(pairs):
        joint[row] = np.exp(-0.5 * (squares[i].astype(np.float64) + squares[j])) / squares.shape[1]
    return joint


def entropies_check(squares: NDArray, pairs: NDArray, tolerance: float) -> Callable[[NDArray], str]:
    """Check of entropies, or of the spectra they are taken of, by the float64 spectra of some pairs."""
    rows = checks.sampled_rows(len(pairs), 16)

    def check(found: NDArray) -> str:
        expected = checks.renyi_entropy(np.linalg.eigvalsh(products(squares, pairs[rows], np.float64)), ALPHA)
        entropies = found[rows] if found.ndim == 1 else checks.renyi_entropy(found[rows], ALPHA)
        return checks.close(entropies, expected, tolerance)

    return check


def joint_entropies(squares: NDArray, pairs: NDArray, renyi: Operation) -> NDArray:
    """Ours: each set is a pair of channels, and its matrix is formed where it is used."""
    entropies = np.empty(len(pairs))
    starts = np.arange(0, 2 * len(pairs) + 1, 2, dtype=np.int64)
    renyi(squares, starts, pairs.reshape(-1), np.full(2 * len(pairs), 0.5), ALPHA, entropies, np.empty((0, 0)), 0)
    return entropies


def renyi_case(count: int, n: int) -> Case:
    """Entropies of the joint matrices of pairs of channels."""

    def contestants() -> dict[str, Contestant]:
        renyi = operation("renyi_entropies")
        channels = next(c for c in range(2, count + 2) if c * (c - 1) // 2 >= count)
        squares, pairs = data.scaled_squared_distances(n, channels), data.first_pairs(channels, count)

        def entrant(label: str, run: Callable[[NDArray], NDArray], tolerance: float, note: str) -> Contestant:
            check = entropies_check(squares, pairs, tolerance)
            return Contestant(label, lambda: run(pairs), check, lambda: run(pairs[:2]), note=note)

        single, double = grams(squares, np.float32), grams(squares, np.float64)
        prepared: dict[type, NDArray] = {kind: products(squares, pairs, kind) for kind in (np.float32, np.float64)}

        def of_prepared(solver: Callable[[NDArray], NDArray], kind: type) -> Callable[[NDArray], NDArray]:
            return lambda some: checks.renyi_entropy(solver(prepared[kind][: len(some)]), ALPHA)

        torch_products = peers.torch_spectra_of_products
        given, included = "products given", "from Gram matrices, products included"
        return {
            OURS: entrant(
                "bitlens", lambda some: joint_entropies(squares, some, renyi), _EXACT, "from squared distances"
            ),
            "torch-32": entrant("torch float32, products given", of_prepared(peers.torch_spectra, np.float32), _SINGLE, given),
            "torch-64": entrant("torch float64, products given", of_prepared(peers.torch_spectra, np.float64), _EXACT, given),
            "torch-products-32": entrant(
                "torch float32", lambda some: checks.renyi_entropy(torch_products(single, some), ALPHA), _SINGLE, included
            ),
            "torch-products-64": entrant(
                "torch float64", lambda some: checks.renyi_entropy(torch_products(double, some), ALPHA), _EXACT, included
            ),
            "numpy": entrant("NumPy, products given", of_prepared(peers.numpy_spectra, np.float64), _EXACT, given),
            "repitl": entrant(
                "repitl's formulas", lambda some: peers.repitl_entropies(double, some, ALPHA), _EXACT, "one pair a call"
            ),
        }  # fmt: skip

    title = f"Renyi entropy, alpha = {ALPHA}, of {count} pairs of channels, n = {n}"
    return Case(title, {"pairs": count, "n": n}, contestants, floor(count, n))


def spectrum_case(count: int, n: int) -> Case:
    """All eigenvalues of prepared matrices."""

    def contestants() -> dict[str, Contestant]:
        spectrum = operation("gram_spectrum")
        channels = next(c for c in range(2, count + 2) if c * (c - 1) // 2 >= count)
        squares, pairs = data.scaled_squared_distances(n, channels), data.first_pairs(channels, count)
        single, double = (products(squares, pairs, kind) for kind in (np.float32, np.float64))
        rows = checks.sampled_rows(count, 16)

        def ours(matrices: NDArray) -> NDArray:
            spectra = np.empty(matrices.shape[:2])
            spectrum(matrices, spectra, np.empty((0, 0)), 0)
            return spectra

        def entrant(
            label: str, run: Callable[[NDArray], NDArray], matrices: NDArray, tolerance: float, note: str = ""
        ) -> Contestant:
            def check(found: NDArray) -> str:
                return checks.close(found[rows], np.linalg.eigvalsh(double[rows]), tolerance, "of a trace of 1")

            return Contestant(label, lambda: run(matrices), check, lambda: run(matrices[:2]), note=note)

        return {
            OURS: entrant("bitlens", ours, single, 1e-6, "float32 matrices"),
            "torch-32": entrant("torch float32", peers.torch_spectra, single, 1e-6),
            "torch-64": entrant("torch float64", peers.torch_spectra, double, 1e-9),
            "numpy-32": entrant("NumPy float32", peers.numpy_spectra, single, 1e-6),
            "numpy-64": entrant("NumPy float64", peers.numpy_spectra, double, 1e-9),
        }

    title = f"all eigenvalues of {count} matrices, n = {n}"
    return Case(title, {"matrices": count, "n": n}, contestants, floor(count, n))


CASES = {
    "renyi-128": renyi_case(2016, 128),
    "spectrum-128": spectrum_case(2016, 128),
    "renyi-256": renyi_case(512, 256),
    "renyi-512": renyi_case(64, 512),
}
