"""Values are those of the plain estimators, and wrong arguments are refused with a message."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Alignment, Cosine, Gaussian, Linear, Median, NearestNeighbors, Silverman
from bitlens import differentiable as d
from bitlens.arrays.gradients import DIFFERENTIABLE
from bitlens.estimators.matrix.kernels import Clamped

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")

X = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 3, 4)))
LABELS = torch.arange(40) % 4
ORDERS = [0.6, 1, 1.01, 1.5, 1.8, 2, 3, 8, 9.5]
KERNELS = [Gaussian(1.5), Gaussian(), Gaussian(NearestNeighbors(4)), Linear(), Cosine(), Cosine(center=True)]


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("alpha", ORDERS)
def test_plain_estimators_have_the_same_values(alpha, requires_grad):
    x = X.clone().requires_grad_(requires_grad)
    for kernel in KERNELS:
        pairs = [
            (d.renyi_entropy(x, alpha, kernel=kernel), bitlens.renyi_entropy(X, alpha, kernel=kernel)),
            (
                d.renyi_joint_entropy([x, LABELS, x[:, 0]], alpha, kernel=kernel),
                bitlens.renyi_joint_entropy([X, LABELS, X[:, 0]], alpha, kernel=kernel),
            ),
            (
                d.renyi_joint_entropy([x, x[:, 1]], alpha, kernel=kernel, scale_bandwidth=False),
                bitlens.renyi_joint_entropy([X, X[:, 1]], alpha, kernel=kernel, scale_bandwidth=False),
            ),
            (
                d.renyi_mutual_information(LABELS, x, alpha, kernel=kernel),
                bitlens.renyi_mutual_information(LABELS, X, alpha, kernel=kernel),
            ),
        ]
        for found, expected in pairs:
            assert found.shape == ()
            assert found.requires_grad == requires_grad
            assert found.item() == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"alpha": 2, "bandwidth": 1.5, "bandwidth_x": 2.5},
        {"alpha": 1.0, "tensor": True, "bandwidth": Silverman(2.0)},
        {"scale_bandwidth": False, "bandwidth": [1.0, 2.0, 1.5]},
        {"channel_axis": 2},
        {"bandwidth": Alignment(LABELS, smallest=0.5)},
        {"kernel": Gaussian(1.5), "scale_bandwidth": False},
        {"kernel": Linear(), "alpha": 2},
        {"kernel": Cosine(center=True), "channel_axis": -1},
        {"kernel": Cosine(), "tensor": True, "alpha": 1},
    ],
    ids=str,
)
def test_information_of_layers(options):
    x = X.clone().requires_grad_()
    for target in (LABELS, X[:, :2] ** 2):
        found = d.multivariate_information(target, x, **options)
        assert found.item() == pytest.approx(
            bitlens.multivariate_information(target, X, **options).information, abs=1e-8
        )


@pytest.mark.parametrize("scale_bandwidth", [True, False])
def test_total_correlation_is_a_sum_of_entropies(scale_bandwidth):
    factor = 3**0.5 if scale_bandwidth else 1
    parts = sum(bitlens.renyi_entropy(X[:, i], bandwidth=1.2 * factor) for i in range(3))
    variables = [X[:, i] for i in range(3)]
    joint = bitlens.renyi_joint_entropy(variables, bandwidth=1.2, scale_bandwidth=scale_bandwidth)
    found = d.total_correlation(X.clone().requires_grad_(), bandwidth=1.2, scale_bandwidth=scale_bandwidth)
    assert found.item() == pytest.approx(parts - joint, abs=1e-8)


def test_a_linear_kernel_without_spread_is_nan():
    for offset in (0.0, 3.3e5):
        x = (torch.zeros(6, 3) + offset).requires_grad_()
        assert d.renyi_entropy(x, kernel=Linear(center=True)).isnan()
    x = torch.zeros(6, 3, requires_grad=True)
    assert d.renyi_entropy(x, kernel=Linear()).isnan()


def test_nan_gives_nan():
    x = X.clone()
    x[0, 0, 0] = torch.nan
    for alpha in (1.01, 1.8, 2):
        assert d.renyi_entropy(x.requires_grad_(), alpha, 1.0).isnan()


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(torch.float64, torch.float64), (torch.float32, torch.float32), (torch.bfloat16, torch.float32)],
)
def test_types_of_results(dtype, expected):
    assert d.renyi_entropy(X.to(dtype)).dtype == expected
    assert d.renyi_mutual_information(LABELS, X.to(dtype)).dtype == expected
    assert d.renyi_entropy(LABELS).dtype == torch.float32


def test_plain_estimators_name_the_differentiable_form():
    for name in DIFFERENTIABLE:
        assert hasattr(d, name)
    assert set(d.__all__) - {"total_correlation"} == set(DIFFERENTIABLE)
    x = X.clone().requires_grad_()
    with pytest.warns(
        bitlens.GradientWarning, match=r"^x: expected .* use bitlens.differentiable.renyi_entropy to"
    ) as seen:
        bitlens.renyi_entropy(x)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    with pytest.warns(bitlens.GradientWarning, match=r"^maps: expected .* channel_entropy has no differentiable form"):
        bitlens.channel_entropy(x)
    bitlens.renyi_entropy(x.detach())
    with torch.no_grad():
        bitlens.renyi_entropy(x)


def test_python_shows_the_warning_once_for_a_line(recwarn):
    import warnings

    x = X.clone().requires_grad_()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            bitlens.renyi_entropy(x)
    assert len(seen) == 1


def test_arguments_are_those_of_the_plain_functions():
    for name in DIFFERENTIABLE:
        ours, plain = (inspect.signature(getattr(module, name)).parameters for module in (d, bitlens))
        assert list(ours) == [parameter for parameter in plain if parameter in ours]
        for parameter in ours:
            assert ours[parameter].default == plain[parameter].default


# id: (call, error, message)
REFUSED = {
    "a kernel and a bandwidth of x": (
        lambda: d.multivariate_information(X, X, bandwidth_x=1.0, kernel=Linear()),
        ValueError,
        r"^bandwidth_x: expected none together with a kernel, got 1.0",
    ),
    "a kernel and a bandwidth": (
        lambda: d.multivariate_information(X, X, bandwidth=1.0, kernel=Linear()),
        ValueError,
        r"^bandwidth: expected none together with a kernel",
    ),
    "a NumPy array": (lambda: d.renyi_entropy(X.numpy()), TypeError, r"^x: expected a tensor, got float64 of shape"),
    "complex": (lambda: d.renyi_entropy(X + 1j), TypeError, r"^x: expected a real tensor, got"),
    "one axis": (
        lambda: d.renyi_entropy(X[:, 0, 0]),
        ValueError,
        r"^x: expected shape \(samples, ...\), got \(40,\); a",
    ),
    "one sample": (lambda: d.renyi_entropy(X[:1]), ValueError, r"^x: expected at least 2 samples, got 1$"),
    "no values": (lambda: d.renyi_entropy(X[:, :0]), ValueError, r"^x: is empty, got shape"),
    "alpha": (lambda: d.renyi_entropy(X, 0), ValueError, r"^alpha: expected a finite number above 0, got 0$"),
    "bandwidth": (lambda: d.renyi_entropy(X, 2, -1.0), ValueError, r"^bandwidth: expected a finite number above 0"),
    "sigmas": (
        lambda: d.multivariate_information(LABELS, X, bandwidth=[1.0, 2.0]),
        ValueError,
        r"^bandwidth: expected one sigma for each of 3 channels, got shape \(2,\)$",
    ),
    "two kernels": (
        lambda: d.renyi_entropy(X, bandwidth=1.0, kernel=Linear()),
        ValueError,
        r"^bandwidth: expected none together with a kernel",
    ),
    "a kernel without derivative": (
        lambda: d.renyi_entropy(X, kernel=Clamped()),
        TypeError,
        r"^kernel: expected Gaussian\(\), Linear\(\) or Cosine\(\), got Clamped",
    ),
    "labels of an alignment": (
        lambda: d.renyi_entropy(X, bandwidth=Alignment(LABELS.tolist())),
        TypeError,
        r"^bandwidth: expected an Alignment with labels in a tensor, got list$",
    ),
    "no variables": (
        lambda: d.renyi_joint_entropy([]),
        ValueError,
        r"^variables: expected at least one tensor, got none",
    ),
    "other samples": (
        lambda: d.renyi_joint_entropy([X, LABELS[:9]]),
        ValueError,
        r"^variables\[1\]: expected the 40 samples of variables\[0\], got 9$",
    ),
    "another device": (
        lambda: d.renyi_mutual_information(X, LABELS.to("meta")),
        ValueError,
        r"^y: expected a tensor on cpu, got one on meta; move one of them$",
    ),
    "one channel": (lambda: d.total_correlation(X[:, :1]), ValueError, r"^maps: expected at least 2 channels, got 1$"),
    "no channels": (
        lambda: d.total_correlation(LABELS),
        ValueError,
        r"^maps: expected shape \(samples, channels, ...\)",
    ),
    "axis": (
        lambda: d.total_correlation(X, channel_axis=3),
        ValueError,
        r"^channel_axis: expected an axis of maps other",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_arguments(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_median_is_the_default():
    assert d.renyi_entropy(X).item() == d.renyi_entropy(X, bandwidth=Median()).item()
