"""Reference implementations of all estimators in short float64 NumPy code, to be compared with the papers.

The compiled kernels are tested against these definitions, which are slow and keep complete tables in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NDArray = np.ndarray[Any, Any]


def entropy(p: NDArray) -> float:
    """Shannon entropy of a table of probabilities or counts, in bits."""
    p = np.ravel(p).astype(np.float64)
    p = p / p.sum()
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def pair_distances(x: NDArray) -> NDArray:
    """Euclidean distances of all pairs of samples, [n, n], from differences."""
    x = np.asarray(x, np.float64).reshape(len(x), -1)
    return np.array([np.sqrt(((x - point) ** 2).sum(axis=1)) for point in x])


def nearest_neighbors(x: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """Distances and indices of the k nearest other samples, ordered by (distance, index)."""
    distances = pair_distances(x)
    np.fill_diagonal(distances, np.inf)
    indices = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, indices, axis=1), indices


def neighbor_probabilities(x: NDArray, k: int) -> tuple[NDArray, NDArray, NDArray]:
    """Neighbours, P(j|i) and scales of CNNSlicer eq. 4 and 5; scales are found by bisection."""
    distances, indices = nearest_neighbors(x, k)
    target = np.log2(k)
    scales = np.zeros((len(distances), 1))
    probabilities = (distances == 0).astype(np.float64)  # the limit of scale 0
    solvable = (distances == 0).sum(axis=1) < target
    d = distances[solvable]

    def total(scale: NDArray) -> NDArray:
        return np.asarray(np.exp(-d / scale).sum(axis=1, keepdims=True))

    low, high = np.zeros((len(d), 1)), d[:, -1:]
    while (total(high) < target).any():
        high = np.where(total(high) < target, 2 * high, high)
    for _ in range(200):
        middle = (low + high) / 2
        above = total(middle) > target
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    scales[solvable] = high
    probabilities[solvable] = np.exp(-d / high)
    return indices, probabilities, scales[:, 0]


def inter_sample_entropy(x: NDArray, k: int) -> float:
    """CNNSlicer eq. 6 and 7 over ordered pairs."""
    indices, probabilities, _ = neighbor_probabilities(x, k)
    n = len(indices)
    conditional = np.zeros((n, n))
    np.put_along_axis(conditional, indices, probabilities, axis=1)
    return entropy((conditional + conditional.T) / (2 * n))


def intra_sample_entropy(maps: NDArray, bins: int = 32, value_range: tuple[float, float] | None = None) -> NDArray:
    """Entropy of the value histogram of every map, [n, channels]: CNNSlicer section 4.4.2."""
    maps = np.asarray(maps, np.float64).reshape(*maps.shape[:2], -1)
    low, high = value_range or (maps.min(), maps.max())
    if low == high:
        return np.zeros(maps.shape[:2])
    return np.array([[entropy(np.histogram(v, bins, (low, high))[0]) for v in sample] for sample in maps])


def channel_entropy(maps: NDArray, labels: NDArray | None = None, bins: int = 32) -> NDArray:
    """Mean of the intra-sample entropy over all samples, or over the samples of each class."""
    entropies = intra_sample_entropy(maps, bins)
    if labels is None:
        return np.asarray(entropies.mean(axis=0))
    return np.array([entropies[labels == label].mean(axis=0) for label in range(labels.max() + 1)])


def channel_distances(maps: NDArray) -> NDArray:
    """Distances of all sample pairs i < j in every channel, [channels, pairs]."""
    maps = np.asarray(maps, np.float64).reshape(*maps.shape[:2], -1)
    upper = np.triu_indices(len(maps), 1)
    return np.array([pair_distances(maps[:, channel])[upper] for channel in range(maps.shape[1])])


def distance_codes(maps: NDArray, bins: int = 32) -> NDArray:
    """Equal bins between each channel's smallest and largest distance, the last one closed: CNNSlicer section 5.3.1."""
    codes = []
    for distances in channel_distances(maps):
        edges = np.linspace(distances.min(), distances.max(), bins + 1)
        codes.append(np.searchsorted(edges[1:-1], distances, side="right") if edges[0] < edges[-1] else distances * 0)
    return np.array(codes, np.uint8)


def joint_histogram(a: NDArray, b: NDArray, bins: int = 32) -> NDArray:
    """Counts of pairs of distance codes by numpy.histogram2d, [channels a, channels b, bins, bins]."""
    codes_a, codes_b = distance_codes(a, bins), distance_codes(b, bins)
    cells = [[np.histogram2d(x, y, bins, ((0, bins), (0, bins)))[0] for y in codes_b] for x in codes_a]
    return np.array(cells, np.int64)


def channel_mutual_information(a: NDArray, b: NDArray, bins: int = 32) -> NDArray:
    """I = H(a) + H(b) - H(a, b) of the binned distances, [channels a, channels b]."""
    counts = joint_histogram(a, b, bins)
    return np.array([[entropy(c.sum(1)) + entropy(c.sum(0)) - entropy(c) for c in row] for row in counts])


def label_entropies(confusion: NDArray) -> tuple[NDArray, NDArray]:
    """H(label | predicted = i) and H(predicted | label = i) of confusion[label, predicted]."""

    def entropy_or_nan(counts: NDArray) -> float:
        return entropy(counts) if counts.sum() else float("nan")

    label_given_predicted = np.array([entropy_or_nan(column) for column in confusion.T])
    return label_given_predicted, np.array([entropy_or_nan(row) for row in confusion])


def gram_spectrum(matrices: NDArray) -> NDArray:
    """All eigenvalues of symmetric matrices, ascending."""
    return np.linalg.eigvalsh(np.asarray(matrices, np.float64))


