"""What a probe changes in a network and its process is put back: training goes on bit by bit as without a probe."""

from __future__ import annotations

import random
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.ao.quantization import FakeQuantize, MovingAverageMinMaxObserver, MovingAveragePerChannelMinMaxObserver
from torch.nn.functional import cross_entropy, dropout, linear
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

import bitlens
from bitlens.network import deconvolve, receptive_fields
from bitlens.network.discarding.decoder import train_decoder
from bitlens.network.state import preserved

pytestmark = pytest.mark.filterwarnings(
    "ignore:the output for a sample depends", "ignore:.*weight_norm. is deprecated",
    "ignore:The PyTorch API of nested tensors", "ignore:modules inside TorchScript",
    "ignore:.torch.jit.script. is", "ignore:Setting forward, backward hooks",
)  # fmt: skip


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
    layer.array += float(x.detach().mean())
    mean = sum(layer.last) + sum(layer.table.values()) + sum(float(t.mean()) for t in layer.recent) + len(layer.sizes)
    return x * (1 + 0.01 * mean + 0.01 * float(layer.array.sum()))


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
    "containers": lambda: Layer(keep, last=[], recent=deque(maxlen=2), table={}, sizes=set(), array=np.zeros(2)),
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
    "unfreezing": lambda: Layer(unfreeze),
    "TorchScript": lambda: torch.jit.script(Scripted()),
    "tensors that are not dense": lambda: Layer(
        lambda _, x: x, sparse=torch.eye(3).to_sparse(), nested=torch.nested.nested_tensor([torch.ones(2)])
    ),
}  # fmt: skip


def network(kind: str) -> nn.Sequential:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    return nn.Sequential(KINDS[kind](), nn.ReLU(), nn.Linear(6, 3))


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(40, 8, generator=generator), torch.arange(40) % 3


def contents(value: Any) -> Any:
    """Everything in a value as something that can be compared."""
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_nested:
            return str(value)
        bits = value.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        return (type(value), value.dtype, tuple(value.shape), value.requires_grad, bits)
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, torch.Generator):
        return contents(value.get_state())
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.Generator):
        return str(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return [contents(entry) for entry in value.get_state()]
    if isinstance(value, Mapping):
        return [(key, contents(entry)) for key, entry in value.items()]
    if isinstance(value, (list, tuple, deque)):
        return [contents(entry) for entry in value]
    if isinstance(value, Slots):
        return [value.count, contents(value.values)]
    if isinstance(value, nn.Module) or is_dataclass(value) or isinstance(value, SimpleNamespace):
        return {key: contents(entry) for key, entry in vars(value).items() if "hooks" not in key}
    return value if isinstance(value, (int, float, str, set, type(None))) else type(value)


def hooks(model: nn.Module) -> list[int]:
    return [len(v) for m in model.modules() for key, v in vars(m).items() if key.endswith("_hooks")]


def random_states() -> Any:
    return random.getstate(), contents(np.random.get_state()[1]), contents(torch.get_rng_state())


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    x, y = data()
    optimizer.zero_grad()
    loss = cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def train(kind: str, probe: Callable[[nn.Module, int], object] | None) -> list[Any]:
    """What can be compared after each of three epochs of a training that may be interrupted by a probe."""
    model = network(kind)
    if kind not in ("frozen BatchNorm", "unfreezing"):
        model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1, momentum=0.9)
    history = []
    for epoch in range(3):
        if probe is not None:
            probe(model, epoch)
        loss = step(model, optimizer)
        history.append((loss, contents(model), contents(model.state_dict()), hooks(model), random_states()))
    return history


@pytest.mark.parametrize("gradients", [False, True], ids=["activations", "gradients"])
@pytest.mark.parametrize("kind", KINDS)
def test_recording_changes_no_bit_of_the_training(kind: str, gradients: bool, tmp_path: Path) -> None:
    opened: list[bitlens.Recorder] = []

    def probe(model: nn.Module, epoch: int) -> None:
        if not opened:
            opened.append(
                bitlens.Recorder(model, tmp_path / "run", data(), show_size=False, gradients=gradients).__enter__()
            )
        opened[0].snapshot(epoch)

    assert train(kind, probe) == train(kind, None)


