"""Neighbours by faiss, scikit-learn, pynndescent and hnswlib, and the inter-sample entropy by umap-learn and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.data import NDArray
from bench.machine import threads


def faiss_neighbors(x: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """Return exact neighbours in float32. Each sample is its own nearest neighbour, which is dropped."""
    import faiss

    faiss.omp_set_num_threads(threads())
    index = faiss.IndexFlatL2(x.shape[1])
    index.add(x)
    squares, indices = index.search(x, k + 1)
    return np.sqrt(np.maximum(squares[:, 1:], 0)), indices[:, 1:]


def faiss_neighbors_among(x: NDArray, k: int, among: NDArray) -> tuple[NDArray, NDArray]:
    """Return exact neighbours among other samples, in float32."""
    import faiss

    faiss.omp_set_num_threads(threads())
    index = faiss.IndexFlatL2(among.shape[1])
    index.add(among)
    squares, indices = index.search(x, k)
    return np.sqrt(np.maximum(squares, 0)), indices


def sklearn_neighbors(x: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """Return exact neighbours without the sample itself."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=k, algorithm="brute", n_jobs=threads()).fit(x).kneighbors()


def pynndescent_neighbors(x: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """Return approximate neighbours with the defaults of the library. The sample itself, found first, is dropped."""
    import pynndescent

    index = pynndescent.NNDescent(x, n_neighbors=k + 1, n_jobs=threads(), random_state=0)
    indices, distances = index.neighbor_graph
    return distances[:, 1:], indices[:, 1:]


def hnswlib_neighbors(x: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """Return approximate neighbours with the defaults of the library, and lists of 4 k candidates for each question."""
    import hnswlib

    index = hnswlib.Index("l2", x.shape[1])
    index.init_index(len(x), random_seed=0)
    index.set_num_threads(threads())
    index.set_ef(4 * k)
    index.add_items(x)
    indices, squares = index.knn_query(x, k + 1)
    # The sample itself is the nearest one. Where the search missed it, the last neighbour is dropped instead.
    others = indices != np.arange(len(x))[:, None]
    others[others.all(axis=1), -1] = False
    return np.sqrt(squares[others]).reshape(len(x), k), indices[others].astype(np.int64).reshape(len(x), k)


def entropy_of_neighbors(distances: NDArray, indices: NDArray) -> float:
    """Return the entropy: scales by umap-learn's 64 compiled bisections, the symmetric table by SciPy, in float32."""
    from scipy import sparse
    from umap.umap_ import smooth_knn_dist

    n, k = distances.shape
    # umap skips the first column, which is the sample itself, and subtracts nothing at local_connectivity = 0.
    with_self = np.hstack([np.zeros((n, 1), np.float32), distances.astype(np.float32, copy=False)])
    scales, _ = smooth_knn_dist(with_self, float(k), local_connectivity=0.0)
    weights = np.exp(-with_self[:, 1:] / scales[:, None])
    edges = sparse.csr_matrix((weights.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), (n, n))
    p = (edges + edges.T).data
    p = p[p > 0] / p.sum(dtype=np.float64)
    return float(-(p * np.log2(p)).sum())


def faiss_entropy(x: NDArray, k: int) -> float:
    """Return the entropy with the neighbours of faiss."""
    return entropy_of_neighbors(*faiss_neighbors(x, k))


def sklearn_entropy(x: NDArray, k: int) -> float:
    """Return the entropy with the neighbours of scikit-learn."""
    return entropy_of_neighbors(*sklearn_neighbors(x, k))


def plain_scales(x: NDArray, k: int, rows: int) -> NDArray:
    """Return the scales of the first rows by the paper's equations 4 and 5, in float64 NumPy."""
    target, scales = np.log2(k), np.empty(rows)
    points = x.astype(np.float64)
    for row in range(rows):
        distances = np.sqrt(((points - points[row]) ** 2).sum(axis=1))
        distances[row] = np.inf
        nearest = np.sort(distances)[:k]
        low, high = 0.0, float(nearest[-1]) * k
        for _ in range(64):
            scale = (low + high) / 2
            low, high = (low, scale) if np.exp(-nearest / scale).sum() > target else (scale, high)
        scales[row] = (low + high) / 2
    return scales


def tiny(function: Any) -> Any:
    """Return a call on tiny data, which imports and compiles everything that the function needs."""
    x = np.random.default_rng(0).random((300, 8), np.float32)
    return lambda: function(x, 5)
