"""Public codes for hidden states, restated in plain NumPy: what they compute, not how they are written."""

from __future__ import annotations

import numpy as np


def centered_unit_rows(x):
    x = x - x.mean(axis=0)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def spectrum_entropy(values):
    """In nats."""
    values = values[values > 0]
    values = values / values.sum()
    return -(values * np.log(values)).sum()


def information_flow_entropy(rows, clamp=True):
    """The entropy of the matrix of the smaller side, without its negative elements, in nats."""
    n, d = rows.shape
    matrix = rows @ rows.T if n <= d else rows.T @ rows
    if clamp:
        matrix = np.maximum(matrix, 0)
    return spectrum_entropy(np.linalg.eigvalsh(matrix))


def diff_erank(x):
    """From the covariance of rows that are scaled once more, divided by its trace."""
    rows = centered_unit_rows(x)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    covariance = rows.T @ rows / len(rows)
    values = np.linalg.svd(covariance / np.trace(covariance), compute_uv=False)
    values = values[values > 1e-14]
    return np.exp(-(values * np.log(values)).sum())


def rankme(x, epsilon=1e-7):
    values = np.linalg.svd(x, compute_uv=False)
    shares = values / np.abs(values).sum() + epsilon
    return np.exp(-(shares * np.log(shares)).sum())


def dime(a, b, orders):
    """From matrices of dot products, in nats."""
    of_a, of_b = a @ a.T, b @ b.T

    def entropy(matrix):
        return spectrum_entropy(np.linalg.eigvalsh(matrix / np.trace(matrix)))

    shuffled = [entropy(of_a * of_b[order][:, order]) for order in orders]
    return np.mean(shuffled) - entropy(of_a * of_b)


def infonce(a, b, temperature=0.1):
    """The loss in nats."""
    logits = a @ b.T / temperature
    logits = logits - logits.max(axis=1, keepdims=True)
    return -(logits.diagonal() - np.log(np.exp(logits).sum(axis=1))).mean()


def lidar(views, delta=1e-4):
    """The entropy in nats, with biased scatters and a matrix root."""
    n, q, d = views.shape
    centers = views.mean(axis=1)
    between = (centers - centers.mean(axis=0)).T @ (centers - centers.mean(axis=0)) / n
    within = (views - centers[:, None]).reshape(-1, d)
    values, vectors = np.linalg.eigh(within.T @ within / (n * q) + delta * np.eye(d))
    root = vectors / np.sqrt(values) @ vectors.T
    return spectrum_entropy(np.linalg.eigvalsh(root @ between @ root))


def two_nn(x, keep=0.9):
    """The slope through 0, by sorted distances of every pair."""
    distances = np.sort(np.linalg.norm(x[:, None] - x, axis=2), axis=1)
    ratios = np.sort(np.log(distances[:, 2] / distances[:, 1]))
    count = int(keep * len(x))
    quantiles = -np.log(1 - np.arange(1, count + 1) / len(x))
    return (ratios[:count] @ quantiles) / (ratios[:count] @ ratios[:count])


def curvature(x):
    """The mean angle of consecutive steps, of the absolute value of the cosine."""
    steps = np.diff(x, axis=0)
    steps = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    cosines = (steps[:-1] * steps[1:]).sum(axis=1)
    return np.arccos(np.clip(np.abs(cosines), 0, 1)).mean()
