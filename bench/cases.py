"""The cases: each checks its result against what is known before its time counts."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import bitlens
from bitlens.cli.images import Images, load_mnist

Case = Callable[[], dict[str, Any]]


def mnist() -> Images:
    """The real MNIST, which BITLENS_DATA names."""
    root = os.environ.get("BITLENS_DATA")
    return load_mnist(Path(root) if root else None)


def stratified(per_class: int) -> np.ndarray:
    """So many random training images of each class."""
    images = mnist()
    random = np.random.default_rng(0)
    rows = [random.permutation(np.flatnonzero(images.train_labels == label))[:per_class] for label in range(10)]
    return images.train_images[np.concatenate(rows)]


def mnist_entropy(per_class: int, known: float) -> Case:
    """Inter-sample entropy of MNIST against the figure known for it."""

    def run() -> dict[str, Any]:
        x = stratified(per_class)
        k = min(1500, len(x) - 1)
        seconds, entropy = timed(lambda: bitlens.inter_sample_entropy(x, k))
        if abs(entropy - known) > 0.03:
            raise AssertionError(f"{entropy} bits, known: {known}")
        return {"seconds": seconds, "result": f"{entropy:.3f} bits"}

    return run


def mnist_whole() -> dict[str, Any]:
    """Neighbours of all 60000 training images, checked by hand for some of them."""
    x = mnist().train_images.reshape(60000, -1)
    seconds, (distances, indices) = timed(lambda: bitlens.nearest_neighbors(x, 15))
    for i in (0, 12345, 59999):
        by_hand = np.sqrt(((x.astype(np.float64) - x[i]) ** 2).sum(axis=1))
        by_hand[i] = np.inf
        order = np.argsort(by_hand, kind="stable")[:15]
        np.testing.assert_array_equal(indices[i], order)
        np.testing.assert_allclose(distances[i], by_hand[order], rtol=1e-12)
    return {"seconds": seconds, "result": "exact"}


def channel_pairs() -> dict[str, Any]:
    """Mutual information of 64 x 64 channels over the pairs of 1000 samples, codes given."""
    random = np.random.default_rng(0)
    a, b = random.integers(0, 32, (2, 64, 499500), dtype=np.uint8)
    b[:, ::3] = a[:, ::3]
    seconds, information = timed(lambda: bitlens.channel_mutual_information(a, b))
    for i, j in ((0, 0), (5, 60)):
        p = np.histogram2d(a[i], b[j], 32, ((0, 32), (0, 32)))[0] / a.shape[1]
        entropies = [-(q[q > 0] * np.log2(q[q > 0])).sum() for q in (p.sum(1), p.sum(0), p)]
        np.testing.assert_allclose(information[i, j], entropies[0] + entropies[1] - entropies[2], atol=1e-9)
    return {"seconds": seconds, "result": "equal to histogram2d's"}


def whole_run() -> dict[str, Any]:
    """All measures of a run: LeNet, 11 epochs, 1000 MNIST test images."""
    from rich.console import Console

    from bitlens.cli.demo import train_and_record

    images = mnist()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "run"
        few = Images(images.train_images[:5000], images.train_labels[:5000], images.test_images, images.test_labels)
        train_and_record(few, store, 10, Console(quiet=True))
        run = bitlens.open_run(store)
        seconds, _ = timed(lambda: bitlens.measure(run))
        accuracy = float(bitlens.training_performance(run).accuracy[-1])
        if accuracy < 0.9:
            raise AssertionError(f"the network has not learnt: accuracy {accuracy}")
    return {"seconds": seconds, "result": f"{len(run.layers)} layers, 11 epochs"}


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Wall-clock seconds of one call, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


CASES: dict[str, tuple[str, Case]] = {
    "entropy-1000": ("`inter_sample_entropy`, MNIST, n = 1000, k = 999", mnist_entropy(100, 19.66)),
    "entropy-5000": ("`inter_sample_entropy`, MNIST, n = 5000, k = 1500", mnist_entropy(500, 22.87)),
    "entropy-10000": ("`inter_sample_entropy`, MNIST, n = 10000, k = 1500", mnist_entropy(1000, 23.90)),
    "entropy-20000": ("`inter_sample_entropy`, MNIST, n = 20000, k = 1500", mnist_entropy(2000, 24.92)),
    "neighbors-60000": ("`nearest_neighbors`, all of MNIST, n = 60000, k = 15", mnist_whole),
    "channel-pairs": ("`channel_mutual_information`, 64 x 64 channels, n = 1000, codes given", channel_pairs),
    "whole-run": ("`measure`, everything, LeNet on MNIST, 1000 samples", whole_run),
}
"""What the README calls each case, and the case."""
