"""The information of neurons and the curves of ablation without bitlens."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn

NDArray = np.ndarray[Any, Any]

ABLATIONS = 25
"""The number of ablations of one order that are run one by one."""


def codes(values: NDArray, bins: int) -> NDArray:
    """Return one bit, on above 0, or equal bins over the range."""
    if bins == 2:
        return (values > 0).astype(np.int64)
    edges = np.histogram_bin_edges(values.astype(np.float64), bins)
    return np.searchsorted(edges[1:-1], values, side="right")


def _information(joint: NDArray) -> float:
    joint = joint / joint.sum()
    outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log2(joint[seen] / outer[seen])).sum())


def bincount_loop(maps: NDArray, labels: NDArray, bins: int) -> NDArray:
    """Return mutual information by one bincount of label and bin for each channel of [n, channels, values]."""
    classes = int(labels.max()) + 1
    repeated = np.repeat(labels, maps.shape[2]) * bins
    information = []
    for channel in range(maps.shape[1]):
        joint = np.bincount(repeated + codes(maps[:, channel].ravel(), bins), minlength=classes * bins)
        information.append(_information(joint.reshape(classes, bins)))
    return np.array(information)


def sklearn_loop(maps: NDArray, labels: NDArray, bins: int) -> NDArray:
    """Return mutual information by one mutual_info_score for each channel."""
    from sklearn.metrics import mutual_info_score

    repeated = np.repeat(labels, maps.shape[2])
    scores = [mutual_info_score(repeated, codes(maps[:, c].ravel(), bins)) for c in range(maps.shape[1])]
    return np.array(scores) / math.log(2)


def torch_one_hot(maps: NDArray, labels: NDArray, bins: int) -> NDArray:
    """Return mutual information by products of one-hot labels and bin indicators, for all channels at once."""
    import torch

    tensor = torch.from_numpy(maps)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(labels)).float()
    if bins == 2:
        on = one_hot.T @ (tensor > 0).float().sum(2)
        joint = torch.stack([one_hot.sum(0)[:, None] * maps.shape[2] - on, on])
    else:
        low, high = tensor.amin((0, 2), keepdim=True), tensor.amax((0, 2), keepdim=True)
        index = ((tensor - low) * (bins / (high - low))).long().clamp(max=bins - 1)
        joint = torch.stack([one_hot.T @ (index == b).sum(2).float() for b in range(bins)])
    counts = joint.double().numpy()
    return np.array([_information(counts[:, :, channel]) for channel in range(maps.shape[1])])


def trained_mlp(images: NDArray, labels: NDArray) -> nn.Sequential:
    """Return an MLP 784-100-100-10 with ReLU, trained for three epochs."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, weight_decay=1e-4)
    x, y = torch.from_numpy(images.reshape(len(images), -1)), torch.from_numpy(labels.astype(np.int64))
    for _ in range(3):
        for part in torch.randperm(len(x)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[part]), y[part]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return model.eval()


def ablation_alone(
    model: nn.Sequential, inputs: Tensor, labels: Tensor, layers: list[str]
) -> Callable[[], list[NDArray]]:
    """Return a function that runs some ablations one by one: forward hooks mask neurons, one forward pass for each."""
    import torch

    def run() -> list[NDArray]:
        width = 100
        order = torch.randperm(width * len(layers), generator=torch.Generator().manual_seed(0))
        accuracies = []
        for count in torch.linspace(0, len(order), ABLATIONS).round().long():
            keep = torch.ones(len(order))
            keep[order[:count]] = 0
            handles = [
                model.get_submodule(name).register_forward_hook(lambda _m, _i, out, part=part: out * part)
                for name, part in zip(layers, keep.split(width), strict=True)
            ]
            with torch.no_grad():
                logits = model(inputs)
                torch.nn.functional.cross_entropy(logits, labels)
            accuracies.append(float((logits.argmax(1) == labels).double().mean()))
            for handle in handles:
                handle.remove()
        return [np.array([accuracies])]

    return run
