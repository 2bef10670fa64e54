"""Cumulative ablation: a network with known neurons, curves computed by hand, and models that are left unchanged."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from torch import nn  # noqa: E402

from bitlens import RunError, cumulative_ablation, neuron_information, neuron_roles, reference  # noqa: E402

CLASSES = 6


@pytest.fixture(scope="module")
def planted():
    """Each class has one pixel. Layer "1" has two neurons for each class and ten dead ones; the output adds the two."""
    labels = torch.arange(240) % CLASSES
    inputs = nn.functional.one_hot(labels, CLASSES).double()
    first, last = nn.Linear(CLASSES, 22, bias=False).double(), nn.Linear(22, CLASSES, bias=False).double()
    with torch.no_grad():
        first.weight.zero_()
        first.weight[:CLASSES] = torch.eye(CLASSES)
        first.weight[CLASSES : 2 * CLASSES] = torch.eye(CLASSES)
        last.weight.zero_()
        last.weight[:, :CLASSES] = torch.eye(CLASSES)
        last.weight[:, CLASSES : 2 * CLASSES] = torch.eye(CLASSES)
    return nn.Sequential(first, nn.ReLU(), last), (inputs, labels)


def curves(model, data, layers, scores, **options):
    return [
        cumulative_ablation(model, data, layers, scores, order, **options)
        for order in ("ascending", "descending", "random")
    ]


def test_dead_doubled_and_decisive_neurons_are_told_apart(planted):
    model, data = planted
    scores = neuron_information(model[:2](data[0]).detach(), data[1]).mutual_information
    p = 1 / CLASSES
    alone = -p * math.log2(p) - (1 - p) * math.log2(1 - p)
    np.testing.assert_allclose(scores[:12], alone)
    assert (scores[12:] == 0).all()
    lowest, highest, chance = curves(model, data, "1", scores, repeats=5)
    assert [channel for _, channel in lowest.neurons[0][:10]] == list(range(12, 22))
    assert highest.neurons[0] == lowest.neurons[0][::-1]
    expected = [1] * 18 + [(CLASSES - off) / CLASSES for off in range(1, 6)]
    np.testing.assert_allclose(lowest.accuracy[0], expected, atol=1e-12)
    np.testing.assert_allclose(highest.accuracy[0], [1] * 7 + [(6 - off) / 6 for off in range(1, 6)] + [1 / 6] * 11)
    found = neuron_roles(lowest.removed, lowest.accuracy[0], highest.accuracy[0], chance.accuracy)
    # If all logits are 0, the first class is predicted, so this class does not need a neuron.
    assert found[:4] == (5, 6, 0, 11)
    assert chance.accuracy.shape == (5, 23)
    assert len({tuple(one) for one in chance.neurons}) == 5
    assert lowest.loss[0, -1] == pytest.approx(math.log2(CLASSES))


def test_neurons_that_tell_something_only_together():
    """The label is the exclusive or of two neurons, each without information about it; a third neuron is dead."""
    inputs = torch.tensor([[a, b] for a in (0.0, 1.0) for b in (0.0, 1.0)] * 25)
    labels = (inputs[:, 0] != inputs[:, 1]).long()
    hidden = nn.Linear(2, 3)
    mixed, last = nn.Linear(3, 2), nn.Linear(2, 2)
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
        hidden.bias.zero_()
        mixed.weight.copy_(torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]))
        mixed.bias.copy_(torch.tensor([0.0, -1.0]))
        last.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, -2.0]]))
        last.bias.copy_(torch.tensor([0.5, 0.0]))
    model = nn.Sequential(hidden, nn.ReLU(), mixed, nn.ReLU(), last)
    assert (model(inputs).argmax(1) == labels).all()
    found = neuron_information(model[:2](inputs).detach(), labels)
    assert (found.mutual_information == 0).all()
    assert found.entropy.tolist() == [1, 1, 0]
    lowest, highest, chance = curves(model, (inputs, labels), "1", found.entropy)
    roles = neuron_roles(lowest.removed, lowest.accuracy[0], highest.accuracy[0], chance.accuracy)
    assert roles[:4] == (1, 0, 1, 1)


class Branches(nn.Module):
    """A residual network with a ReLU that is called twice, a convolution in the residual branch, and dropout."""

    def __init__(self):
        super().__init__()
        self.enter, self.inner, self.leave = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 3)
        self.relu, self.drop, self.norm = nn.ReLU(inplace=True), nn.Dropout(), nn.BatchNorm2d(4)

    def forward(self, x):
        x = self.relu(self.norm(self.enter(x)))
        x = x + self.relu(self.inner(self.drop(x)))
        return self.leave(x.mean((2, 3)))


def models():
    torch.manual_seed(0)
    return {
        "an MLP": (
            nn.Sequential(nn.Flatten(), nn.Linear(36, 7), nn.ReLU(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3)),
            ["2", "4"],
        ),
        "one of its layers": (nn.Sequential(nn.Flatten(), nn.Linear(36, 7), nn.Tanh(), nn.Linear(7, 3)), ["2"]),
        "convolutions": (
            nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(20, 3)),
            ["1", "2"],
        ),
        "a residual network": (Branches(), ["relu", "relu#2"]),
        "inside the residual": (Branches(), ["inner"]),
    }


def by_hand(model, data, layers, fills, order):
    """Accuracy and loss, each [steps], of one ablation after the other, with separate hooks."""
    neurons = [(layer, channel) for layer in layers for channel in range(len(fills[layer]))]

    def masked(on):
        calls = {}

        def hook(name):
            def replace(_module, _inputs, output):
                calls[name] = calls.get(name, 0) + 1
                full = name if calls[name] == 1 else f"{name}#{calls[name]}"
                output = output.clone()
                for kept, (layer, channel) in zip(on, neurons, strict=True):
                    if layer == full and not kept:
                        output[:, channel] = fills[layer][channel]
                return output

            return replace

        names = {layer.split("#")[0] for layer in layers}
        handles = [model.get_submodule(name).register_forward_hook(hook(name)) for name in names]
        try:
            with torch.no_grad():
                return model(data[0])
        finally:
            for handle in handles:
                handle.remove()

    model.eval()
    accuracy = reference.cumulative_ablation(
        lambda on: (masked(on).argmax(1) == data[1]).double().mean(), len(neurons), order
    )
    loss = reference.cumulative_ablation(
        lambda on: nn.functional.cross_entropy(masked(on).double(), data[1]) / math.log(2), len(neurons), order
    )
    return accuracy, loss


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("name", models())
def test_the_curves_are_those_of_one_ablation_after_the_other(name, mode):
    model, layers = models()[name]
    data = torch.rand(300, 1, 6, 6), torch.randint(3, (300,))
    heard = {}
    model.eval()
    for layer in layers:
        count = [0]

        def hear(_module, _inputs, output, layer=layer, count=count):
            count[0] += 1
            if layer.endswith("#2") == (count[0] == 2):
                heard[layer] = output.detach().clone()

        handle = model.get_submodule(layer.split("#")[0]).register_forward_hook(hear)
        model(data[0])
        handle.remove()
    others = {layer: [axis for axis in range(heard[layer].ndim) if axis != 1] for layer in layers}
    fills = {layer: heard[layer].mean(others[layer]) * (mode == "mean") for layer in layers}
    scores = {layer: torch.rand(len(fills[layer])) for layer in layers}
    order = torch.cat([scores[layer] for layer in layers]).numpy().argsort()
    for direction, expected in (("ascending", order), ("descending", order[::-1])):
        found = cumulative_ablation(model, data, layers, scores, direction, mode=mode)
        accuracy, loss = by_hand(model, data, layers, fills, expected)
        np.testing.assert_allclose(
            found.accuracy[0], accuracy, atol=2.1 / 300
        )  # rounding may change the class at a tie
        np.testing.assert_allclose(found.loss[0], loss, rtol=1e-5)


def test_steps_are_points_of_the_full_curve(planted):
    model, data = planted
    scores = torch.rand(22)
    whole, some = (cumulative_ablation(model, data, "1", scores, steps=steps) for steps in (None, 5))
    assert some.removed.tolist() == [0, 4, 9, 13, 18, 22]
    np.testing.assert_array_equal(some.accuracy, whole.accuracy[:, some.removed])
    np.testing.assert_allclose(some.loss, whole.loss[:, some.removed])


def test_nothing_of_the_model_is_changed():
    model, layers = models()["a residual network"]
    model.train()
    model.drop.eval()
    data = torch.rand(40, 1, 6, 6), torch.randint(3, (40,))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    states = torch.random.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    cumulative_ablation(model, data, layers, None, "random", repeats=2)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [model.training, model.drop.training, model.norm.training] == [True, False, True]
    assert torch.equal(torch.random.get_rng_state(), states[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_an_interruption_leaves_no_hook(planted):
    model, data = planted

    def stop(*_):
        raise KeyboardInterrupt

    handle = model[2].register_forward_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        cumulative_ablation(model, data, "1", None, "random")
    handle.remove()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_the_seed_gives_the_random_orders(planted):
    model, data = planted
    one, same, other = (
        cumulative_ablation(model, data, "1", None, "random", repeats=2, seed=seed) for seed in (1, 1, 2)
    )
    assert one.neurons == same.neurons != other.neurons
    np.testing.assert_array_equal(one.accuracy, same.accuracy)


class Mixing(nn.Module):
    """A model whose output for a sample depends on the other samples."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(6, 6)

    def forward(self, x):
        return self.inner(x).double().sum(0)


