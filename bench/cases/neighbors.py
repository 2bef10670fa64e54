"""Cases of nearest neighbours and inter-sample entropy, on real MNIST and on synthetic activations."""

from __future__ import annotations

import numpy as np

import bitlens
from bench import checks, data
from bench.data import NDArray
from bench.peers import neighbors as peers
from bench.timing import OURS, Case, Contestant, HardwareBound

_PLAIN_ROWS = 50
_FIGURE_TOLERANCE = 0.03


def products(n: int, width: int) -> HardwareBound:
    """Return the bound: the dot product of every pair of samples once."""
    return HardwareBound(
        "the dot product of each of the n (n - 1) / 2 pairs once, in float32", gflop=n * (n - 1) * width / 1e9
    )


def chains(x: NDArray, k: int, reference: float | None) -> dict[str, Contestant]:
    """Return the contestants for the inter-sample entropy; a known value replaces the reference."""
    value = checks.lazy_sample_entropy(x, k) if reference is None else lambda: reference
    exact, rough = (1e-6, 1e-3) if reference is None else (_FIGURE_TOLERANCE, _FIGURE_TOLERANCE)
    ours, faiss, sklearn = bitlens.inter_sample_entropy, peers.faiss_entropy, peers.sklearn_entropy
    compiled = "compiled beforehand"
    return {
        OURS: Contestant("bitlens", lambda: ours(x, k), checks.entropy_close(value, exact), peers.tiny(ours)),
        "faiss": Contestant(
            "faiss + umap + SciPy",
            lambda: faiss(x, k),
            checks.entropy_close(value, rough),
            peers.tiny(faiss),
            note=compiled,
        ),
        "sklearn": Contestant(
            "scikit-learn + umap + SciPy",
            lambda: sklearn(x, k),
            checks.entropy_close(value, rough),
            peers.tiny(sklearn),
            note=compiled,
        ),
    }


def synthetic_entropy(n: int, width: int, k: int) -> Case:
    """Return the case of the entropy of activations, with the paper's formulas on some rows as a contestant."""

    def contestants() -> dict[str, Contestant]:
        x = data.activations(n, width)

        def check_plain(found: NDArray) -> str:
            nearest = [np.sort(checks.distances_by_hand(x, row))[:k] for row in range(len(found))]
            return "scales " + checks.close(found, checks.scales(np.array(nearest)), 1e-9, "units of distance")

        plain = Contestant(
            "plain NumPy of the paper",
            lambda: peers.plain_scales(x, k, _PLAIN_ROWS),
            check_plain,
            scale=n / _PLAIN_ROWS,
            note=f"neighbours and scales of {_PLAIN_ROWS} of {n} samples; no symmetric table",
        )
        return {**chains(x, k, None), "plain": plain}

    title = f"`inter_sample_entropy`, n = {n}, {width} values, k = {k}"
    return Case(title, {"n": n, "width": width, "k": k}, contestants, products(n, width))


def mnist_entropy(per_class: int, known: float) -> Case:
    """Return the case of the entropy of MNIST images, checked against its known value."""
    n = 10 * per_class
    k = min(1500, n - 1)
    title = f"`inter_sample_entropy`, MNIST, n = {n}, k = {k}: {known:.2f} bits"
    return Case(
        title, {"n": n, "width": 784, "k": k}, lambda: chains(data.stratified(per_class), k, known), products(n, 784)
    )


def searches(x: NDArray, k: int, *, approximate: bool = False, sklearn: bool = True) -> dict[str, Contestant]:
    """Return the contestants for exact neighbours, and the approximate ones if they are asked for."""
    ours, faiss = bitlens.nearest_neighbors, peers.faiss_neighbors
    contestants = {
        OURS: Contestant("bitlens", lambda: ours(x, k), checks.exact_neighbors(x, k), peers.tiny(ours)),
        "faiss": Contestant(
            "faiss", lambda: faiss(x, k), checks.near_neighbors(x, k), peers.tiny(faiss), note="float32"
        ),
    }
    if sklearn:
        brute = peers.sklearn_neighbors
        contestants["sklearn"] = Contestant(
            "scikit-learn", lambda: brute(x, k), checks.near_neighbors(x, k), peers.tiny(brute)
        )
    if approximate:
        for name, search, note in (
            ("pynndescent", peers.pynndescent_neighbors, "defaults, compiled beforehand"),
            ("hnswlib", peers.hnswlib_neighbors, "defaults, and lists of 4 k candidates for each question"),
        ):
            contestants[name] = Contestant(
                f"{name} (approximate)",
                lambda search=search: search(x, k),
                checks.near_neighbors(x, k, least_recall=0.9),
                peers.tiny(search),
                note=f"approximate, see its recall; {note}",
            )
    return contestants


