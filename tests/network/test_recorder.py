"""The recorder: the recorded activations are right, and training is not changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import bitlens
from bitlens.runs import RunError


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(36, 10),
    )  # fmt: skip


class Skip(nn.Module):
    """A skip connection, and one activation used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv1(x))
        x = self.relu(x + self.conv2(x))
        return self.head(x.mean(dim=(2, 3)))


class Tokens(nn.Module):
    """A transformer block over the rows of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 12)
        self.block = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True)
        self.head = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.embed(x[:, 0])).mean(dim=1))


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.Sigmoid(), nn.Linear(20, 10))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "convolutional": convolutional, "skip": Skip, "transformer": Tokens, "perceptron": perceptron,
}  # fmt: skip


def samples(n: int = 40) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 1, 8, 8, generator=generator), torch.arange(n) % 10


def train(model: nn.Module, recorder: bitlens.Recorder | None, epochs: int = 3) -> None:
    images, labels = samples()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(epochs):
        model.train()
        for rows in torch.randperm(len(labels)).split(8):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
        if recorder:
            recorder.snapshot(epoch, loss=1.0)


@pytest.mark.parametrize("gradients", [False, True], ids=["activations", "gradients"])
@pytest.mark.parametrize("network", NETWORKS)
def test_recording_does_not_change_training(network: str, gradients: bool, tmp_path: Path) -> None:
    weights = []
    for record in (False, True):
        torch.manual_seed(1)
        random.seed(1)
        model = NETWORKS[network]()
        if record:
            with bitlens.Recorder(model, tmp_path / "run", samples(), gradients=gradients) as recorder:
                train(model, recorder)
        else:
            train(model, None)
        weights.append({name: value.clone() for name, value in model.state_dict().items()})
    assert weights[0].keys() == weights[1].keys()
    for name in weights[0]:
        assert torch.equal(weights[0][name], weights[1][name]), name


@pytest.mark.parametrize("network", NETWORKS)
def test_recorded_activations_are_the_networks(network: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = NETWORKS[network]()
    images, labels = samples(300)  # more than one batch of the recorder
    with bitlens.Recorder(model, tmp_path / "run", (images, labels)) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    with torch.no_grad():
        expected = model.eval()(images).numpy()
    np.testing.assert_allclose(run.activations("output", 0), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(run.inputs, images)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_recorded_network_can_be_measured(network: str, tmp_path: Path) -> None:
    with bitlens.Recorder(NETWORKS[network](), tmp_path / "run", samples()) as recorder:
        recorder.snapshot(0)
    bitlens.measure(bitlens.open_run(tmp_path / "run"), k=5, permutations=3, samples=16)


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("convolutional", [("input", (1, 8, 8)), ("0", (4, 6, 6)), ("1", (4, 6, 6)), ("2", (4, 6, 6)), ("3", (4, 3, 3)),
                           ("output", (10,))]),
        ("skip", [("input", (1, 8, 8)), ("conv1", (4, 8, 8)), ("relu", (4, 8, 8)), ("conv2", (4, 8, 8)),
                  ("relu#2", (4, 8, 8)), ("output", (10,))]),
        # Tokens have their channels on the last axis. The projection of the attention never runs as a module.
        # The weights of the embedding act on the last axis of the input.
        ("transformer", [("input", (8, 1, 8)), ("embed", (12, 8)), ("block.self_attn", (12, 8)),
                         ("block.norm1", (12, 8)), ("block.linear1", (24, 8)), ("block.linear2", (12, 8)),
                         ("block.norm2", (12, 8)), ("output", (10,))]),
        ("perceptron", [("input", (1, 8, 8)), ("1", (20,)), ("2", (20,)), ("output", (10,))]),
    ],
    ids=["convolutional", "skip", "transformer", "perceptron"],
)  # fmt: skip
def test_layers_by_default(network: str, expected: list[tuple[str, tuple[int, ...]]], tmp_path: Path) -> None:
    with bitlens.Recorder(NETWORKS[network](), tmp_path / "run", samples()):
        pass
    assert [(layer.name, layer.shape) for layer in bitlens.open_run(tmp_path / "run").layers] == expected


def test_an_inplace_activation_does_not_overwrite_what_came_before(tmp_path: Path) -> None:
    model = convolutional()
    with bitlens.Recorder(model, tmp_path / "run", samples()) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    assert run.activations("1", 0).min() < 0
    np.testing.assert_array_equal(run.activations("2", 0), np.maximum(run.activations("1", 0), 0))


def test_channels_of_token_inputs_are_where_the_recorder_was_told(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(12, 5), nn.ReLU(), nn.Flatten(), nn.Linear(35, 3))
    tokens = torch.rand(20, 7, 12)
    with bitlens.Recorder(model, tmp_path / "run", (tokens, None), channel_axis={"input": 2}) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    assert [layer.shape for layer in run.layers] == [(12, 7), (5, 7), (5, 7), (3,)]
    np.testing.assert_array_equal(run.activations("input", 0, channels=[4]), tokens[:, :, 4:5].movedim(2, 1))
    hidden = model[:2](tokens).detach().movedim(2, 1)
    np.testing.assert_allclose(run.activations("1", 0), hidden, rtol=1e-5)
    with pytest.raises(ValueError, match="channel_axis: expected 1 to 2 for 'input', got 3"):
        bitlens.Recorder(model, tmp_path / "other", (tokens, None), channel_axis={"input": 3}).__enter__()


def test_gradients_are_those_of_each_samples_loss(tmp_path: Path) -> None:
    model = perceptron()
    images, labels = samples()
    with bitlens.Recorder(model, tmp_path / "run", (images, labels), gradients=True) as recorder:
        recorder.snapshot(0)
    assert all(parameter.grad is None for parameter in model.parameters())
    run = bitlens.open_run(tmp_path / "run")
    hidden = torch.from_numpy(run.activations("2", 0)).requires_grad_()
    for i in (0, 7):
        loss = nn.functional.cross_entropy(model[3](hidden[i : i + 1]), labels[i : i + 1])
        (expected,) = torch.autograd.grad(loss, hidden)
        np.testing.assert_allclose(run.activations("2", 0, gradients=True)[i], expected[i], rtol=1e-4, atol=1e-6)


def test_modes_random_numbers_and_hooks_are_as_before_also_after_an_error(tmp_path: Path) -> None:
    class Failing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = convolutional()
            self.fails = False

        def forward(self, x: Tensor) -> Tensor:
            torch.rand(1), np.random.random(), random.random()
            if self.fails:
                raise RuntimeError("the network's own error")
            return self.inner(x)

    model = Failing().train()
    model.inner[1].eval()  # a frozen normalization stays frozen
    modes = [module.training for module in model.modules()]
    numpy_before, python_before, torch_before = (
        np.random.get_state()[1].copy(),
        random.getstate(),
        torch.get_rng_state(),
    )
    with bitlens.Recorder(model, tmp_path / "run", samples()) as recorder:
        recorder.snapshot(0)
        model.fails = True
        with pytest.raises(RuntimeError, match="the network's own error"):
            recorder.snapshot(1)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert random.getstate() == python_before
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    assert bitlens.open_run(tmp_path / "run").epochs == [0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dtype": "float64"}, ValueError, "dtype: expected one of"),
        ({"layers": ["nothing"]}, RunError, "layers: the model has no module 'nothing'"),
        ({"every": 0}, ValueError, "every: expected at least 1"),
        ({"every": 1.5}, TypeError, "every: expected an integer"),
        ({"classes": ["a"]}, ValueError, "classes: expected names for 10 classes"),
        ({"probe": ([1, 2], None)}, TypeError, "probe: expected inputs as a tensor or an array, got int"),
        ({"probe": samples()[0]}, TypeError, r"probe: expected \(inputs, labels\), or \(inputs, None\)"),
        ({"probe": (torch.rand(4), None)}, ValueError, "probe: expected inputs of shape"),
        ({"probe": (samples()[0], torch.arange(3))}, ValueError, r"probe: labels: expected shape \(40,\)"),
        ({"probe": (samples()[0], torch.rand(40))}, TypeError, "probe: expected integer labels"),
        ({"probe": (samples()[0], -torch.arange(40))}, ValueError, "probe: expected labels of at least 0"),
        ({"probe": (samples()[0], None), "gradients": True}, ValueError, "gradients: expected labels in the probe"),
    ],
)  # fmt: skip
def test_bad_arguments(arguments: dict[str, object], error: type[Exception], message: str, tmp_path: Path) -> None:
    probe = arguments.pop("probe", samples())
    with pytest.raises(error, match=message):
        bitlens.Recorder(convolutional(), tmp_path / "run", probe, **arguments)


def test_bad_snapshots(tmp_path: Path) -> None:
    recorder = bitlens.Recorder(convolutional(), tmp_path / "run", samples())
    with pytest.raises(RuntimeError, match="use it in a with statement"):
        recorder.snapshot(0)
    with recorder:
        recorder.snapshot(0)
        with pytest.raises(RunError, match="epoch: 0 is already recorded"):
            recorder.snapshot(0)
        with pytest.raises(ValueError, match="epoch: expected 0 or more"):
            recorder.snapshot(-1)
        with pytest.raises(TypeError, match="loss: expected a number"):
            recorder.snapshot(1, loss="low")


def test_float16_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    class Large(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.flatten(1)) * 1e6

    model = Large(64, 10)
    recorder = bitlens.Recorder(model, tmp_path / "run", samples(), dtype="float16")
    with recorder, pytest.raises(ValueError, match="which float16 cannot represent"):
        recorder.snapshot(0)
