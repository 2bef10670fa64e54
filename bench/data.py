"""Data of the cases: real images, and synthetic samples and feature maps with structure."""

from __future__ import annotations

import os
from functools import cache
from itertools import combinations, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.timing import MissingError

if TYPE_CHECKING:
    from bitlens.data.images import Images

NDArray = np.ndarray[Any, Any]


def mnist() -> Images:
    """Return the real MNIST, whose file the environment variable BITLENS_DATA names."""
    from bitlens.data.images import ImagesNotFoundError, load_mnist

    root = os.environ.get("BITLENS_DATA")
    try:
        return load_mnist(Path(root) if root else None)
    except ImagesNotFoundError:
        raise MissingError("needs MNIST: set BITLENS_DATA to a file mnist.npz") from None


def stratified(per_class: int) -> NDArray:
    """Return `per_class` random training images of each class as rows."""
    images = mnist()
    random = np.random.default_rng(0)
    rows = [random.permutation(np.flatnonzero(images.train_labels == label))[:per_class] for label in range(10)]
    return images.train_images[np.concatenate(rows)].reshape(10 * per_class, -1)


@cache
def convolution_maps() -> tuple[NDArray, NDArray]:
    """Return the rectified maps of both convolutions of a trained LeNet, [10000, 25088] and [10000, 6400]."""
    import torch
    from torch import nn

    images = mnist()
    x = torch.from_numpy(images.train_images[:10000].reshape(-1, 1, 28, 28))
    y = torch.from_numpy(images.train_labels[:10000])
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU())
    second = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(32, 64, 5), nn.ReLU())
    network = nn.Sequential(first, second, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 10))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for batch in torch.arange(len(x)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()
    maps: tuple[list[NDArray], list[NDArray]] = ([], [])
    with torch.no_grad():
        for batch in x.split(500):
            of_first = first(batch)
            for kept, values in zip(maps, (of_first, second(of_first)), strict=True):
                kept.append(values.flatten(1).numpy())
    return np.concatenate(maps[0]), np.concatenate(maps[1])


def noise(samples: int, width: int) -> NDArray:
    """Return white noise in float32, which has no structure that a search could use."""
    return np.random.default_rng(0).standard_normal((samples, width), np.float32)


def activations(samples: int, width: int) -> NDArray:
    """Return rectified float32 samples [samples, width] near a 32-dimensional subspace, like those of a layer."""
    random = np.random.default_rng(0)
    hidden = random.standard_normal((samples, 32), np.float32)
    mixed = hidden @ random.standard_normal((32, width), np.float32) / 6
    return np.maximum(mixed + 0.3 * random.standard_normal((samples, width), np.float32), 0)


def feature_maps(samples: int, channels: int, side: int, seed: int) -> NDArray:
    """Return rectified float32 maps [samples, channels, side, side].

    The hidden variables depend on the number of samples only, so that calls with different seeds give dependent maps.
    """
    hidden = np.random.default_rng(7).standard_normal((samples, 24), np.float32)
    random = np.random.default_rng(seed)
    maps = np.empty((samples, channels, side * side), np.float32)
    for channel in range(channels):
        maps[:, channel] = hidden @ (0.3 * random.standard_normal((24, side * side), np.float32))
        maps[:, channel] += 0.3 * random.standard_normal((samples, side * side), np.float32)
    return np.maximum(maps, 0).reshape(samples, channels, side, side)


def codes(samples: int, channels: int, seed: int, bins: int = 32) -> NDArray:
    """Return uint8 codes [channels, pairs] of the distances between feature maps, computed by NumPy."""
    maps = feature_maps(samples, channels, 4, seed).reshape(samples, channels, -1).astype(np.float64)
    upper = np.triu_indices(samples, 1)
    binned = np.empty((channels, len(upper[0])), np.uint8)
    for channel in range(channels):
        distances = np.sqrt(squared_distances(maps[:, channel]))[upper]
        low, high = distances.min(), distances.max()
        binned[channel] = np.minimum((distances - low) * (bins / (high - low)), bins - 1)
    return binned


def squared_distances(x: NDArray) -> NDArray:
    """Return the squared distances [n, n] in float64; the diagonal is 0."""
    x = x - x.mean(axis=0)
    norms = (x**2).sum(axis=1)
    squares = np.maximum(norms[:, None] + norms - 2 * x @ x.T, 0)
    np.fill_diagonal(squares, 0)
    return squares


def scaled_squared_distances(samples: int, channels: int) -> NDArray:
    """Return float32 [channels, samples, samples], in units of each channel's median squared distance.

    exp(-0.5 times them) is each channel's Gram matrix.
    """
    maps = feature_maps(samples, channels, 6, 3).reshape(samples, channels, -1).astype(np.float64)
    tables = np.stack([squared_distances(maps[:, channel]) for channel in range(channels)])
    return (tables / np.median(tables, axis=(1, 2), keepdims=True)).astype(np.float32)


def first_pairs(channels: int, count: int) -> NDArray:
    """Return int64 [count, 2]: the first pairs of different channels."""
    return np.array(list(islice(combinations(range(channels), 2), count)), np.int64)