def renyi_entropy(squared_distances: NDArray, weights: NDArray, alpha: float) -> float:
    """Matrix-based Renyi entropy of the product of Gaussian kernels exp(-weight * distance^2), in bits."""
    return spectrum_entropy(kernel_spectrum(squared_distances, weights), alpha)


def kernel_spectrum(squared_distances: NDArray, weights: NDArray) -> NDArray:
    """Eigenvalues of the product of Gaussian kernels exp(-weight * distance^2), divided by the number of samples."""
    kernel = np.exp(-np.tensordot(weights, np.asarray(squared_distances, np.float64), 1))
    return gram_spectrum(kernel / len(kernel))


def spectrum_entropy(eigenvalues: NDArray, alpha: float) -> float:
    """Renyi entropy in bits of a matrix with these eigenvalues; rounding errors among them do not count."""
    eigenvalues = eigenvalues_that_count(eigenvalues, alpha)
    eigenvalues = eigenvalues / eigenvalues.sum()
    if alpha == 1:
        return entropy(eigenvalues)
    if alpha > 2:
        largest = eigenvalues.max()
        trace = ((eigenvalues / largest) ** alpha).sum()
        return float((alpha * np.log2(largest) + np.log2(trace)) / (1 - alpha))
    total = (eigenvalues * np.expm1((alpha - 1) * np.log(eigenvalues))).sum()
    return float(np.log1p(total) / ((1 - alpha) * np.log(2)))


def eigenvalues_that_count(eigenvalues: NDArray, alpha: float) -> NDArray:
    """Those above 0; below order 1, whose power magnifies rounding errors, those above n * eps of the largest one."""
    cut = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues.max() if alpha < 1 else 0
    return eigenvalues[eigenvalues > cut]


def gaussian_gram(x: NDArray, sigma: float) -> NDArray:
    """exp(-|x_i - x_j|^2 / (2 sigma^2)) of samples [n, ...]."""
    return np.exp(-(pair_distances(x.reshape(len(x), -1)) ** 2) / (2 * sigma**2))


def matrix_entropy(kernel: NDArray, alpha: float) -> float:
    """Entropy of a Gram matrix by Yu et al. (2018) eq. 2, literally; alpha must not be 1."""
    eigenvalues = eigenvalues_that_count(np.linalg.eigvalsh(kernel / np.trace(kernel)), alpha)
    return float(np.log2((eigenvalues**alpha).sum()) / (1 - alpha))


def multivariate_information(x: NDArray, maps: NDArray, sigma_x: float, sigmas: NDArray, alpha: float) -> float:
    """Information of maps [n, channels, ...] about x by products of Gram matrices: Yu et al. (2018) eq. 5."""
    of_x = gaussian_gram(x, sigma_x)
    of_maps = np.prod([gaussian_gram(maps[:, c], sigma) for c, sigma in enumerate(sigmas)], axis=0)
    return matrix_entropy(of_x, alpha) + matrix_entropy(of_maps, alpha) - matrix_entropy(of_x * of_maps, alpha)


def linear_discarding(weights: NDArray, alpha: float, tau: float) -> NDArray:
    """The sigmas of Ma et al. (2019) eq. 6 for f = W x: every input unit changes the features equally."""
    squares = (np.asarray(weights, np.float64) ** 2).sum(axis=0)
    sigmas: NDArray = np.sqrt(alpha * tau * squares.sum() / (len(squares) * squares))
    return sigmas


def linear_uncertainty(weights: NDArray, decoder: NDArray, image: NDArray, alpha: float, tau: float) -> NDArray:
    """The entropies of Ma et al. (2019) eq. 9 to 12 in bits for f = W x and the reconstruction B f.

    In the shares of the change the problem is concave, and multiplicative steps converge to its maximum.
    """
    squares = (np.asarray(weights, np.float64) ** 2).sum(axis=0)
    told = (decoder @ weights) ** 2 * (alpha * tau * squares.sum() / squares)
    missed = (image - decoder @ weights @ image) ** 2
    shares = np.full(len(squares), 1 / len(squares))
    for _ in range(20000):
        gains = told.T @ (1 / (missed + told @ shares))
        shares = shares * gains / (shares @ gains)
    entropies: NDArray = 0.5 * np.log2(2 * np.pi * np.e * (missed + told @ shares))
    return entropies


def concentration(entropies: NDArray, masks: NDArray) -> NDArray:
    """Concentration of each image by Ma et al. (2019) eq. 7; masks have the shape of the entropies."""
    return np.array([h[~inside].mean() - h[inside].mean() for h, inside in zip(entropies, masks, strict=True)])


def neuron_information(codes: NDArray, labels: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Entropy, I(Y; Q(L)) and selectivity of neurons from quantised values [n, channels] (Liu et al. 2018)."""
    entropies, information, selectivity = [], [], []
    for code in codes.T:
        joint = np.array([[((code == q) & (labels == y)).mean() for q in np.unique(code)] for y in np.unique(labels)])
        p_y, p_q = joint.sum(axis=1), joint.sum(axis=0)
        ratio = np.log2(np.where(joint > 0, joint / np.outer(p_y, p_q), 1))
        entropies.append(entropy(p_q))
        information.append((joint * ratio).sum())
        selectivity.append((joint / p_y[:, None] * ratio).sum(axis=1).max())
    return np.array(entropies), np.array(information), np.array(selectivity)


def cumulative_ablation(predict: Any, neurons: int, order: NDArray) -> list[float]:
    """Values of `predict`, a function of the mask of active neurons, while neurons are turned off (Geiger 2020)."""
    curve = []
    for count in range(neurons + 1):
        on = np.ones(neurons, bool)
        on[order[:count]] = False
        curve.append(float(predict(on)))
    return curve
