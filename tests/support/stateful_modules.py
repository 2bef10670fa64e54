"""Layers from 8 to 6 units that change something in themselves when they are run or switched to another mode."""

from __future__ import annotations

import random
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.ao.quantization import FakeQuantize, MovingAverageMinMaxObserver, MovingAveragePerChannelMinMaxObserver
from torch.nn.functional import dropout, linear
from torch.nn.utils import parametrizations, spectral_norm, weight_norm


class FoldingAdapter(nn.Module):
    """A LoRA layer, whose train() folds the small matrices into the large one in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Parameter(torch.randn(6, 8) * 0.3, requires_grad=False)
        self.down, self.up = (nn.Parameter(torch.randn(*shape) * 0.3) for shape in ((2, 8), (6, 2)))
        self.folded = False

    def train(self, mode: bool = True) -> FoldingAdapter:
        super().train(mode)
        if mode == self.folded:
            self.base.data += (-1 if mode else 1) * (self.up.data @ self.down.data)
            self.folded = not mode
        return self

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.base if self.folded else self.base + self.up @ self.down)


class Stubborn(nn.Linear):
    """A layer whose train() ignores the mode and counts its calls."""

    calls = 0

    def train(self, mode: bool = True) -> Stubborn:
        self.calls += 1
        return self


class Layer(nn.Linear):
    """A linear layer with a function that runs after it in every mode, and what this function keeps."""

    def __init__(self, after: Callable[[Any, Tensor], Tensor], **attributes: Any) -> None:
        super().__init__(8, 6)
        self.after = after
        for name, value in attributes.items():
            if isinstance(value, Tensor) and not value.is_nested:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self, super().forward(x))


@dataclass
class Statistics:
    """A helper object that keeps state for a layer."""

    count: int = 0
    values: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Slots:
    """The same without a dictionary of its attributes."""

    count: int = 0
    values: list[float] = field(default_factory=list)


def average(layer: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        layer.ema.mul_(0.9).add_(x.mean(0), alpha=0.1)
    return x * layer.ema


def replaced_average(layer: Any, x: Tensor) -> Tensor:
    layer.ema = 0.9 * layer.ema + 0.1 * x.detach().mean(0)
    return x - layer.ema


def clamp(layer: Any, x: Tensor) -> Tensor:
    layer.weight.data.clamp_(-0.2, 0.2)
    return x


def clamp_anew(layer: Any, x: Tensor) -> Tensor:
    layer.weight.data = layer.weight.data.clamp(-0.2, 0.2) * 0.99
    return x


def count(layer: Any, x: Tensor) -> Tensor:
    layer.count += 1
    return x * (1 + 0.1 * layer.count)


def keep(layer: Any, x: Tensor) -> Tensor:
    layer.last.append(float(x.detach().mean()))
    layer.recent.append(x.detach()[0])
    layer.table[len(layer.table)] = float(x.detach().std())
    layer.sizes.add(len(layer.table))
    layer.numbers.append(1.0)
    layer.array += float(x.detach().mean())
    mean = sum(layer.last) + sum(layer.table.values()) + sum(float(t.mean()) for t in layer.recent) + len(layer.sizes)
    return x * (len(layer.numbers) + 0.01 * mean + 0.01 * float(layer.array.sum()))


def draw(layer: Any, x: Tensor) -> Tensor:
    noise = torch.rand(x.shape, generator=layer.torch_numbers) + layer.python_numbers.random()
    noise = noise + layer.numpy_numbers.random() + layer.old_numpy_numbers.rand()
    return x + 0.1 * noise + random.random() + np.random.rand() + torch.rand(())


def help_with(layer: Any, x: Tensor) -> Tensor:
    for helper in (layer.helper, layer.slots, layer.space):
        helper.count += 1
        helper.values.append(float(x.detach().mean()))
    return x * (1 + 0.1 * layer.helper.count + layer.slots.values[0] + sum(layer.space.values))


def new_attributes(layer: Any, x: Tensor) -> Tensor:
    number = getattr(layer, "number", 0)
    layer.number = number + 1
    if number == 0:
        layer.register_buffer("first", x.detach().mean(0))
        layer.scale = nn.Parameter(torch.ones(6) * 0.5)
    return x * (1 + number) + layer.first


class Shared(Layer):
    """A layer that counts its calls in its class."""

    calls = 0

    def __init__(self) -> None:
        super().__init__(shared_count)
        Shared.calls = 0


def shared_count(layer: Any, x: Tensor) -> Tensor:
    type(layer).calls += 1
    return x * (1 + 0.1 * type(layer).calls)


def hooked() -> nn.Module:
    """A layer with a hook that counts in a variable of the function around it."""
    calls, sums = 0, array("d", [0.0])

    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        sums[0] += float(output.detach().mean())
        return output * (1 + 0.1 * calls + 0.01 * sums[0])

    layer = nn.Linear(8, 6)
    layer.register_forward_hook(hook)
    return layer


def hidden_norm(layer: Any, x: Tensor) -> Tensor:
    return layer.hidden[0](x)


def unfreeze(layer: Any, x: Tensor) -> Tensor:
    layer.bias.requires_grad_(not layer.bias.requires_grad)
    return x


def frozen_norm() -> nn.Module:
    layer = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6))
    layer[1].eval()
    return layer


class Scripted(nn.Module):
    """A layer for TorchScript, whose attributes change in every call."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 6)
        self.count = 0
        self.table = {"calls": 0}
        self.register_buffer("ema", torch.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.table["calls"] += self.count
        self.ema = 0.9 * self.ema + 0.1 * self.count
        return self.linear(x) * self.ema + self.table["calls"]


def attribute_tensor() -> nn.Module:
    layer = Layer(average)
    layer.ema = torch.ones(6)
    return layer


KINDS: dict[str, Callable[[], nn.Module]] = {
    "folding adapter": FoldingAdapter,
    "EMA changed in place": lambda: Layer(average, ema=torch.ones(6)),
    "EMA replaced": lambda: Layer(replaced_average, ema=torch.zeros(6)),
    "attribute tensor": attribute_tensor,
    "observer": lambda: nn.Sequential(nn.Linear(8, 6), MovingAverageMinMaxObserver()),
    "fake quantization": lambda: nn.Sequential(nn.Linear(8, 6), FakeQuantize(MovingAverageMinMaxObserver)),
    "fake quantization of channels": lambda: nn.Sequential(
        nn.Linear(8, 6),
        FakeQuantize(MovingAveragePerChannelMinMaxObserver, ch_axis=1, qscheme=torch.per_channel_symmetric,
                     dtype=torch.qint8, quant_min=-128, quant_max=127),
    ),
    "old spectral_norm": lambda: spectral_norm(nn.Linear(8, 6)),
    "parametrized spectral_norm": lambda: parametrizations.spectral_norm(nn.Linear(8, 6)),
    "old weight_norm": lambda: weight_norm(nn.Linear(8, 6)),
    "parametrized weight_norm": lambda: parametrizations.weight_norm(nn.Linear(8, 6)),
    "BatchNorm": lambda: nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6)),
    "BatchNorm without momentum": lambda: nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6, momentum=None)),
    "frozen BatchNorm": frozen_norm,
    "stubborn": lambda: Stubborn(8, 6),
    "dropout always on": lambda: Layer(lambda _, x: dropout(x, 0.3, training=True)),
    "counter": lambda: Layer(count, count=0),
    "containers": lambda: Layer(keep, last=[], recent=deque(maxlen=2), table={}, sizes=set(), array=np.zeros(2),
                                numbers=array("d")),
    "generators": lambda: Layer(
        draw, torch_numbers=torch.Generator().manual_seed(3), python_numbers=random.Random(3),
        numpy_numbers=np.random.default_rng(3), old_numpy_numbers=np.random.RandomState(3),
    ),
    "helper objects": lambda: Layer(
        help_with, helper=Statistics(), slots=Slots(), space=SimpleNamespace(count=0, values=[])
    ),
    "clamped weights": lambda: Layer(clamp),
    "replaced data": lambda: Layer(clamp_anew),
    "new attributes": lambda: Layer(new_attributes),
    "module in a list": lambda: Layer(hidden_norm, hidden=[nn.BatchNorm1d(6)]),
    "attribute of the class": Shared,
    "hook with variables": hooked,
    "unfreezing": lambda: Layer(unfreeze),
    "TorchScript": lambda: torch.jit.script(Scripted()),
    "tensors that are not dense": lambda: Layer(
        lambda _, x: x, sparse=torch.eye(3).to_sparse(), nested=torch.nested.nested_tensor([torch.ones(2)])
    ),
}  # fmt: skip
