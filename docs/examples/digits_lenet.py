"""The network of the examples: a LeNet that is recorded while it learns the digits."""

from __future__ import annotations

import torch

import bitlens
from bitlens.data.images import load_digits
from bitlens.data.lenet import LeNet


def train_lenet(path: str, epochs: int) -> bitlens.Run:
    """Record a LeNet on the digits before training and after every epoch."""
    digits = load_digits()
    images, labels = torch.from_numpy(digits.train_images)[:, None], torch.from_numpy(digits.train_labels)
    probe = torch.from_numpy(digits.test_images)[:, None], torch.from_numpy(digits.test_labels)
    torch.manual_seed(0)
    model = LeNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    with bitlens.Recorder(model, path, probe, show_size=False, weights=[epochs]) as recorder:
        recorder.snapshot(0)
        for epoch in range(1, epochs + 1):
            for rows in torch.randperm(len(labels)).split(64):
                loss = torch.nn.functional.cross_entropy(model(images[rows]), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            recorder.snapshot(epoch, loss=loss.item())
    return bitlens.open_run(path)
