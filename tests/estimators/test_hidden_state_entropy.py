"""Matrix-based entropies of hidden states: published numbers, closed forms, masks, nulls, degenerate clouds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Cosine, Gaussian, Linear, UndefinedWarning, effective_rank, hidden_state_entropy, pool_tokens
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


def test_masks_and_skipped_tokens():
    masked = [[3.0113436646, 2.4511989898, 1.5337612369], [2.8325188925, 2.5540773835, 1.3630648489]]
    padded = [[3.0113436646, 2.8158726024, 2.8172893319], [2.8325188925, 2.8629288171, 2.7635628362]]
    skipped = [[2.9456199210, 2.2293746571, 0.9783148477], [2.7344676047, 2.4608625350, 0.9557077507]]
    shares = [[0.8399930722, 0.7732671873, 0.7668806185], [0.7901111635, 0.8057217071, 0.6815324244]]
    close(hidden_state_entropy(STATES, MASK), masked)
    close(hidden_state_entropy(STATES), padded)
    close(hidden_state_entropy(STATES, MASK, skip_first=1), skipped)
    close(hidden_state_entropy(STATES, MASK, normalization="max_entropy"), shares)
    close(hidden_state_entropy(tuple(STATES), MASK), masked)
    close(hidden_state_entropy(STATES[:, 2], MASK[2].astype(int)), [row[2] for row in masked])
    close(hidden_state_entropy(STATES[0], MASK.astype(float)), masked[0])
    close(hidden_state_entropy(STATES[1, 1], MASK[1]), masked[1][1])
    close(hidden_state_entropy(STATES[:, :, ::-1], MASK[:, ::-1], skip_first=0), masked)
    close(hidden_state_entropy(STATES, MASK, full_output=True, permutations=0).mean, [2.3321012971, 2.2498870416])


@pytest.mark.parametrize("alpha", [0.5, 1, 1.01, 2, 3])
@pytest.mark.parametrize("kernel", [*KERNELS, Clamped(True, True), Gaussian()], ids=str)
@pytest.mark.parametrize("width", [3, 20])
def test_a_ragged_batch_is_each_prompt_alone(kernel, alpha, width):
    states = STATES[..., :width]
    expected = [
        [hidden_state_entropy(states[i, j, MASK[j]], kernel=kernel, alpha=alpha) for j in range(3)] for i in range(2)
    ]
    close(hidden_state_entropy(states, MASK, kernel=kernel, alpha=alpha), expected)


def test_dataset_entropies():
    close([hidden_state_entropy(pool_tokens(PROMPTS), kernel=kernel) for kernel in (Linear(), Cosine(), PREPARED)],
          [0.1190660364, 0.1191275779, 3.0055773351])  # fmt: skip
    close(hidden_state_entropy(pool_tokens(PROMPTS, how="last")), 2.9758151522)
    prepared = pool_tokens(PROMPTS, kernel=PREPARED)
    close([hidden_state_entropy(prepared, kernel=k) for k in (Linear(), Clamped())], [2.9002248963, 3.0186347579])


def test_pooling_by_hand():
    for how, pick in (("mean", lambda x: x.mean(axis=0)), ("last", lambda x: x[-1]), ("first", lambda x: x[0])):
        expected = [[pick(STATES[i, j, MASK[j]]) for j in range(3)] for i in range(2)]
        close(pool_tokens(STATES, MASK, how), expected)
        close(pool_tokens(tuple(STATES), MASK, how), expected)
        close(pool_tokens(STATES, None, how), [[pick(x) for x in layer] for layer in STATES])
    close(pool_tokens(STATES, MASK, "first", skip_first=2), STATES[:, :, 2])
    with pytest.warns(UndefinedWarning, match="expected at least one token that counts in each prompt, got 2 of 6"):
        assert np.isnan(pool_tokens(STATES, MASK, "first", skip_first=4)[:, 2]).all()


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


def test_layers_of_different_widths():
    layers = (grid(24, 40, 0).reshape(2, 12, 40), grid(24, 8, 3).reshape(2, 12, 8))
    close(hidden_state_entropy(layers), [[hidden_state_entropy(x) for x in layer] for layer in layers])
    with pytest.raises(ValueError, match="states: expected layers of one width, got widths "):
        pool_tokens(layers)


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
    tensor = torch.from_numpy(STATES).float().requires_grad_()
    found = hidden_state_entropy(tensor, torch.from_numpy(MASK))
    assert isinstance(found, torch.Tensor)
    close(found.numpy(), hidden_state_entropy(STATES, MASK), 1e-5)
    assert all(
        isinstance(part, torch.Tensor) for part in hidden_state_entropy(tensor, full_output=True, permutations=2)
    )
    assert isinstance(pool_tokens(tensor), torch.Tensor)
    assert type(hidden_state_entropy(torch.from_numpy(A))) is float
    assert {type(part) for part in hidden_state_entropy(A, full_output=True, permutations=2)} == {float}


DEGENERATE = {
    "identical rows": np.full((4, 3), 0.1),
    "identical float32 rows": np.full((4, 3), 0.1, np.float32),
    "identical large rows": np.tile(np.random.default_rng(0).normal(size=(1, 50)) * 1e6, (30, 1)),
    "zeros": np.zeros((4, 3)),
    "one row": np.ones((1, 3)),
    "one value": np.ones((1, 1)),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_clouds_without_spread_are_nan(name):
    x = DEGENERATE[name]
    for call in (hidden_state_entropy, effective_rank):
        with pytest.warns(UndefinedWarning, match=r"^states: expected clouds with spread, got 1 of 1 without"):
            assert math.isnan(call(x))
    if name == "zeros":
        with pytest.warns(UndefinedWarning):
            assert math.isnan(hidden_state_entropy(x, kernel=Cosine()))
    else:
        close(hidden_state_entropy(x, kernel=Cosine()), 0, 1e-6)


def test_one_warning_counts_the_clouds_without_spread(recwarn):
    states = STATES.copy()
    states[0, 1] = 3
    found = hidden_state_entropy(states, MASK & (np.arange(3) != 2)[:, None])
    assert np.isnan(found).tolist() == [[False, True, True], [False, False, True]]
    (warning,) = recwarn
    assert warning.category is UndefinedWarning
    assert str(warning.message).startswith("states: expected clouds with spread, got 3 of 6 without")
    assert warning.filename == __file__


def test_rows_that_equal_the_mean_stay_zero():
    rows = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 0]]) + 0.1
    close(hidden_state_entropy(rows), 1.0)
    close(hidden_state_entropy(rows.astype(np.float32)), 1.0, 1e-6)


def test_one_token_has_no_normalized_entropy():
    assert math.isnan(hidden_state_entropy(np.ones((1, 3)), kernel=Linear(), normalization="log_n"))
    assert hidden_state_entropy(np.ones((1, 3)), kernel=Linear(), normalization="log_d") == 0


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


# id: (call, error, message)
REFUSED = {
    "a vector": (lambda: hidden_state_entropy(np.ones(3)), ValueError, r"states: expected shape \(..., tokens, val"),
    "a layer of other tokens": (
        lambda: hidden_state_entropy((STATES[0], STATES[1, :, :5])),
        ValueError,
        r"states\[1\]: expected the prompts and tokens of states\[0\], \(3, 12\), got \(3, 5\); pad them",
    ),
    "NaN": (lambda: hidden_state_entropy(A * np.nan), ValueError, "states: contains NaN"),
    "a mask of another shape": (
        lambda: hidden_state_entropy(STATES, MASK[:, :5]),
        ValueError,
        r"mask: expected the shape of the last axes of \(2, 3, 12\), got bool of shape \(3, 5\)",
    ),
    "a mask of numbers": (
        lambda: hidden_state_entropy(STATES, MASK * 2),
        ValueError,
        "mask: expected True or 1 for tokens that count, False or 0 for padding, got",
    ),
    "a kernel": (
        lambda: hidden_state_entropy(A, kernel="linear"),
        TypeError,
        r"kernel: expected Gaussian\(\), Linear\(\) or Cosine\(\), got 'linear'",
    ),
    "a linear kernel": (
        lambda: effective_rank(A, kernel=Gaussian()),
        TypeError,
        r"kernel: expected Linear\(\) or Cosine\(\), got Gaussian",
    ),
    "a clamped kernel": (lambda: effective_rank(A, kernel=Clamped()), ValueError, "kernel: expected Linear"),
    "normalization": (
        lambda: hidden_state_entropy(A, normalization="n"),
        ValueError,
        "normalization: expected None or one of log_n, log_d, max_entropy, got 'n'",
    ),
    "base": (lambda: hidden_state_entropy(A, base=1), ValueError, "base: expected a finite number above 1, got 1"),
    "alpha": (lambda: hidden_state_entropy(A, alpha=0), ValueError, "alpha: expected a finite number above 0, got 0"),
    "skip_first": (lambda: hidden_state_entropy(A, skip_first=-1), ValueError, "skip_first: expected 0 or more"),
    "permutations": (
        lambda: hidden_state_entropy(A, permutations=1, full_output=True),
        ValueError,
        "permutations: expected 0 or at least 2, got 1",
    ),
    "how": (lambda: pool_tokens(A, how="max"), ValueError, "how: expected 'mean', 'last' or 'first', got 'max'"),
    "spectrum": (lambda: effective_rank(A, spectrum="s"), ValueError, "spectrum: expected 'variance' or 'singular'"),
    "epsilon": (lambda: effective_rank(A, epsilon=-1), ValueError, "epsilon: expected a finite number from 0 on"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_arguments(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=f"^{message}"):
        call()