class Interruption(Exception):
    """Raised in a forward pass."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_forward_pass_that_fails_changes_nothing(kind: str, tmp_path: Path) -> None:
    def fail(_: object, __: object) -> None:
        raise Interruption

    def probe(model: nn.Module, epoch: int) -> None:
        handle = model[2].register_forward_pre_hook(fail)
        with pytest.raises(Interruption):
            bitlens.Recorder(model, tmp_path / str(epoch), data(), show_size=False).__enter__()
        handle.remove()

    assert train(kind, probe) == train(kind, None)


def ablate(model: nn.Module) -> None:
    bitlens.cumulative_ablation(model, data(), "1", np.arange(6), steps=3)


PROBES: dict[str, Callable[[nn.Module], object]] = {
    "cumulative_ablation": ablate,
    "deconvolve": lambda model: deconvolve(model, data()[0], "1", 0),
    "information_discarding": lambda model: bitlens.information_discarding(
        model, data()[0][:2], "1", samples=16, steps=2
    ),
    "train_decoder": lambda model: train_decoder(model, data()[0], "1", epochs=1, width=4),
    "receptive_fields": lambda model: receptive_fields(model, (8,)),
}


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("kind", ["folding adapter", "EMA changed in place", "containers", "helper objects",
                                  "old spectral_norm", "BatchNorm", "generators", "fake quantization",
                                  "stubborn"])  # fmt: skip
def test_other_probes_change_no_bit_of_the_training(kind: str, probe: str) -> None:
    assert train(kind, lambda model, _: PROBES[probe](model)) == train(kind, None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_between_forward_and_backward(kind: str, tmp_path: Path) -> None:
    gradients = []
    for record in (False, True):
        model = network(kind)
        x, y = data()
        loss = cross_entropy(model(x), y)
        if record:
            with bitlens.Recorder(model, tmp_path / "run", data(), show_size=False) as recorder:
                recorder.snapshot(0)
        loss.backward()
        gradients.append(contents([p.grad for p in model.parameters()]))
    assert gradients[0] == gradients[1]


@pytest.mark.parametrize("around", [torch.inference_mode, torch.no_grad, torch.enable_grad, nullcontext])
@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_under_other_modes_of_gradients(kind: str, around: Callable[[], Any], tmp_path: Path) -> None:
    def probe(model: nn.Module, epoch: int) -> None:
        with around(), bitlens.Recorder(model, tmp_path / str(epoch), data(), gradients=True, show_size=False) as r:
            r.snapshot(0)

    assert train(kind, probe) == train(kind, None)


def test_storage_and_views_are_as_before() -> None:
    model = network("replaced data")
    flat = model[0].weight.data.view(-1)
    with preserved(model):
        model(data()[0])
    flat.fill_(0.5)  # as an optimizer does that keeps all weights in one vector
    assert (model[0].weight == 0.5).all()


class Refusing(dict[str, int]):
    """A table whose entries cannot be deleted."""

    def __delitem__(self, key: str) -> None:
        raise TypeError("entries stay")


def test_what_cannot_be_put_back_is_named() -> None:
    model = Layer(lambda layer, x: x * layer.table.setdefault("runs", 1), table=Refusing())
    message = r"this could not be put back: table \(entries stay\); train a network that was not probed"
    with pytest.warns(UserWarning, match=message), preserved(model):
        model(data()[0])
    with warnings.catch_warnings(), preserved(network("containers")) as nothing:
        warnings.simplefilter("error")
        assert nothing is None


def test_a_sparse_tensor_that_was_changed_in_place_is_named() -> None:
    model = Layer(lambda layer, x: x + layer.sparse.mul_(2).sum(), sparse=torch.eye(3).to_sparse())
    with pytest.warns(UserWarning, match=r"put back: sparse \(it is sparse or nested, and was changed in place\)"):
        receptive_fields(model, (8,))


def test_parameters_without_values_are_refused(tmp_path: Path) -> None:
    recorder = bitlens.Recorder(nn.Sequential(nn.LazyLinear(3)), tmp_path, data(), show_size=False)
    with pytest.raises(TypeError, match=r"model: expected initialized parameters, got '0.weight' without; run the mod"):
        recorder.__enter__()
