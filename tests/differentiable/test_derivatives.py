"""First derivatives agree with finite differences and with autograd, and are finite where they have to be."""

from __future__ import annotations

import math

import pytest
import torch

import bitlens
from bitlens import Alignment, Cosine, Dimension, Gaussian, Linear, Median, NearestNeighbors, Silverman
from bitlens import differentiable as d
from bitlens.differentiable.operators import matrix_entropies

LABELS = torch.arange(14) % 3
ORDERS = [0.7, 1, 1.01, 1.7, 2, 3, 12]


def samples(n=14, width=3, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(n, width, dtype=torch.float64, generator=random).requires_grad_()


FUNCTIONS = {
    "renyi_entropy": lambda x, **options: d.renyi_entropy(x, **options),
    "renyi_joint_entropy": lambda x, **options: d.renyi_joint_entropy([x, LABELS, x[:, :1] ** 2], **options),
    "renyi_mutual_information": lambda x, **options: d.renyi_mutual_information(x, LABELS, **options),
    "multivariate_information": lambda x, **options: d.multivariate_information(LABELS, x, **options),
    "information of two variables": lambda x, **options: d.multivariate_information(x[:, :1], x[:, 1:], **options),
    "one kernel": lambda x, **options: d.multivariate_information(LABELS, x, tensor=True, **options),
    "total_correlation": lambda x, **options: d.total_correlation(x, **options),
}


@pytest.mark.parametrize("alpha", ORDERS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_finite_differences(name, alpha):
    x = samples()
    if alpha < 1 and name == "total_correlation":
        pytest.skip("kernels of one dimension have eigenvalues near 0, where no finite difference is precise")
    sigma = 0.4 if alpha < 1 else 0.8
    fixed = {"bandwidth_x": sigma} if name == "information of two variables" else {}
    assert torch.autograd.gradcheck(
        lambda x: FUNCTIONS[name](x, alpha=alpha, bandwidth=sigma, **fixed), (x,), atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("kernel", [Linear(), Cosine(), Linear(center=True), Cosine(center=True)], ids=str)
@pytest.mark.parametrize("alpha", [1.01, 2])
@pytest.mark.parametrize("width", [3, 20])
def test_finite_differences_of_linear_kernels(kernel, alpha, width):
    x = samples(10, width)
    assert torch.autograd.gradcheck(lambda x: d.renyi_entropy(x, alpha, kernel=kernel), (x,), atol=1e-6, rtol=1e-6)
    assert torch.autograd.gradcheck(
        lambda x: d.renyi_mutual_information(x, LABELS[:10], alpha, kernel=kernel), (x,), atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize(
    "kernel", [Linear(), Cosine(), Linear(center=True), Cosine(center=True), Gaussian(0.8)], ids=str
)
@pytest.mark.parametrize("alpha", [1.01, 2])
@pytest.mark.parametrize("tensor", [False, True])
def test_finite_differences_of_layers_with_any_kernel(kernel, alpha, tensor):
    def information(x):
        return d.multivariate_information(x[:, 0], x[:, 1:], alpha, kernel=kernel, tensor=tensor)

    x = samples(10, 12).detach().reshape(10, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(information, (x,), atol=1e-6, rtol=1e-6)


RULES = [Median(), Silverman(), NearestNeighbors(3), Dimension(), Alignment(LABELS), Alignment(LABELS, 0.5)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_rule_is_a_constant_of_the_derivative(rule):
    """The gradient is that for the sigma which the rule chooses, as a number."""
    x = samples()
    squares = torch.cdist(x, x).detach() ** 2
    labels = rule.labels.numpy() if isinstance(rule, Alignment) else None
    plain = Alignment(labels, rule.smallest) if isinstance(rule, Alignment) else rule
    context = bitlens.arrays.ArrayContext()
    sigma = bitlens.estimators.matrix.bandwidths.sigmas(plain, squares.numpy()[None], 1.0, 3, context)[0]
    (by_rule,) = torch.autograd.grad(d.renyi_entropy(x, bandwidth=rule), x)
    (by_number,) = torch.autograd.grad(d.renyi_entropy(x, bandwidth=float(sigma)), x)
    torch.testing.assert_close(by_rule, by_number, rtol=1e-9, atol=1e-12)
    if isinstance(rule, Median):  # the whole derivative is another one: this entropy does not depend on the scale of x
        with torch.no_grad():
            assert d.renyi_entropy(2 * x) == d.renyi_entropy(x)
        assert abs((by_rule * x).sum()) > 0.1


def test_a_sigma_in_a_tensor_has_a_gradient():
    x, sigma = samples(), torch.tensor([0.7, 0.8, 1.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(d.total_correlation, (x, 1.01, sigma), atol=1e-6, rtol=1e-6)
    assert torch.autograd.gradcheck(d.renyi_entropy, (x, 1.01, sigma[0]), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("alpha", [1, 1.01, 1.3, 1.7, 2, 4])
def test_autograd_through_eigenvalues(alpha):
    x = samples(60, 10)
    values = torch.linalg.eigvalsh(torch.exp(-(torch.cdist(x, x) ** 2) / 8) / 60)
    shannon = alpha == 1
    expected = -(values * torch.log2(values)).sum() if shannon else torch.log2((values**alpha).sum()) / (1 - alpha)
    found = d.renyi_entropy(x, alpha, 2.0)
    assert found.item() == pytest.approx(expected.item(), abs=1e-9)
    for ours, theirs in zip(torch.autograd.grad(found, x), torch.autograd.grad(expected, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)


DEGENERATE = {
    "duplicates": lambda: torch.cat([samples(), samples()]).detach(),
    "equal samples": lambda: torch.ones(9, 2, dtype=torch.float64),
    "a dead channel": lambda: samples().detach() * torch.tensor([1.0, 0, 1]),
    "one-hot labels": lambda: torch.nn.functional.one_hot(LABELS).double(),
    "one line": lambda: torch.linspace(0, 1, 80, dtype=torch.float64)[:, None],
    "far apart": lambda: 1e6 * samples().detach(),
    "a large offset": lambda: samples().detach() + 1e6,
    "float32": lambda: samples(40).detach().float(),
    "half precision": lambda: samples(40).detach().bfloat16(),
}


@pytest.mark.parametrize("alpha", [1, 1.01, 1.7, 2, 3])
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_samples_have_finite_gradients(name, alpha):
    for bandwidth in (Median(), 1.5):
        x = DEGENERATE[name]().requires_grad_()
        entropy = d.renyi_entropy(x, alpha, bandwidth)
        if x.shape[1] > 1:
            entropy = entropy + d.total_correlation(x, alpha, bandwidth) + d.multivariate_information(x, x, alpha)
        entropy.backward()
        assert x.grad.dtype == x.dtype
        assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("alpha", [1.01, 2])
def test_an_offset_changes_no_gradient(alpha):
    x = samples()
    (expected,) = torch.autograd.grad(d.renyi_entropy(x, alpha, 1.0), x)
    (found,) = torch.autograd.grad(d.renyi_entropy(x + 2.0**20, alpha, 1.0), x)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)


def test_closed_form_of_two_samples():
    """The eigenvalues of two samples are (1 +- k) / 2 for k = exp(-t^2 / 2) at distance t."""
    for alpha in (1, 1.01, 1.5, 2, 3):
        x = torch.tensor([[0.0], [1.2]], dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(d.renyi_entropy(x, alpha, 1.0), x)
        k = math.exp(-(1.2**2) / 2)
        high, low = (1 + k) / 2, (1 - k) / 2
        if alpha == 1:
            by_k = math.log2(low / high) / 2
        else:
            total = high**alpha + low**alpha
            by_k = alpha * (high ** (alpha - 1) - low ** (alpha - 1)) / 2 / total / (1 - alpha) / math.log(2)
        assert gradient[1, 0].item() == pytest.approx(by_k * -1.2 * k, abs=1e-9)
        assert gradient.sum().item() == pytest.approx(0, abs=1e-12)


def test_second_derivatives_are_refused():
    x = samples()
    with pytest.raises(NotImplementedError, match=r"^create_graph: expected False, got True; bitlens"):
        torch.autograd.grad(d.renyi_entropy(x, 1.01, 1.0), x, create_graph=True)


@pytest.mark.parametrize("scale", [1e-250, 1e-120, 1e-3, 1e120, 1e250])
def test_the_scale_of_a_matrix_does_not_matter(scale):
    x = samples(30).detach()
    kernel = torch.exp(-(torch.cdist(x, x) ** 2))[None]
    entropy, slopes = matrix_entropies(kernel, 1.01, True)
    of_scaled, of_scaled_slopes = matrix_entropies(scale * kernel, 1.01, True)
    torch.testing.assert_close(of_scaled, entropy, rtol=1e-10, atol=0)
    torch.testing.assert_close(scale * of_scaled_slopes, slopes, rtol=1e-7, atol=1e-9)
    two = matrix_entropies(torch.cat([kernel, scale * kernel]), 1.01, True)[0]
    torch.testing.assert_close(two, entropy.expand(2), rtol=1e-10, atol=0)
