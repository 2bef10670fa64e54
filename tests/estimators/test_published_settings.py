"""Published formulas in plain PyTorch: products of kernel matrices, eigenvalues and logarithms."""

from __future__ import annotations

import math

import pytest
import torch

import bitlens

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


@pytest.fixture(params=[0, 1])
def batch(request: pytest.FixtureRequest) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images of four patterns in noise, the maps of a convolution of them, and the index of each image's pattern."""
    torch.manual_seed(request.param)
    labels = torch.arange(64) % 4
    images = torch.randn(4, 1, 9, 9)[labels] + 0.5 * torch.randn(64, 1, 9, 9)
    with torch.no_grad():
        maps = torch.nn.Conv2d(1, 6, 3)(images).relu()
    return images.double(), maps.double(), labels


def entropy(gram: torch.Tensor, alpha: float) -> torch.Tensor:
    """Entropy of a kernel matrix in nats, as in representation-itl."""
    eigenvalues = torch.linalg.eigvalsh(gram)
    eigenvalues = eigenvalues[eigenvalues > 0]
    eigenvalues = eigenvalues / eigenvalues.sum()
    if alpha == 1:
        return -(eigenvalues * eigenvalues.log()).sum()
    return (eigenvalues**alpha).sum().log() / (1 - alpha)


def information(of_x: torch.Tensor, of_t: torch.Tensor, alpha: float) -> torch.Tensor:
    return entropy(of_x, alpha) + entropy(of_t, alpha) - entropy(of_x * of_t, alpha)


def gram(values: torch.Tensor, two_squares: float) -> torch.Tensor:
    flat = values.flatten(1)
    return torch.exp(-((flat[:, None] - flat) ** 2).sum(2) / two_squares)


def product(maps: torch.Tensor, two_squares: float) -> torch.Tensor:
    result = torch.ones(len(maps), len(maps), dtype=torch.float64)
    for channel in range(maps.shape[1]):
        result = result * gram(maps[:, channel], two_squares)
    return result


def test_paper(batch) -> None:
    images, maps, labels = batch
    n = len(images)

    def two_squares(d: int) -> float:
        return 2 * (5 * n ** (-1 / (4 + d))) ** 2

    of_maps = product(maps, two_squares(49))
    found = bitlens.multivariate_information(images.flatten(1), maps, **bitlens.published_settings("paper"))
    expected = information(gram(images, two_squares(81)), of_maps, 1.01) / math.log(2)
    assert found.information == pytest.approx(expected.item(), abs=1e-6)
    about_labels = bitlens.multivariate_information(labels, maps, **bitlens.published_settings("paper"))
    same = (labels[:, None] == labels).double()
    assert about_labels.information == pytest.approx(information(same, of_maps, 1.01).item() / math.log(2), abs=1e-6)


@pytest.mark.parametrize("alpha", [1.01, 2, 3])
def test_repitl(batch, alpha) -> None:
    """Its numbers are in nats, and its default sigma is sqrt(d / 2)."""
    images, maps, _ = batch
    settings = bitlens.published_settings("repitl") | {"alpha": alpha}
    found = bitlens.multivariate_information(images.flatten(1), maps, **settings)
    expected = information(gram(images, 81), product(maps, 49), alpha)
    assert found.information * math.log(2) == pytest.approx(expected.item(), abs=1e-6)
    of_one = bitlens.renyi_entropy(images, alpha, settings["bandwidth"])
    assert of_one * math.log(2) == pytest.approx(entropy(gram(images, 81), alpha).item(), abs=1e-6)


def test_tensor_kernel(batch) -> None:
    """Each batch has its sigma, from 75 numbers, by the alignment that public code of the method computes."""
    images, maps, labels = batch
    of_labels = (labels[:, None] == labels).double()
    flat = maps.flatten(1)
    distances = torch.norm(flat[:, None] - flat, dim=2)
    candidates = torch.linspace(0.1, 10 * distances.mean().item(), 75, dtype=torch.float64)

    def alignment(sigma: torch.Tensor) -> float:
        kernel = torch.exp(-(distances**2) / sigma**2)
        return (torch.trace(kernel @ of_labels) / (torch.norm(kernel) * torch.norm(of_labels))).item()

    sigma = max(candidates, key=alignment)
    assert sigma not in (candidates[0], candidates[-1])
    of_maps = torch.exp(-(distances**2) / sigma**2)
    settings = bitlens.published_settings("tensor-kernel", labels)
    for target, of_target in ((images.flatten(1), gram(images, 64)), (labels, of_labels)):
        found = bitlens.multivariate_information(target, maps, **settings)
        assert found.information == pytest.approx(information(of_target, of_maps, 1).item() / math.log(2), abs=1e-6)


def test_one_kernel_of_a_layer_is_the_product_at_one_sigma(batch) -> None:
    """The exponential of a sum is a product, so that a tensor kernel differs from a product in its sigma only."""
    images, maps, _ = batch
    x = images.flatten(1)
    tensor = bitlens.multivariate_information(x, maps, bandwidth=3.0, tensor=True)
    assert tensor == pytest.approx(
        bitlens.multivariate_information(x, maps, bandwidth=3.0, scale_bandwidth=False), abs=1e-9, nan_ok=True
    )
    last = bitlens.multivariate_information(x, maps.movedim(1, -1), bandwidth=3.0, tensor=True, channel_axis=3)
    assert tensor == pytest.approx(last, abs=1e-9, nan_ok=True)
