"""Train a layer with and without a penalty of its total correlation, so that its units share less information.

python examples/decorrelated_channels.py
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from sklearn.datasets import load_digits
from torch import nn

from bitlens.differentiable import total_correlation

WEIGHT = 0.1


class Outcome(NamedTuple):
    """The results of one training, on samples that were not used for it."""

    total_correlation: float
    """In bits."""
    accuracy: float


def train(weight: float, epochs: int, units: int = 8, seed: int = 0) -> Outcome:
    """Train a classifier of digits whose layer of `units` has a penalty of `weight` times its total correlation."""
    torch.manual_seed(seed)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.from_numpy(images / 16).float(), torch.from_numpy(labels)
    order = torch.randperm(len(x))
    kept, held_out = order[:1400], order[1400:]
    layer, head = nn.Sequential(nn.Linear(64, units), nn.Tanh()), nn.Linear(units, 10)
    optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], lr=5e-3)
    for _ in range(epochs):
        for rows in kept[torch.randperm(len(kept))].split(100):
            t = layer(x[rows])
            loss = nn.functional.cross_entropy(head(t), y[rows])
            if weight:
                loss = loss + weight * total_correlation(t, alpha=2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        t = layer(x[held_out])
        return Outcome(float(total_correlation(t, alpha=2)), float((head(t).argmax(1) == y[held_out]).float().mean()))


def main(epochs: int = 20) -> dict[float, Outcome]:
    """Train both networks and print their results."""
    outcomes = {weight: train(weight, epochs) for weight in (0.0, WEIGHT)}
    for weight, outcome in outcomes.items():
        print(
            f"weight {weight}: total correlation {outcome.total_correlation:.2f} bits, accuracy {outcome.accuracy:.1%}"
        )
    return outcomes


if __name__ == "__main__":
    main()
