"""The rules of the tracer against experiment: NaN in one line of the input reaches what the rules say it reaches."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bitlens.network import receptive_fields

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
Function = Callable[[Tensor], Tensor]
Fields = list[list[tuple[int, int]]]


class Layer(nn.Module):
    """A function as a module."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@contextmanager
def plain_convolutions() -> Iterator[None]:
    """Fast convolutions (Winograd, FFT) mix neighbours, so that NaN spreads further than the data."""
    with warnings.catch_warnings(), ExitStack() as flags:
        warnings.filterwarnings("ignore", "TF32 acceleration on top of oneDNN", UserWarning)
        flags.enter_context(torch.backends.mkldnn.flags(enabled=False))
        flags.enter_context(torch.backends.nnpack.flags(enabled=False))
        yield


def spread(function: Function, shape: tuple[int, ...], *, nan: bool) -> Fields:
    """For each position along each axis of pixels: the lines of the input on which it depends.

    Either NaN in a line spreads, also where its weight is 0, or another value in it makes a difference.
    """
    fields = []
    with torch.no_grad(), plain_convolutions():
        for axis in range(2, len(shape) + 1):
            columns = []
            for line in range(shape[axis - 1]):
                torch.manual_seed(1)
                x = torch.rand(3, *shape)
                other = x.clone()
                other.select(axis, line).copy_(torch.full((), torch.nan) if nan else torch.rand(()))
                a, b = (_seeded(function, inputs) for inputs in (x, other))
                changed = b.isnan() if nan else a != b
                columns.append(changed.amax(dim=[d for d in range(changed.ndim) if d != axis]))
            lines = [column.nonzero().flatten().tolist() for column in torch.stack(columns, 1)]
            fields.append([(min(found), max(found) + 1) if found else (0, 0) for found in lines])
    return fields


def _seeded(function: Function, x: Tensor) -> Tensor:
    torch.manual_seed(2)
    return function(x)


