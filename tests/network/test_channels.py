"""The axis of the channels is followed through views, heads and normalizations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import bitlens
from tests.network.test_tracing import IMAGE, Function, Layer


class Last(nn.Module):
    """Modules after one another, of which the last is the one that a test looks at."""

    def __init__(self, *steps: nn.Module | Function) -> None:
        super().__init__()
        self.before = nn.Sequential(*[s if isinstance(s, nn.Module) else Layer(s) for s in steps[:-1]])
        self.last = steps[-1] if isinstance(steps[-1], nn.Module) else Layer(steps[-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.before(x)).flatten(1).sum(1, keepdim=True)


class Weights(nn.Module):
    """A product with a matrix that is computed from a parameter."""

    def __init__(self, inputs: int, outputs: int, left: bool = False) -> None:
        super().__init__()
        self.weight, self.left = nn.Parameter(torch.rand(inputs, outputs)), left

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.weight @ x if self.left else x @ (2 * self.weight)


def heads(x: Tensor) -> Tensor:
    return x.view(*x.shape[:2], 3, 4).transpose(1, 2)


TOKENS = (6, 12)
CHANNELS: dict[str, tuple[list[nn.Module | Function], tuple[int, ...], tuple[int, int, str]]] = {
    "channels first": ([nn.Conv2d(4, 5, 3)], IMAGE, (1, 5, "a convolution")),
    "after pooling": ([nn.Conv2d(4, 5, 3), nn.MaxPool2d(2)], IMAGE, (1, 5, "a convolution")),
    "permuted": ([nn.Conv2d(4, 5, 3), lambda x: x.permute(0, 2, 3, 1)], IMAGE, (3, 5, "a convolution")),
    "transposed twice": ([nn.Conv2d(4, 5, 3), lambda x: x.transpose(1, 3).transpose(2, 3)], IMAGE,
                         (2, 5, "a convolution")),
    "channels last": ([lambda x: x.permute(0, 2, 3, 1), nn.Linear(4, 7)], IMAGE, (3, 7, "a linear map")),
    "tokens of an image": ([nn.Conv2d(4, 5, 3), lambda x: x.flatten(2).transpose(1, 2)], IMAGE,
                           (2, 5, "a convolution")),
    "tokens": ([nn.Linear(12, 8), nn.LayerNorm(8)], TOKENS, (2, 8, "a linear map")),
    "normalized input": ([nn.LayerNorm(12)], TOKENS, (2, 12, "a layer normalization")),
    "heads and back": ([nn.Linear(12, 12), lambda x: heads(x).transpose(1, 2).flatten(2)], TOKENS,
                       (2, 12, "a linear map")),
    "heads": ([nn.Linear(12, 12), heads], TOKENS, (1, 3, "guessed: the first of several axes")),
    "MLP-Mixer": ([nn.Conv2d(4, 5, 3), lambda x: x.flatten(2), nn.Linear(64, 7), lambda x: x.transpose(1, 2),
                   nn.Linear(5, 6)], (4, 10, 10), (2, 6, "guessed: the one of several on which weights acted last")),
    "graph convolution": ([nn.Linear(12, 8), lambda x: torch.ones(6, 6) @ x], TOKENS, (2, 8, "a linear map")),
    "graph convolution of weights": ([Weights(12, 8), lambda x: torch.ones(6, 6) @ x], TOKENS, (2, 8, "a linear map")),
    "weights from the left": ([lambda x: x.transpose(1, 2), Weights(12, 12, left=True)], TOKENS,
                              (1, 12, "a linear map")),
    "normalized lines": ([nn.Conv2d(4, 5, 3), nn.LayerNorm(8)], (4, 10, 10),
                         (1, 5, "guessed: the one of several on which weights acted last")),
    "BatchNorm1d of tokens": ([lambda x: x.transpose(1, 2), nn.BatchNorm1d(12)], TOKENS,
                              (1, 12, "a batch normalization")),
    "einsum": ([lambda x: torch.einsum("ntc,kc->nkt", x, torch.ones(5, 12))], TOKENS, (1, 5, "a linear map")),
    "a scale": ([lambda x: x * torch.arange(12.0)], TOKENS, (2, 12, "a scale or shift")),
    "written into zeros": ([nn.Conv2d(4, 5, 3), lambda x: padded(x)], IMAGE, (1, 5, "a convolution")),
}  # fmt: skip


def padded(x: Tensor) -> Tensor:
    result = x.new_zeros(*x.shape[:2], x.shape[2] + 2, x.shape[3] + 2)
    result[:, :, 1:-1, 1:-1] = x
    return result


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.filterwarnings("ignore:the axis of the channels is a guess", "ignore:the output for a sample")
def test_channels_are_followed(name: str, tmp_path: Path) -> None:
    steps, shape, (axis, channels, how) = CHANNELS[name]
    model = Last(*steps)
    images = torch.rand(4, *shape)
    with bitlens.Recorder(model, tmp_path, (images, None), layers=["last"], show_size=False) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path)
    layer = run.layer("last")
    assert (layer.channel_axis, layer.shape[0], layer.decided) == (axis, channels, how)
    with torch.no_grad():
        expected = model.eval().last(model.before(images))
    np.testing.assert_allclose(run.activations("last", 0), expected.movedim(axis, 1), rtol=1e-4, atol=1e-5)
