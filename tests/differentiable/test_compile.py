"""The custom operators within torch.compile, vmap and autocast."""

from __future__ import annotations

import warnings

import pytest
import torch

from bitlens import Alignment, Cosine, NearestNeighbors, Silverman
from bitlens import differentiable as d
from bitlens.differentiable import operators

LABELS = torch.arange(24) % 3
X = torch.randn(24, 3, 2, generator=torch.Generator().manual_seed(0))

# PyTorch warns of parts of itself when torch.compile is used for the first time.
FROM_TORCH = ["ignore:`torch.jit.script:DeprecationWarning", "ignore:.*lock.*:UserWarning"]

CALLS = {
    "renyi_entropy": lambda x: d.renyi_entropy(x),
    "order 2": lambda x: d.renyi_entropy(x, 2, 1.0),
    "cosine": lambda x: d.renyi_entropy(x, kernel=Cosine(center=True)),
    "renyi_joint_entropy": lambda x: d.renyi_joint_entropy([x, LABELS, x[:, 0]], bandwidth=NearestNeighbors(4)),
    "renyi_mutual_information": lambda x: d.renyi_mutual_information(x, LABELS, bandwidth=Silverman()),
    "multivariate_information": lambda x: d.multivariate_information(LABELS, x),
    "cosine of channels": lambda x: d.multivariate_information(LABELS, x, kernel=Cosine()),
    "alignment": lambda x: d.multivariate_information(x[:, 0], x, bandwidth=Alignment(LABELS)),
    "total_correlation": lambda x: d.total_correlation(x, 1.0, [1.0, 2.0, 1.5]),
}


def gradient(call, x):
    x = x.clone().requires_grad_()
    value = call(x)
    return value.detach(), *torch.autograd.grad(value.sum(), x)


@pytest.mark.parametrize("name", CALLS)
def test_compiled_without_a_break_or_a_warning(name):
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = gradient(torch.compile(CALLS[name], fullgraph=True, backend="aot_eager"), X)
    torch.testing.assert_close(found, gradient(CALLS[name], X))


@pytest.mark.filterwarnings(*FROM_TORCH)
def test_compiled_to_machine_code():
    torch._dynamo.reset()
    call = CALLS["renyi_mutual_information"]
    torch.testing.assert_close(
        gradient(torch.compile(call, fullgraph=True), X), gradient(call, X), atol=1e-6, rtol=1e-4
    )


@pytest.mark.parametrize("alpha", [1.01, 1.7, 2.0])
def test_operators_are_registered_soundly(alpha):
    squares = torch.randn(2, 6, 3, dtype=torch.float64).requires_grad_()
    kernels = torch.exp(-operators.squared_distances(squares)).detach().requires_grad_()
    torch.library.opcheck(operators.squared_distances, (squares,))
    torch.library.opcheck(operators.matrix_entropies, (kernels, alpha, True))
    torch.library.opcheck(operators.matrix_entropies, (kernels.detach(), alpha, False))
    for rule, parameter, labels in (("Median", None, None), ("Silverman", 5.0, None), ("Alignment", None, LABELS[:2])):
        operands = (operators.squared_distances(squares).detach(), 3, rule, parameter, labels)
        torch.library.opcheck(operators.sigmas, operands)


@pytest.mark.parametrize("name", CALLS)
def test_vmap_is_a_loop(name):
    batch = torch.stack([X, X.flip(0) * 2, X.roll(3, 0)])
    found = gradient(torch.vmap(CALLS[name]), batch)
    rows = [gradient(CALLS[name], x) for x in batch]
    torch.testing.assert_close(found[0], torch.stack([row[0] for row in rows]))
    torch.testing.assert_close(found[1], torch.stack([row[1] for row in rows]))


def test_vmap_over_labels():
    batch, labels = torch.stack([X, X * 2]), torch.stack([LABELS, LABELS.flip(0)])
    call = lambda x, y: d.renyi_mutual_information(x, y, bandwidth=Alignment(y))  # noqa: E731
    found = torch.vmap(call)(batch, labels)
    torch.testing.assert_close(found, torch.stack([call(x, y) for x, y in zip(batch, labels, strict=True)]))


def test_autocast_has_no_effect():
    for call in CALLS.values():
        expected = gradient(call, X)
        with torch.autocast("cpu", torch.bfloat16):
            found = gradient(call, X)
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