def windows_and_back(x: Tensor) -> Tensor:
    """The partition of a Swin transformer: windows of 2 x 2 are mixed, and put together again."""
    n, c, h, w = x.shape
    windows = x.permute(0, 2, 3, 1).view(n, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
    windows = torch.softmax(windows @ windows.transpose(1, 2), -1) @ windows
    back = windows.view(n, h // 2, w // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
    return back.permute(0, 3, 1, 2)


def windows_alone(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    windows = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, 2, 2).relu()
    return windows.view(n, h // 2, w // 2, c, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(n, c, h, w)


def shifted(x: Tensor) -> Tensor:
    return torch.roll(torch.roll(x, (-1, -2), (2, 3)) * 2, (1, 2), (2, 3))


def excited(x: Tensor) -> Tensor:
    return x * torch.sigmoid(F.conv2d(x.mean((2, 3), keepdim=True), torch.rand(4, 4, 1, 1)))


def attention(x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(tokens, tokens, tokens)
    return mixed.transpose(1, 2).reshape(x.shape)


def unet(x: Tensor) -> Tensor:
    down = F.max_pool2d(F.conv2d(x, torch.rand(4, 4, 3, 3), padding=1), 2)
    up = F.interpolate(F.conv2d(down, torch.rand(4, 4, 3, 3), padding=1), scale_factor=2)
    return F.conv2d(torch.cat([x, up], 1), torch.rand(4, 8, 1, 1))


def residual(x: Tensor) -> Tensor:
    return x + F.conv2d(F.relu(x), torch.rand(4, 4, 3, 3), padding=1)


def assigned(x: Tensor) -> Tensor:
    """A part of the result is written in place, through a view."""
    result = torch.zeros_like(x)
    result[..., 3:] = x[..., :-3]
    result[:, :, :2] += x[:, :, 2:4]
    return result


def added_to_a_part(x: Tensor) -> Tensor:
    """A part of a convolution, one row of all channels and then its first columns, is written in place."""
    result = F.conv2d(x, torch.rand(4, 4, 1, 1))
    result.select(2, 3)[..., :4].add_(x[:, :, 6, 8:])
    return result


def weights(*shape: int) -> Tensor:
    return torch.rand(shape)


LINE, IMAGE, VOLUME = (4, 12), (4, 8, 12), (4, 6, 5, 7)
EQUAL: dict[str, tuple[Function, tuple[int, ...]]] = {
    "conv1d strided dilated": (lambda x: F.conv1d(x, weights(5, 4, 3), stride=2, padding=2, dilation=2), LINE),
    "conv1d same": (lambda x: F.conv1d(x, weights(5, 4, 4), padding="same"), LINE),
    "conv2d grouped": (lambda x: F.conv2d(x, weights(8, 2, 3, 2), stride=(1, 3), padding=(2, 1), groups=2), IMAGE),
    "conv2d depthwise": (lambda x: F.conv2d(x, weights(4, 1, 3, 3), padding=1, groups=4), IMAGE),
    "conv2d of circular padding": (nn.Conv2d(4, 4, 3, padding=1, padding_mode="zeros"), IMAGE),
    "conv2d of reflected padding": (nn.Conv2d(4, 4, 3, padding=2, padding_mode="reflect"), IMAGE),
    "conv3d": (lambda x: F.conv3d(x, weights(3, 4, 3, 2, 3), stride=(2, 1, 2), dilation=(1, 2, 1)), VOLUME),
    "transposed conv1d": (lambda x: F.conv_transpose1d(x, weights(4, 3, 3), stride=3, padding=1), LINE),
    "transposed conv2d": (
        lambda x: F.conv_transpose2d(x, weights(4, 3, 3, 4), stride=(2, 3), padding=1, output_padding=(1, 2)), IMAGE),
    "transposed conv2d dilated": (lambda x: F.conv_transpose2d(x, weights(4, 3, 2, 2), stride=2, dilation=3), IMAGE),
    "transposed conv3d": (lambda x: F.conv_transpose3d(x, weights(4, 3, 2, 3, 2), stride=2), VOLUME),
    "max_pool1d": (lambda x: F.max_pool1d(x, 3, 2, padding=1, dilation=2), LINE),
    "max_pool2d": (lambda x: F.max_pool2d(x, (3, 2), (1, 3), padding=1), IMAGE),
    "max_pool2d ceil_mode": (lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), IMAGE),
    "max_pool3d": (lambda x: F.max_pool3d(x, 2, 1, dilation=2), VOLUME),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 3, padding=1), LINE),
    "avg_pool2d ceil_mode": (lambda x: F.avg_pool2d(x, (3, 5), (2, 3), padding=(1, 2), ceil_mode=True), IMAGE),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2), VOLUME),
    "lp_pool2d": (lambda x: F.lp_pool2d(x, 2, 3, 2), IMAGE),
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 5), LINE),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, 5)), IMAGE),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (5, 3)), IMAGE),
    "adaptive_avg_pool3d": (lambda x: F.adaptive_avg_pool3d(x, (4, 2, 3)), VOLUME),
    "adaptive pool to one": (lambda x: F.adaptive_avg_pool2d(x, 1), IMAGE),
    "nearest": (lambda x: F.interpolate(x, size=(11, 9)), IMAGE),
    "nearest twice": (lambda x: F.interpolate(x, scale_factor=2), IMAGE),
    "nearest-exact": (lambda x: F.interpolate(x, size=(11, 9), mode="nearest-exact"), IMAGE),
    "nearest with a scale": (lambda x: F.interpolate(x, scale_factor=1.3), IMAGE),
    "constant pad": (lambda x: F.pad(x, (1, 2, 3, -1)), IMAGE),
    "reflect pad": (lambda x: F.pad(x, (1, 2, 3, 0), "reflect"), IMAGE),
    "replicate pad": (lambda x: F.pad(x, (1, 2, 3, 0), "replicate"), IMAGE),
    "circular pad": (lambda x: F.pad(x, (1, 2, 3, 0), "circular"), IMAGE),
    "flip": (lambda x: x.flip(2, 3), IMAGE),
    "roll": (lambda x: torch.roll(x, (1, -2), (2, 3)), IMAGE),
    "shifted back": (shifted, IMAGE),
    "slices": (lambda x: x[:, :, 1:-1:2, 3:], IMAGE),
    "negative slices and narrow": (lambda x: x[..., -5:].narrow(2, 2, 4), IMAGE),
    "index_select": (lambda x: x.index_select(3, torch.tensor([5, 0, 7])), IMAGE),
    "cat of columns": (lambda x: torch.cat([x[..., 6:], x[..., :6], torch.zeros_like(x[..., :2])], 3), IMAGE),
    "cat of channels": (lambda x: torch.cat([x, x.flip(3)], 1), IMAGE),
    "chunks": (lambda x: sum(x.chunk(2, 1)), IMAGE),
    "chunks of rows": (lambda x: torch.cat(x.chunk(2, 2)[::-1], 2), IMAGE),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), IMAGE),
    "channel_shuffle": (lambda x: F.channel_shuffle(x, 2), IMAGE),
    "windows alone": (windows_alone, IMAGE),
    "space to depth": (lambda x: torch.cat([x[..., ::2], x[..., 1::2]], 1), IMAGE),
    "attention": (attention, IMAGE),
    "LayerNorm over channels": (lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2), IMAGE),
    "LayerNorm over all": (lambda x: F.layer_norm(x, IMAGE), IMAGE),
    "LayerNorm over pixels": (lambda x: F.layer_norm(x, IMAGE[1:]), IMAGE),
    "GroupNorm": (lambda x: F.group_norm(x, 2), IMAGE),
    "InstanceNorm": (lambda x: F.instance_norm(x), IMAGE),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3), IMAGE),
    "softmax over channels": (lambda x: x.softmax(1), IMAGE),
    "softmax over columns": (lambda x: x.softmax(3), IMAGE),
    "squeeze and excite": (excited, IMAGE),
    "U-Net": (unet, IMAGE),
    "residual": (residual, IMAGE),
    "assigned": (lambda x: assigned(x), IMAGE),
    "one column": (lambda x: x[..., 5:6], IMAGE),
    "one column for all": (lambda x: x * x[..., 5:6].relu(), IMAGE),
    "a row and a column": (lambda x: x[..., 5:6] + x[:, :, 2:3], IMAGE),
    "in place": (lambda x: F.max_pool2d(x.clone().mul_(2).relu_(), 2), IMAGE),
    "flatten and back": (lambda x: x.flatten(1).unflatten(1, IMAGE), IMAGE),
    "einsum over channels": (lambda x: torch.einsum("nchw,kc->nkhw", x, weights(5, 4)), IMAGE),
    "mean of pixels": (lambda x: x.mean((2, 3), keepdim=True), IMAGE),
    "minus the mean of rows": (lambda x: x - x.mean(2, keepdim=True), IMAGE),
}  # fmt: skip
BOUNDS: dict[str, tuple[Function, tuple[int, ...]]] = {
    "windows of Swin": (windows_and_back, IMAGE),
    "bilinear": (lambda x: F.interpolate(x, size=(11, 9), mode="bilinear"), IMAGE),
    "bilinear aligned": (lambda x: F.interpolate(x, size=(11, 9), mode="bilinear", align_corners=True), IMAGE),
    "bilinear with a scale": (lambda x: F.interpolate(x, scale_factor=1.3, mode="bilinear"), IMAGE),
    "bilinear antialiased": (lambda x: F.interpolate(x, size=(3, 4), mode="bilinear", antialias=True), IMAGE),
    "bicubic": (lambda x: F.interpolate(x, size=(11, 9), mode="bicubic"), IMAGE),
    "bicubic aligned": (lambda x: F.interpolate(x, size=(5, 17), mode="bicubic", align_corners=True), IMAGE),
    "area": (lambda x: F.interpolate(x, size=(3, 5), mode="area"), IMAGE),
    "linear of a line": (lambda x: F.interpolate(x, size=17, mode="linear"), LINE),
    "trilinear": (lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"), VOLUME),
    "cumsum": (lambda x: x.cumsum(3), IMAGE),
    "sort": (lambda x: x.sort(3).values, IMAGE),
    "Fourier transform": (lambda x: torch.fft.fft2(x).real, IMAGE),
    "added to a part": (added_to_a_part, IMAGE),
    "unfold": (lambda x: x.unfold(3, 3, 2).mean(-1), IMAGE),
    "unfold and fold": (lambda x: F.fold(F.unfold(x, 2, stride=2), IMAGE[1:], 2, stride=2), IMAGE),
    "stack": (lambda x: torch.stack([x[..., ::2], x[..., 1::2]], -1).flatten(3), IMAGE),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), IMAGE),
    "grid_sample": (lambda x: F.grid_sample(x, torch.rand(3, 6, 5, 2)[: len(x)], align_corners=False), IMAGE),
    "where": (lambda x: torch.where(x > 0.5, x, x.flip(3)), IMAGE),
    "gather": (lambda x: x.gather(3, torch.arange(12).flip(0).expand_as(x)), IMAGE),
    "indexed by a list": (lambda x: x[:, :, [3, 1, 2]], IMAGE),
    "written into zeros": (lambda x: torch.zeros_like(x).index_copy(3, torch.arange(12).flip(0), x), IMAGE),
    "fractional pooling": (lambda x: F.fractional_max_pool2d(x, 2, output_size=(4, 5)), IMAGE),
    "unpooled": (lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), IMAGE),
}  # fmt: skip


def traced(function: Function, shape: tuple[int, ...]) -> Fields:
    fields = receptive_fields(nn.Sequential(Layer(function)), shape, ["0"])
    return [list(axis) for axis in fields["0"].axes] if fields else []


@pytest.mark.parametrize("name", EQUAL)
def test_a_rule_is_exact(name: str) -> None:
    assert traced(*EQUAL[name]) == spread(*EQUAL[name], nan=True)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_rule_is_an_upper_bound(name: str) -> None:
    """A field may also be left out."""
    for axis, seen in zip(traced(*BOUNDS[name]), spread(*BOUNDS[name], nan=False), strict=False):
        for (first, end), (seen_first, seen_end) in zip(axis, seen, strict=True):
            assert seen_first == seen_end or (first <= seen_first and seen_end <= end), (axis, seen)
