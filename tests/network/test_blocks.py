"""The blocks of networks, which are stated by hand: of classes, of plain Sequentials, and of library networks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import bitlens
from bitlens.network.choice import blocks

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def conv(a: int, b: int, *more: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), *more)


def vgg(a: int, b: int, convolutions: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(convolutions):
        layers += [nn.Conv2d(b if i else a, b, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def separable(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(a, a, 3, padding=1, groups=a), nn.BatchNorm2d(a), nn.ReLU(),
        nn.Conv2d(a, b, 1), nn.BatchNorm2d(b), nn.ReLU(),
    )  # fmt: skip


class Parts(nn.Module):
    """A network whose parts are attributes, as in hand-written classes."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


class Basic(nn.Module):
    """The block of a ResNet, as in torchvision."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(a, b, 3), nn.BatchNorm2d(b), nn.ReLU()
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3), nn.BatchNorm2d(b)
        if a != b:
            self.downsample = nn.Sequential(nn.Conv2d(a, b, 1), nn.BatchNorm2d(b))


class Mixer(nn.Module):
    """A block of fewer operations than a block has; its Sequential is a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(4), nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))


def head(size: int) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(size, 3))


HAND_WRITTEN: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "Sequentials in a Sequential": (
        lambda: nn.Sequential(conv(1, 4), conv(4, 4), conv(4, 6, nn.MaxPool2d(2)), head(6)), ["0", "1", "2"]),
    "blocks of a VGG": (
        lambda: Parts(features=nn.Sequential(vgg(3, 4, 1), vgg(4, 6, 2), vgg(6, 8, 3)),
                      classifier=nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))),
        ["features.0", "features.1", "features.2"]),
    "a VGG without blocks": (
        lambda: Parts(features=nn.Sequential(*vgg(3, 4, 2), *vgg(4, 6, 2)), classifier=head(6)), []),
    "attributes": (
        lambda: Parts(layer1=conv(1, 4, nn.MaxPool2d(2)), layer2=conv(4, 8, nn.MaxPool2d(2)), fc=nn.Linear(8, 3)),
        ["layer1", "layer2"]),
    "attributes of a network in a module": (
        lambda: Parts(network=Parts(layer1=conv(1, 4), layer2=conv(4, 8)), loss=nn.CrossEntropyLoss()),
        ["network.layer1", "network.layer2"]),
    "a discriminator": (
        lambda: nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 4), nn.LeakyReLU(0.2)), conv(4, 6), conv(6, 8),
                              nn.Sequential(nn.Flatten(), nn.Linear(8, 1))), ["0", "1", "2"]),
    "a generator": (
        lambda: Parts(start=nn.Linear(8, 16), main=nn.Sequential(
            *(nn.Sequential(nn.ConvTranspose2d(4, 4, 4), nn.BatchNorm2d(4), nn.ReLU()) for _ in range(3)), nn.Tanh())),
        ["main.0", "main.1", "main.2"]),
    "blocks before activation, in stages": (
        lambda: Parts(stages=nn.ModuleList(nn.Sequential(*(
            nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3)) for _ in range(2))) for _ in range(2))),
        ["stages.0.0", "stages.0.1", "stages.1.0", "stages.1.1"]),
    "separable convolutions": (
        lambda: Parts(model=nn.Sequential(conv(3, 4), separable(4, 6), separable(6, 8), nn.AvgPool2d(7)),
                      fc=nn.Linear(8, 3)), ["model.0", "model.1", "model.2"]),
    "a U-Net": (
        lambda: Parts(down1=vgg(1, 4, 2), down2=vgg(4, 8, 2), up=nn.ConvTranspose2d(8, 4, 2, 2), up1=conv(8, 4),
                      last=nn.Conv2d(4, 1, 1)), ["down1", "down2", "up1"]),
    "a perceptron": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Sequential(nn.Linear(8, 8), nn.ReLU()),
                              nn.Linear(8, 3)), ["0", "1"]),
    "a ResNet as in torchvision": (
        lambda: Parts(conv1=nn.Conv2d(3, 4, 7), layer1=nn.Sequential(Basic(4, 4), Basic(4, 4)),
                      layer2=nn.Sequential(Basic(4, 8), Basic(8, 8)), fc=nn.Linear(8, 3)),
        ["layer1.0", "layer1.1", "layer2.0", "layer2.1"]),
    "a ResNet of attributes": (
        lambda: Parts(stem=conv(3, 4), first=Basic(4, 8), second=Basic(8, 12), last=conv(12, 12)), ["first", "second"]),
    "small blocks": (lambda: nn.Sequential(Mixer(), Mixer(), nn.Linear(4, 3)), []),
    "Sequentials without weights": (
        lambda: nn.Sequential(*(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)) for _ in range(2))), []),
}  # fmt: skip


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_hand_written_networks(name: str) -> None:
    build, expected = HAND_WRITTEN[name]
    assert blocks(build()) == expected


def test_plain_blocks_are_recorded(tmp_path: Path) -> None:
    model = HAND_WRITTEN["Sequentials in a Sequential"][0]()
    images = torch.rand(6, 1, 8, 8)
    with bitlens.Recorder(model, tmp_path / "run", (images, None), layers="blocks", show_size=False) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    assert [(layer.name, layer.channels) for layer in run.layers] == [
        ("input", 1), ("0", 4), ("1", 4), ("2", 6), ("output", 3),
    ]  # fmt: skip
    first: Tensor = model.eval()[0](images)  # type: ignore[index]
    torch.testing.assert_close(torch.from_numpy(run.activations("0", 0)), first.detach())


SIZE = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
STAGES = {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 2]}
LIBRARY: dict[str, tuple[dict[str, object], list[str]]] = {
    "Bert": (SIZE, ["encoder.layer.0", "encoder.layer.1"]),
    "ViT": (SIZE, ["layers.0", "layers.1"]),
    "Llama": (SIZE, ["layers.0", "layers.1"]),
    "GPT2": ({"n_embd": 24, "n_layer": 2, "n_head": 3}, ["h.0", "h.1"]),
    "ResNet": (STAGES, ["encoder.stages.0.layers.0", "encoder.stages.1.layers.0", "encoder.stages.1.layers.1"]),
    "RegNet": ({**STAGES, "layer_type": "x"}, [
        "encoder.stages.0.layers.0", "encoder.stages.1.layers.0", "encoder.stages.1.layers.1"]),
    "Swin": ({"embed_dim": 8, "depths": [1, 2], "num_heads": [2, 2]}, [
        "encoder.layers.0.blocks.0", "encoder.layers.1.blocks.0", "encoder.layers.1.blocks.1"]),
    "MobileNetV1": ({"depth_multiplier": 0.25}, []),
}  # fmt: skip


@pytest.mark.zoo
@pytest.mark.parametrize("name", LIBRARY)
def test_library_networks(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    settings, expected = LIBRARY[name]
    assert blocks(getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**settings))) == expected
