"""Cases of spectra and matrix-based entropies of pairs of channels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

import bitlens
from bench import checks, data
from bench.cases.neighbors import products as pair_products
from bench.data import NDArray
from bench.peers import spectra as peers
from bench.timing import OURS, Case, Contestant, HardwareBound, MissingError
from bitlens import _core

ALPHA = 1.01
_ASKED = 0.01  # bits
_ROUNDED = 1e-4  # bits, of an entropy of order 2, whose tiles may be in float32 then
_EXACT = 1e-5  # for float32 distances, whose rounding changes also a float64 spectrum by as much
_SINGLE = 2e-2  # the textbook form loses four digits in float32

Operation = Callable[..., None]


def operation(name: str) -> Operation:
    """Return a compiled operation, or raise MissingError if this build does not have it."""
    compiled: Operation | None = getattr(_core, name, None)
    if compiled is None:
        raise MissingError(f"this build has no operation {name}")
    return compiled


def tridiagonalization(batch: int, n: int) -> HardwareBound:
    """Return the bound: Householder's reduction, the first step of every eigenvalue solver for dense matrices."""
    return HardwareBound(
        "4/3 n^3 operations per matrix for the tridiagonal form, in float32", gflop=batch * 4 / 3 * n**3 / 1e9
    )


def grams(squares: NDArray, kind: type) -> NDArray:
    """Return the Gram matrices of trace 1, [channels, n, n]."""
    return (np.exp(-0.5 * squares.astype(np.float64)) / squares.shape[1]).astype(kind)


def products(squares: NDArray, pairs: NDArray, kind: type) -> NDArray:
    """Return the Hadamard products of pairs of Gram matrices, scaled to trace 1, [pairs, n, n]."""
    joint = np.empty((len(pairs), *squares.shape[1:]), kind)
    for row, (i, j) in enumerate(pairs):
        joint[row] = np.exp(-0.5 * (squares[i].astype(np.float64) + squares[j])) / squares.shape[1]
    return joint


def entropies_check(squares: NDArray, pairs: NDArray, tolerance: float) -> Callable[[NDArray], str]:
    """Return the check of entropies or of their spectra against the float64 spectra of some pairs."""
    rows = checks.sampled_rows(len(pairs), 16)

    def check(found: NDArray) -> str:
        expected = checks.renyi_entropy(np.linalg.eigvalsh(products(squares, pairs[rows], np.float64)), ALPHA)
        entropies = found[rows] if found.ndim == 1 else checks.renyi_entropy(found[rows], ALPHA)
        return checks.close(entropies, expected, tolerance)

    return check


def joint_entropies(squares: NDArray, pairs: NDArray, renyi: Operation) -> NDArray:
    """Run our kernel: each set of channels is a pair, and the kernel forms its matrix when it needs it."""
    entropies, kept = np.empty(len(pairs)), np.empty(len(pairs))
    starts = np.arange(0, 2 * len(pairs) + 1, 2, dtype=np.int64)
    renyi(squares, starts, pairs.reshape(-1), np.full(2 * len(pairs), 0.5), ALPHA, entropies, kept, np.empty((0, 0)), 0)
    return entropies


