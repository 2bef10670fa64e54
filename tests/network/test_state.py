"""What a probe changes in a network and its process is put back: training goes on bit by bit as without a probe."""

from __future__ import annotations

import itertools
import random
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import bitlens
from bitlens.network import deconvolve, receptive_fields
from bitlens.network.discarding.decoder import train_decoder
from bitlens.network.state import preserved
from tests.support.stateful_modules import KINDS, Layer, Slots

pytestmark = pytest.mark.filterwarnings(
    "ignore:the output for a sample depends", "ignore:.*weight_norm. is deprecated",
    "ignore:The PyTorch API of nested tensors", "ignore:modules inside TorchScript",
    "ignore:.torch.jit.script. is", "ignore:Setting forward, backward hooks",
)  # fmt: skip


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


@pytest.mark.parametrize("make", [itertools.count, lambda: iter(range(9)), lambda: (i for i in range(9))])
def test_an_iterator_that_has_moved_on_is_named(make: Callable[[], Iterator[int]]) -> None:
    model = Layer(lambda layer, x: x * next(layer.numbers), numbers=make())
    with (
        pytest.warns(UserWarning, match=r"put back: numbers \(it is an iterator, and has moved on\)"),
        preserved(model),
    ):
        model(data()[0])
    with warnings.catch_warnings(), preserved(model):
        warnings.simplefilter("error")


def test_a_sparse_tensor_that_was_changed_in_place_is_named() -> None:
    model = Layer(lambda layer, x: x + layer.sparse.mul_(2).sum(), sparse=torch.eye(3).to_sparse())
    with pytest.warns(UserWarning, match=r"put back: sparse \(it is sparse or nested, and was changed in place\)"):
        receptive_fields(model, (8,))


def test_parameters_without_values_are_refused(tmp_path: Path) -> None:
    recorder = bitlens.Recorder(nn.Sequential(nn.LazyLinear(3)), tmp_path, data(), show_size=False)
    with pytest.raises(TypeError, match=r"model: expected initialized parameters, got '0.weight' without; run the mod"):
        recorder.__enter__()
