"""Parameters of functions that run a network may be numbers of any type."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens

torch.manual_seed(0)
MODEL = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3), torch.nn.ReLU(), torch.nn.Linear(3, 3)).eval()
IMAGES = torch.rand(6, 1, 8, 8)
LABELS = torch.arange(6) % 3
SCORES = [0.3, 0.1, 0.2]


def ablation(**settings):
    return bitlens.cumulative_ablation(MODEL, (IMAGES, LABELS), "1", SCORES, **settings).loss


def discarding(**settings):
    settings = {"steps": 3, "samples": 8} | settings
    return bitlens.information_discarding(MODEL, IMAGES[:2], "1", **settings).entropies


def decoder(**settings):
    trained = bitlens.train_decoder(MODEL, IMAGES, "1", **{"epochs": 1, "width": 4} | settings)
    return next(trained.parameters()).detach()


# id: (call, its number)
WHOLE = {
    "cumulative_ablation(steps)": (lambda n: ablation(steps=n), 2),
    "cumulative_ablation(repeats)": (lambda n: ablation(order="random", repeats=n), 2),
    "cumulative_ablation(seed)": (lambda n: ablation(order="random", seed=n), 3),
    "information_discarding(cells)": (lambda n: discarding(cells=n), 4),
    "information_discarding(samples)": (lambda n: discarding(samples=n), 9),
    "information_discarding(steps)": (lambda n: discarding(steps=n), 4),
    "information_discarding(seed)": (lambda n: discarding(seed=n), 3),
    "train_decoder(epochs)": (lambda n: decoder(epochs=n), 2),
    "train_decoder(width)": (lambda n: decoder(width=n), 3),
    "train_decoder(seed)": (lambda n: decoder(seed=n), 3),
    "deconvolve(channel)": (lambda n: bitlens.deconvolve(MODEL, IMAGES, "1", n), 2),
}
REAL = {
    "alpha": (lambda x: discarding(alpha=x), 1.25),
    "tau": (lambda x: discarding(tau=x), 0.0625),
    "sigma_max": (lambda x: discarding(sigma_max=x), 0.5),
    "base": (lambda x: discarding(base=x), 4.0),
}


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64, np.array, torch.tensor], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers(name, kind):
    call, number = WHOLE[name]
    np.testing.assert_array_equal(call(kind(number)), call(number))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.array, torch.tensor], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", REAL)
def test_numbers(name, kind):
    call, number = REAL[name]
    np.testing.assert_array_equal(call(kind(number)), call(number))