def renyi_case(count: int, n: int) -> Case:
    """Return the case of the entropies of the joint matrices of pairs of channels."""

    def contestants() -> dict[str, Contestant]:
        renyi = operation("renyi_entropies")
        channels = next(c for c in range(2, count + 2) if c * (c - 1) // 2 >= count)
        squares, pairs = data.scaled_squared_distances(n, channels), data.first_pairs(channels, count)

        def contestant(label: str, run: Callable[[NDArray], NDArray], tolerance: float, note: str) -> Contestant:
            check = entropies_check(squares, pairs, tolerance)
            return Contestant(label, lambda: run(pairs), check, lambda: run(pairs[:2]), note=note)

        single, double = grams(squares, np.float32), grams(squares, np.float64)
        prepared: dict[type, NDArray] = {kind: products(squares, pairs, kind) for kind in (np.float32, np.float64)}

        def of_prepared(solver: Callable[[NDArray], NDArray], kind: type) -> Callable[[NDArray], NDArray]:
            return lambda chosen: checks.renyi_entropy(solver(prepared[kind][: len(chosen)]), ALPHA)

        torch_products = peers.torch_spectra_of_products
        given, included = "products given", "from Gram matrices, products included"
        return {
            OURS: contestant(
                "bitlens", lambda chosen: joint_entropies(squares, chosen, renyi), _EXACT, "from squared distances"
            ),
            "torch-32": contestant(
                "torch float32, products given", of_prepared(peers.torch_spectra, np.float32), _SINGLE, given
            ),
            "torch-64": contestant(
                "torch float64, products given", of_prepared(peers.torch_spectra, np.float64), _EXACT, given
            ),
            "torch-products-32": contestant(
                "torch float32",
                lambda chosen: checks.renyi_entropy(torch_products(single, chosen), ALPHA),
                _SINGLE,
                included,
            ),
            "torch-products-64": contestant(
                "torch float64",
                lambda chosen: checks.renyi_entropy(torch_products(double, chosen), ALPHA),
                _EXACT,
                included,
            ),
            "numpy": contestant("NumPy, products given", of_prepared(peers.numpy_spectra, np.float64), _EXACT, given),
            "repitl": contestant(
                "repitl's formulas",
                lambda chosen: peers.repitl_entropies(double, chosen, ALPHA),
                _EXACT,
                "one pair per call",
            ),
        }

    title = f"Renyi entropy, alpha = {ALPHA}, of {count} pairs of channels, n = {n}"
    return Case(title, {"pairs": count, "n": n}, contestants, tridiagonalization(count, n))


def spectrum_case(count: int, n: int) -> Case:
    """Return the case of all eigenvalues of prepared matrices."""

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

        def contestant(
            label: str, run: Callable[[NDArray], NDArray], matrices: NDArray, tolerance: float, note: str = ""
        ) -> Contestant:
            def check(found: NDArray) -> str:
                return checks.close(found[rows], np.linalg.eigvalsh(double[rows]), tolerance, "for a trace of 1")

            return Contestant(label, lambda: run(matrices), check, lambda: run(matrices[:2]), note=note)

        return {
            OURS: contestant("bitlens", ours, single, 1e-6, "float32 matrices"),
            "torch-32": contestant("torch float32", peers.torch_spectra, single, 1e-6),
            "torch-64": contestant("torch float64", peers.torch_spectra, double, 1e-9),
            "numpy-32": contestant("NumPy float32", peers.numpy_spectra, single, 1e-6),
            "numpy-64": contestant("NumPy float64", peers.numpy_spectra, double, 1e-9),
        }

    title = f"all eigenvalues of {count} matrices, n = {n}"
    return Case(title, {"matrices": count, "n": n}, contestants, tridiagonalization(count, n))


def tolerance_case(n: int) -> Case:
    """Return the case of the entropy of MNIST images within 0.01 bits, which needs no complete spectrum."""

    def contestants() -> dict[str, Contestant]:
        x = data.mnist().train_images[:n].reshape(n, -1).astype(np.float32)
        exact = cache(lambda: bitlens.renyi_entropy(x, ALPHA))

        def contestant(label: str, run: Callable[[NDArray], float], tolerance: float, note: str) -> Contestant:
            def check(found: float) -> str:
                return checks.close(found, exact(), tolerance)

            return Contestant(label, lambda: run(x), check, lambda: run(x[:1100]), note=note)

        return {
            OURS: contestant(
                "bitlens", lambda rows: bitlens.renyi_entropy(rows, ALPHA, tolerance=_ASKED), _ASKED, "estimated"
            ),
            "exact": contestant(
                "bitlens, exact", lambda rows: bitlens.renyi_entropy(rows, ALPHA), 0, "complete spectrum"
            ),
            "torch-64": contestant(
                "torch float64", lambda rows: peers.torch_entropy(rows, ALPHA), _EXACT, "complete spectrum"
            ),
        }

    title = f"`renyi_entropy`, alpha = {ALPHA}, within {_ASKED} bits, MNIST, n = {n}"
    return Case(title, {"n": n, "width": 784}, contestants, slow=True)


def second_order_case(n: int, bandwidth: float) -> Case:
    """Return the case of the entropy of order 2, which needs the sum of squares of a Gram matrix and no spectrum."""

    def contestants() -> dict[str, Contestant]:
        x = data.mnist().train_images[:n].reshape(n, -1).astype(np.float32)
        blocks = peers.order_2_by_blocks

        def ours(rows: NDArray) -> float:
            return bitlens.renyi_entropy(rows, 2, bandwidth)

        def check(found: float) -> str:
            rows = checks.sampled_rows(n, 50)
            # A sample's own distance is left out.
            sums = np.array([1 + np.exp(-((checks.distances_by_hand(x, row) / bandwidth) ** 2)).sum() for row in rows])
            error = sums.std(ddof=1) / np.sqrt(len(rows)) / sums.mean() / np.log(2)
            return checks.close(found, -np.log2(sums.mean() / n), 4 * error, "bits, from 50 rows")

        def same(found: float) -> str:
            return checks.close(found, ours(x), 1e-4)

        return {
            OURS: Contestant("bitlens", lambda: ours(x), check, lambda: ours(x[:1100])),
            "tolerance": Contestant(
                f"bitlens, within {_ROUNDED} bits",
                lambda: bitlens.renyi_entropy(x, 2, bandwidth, tolerance=_ROUNDED),
                same,
                lambda: ours(x[:1100]),
                note="tiles in float32",
            ),
            "numpy": Contestant(
                "NumPy by blocks",
                lambda: blocks(x, bandwidth),
                same,
                lambda: blocks(x[:100], bandwidth),
                note="float32",
            ),
        }

    title = f"`renyi_entropy`, alpha = 2, bandwidth {bandwidth:g}, MNIST, n = {n}"
    return Case(title, {"n": n, "width": 784}, contestants, pair_products(n, 784), slow=True)


CASES = {
    "renyi-128": renyi_case(2016, 128),
    "spectrum-128": spectrum_case(2016, 128),
    "renyi-256": renyi_case(512, 256),
    "renyi-512": renyi_case(64, 512),
    "renyi-tolerance": tolerance_case(6000),
    "renyi-order-2": second_order_case(60000, 8),
}
