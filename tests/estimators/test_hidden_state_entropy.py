"""Matrix-based entropies of hidden states: published numbers, closed forms, masks, nulls, degenerate clouds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Cosine, Gaussian, Linear, UndefinedWarning, hidden_state_entropy, pool_tokens
from bitlens.arrays import ArrayContext
from bitlens.estimators.matrix import linear_kernel
from bitlens.estimators.matrix.kernels import Clamped, as_kernel
from tests.support.hidden_state_arrays import CLOUDS, MASK, PROMPTS, STATES, A, B, C, grid

PREPARED = Linear(center=True, unit=True)
KERNELS = [Linear(), Cosine(), Linear(center=True), PREPARED]


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_the_arrays_are_those_of_the_tables():
    close(grid(2, 3, 0), [[-0.4821605550, -0.3241198080, -0.2440434983], [-0.3691774034, -0.2063854776, -0.1067153867]])
    close([A.sum(), B.sum(), C.sum()], [-1.3538935692, 958.6461064308, 968.7040181299])
    close([STATES.sum(), PROMPTS.sum()], [715.2507463336, 1420.2026702294])


# cloud: (raw, cosine, centred, centred unit rows; the latter clamped, of order 2, 1.01, 0.5)
TABLE = {
    "A": "3.4743625374 3.5910399972 3.4088398208 3.5349644494 4.0528232141 2.8366974375 3.5263044390 4.0019400162",
    "B": "0.1010006180 0.1012173838 3.4088398208 3.5349644494 4.0528232141 2.8366974375 3.5263044390 4.0019400162",
    "C": "0.1601513133 0.1603663561 3.3131594718 3.4236278450 3.5037233402 3.0149081724 3.4185670216 3.6986106148",
}
COLUMNS = [*((kernel, 1.0) for kernel in KERNELS), (Clamped(True, True), 1.0), *((PREPARED, a) for a in (2, 1.01, 0.5))]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_preparations_and_orders(cloud):
    expected = [float(value) for value in TABLE[cloud].split()]
    close([hidden_state_entropy(CLOUDS[cloud], kernel=kernel, alpha=alpha) for kernel, alpha in COLUMNS], expected)


@pytest.mark.parametrize(
    ("normalization", "of_a", "of_c"),
    [
        ("max_entropy", 0.7709909184, 0.8559069612),
        ("log_n", 0.7709909184, 0.5795989937),
        ("log_d", 0.6642262703, 0.8559069612),
    ],
)
def test_normalizations(normalization, of_a, of_c):
    close([hidden_state_entropy(x, normalization=normalization) for x in (A, C)], [of_a, of_c])
    close(hidden_state_entropy(A, normalization=normalization, base=math.e), of_a)


def test_normalization_by_both_logarithms_in_nats():
    nats = [hidden_state_entropy(x, base=math.e) / math.prod(map(math.log, x.shape)) for x in (A, C)]
    close(nats, [0.2090040968, 0.2090461485])


def test_the_other_orders_of_preparation_are_other_numbers():
    """Rows that are scaled first are centred after, and the result may be scaled again."""
    for x, expected in ((A, (3.5283050740, 3.5377018651)), (B, (3.4180524884, 3.5491708534))):
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        close([hidden_state_entropy(unit, kernel=kernel) for kernel in (Linear(center=True), PREPARED)], expected)


def test_the_gaussian_kernel_at_the_median():
    found = [hidden_state_entropy(x, kernel=Gaussian()) for x in (A, B, C)]
    close(found, [2.4506731881, 2.4506731881, 2.6628622416])
    assert found[0] == bitlens.renyi_entropy(A, 1)


def test_half_precision_is_converted_first():
    half, brain = torch.from_numpy(A).half(), torch.from_numpy(A).bfloat16()
    close([hidden_state_entropy(half), hidden_state_entropy(brain)], [3.534939, 3.534420], 1e-6)
    assert hidden_state_entropy(half) == hidden_state_entropy(half.float())
    close(hidden_state_entropy(half.numpy()), 3.534939, 1e-6)
    identical = torch.ones(5, 8, dtype=torch.float16) * 3
    with pytest.warns(UndefinedWarning):
        assert math.isnan(hidden_state_entropy(identical))


def test_dataset_entropies():
    close([hidden_state_entropy(pool_tokens(PROMPTS), kernel=kernel) for kernel in (Linear(), Cosine(), PREPARED)],
          [0.1190660364, 0.1191275779, 3.0055773351])  # fmt: skip
    close(hidden_state_entropy(pool_tokens(PROMPTS, how="last")), 2.9758151522)
    prepared = pool_tokens(PROMPTS, kernel=PREPARED)
    close([hidden_state_entropy(prepared, kernel=k) for k in (Linear(), Clamped())], [2.9002248963, 3.0186347579])


def test_clamping_depends_on_the_side():
    """Negative elements of the larger matrix, which has 4 % of its trace in negative eigenvalues, are others."""
    rows = C - C.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(np.maximum(rows @ rows.T, 0))
    assert -values[values < 0].sum() / values.sum() == pytest.approx(0.041, abs=5e-4)
    values = values[values > 0] / values[values > 0].sum()
    close(-(values * np.log2(values)).sum(), 4.5856104396)
    close(bitlens.renyi_entropy(np.vstack([np.eye(3), -np.eye(3)]), 1, kernel=Linear()), math.log2(3))
    signs = np.eye(8)[:3]
    close(hidden_state_entropy(np.vstack([signs, -signs]), kernel=Clamped()), math.log2(6))


@pytest.mark.parametrize("alpha", [0.5, 1, 1.01, 2, 3])
@pytest.mark.parametrize("n", [2, 7, 30])
def test_orthonormal_rows(n, alpha):
    rows = np.linalg.qr(np.random.default_rng(n).normal(size=(40, n)))[0].T
    close(hidden_state_entropy(rows, kernel=Linear(), alpha=alpha), math.log2(n))
    close(hidden_state_entropy(rows, kernel=Linear(center=True), alpha=alpha), math.log2(n - 1))
    close(hidden_state_entropy(np.tile(rows, (5, 1)), kernel=Linear(), alpha=alpha), math.log2(n))


def test_two_orthogonal_clusters():
    rows = np.eye(5)[[0, 0, 0, 1]]
    close(hidden_state_entropy(rows, kernel=Linear()), 0.8112781245)
    close([hidden_state_entropy(rows, kernel=kernel) for kernel in (Linear(center=True), PREPARED)], 0)


def test_participation_ratio():
    close(2 ** hidden_state_entropy(A, kernel=Linear(center=True), alpha=2), 6.1186026805)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(24, 40), (60, 16)])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_rotation_scale_offset_and_order_change_nothing(kernel, shape, dtype):
    random = np.random.default_rng(1)
    x = random.normal(size=shape) + 2
    rotation = np.linalg.qr(random.normal(size=(shape[1], shape[1])))[0]
    changed = [x @ rotation, 1000 * x, x * 1e25, x * 1e-30, x[::-1]]
    changed += [x + 7] if kernel in (Linear(center=True), PREPARED) else []
    expected = hidden_state_entropy(x, kernel=kernel)
    tolerance = 1e-11 if dtype == "float64" else 3e-6
    close([hidden_state_entropy(y.astype(dtype), kernel=kernel) for y in changed], expected, tolerance)


def float32_cases():
    random = np.random.default_rng(2)
    noise = random.normal(size=(200, 300))
    outlying = noise * np.where(np.arange(300) == 7, 1000, 1) + np.where(np.arange(300) == 9, 500, 0)
    first = noise.copy()
    first[0] += 1000
    low_rank = random.normal(size=(200, 8)) @ random.normal(size=(8, 300))
    return {
        "noise": noise, "offset": noise + 100, "outlying channels": outlying, "massive first token": first,
        "low rank": low_rank, "decaying": noise / (1 + np.arange(300)) ** 1.5, "tall": noise.reshape(-1, 20) + 5,
    }  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("name", float32_cases())
def test_products_in_float32_are_accurate(name, kernel):
    x = float32_cases()[name].astype(np.float32)
    for alpha in (1, 1.01, 2, 3):
        exact = hidden_state_entropy(x.astype(np.float64), kernel=kernel, alpha=alpha)
        close(hidden_state_entropy(x, kernel=kernel, alpha=alpha), exact, 2e-5 if kernel == PREPARED else 1e-4)
    exact = hidden_state_entropy(x.astype(np.float64), kernel=kernel, alpha=0.5)
    close(hidden_state_entropy(x, kernel=kernel, alpha=0.5), exact, 1e-4 if name == "low rank" else 1e-9)


def test_batches_do_not_depend_on_their_size(monkeypatch):
    states = np.random.default_rng(3).normal(size=(7, 10, 30)).astype(np.float32)
    tall = states.reshape(7, 30, 10)
    expected = hidden_state_entropy(states), hidden_state_entropy(tall), hidden_state_entropy(states, np.arange(10) < 6)
    for bytes_of_rows, bytes_of_matrices in ((1, 1), (2500, 1000), (1, 1 << 20)):
        monkeypatch.setattr(linear_kernel, "_BYTES_OF_ROWS", bytes_of_rows)
        monkeypatch.setattr(linear_kernel, "_BYTES_OF_MATRICES", bytes_of_matrices)
        close(hidden_state_entropy(states), expected[0], 1e-7)
        close(hidden_state_entropy(tall), expected[1], 1e-7)
        close(hidden_state_entropy(states, np.arange(10) < 6), expected[2], 1e-7)


class TorchContext(ArrayContext):
    """Arrays are tensors on the CPU, as they are on a GPU where there is one."""

    def empty(self, shape, dtype):
        return torch.empty(tuple(shape), dtype=getattr(torch, dtype))

    def to_device(self, array):
        return torch.from_numpy(array)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [*KERNELS, Clamped(True, True)], ids=str)
@pytest.mark.parametrize("width", [5, 20])
def test_tensors_of_a_device_take_the_same_way(kernel, width, dtype):
    x = STATES[..., :width].reshape(6, 12, width).astype(dtype)
    x[0] = 0
    for valid in (None, np.tile(MASK, (2, 1))):
        for alpha in (0.5, 1, 2, 3):
            chosen = as_kernel(kernel)
            expected = linear_kernel.linear_entropies(x, valid, chosen, alpha, ArrayContext())
            tensors = torch.from_numpy(x), None if valid is None else torch.from_numpy(valid)
            found = linear_kernel.linear_entropies(*tensors, chosen, alpha, TorchContext())
            close(found.numpy(), expected, 1e-5 if dtype == "float32" else 1e-11)


def test_the_family_of_the_states_comes_back():
    tensor = torch.from_numpy(STATES).float()
    found = hidden_state_entropy(tensor, torch.from_numpy(MASK))
    assert isinstance(found, torch.Tensor)
    close(found.numpy(), hidden_state_entropy(STATES, MASK), 1e-5)
    assert all(
        isinstance(part, torch.Tensor) for part in hidden_state_entropy(tensor, full_output=True, permutations=2)
    )
    assert isinstance(pool_tokens(tensor), torch.Tensor)
    assert type(hidden_state_entropy(torch.from_numpy(A))) is float
    assert {type(part) for part in hidden_state_entropy(A, full_output=True, permutations=2)} == {float}


def test_null_of_shuffled_channels():
    of_a, of_c = (hidden_state_entropy(x, full_output=True, permutations=200) for x in (A, C))
    assert of_a.value == hidden_state_entropy(A)
    close([of_a.null_mean, of_a.null_std, of_c.null_mean, of_c.null_std], [3.588, 0.037, 3.433, 0.021], 0.004)
    again = hidden_state_entropy(STATES, MASK, full_output=True, permutations=3, seed=5, normalization="log_n")
    close(again.null_mean, hidden_state_entropy(
        STATES, MASK, full_output=True, permutations=3, seed=5, normalization="log_n").null_mean, 0)  # fmt: skip
    assert again.null_std.shape == again.value.shape == (2, 3)
    assert np.isnan(hidden_state_entropy(A, full_output=True, permutations=0).null_mean)


@pytest.mark.parametrize(("n", "width", "expected"), [(128, 384, 6.7501), (512, 4096, 8.9072)])
def test_gaussian_rows(n, width, expected):
    x = np.random.default_rng(0).standard_normal((n, width), np.float32)
    result = hidden_state_entropy(x, full_output=True, permutations=0)
    close(result.gaussian, expected, 5e-5)
    close(result.value, result.gaussian, 0.01)
    tall = hidden_state_entropy(x.T.copy(), kernel=Linear(), full_output=True, permutations=0)
    close(tall.value, tall.gaussian, 0.01)
    assert math.isnan(hidden_state_entropy(A, alpha=2, full_output=True, permutations=0).gaussian)


def test_standard_error_over_prompts():
    values = hidden_state_entropy(STATES, MASK)
    result = hidden_state_entropy(STATES, MASK, full_output=True, permutations=0)
    close(result.standard_error, values.std(axis=1, ddof=1) / math.sqrt(3))
    with pytest.warns(UndefinedWarning):
        part = hidden_state_entropy(STATES, MASK & (np.arange(3) != 2)[:, None], full_output=True, permutations=0)
    close(part.mean, values[:, :2].mean(axis=1))
    close(part.standard_error, values[:, :2].std(axis=1, ddof=1) / math.sqrt(2))
    layers = hidden_state_entropy(STATES[:, 0], full_output=True, permutations=0)
    close(layers.mean, layers.value)
    assert np.isnan(layers.standard_error).all()
