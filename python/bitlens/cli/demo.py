"""The main job on real images: train a small network, record it, measure it."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from bitlens.cli.images import Images
from bitlens.measures import layer_ablation, layer_discarding
from bitlens.network import Recorder, record_deconvolutions
from bitlens.runs import open_run

_BATCH = 64
_PROBE = 1000
_SEED = 0
_DISCARDED = 3
"""Images that the network is run again for, with noise."""


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max-pooling, for square images of one channel, 8 pixels wide or more."""

    def __init__(self, width: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        # On images of 8 x 8 an unpadded second convolution would leave nothing.
        self.conv2 = nn.Conv2d(6, 16, 5, padding=0 if width >= 16 else 2)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        side = (width // 2 - (4 if width >= 16 else 0)) // 2
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(16 * side * side, 120)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(120, 84)
        self.relu4 = nn.ReLU()
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images [n, 1, height, width]."""
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool2(self.relu2(self.conv2(x)))
        x = self.relu4(self.fc2(self.relu3(self.fc1(self.flatten(x)))))
        return self.fc3(x)  # type: ignore[no-any-return]


def train_and_record(images: Images, store: Path, epochs: int, console: Console) -> None:
    """Train a LeNet, and record it on test images before training and after every epoch."""
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
        record_deconvolutions(open_run(store), model, layer, epochs)
    layer_discarding(open_run(store), model, samples=_DISCARDED)
    layer_ablation(open_run(store), model)
