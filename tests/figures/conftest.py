"""Pages of the papers, each drawn once from tiny networks for all tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bitlens.data.images import Images
from paper_figures.cnnslicer import networks as cnnslicer_networks
from paper_figures.cnnslicer import page as cnnslicer
from paper_figures.common.cache import Cache
from paper_figures.information_discarding import figures as discarding
from paper_figures.information_discarding import networks as discarding_networks
from paper_figures.information_discarding import study as discarding_study
from paper_figures.information_flow import figures as flow
from paper_figures.information_flow import networks as flow_networks
from paper_figures.ordered_ablation import networks as ablation_networks
from paper_figures.ordered_ablation import page as ablation


class Drawn(NamedTuple):
    """A page that was drawn, and what it was drawn from."""

    out: Path
    cache: Cache
    images: Images
    settings: Any
    study: Any


def patterns(train: int, test: int, ink: np.ndarray, dark: float) -> Images:
    """Ten patterns in ink of many shades; the last ten test images have the label 0 of another pattern."""
    random = np.random.default_rng(0)
    shapes = random.integers(0, 256, (10, 28, 28)) * ink
    labels = np.arange(train + test) % 10
    images = (shapes[labels] * random.uniform(dark, 1, (train + test, 1, 1)) / 255).astype(np.float32)
    labels[-10:] = 0
    return Images(images[:train], labels[:train], images[train:], labels[train:])


@pytest.fixture(scope="session")
def flow_page(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Two networks with ReLU and one with sigmoid, of two seeds, measured before training and after its only step."""
    folder = tmp_path_factory.mktemp("flow")
    images = patterns(128, 20, np.ones((28, 28)), 0.5)
    widths = {"usual": (2, 3), "first_widths": (2, 3), "second_widths": (3,)}
    settings = flow_networks.Settings(1, 128, 16, 2, shuffles=2, inequalities=((2, 3),), planes=((2, 3),), **widths)
    cache = Cache(folder / "cache")
    flow.write(images, cache, folder / "out", settings)
    return Drawn(folder / "out", cache, images, settings, None)


@pytest.fixture(scope="session")
def discarding_page(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """One network of every kind, measured at few layers by short searches."""
    folder = tmp_path_factory.mktemp("discarding")
    ink = np.zeros((28, 28))
    ink[6:22, 8:20] = 1
    images = patterns(128, 40, ink, 0.5)
    ends = {"lenet": ("relu1", "relu3"), "resnet": ("block2", "pooled"), "damaged": ("inserted", "pooled")}
    ends |= {"autoencoder": ("block2", "block3"), "distilled": ("relu1", "relu3")}
    kinds = {}
    for name in discarding_networks.KINDS:
        layers = ends.get(name, ("relu1", "relu6"))
        rebuilt = layers if name == "plain" else () if name in ("autoencoder", "distilled") else layers[1:]
        kinds[name] = discarding_networks.Kind(layers, rebuilt)
    search = {"draws": 8, "steps": 1, "decoded": 64, "decoder_epochs": 1, "width": 2}
    settings = discarding_study.Settings(1, 128, 1, 12, 1, **search)
    study = discarding_study.Study(images, Cache(folder / "cache"), settings, kinds, ("block3",))
    discarding.write(study, folder / "out")
    return Drawn(folder / "out", study.cache, images, settings, study)


@pytest.fixture(scope="session")
def cnnslicer_page(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Networks of few filters on sets of two sizes, of two seeds."""
    folder = tmp_path_factory.mktemp("cnnslicer")
    images = patterns(400, 80, np.ones((28, 28)), 0.2)
    settings = cnnslicer_networks.Settings(3, (10, 30), 30, 40, 2, filters=(3, 4), bins=4, projected=3)
    cache = Cache(folder / "cache")
    cnnslicer.write(images, cache, folder / "out", settings)
    return Drawn(folder / "out", cache, images, settings, None)


@pytest.fixture(scope="session")
def ablation_page(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Networks of few neurons, of two seeds."""
    folder = tmp_path_factory.mktemp("ablation")
    images = patterns(256, 64, np.ones((28, 28)), 0.2)
    settings = ablation_networks.Settings(10, 256, 64, 2, 2, batch=32, rate=0.005, bins=2)
    narrow = {name: (8, 6) if name == ablation_networks.NARROW else (16, 12) for name in ablation_networks.KINDS}
    kinds = {name: replace(kind, widths=narrow[name]) for name, kind in ablation_networks.KINDS.items()}
    study = ablation_networks.Study(images, Cache(folder / "cache"), settings, kinds)
    ablation.write(study, folder / "out")
    return Drawn(folder / "out", study.cache, images, settings, study)
