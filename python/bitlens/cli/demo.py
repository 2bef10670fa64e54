"""The demo: train a small network on real images, record it and measure it."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from torch import nn

from bitlens.data.images import Images
from bitlens.data.lenet import LeNet
from bitlens.measures import layer_ablation, layer_deconvolution, layer_discarding
from bitlens.network import Recorder
from bitlens.runs import open_run

_BATCH = 64
_PROBE = 1000
_SEED = 0
_DISCARDED = 2
"""Number of images for information discarding, which runs the network many times for each image."""


def train_and_record(images: Images, store: Path, epochs: int, console: Console) -> None:
    """Train a LeNet, record it before training and after every epoch, and compute the measures that need the model."""
    torch.manual_seed(_SEED)
    train_images = torch.from_numpy(images.train_images)[:, None]
    train_labels = torch.from_numpy(images.train_labels)
    model = LeNet(train_images.shape[-1], int(train_labels.max()) + 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    probe = torch.from_numpy(images.test_images[:_PROBE])[:, None], torch.from_numpy(images.test_labels[:_PROBE])
    with Recorder(model, store, probe, gradients=True, weights=[0, epochs]) as recorder:
        recorder.snapshot(0)
        for epoch in track(range(1, epochs + 1), "training", console=console, transient=True):
            total = 0.0
            for rows in torch.split(torch.randperm(len(train_labels)), _BATCH):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(train_images[rows]), train_labels[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                total += float(loss.detach()) * len(rows)
            recorder.snapshot(epoch, loss=total / len(train_labels))
    for layer in ("conv1", "conv2"):
        layer_deconvolution(open_run(store), model, layer, epochs=[epochs])
    layer_discarding(open_run(store), model, samples=_DISCARDED)
    layer_ablation(open_run(store), model)