def mnist_neighbors(k: int) -> Case:
    """Return the case of the neighbours of all MNIST training images, with approximate searches as contestants."""

    def contestants() -> dict[str, Contestant]:
        return searches(data.mnist().train_images.reshape(60000, -1), k, approximate=True, sklearn=k < 100)

    title = f"`nearest_neighbors`, all of MNIST, n = 60000, k = {k}"
    return Case(title, {"n": 60000, "width": 784, "k": k}, contestants, products(60000, 784), slow=True)


def map_neighbors(width: int) -> Case:
    """Return the case of the neighbours of the maps of a convolution."""

    def contestants() -> dict[str, Contestant]:
        (maps,) = (maps for maps in data.convolution_maps() if maps.shape[1] == width)
        return searches(maps, 15, approximate=True, sklearn=False)

    title = f"`nearest_neighbors`, maps of a convolution, n = 10000, {width} values, k = 15"
    return Case(title, {"n": 10000, "width": width, "k": 15}, contestants, products(10000, width), slow=True)


def noise_neighbors() -> Case:
    """Return the case of samples without structure."""
    title = "`nearest_neighbors`, white noise, n = 20000, 784 values, k = 15"
    sizes = {"n": 20000, "width": 784, "k": 15}
    return Case(title, sizes, lambda: searches(data.noise(20000, 784), 15, sklearn=False), products(20000, 784))


def neighbors_among() -> Case:
    """Return the case of the MNIST test images and their neighbours among the training images."""

    def contestants() -> dict[str, Contestant]:
        images = data.mnist()
        x, y = images.test_images.reshape(10000, -1), images.train_images.reshape(60000, -1)
        ours, faiss = bitlens.nearest_neighbors, peers.faiss_neighbors_among
        return {
            OURS: Contestant(
                "bitlens",
                lambda: ours(x, 15, among=y),
                checks.exact_neighbors(x, 15, y),
                peers.tiny(lambda few, k: ours(few, k, among=few)),
            ),
            "faiss": Contestant(
                "faiss",
                lambda: faiss(x, 15, y),
                checks.near_neighbors(x, 15, among=y),
                peers.tiny(lambda few, k: faiss(few, k, few)),
                note="float32",
            ),
        }

    title = "`nearest_neighbors`, 10000 MNIST test images among 60000 training images, k = 15"
    return Case(title, {"n": 10000, "among": 60000, "width": 784, "k": 15}, contestants)


def wide_neighbors(n: int, width: int, k: int, *, sklearn: bool = True) -> Case:
    """Return the case of the neighbours of wide activations."""
    title = f"`nearest_neighbors`, n = {n}, {width} values, k = {k}"
    sizes = {"n": n, "width": width, "k": k}
    return Case(
        title, sizes, lambda: searches(data.activations(n, width), k, sklearn=sklearn), products(n, width), slow=True
    )


CASES = {
    "entropy": synthetic_entropy(10000, 784, 1000),
    "entropy-mnist-1000": mnist_entropy(100, 19.66),
    "entropy-mnist-5000": mnist_entropy(500, 22.87),
    "entropy-mnist-10000": mnist_entropy(1000, 23.90),
    "entropy-mnist-20000": mnist_entropy(2000, 24.92),
    "neighbors-mnist": mnist_neighbors(15),
    "neighbors-mnist-100": mnist_neighbors(100),
    "neighbors-maps-6400": map_neighbors(6400),
    "neighbors-maps-25088": map_neighbors(25088),
    "neighbors-noise": noise_neighbors(),
    "neighbors-among": neighbors_among(),
    "neighbors-wide": wide_neighbors(50000, 3072, 100, sklearn=False),  # scikit-learn takes ten minutes
}
