"""Receptive fields against their closed form, and deconvolution against its definition."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import bitlens
from bitlens.runs import RunError

# kernel, stride, padding, dilation of a stack of convolutions or pools
STACKS = {
    "one": [(3, 1, 0, 1)],
    "lenet": [(5, 1, 2, 1), (2, 2, 0, 1), (5, 1, 0, 1), (2, 2, 0, 1)],
    "strided": [(3, 2, 1, 1), (3, 2, 1, 1)],
    "dilated": [(3, 1, 2, 2), (3, 1, 0, 1)],
}


def closed_form(stack: list[tuple[int, int, int, int]], size: int, position: int) -> tuple[int, int]:
    """Walk back from one output position to the interval of inputs."""
    first = last = position
    for kernel, stride, padding, dilation in reversed(stack):
        first = first * stride - padding
        last = last * stride - padding + dilation * (kernel - 1)
    return max(first, 0), min(last + 1, size)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(
    "channels", [2, 16]
)  # PyTorch chooses the algorithm of a convolution by the number of channels
def test_receptive_fields_of_stacks(stack: str, channels: int) -> None:
    modules: list[nn.Module] = []
    inputs = 1
    for kernel, stride, padding, dilation in STACKS[stack]:
        if kernel == 2:
            modules.append(nn.MaxPool2d(2))
        else:
            modules += [nn.Conv2d(inputs, channels, kernel, stride, padding, dilation), nn.ReLU()]
            inputs = channels
    model = nn.Sequential(*modules)
    size = 28
    last = str(len(modules) - 1)
    field = bitlens.receptive_fields(model, (1, size, size), [last])[last]
    positions = model(torch.zeros(1, 1, size, size)).shape[-1]
    for position in range(positions):
        expected = closed_form(STACKS[stack], size, position)
        assert field.box(position, positions - 1) == (expected, closed_form(STACKS[stack], size, positions - 1))


def test_receptive_fields_see_through_functions_and_skips() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)
            self.last = nn.Conv2d(1, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(nn.functional.max_pool2d(torch.relu(self.conv(x)) + x, 2))

    fields = bitlens.receptive_fields(Block(), (1, 8, 8))
    assert fields["conv"].box(3, 0) == ((2, 5), (0, 2))
    assert fields["last"].box(1, 1) == ((1, 5), (1, 5))


def test_receptive_fields_in_one_and_three_dimensions() -> None:
    assert bitlens.receptive_fields(nn.Sequential(nn.Conv1d(2, 3, 3)), (2, 10))["0"].box(4) == ((4, 7),)
    volume = bitlens.receptive_fields(nn.Sequential(nn.Conv3d(1, 1, 2)), (1, 4, 5, 6))["0"]
    assert volume.box(0, 1, 2) == ((0, 2), (1, 3), (2, 4))


def test_a_linear_layer_has_no_positions() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 5))
    assert list(bitlens.receptive_fields(model, (1, 8, 8))) == ["0"]
    with pytest.raises(RunError, match="layers: the model has no module 'conv'"):
        bitlens.receptive_fields(model, (1, 8, 8), ["conv"])


def by_hand(model: nn.Sequential, images: Tensor, channel: int) -> Tensor:
    """conv - relu - pool - conv, backwards: transposed filter, unpool with switches, rectify, transposed filter."""
    conv1, _, _, conv2 = model
    with torch.no_grad():
        rectified = torch.relu(conv1(images))
        pooled, switches = nn.functional.max_pool2d(rectified, 2, return_indices=True)
        maps = conv2(pooled)
        signal = torch.zeros_like(maps)
        signal[:, channel] = maps[:, channel]
        signal = nn.functional.conv_transpose2d(signal, conv2.weight)
        signal = nn.functional.max_unpool2d(signal, switches, 2, output_size=rectified.shape[-2:])
        return nn.functional.conv_transpose2d(torch.relu(signal), conv1.weight)


@pytest.mark.parametrize("inplace", [False, True])
def test_deconvolution_is_unpool_rectify_filter(inplace: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3))
    images = torch.rand(5, 1, 12, 12)
    model.train()
    projected = bitlens.deconvolve(model, images, "3", channel=2)
    torch.testing.assert_close(projected, by_hand(model, images, 2))
    assert projected.abs().max() > 0
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())


def test_a_dead_channel_projects_to_nothing() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    nn.init.constant_(model[0].bias, -100)
    assert not bitlens.deconvolve(model, torch.rand(2, 1, 8, 8), "1", channel=0).any()


def test_deconvolution_of_what_is_not_there() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    images = torch.rand(2, 1, 8, 8)
    with pytest.raises(RunError, match="layers: the model has no module 'pool'"):
        bitlens.deconvolve(model, images, "pool", 0)
    with pytest.raises(ValueError, match="channel: expected 0 to 2 for layer '1', got 3"):
        bitlens.deconvolve(model, images, "1", 3)
    with pytest.raises(TypeError, match="channel: expected an integer"):
        bitlens.deconvolve(model, images, "1", 0.5)  # type: ignore[arg-type]


def test_a_deconvolved_pixel_lies_in_the_receptive_field(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3))
    image = torch.zeros(1, 1, 16, 16)
    image[0, 0, 3, 3] = 10
    with torch.no_grad():
        model[0].bias.zero_(), model[3].bias.zero_()
    projected = bitlens.deconvolve(model, image, "3", 1)[0, 0]
    rows, columns = projected.nonzero(as_tuple=True)
    field = bitlens.receptive_fields(model, (1, 16, 16))["3"]
    seen = [box for r in range(5) for c in range(5) if 3 in range(*(box := field.box(r, c))[0]) and 3 in range(*box[1])]
    assert max(rows) < max(box[0][1] for box in seen)
    assert max(columns) < max(box[1][1] for box in seen)