def test_channels_on_another_axis():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Unflatten(1, (4, 9)), nn.Linear(9, 5), nn.ReLU(), nn.Flatten(), nn.Linear(20, 3))
    data = torch.rand(50, 36), torch.randint(3, (50,))
    found = cumulative_ablation(model, data, "2", torch.arange(5), channel_axis=-1)
    model.eval()
    for count in (2, 5):
        hidden = model[:3](data[0]).detach()
        hidden[:, :, :count] = 0
        assert found.accuracy[0, count] == pytest.approx(
            float((model[3:](hidden).argmax(1) == data[1]).double().mean())
        )


# (changes, error, message)
BAD = [
    ({"model": "net"}, TypeError, "model: expected a torch.nn.Module, got str"),
    (
        {"model": Mixing(), "layers": "inner", "scores": torch.rand(6)}, RunError,
        r"model: expected an output tensor with one row for each of 4 samples, got .* of shape \(6,\)",
    ),
    ({"layers": "9"}, RunError, "layers: the model has no module '9'"),
    ({"layers": "1#2"}, RunError, "layers: '1#2' has no output tensor"),
    ({"layers": []}, ValueError, "layers: expected at least one"),
    ({"data": torch.rand(4, 6)}, TypeError, "data: expected inputs and labels, got"),
    ({"data": (np.ones((4, 6)), np.arange(4))}, TypeError, "data: expected inputs as a tensor, or a tuple or dict"),
    ({"data": (torch.rand(0, 6), torch.arange(0))}, ValueError, "data: expected at least one sample, got shape"),
    ({"data": (torch.rand(4, 6), torch.arange(3))}, ValueError, r"data: labels: expected shape \(4,\) to match"),
    ({"data": (torch.rand(4, 6), torch.arange(4) + 3)}, RunError, "model: expected one logit for each of 7 classes"),
    ({"data": (torch.full((4, 6), torch.inf), torch.arange(4))}, ValueError, "model: expected a finite output"),
    ({"scores": torch.rand(3)}, ValueError, r"scores: 1: expected shape \(5,\), got \(3,\)"),
    ({"scores": [0.1, 0.2, math.nan, 0.4, 0.5]}, ValueError, "scores: 1: contains NaN or infinity"),
    ({"scores": {"2": torch.rand(6)}}, ValueError, r"scores: expected scores of \['1'\], got scores of \['2'\]"),
    ({"scores": None}, TypeError, r"scores: expected a mapping from each of \['1'\] to its scores, got NoneType"),
    ({"layers": ["1", "2"]}, TypeError, r"scores: expected a mapping from each of \['1', '2'\] to"),
    ({"order": "sideways"}, ValueError, "order: expected 'ascending', 'descending' or 'random', got 'sideways'"),
    ({"mode": "half"}, ValueError, "mode: expected 'zero' or 'mean', got 'half'"),
    ({"order": "random", "repeats": 0}, ValueError, "repeats: expected at least 1, got 0"),
    ({"steps": 6}, ValueError, "steps: expected 1 to 5 for 5 neurons, got 6"),
    ({"channel_axis": 2}, ValueError, "channel_axis: expected 1 to 1 for '1', got 2; axis 0 is the samples"),
    ({"channel_axis": 0}, ValueError, "channel_axis: expected 1 to 1 for '1', got 0; axis 0 is the samples"),
    ({"seed": 0.5}, TypeError, "seed: expected an integer, got 0.5"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "error", "message"), BAD)
def test_bad_input(changes, error, message):
    torch.manual_seed(0)
    good = {
        "model": nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 6)),
        "data": (torch.rand(4, 6), torch.arange(4)),
        "layers": "1",
        "scores": torch.rand(5),
    }
    with pytest.raises(error, match=f"^{message}"):
        cumulative_ablation(**good | changes)
