"""Train a classifier with and without an information bottleneck, and print its accuracy under noise.

The loss is the cross-entropy plus BETA times I(X; T), the matrix-based information of order 2 that a hidden layer
carries about the inputs of a batch (Yu et al. 2021, "Deep deterministic information bottleneck"). After each epoch the
information plane is measured on held-out samples: I(X; T) and I(T; Y) in bits.

    python examples/information_bottleneck.py                 # digits of scikit-learn
    python examples/information_bottleneck.py mnist.npz       # MNIST
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from bitlens.data.images import Images, load_digits, load_mnist
from bitlens.differentiable import multivariate_information

BETA = 1.0
SIGMA = 2.0  # fixed: a rule would follow the scale of T, so that a smaller T would have the same information
NOISE = (0.0, 0.2, 0.4, 0.6)
PROBE = 250


class Outcome(NamedTuple):
    """The results of one training."""

    plane: list[tuple[float, float]]
    """I(X; T) and I(T; Y) in bits after each epoch."""
    accuracy: dict[float, float]
    """Accuracy on the test images for each standard deviation of the noise."""


def train(data: Images, beta: float, epochs: int, batch: int = 100, seed: int = 0) -> Outcome:
    """Train one network and measure it."""
    torch.manual_seed(seed)
    train_images, test_images = (torch.from_numpy(x).flatten(1) for x in (data.train_images, data.test_images))
    train_labels, test_labels = torch.from_numpy(data.train_labels), torch.from_numpy(data.test_labels)
    hidden = nn.Sequential(nn.Linear(train_images.shape[1], 128), nn.ReLU(), nn.Linear(128, 32), nn.ReLU())
    head = nn.Linear(32, 10)
    optimizer = torch.optim.Adam([*hidden.parameters(), *head.parameters()], lr=1e-3)
    plane = []
    for _ in range(epochs):
        for rows in torch.randperm(len(train_images)).split(batch):
            x, y = train_images[rows], train_labels[rows]
            t = hidden(x)
            loss = nn.functional.cross_entropy(head(t), y)
            if beta:
                loss = loss + beta * multivariate_information(x, t, 2, SIGMA, tensor=True)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            x, y = test_images[:PROBE], test_labels[:PROBE]
            t = hidden(x)
            sides = (multivariate_information(side, t, 2, SIGMA, tensor=True) for side in (x, y))
            plane.append(tuple(map(float, sides)))
    with torch.no_grad():
        accuracy = {}
        for deviation in NOISE:
            noisy = test_images + deviation * torch.randn(test_images.shape)
            accuracy[deviation] = float((head(hidden(noisy)).argmax(1) == test_labels).float().mean())
    return Outcome(plane, accuracy)


def main(data: Images, epochs: int = 20) -> dict[float, Outcome]:
    """Train both networks and print their results."""
    outcomes = {beta: train(data, beta, epochs) for beta in (0.0, BETA)}
    for beta, outcome in outcomes.items():
        to_input, to_labels = outcome.plane[-1]
        accuracies = ", ".join(f"{value:.1%} at noise {noise}" for noise, value in outcome.accuracy.items())
        print(f"beta {beta}: I(X; T) = {to_input:.2f} bits, I(T; Y) = {to_labels:.2f} bits; accuracy {accuracies}")
    return outcomes


if __name__ == "__main__":
    main(load_mnist(Path(sys.argv[1])) if len(sys.argv) > 1 else load_digits())
