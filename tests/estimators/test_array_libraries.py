"""Arrays of other libraries come back as arrays of that library. Anything but numbers is refused."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import array_api_strict
import dask.array
import jax
import ml_dtypes
import numpy as np
import pandas as pd
import polars as pl
import pyarrow
import pytest
import torch
import xarray

import bitlens
from bitlens import estimators
from bitlens.arrays import ArrayContext
from tests.support.array_calls import CALLS, CODES, LABELS, MAPS
from tests.support.array_libraries import LIBRARIES, RETURN_PARAMETERS, outcome, table
from tests.support.other_arrays import OtherArray

ROWS = MAPS[:, :, 0]
PAGE = Path(__file__).parents[2] / "docs" / "arrays.md"


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", CALLS)
def test_values_and_library_of_results(name: str, library: str) -> None:
    outcome(CALLS[name], LIBRARIES[library])


def test_the_page_has_the_measured_table() -> None:
    assert table() in PAGE.read_text("utf-8"), "run python -m tests.support.array_libraries and copy its output"


def test_code_of_the_page() -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(block, PAGE.name, "exec"), {})


def test_jax_without_64_bits_gives_float32_of_the_same_values() -> None:
    x = jax.numpy.asarray(MAPS)
    assert x.dtype == np.float32
    found, expected = bitlens.intra_sample_entropy(x), bitlens.intra_sample_entropy(MAPS.astype(np.float32))
    assert isinstance(found, jax.Array)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(found), expected.astype(np.float32))


def test_results_stay_on_the_device_of_the_caller() -> None:
    device = array_api_strict.Device("device1")
    found = bitlens.intra_sample_entropy(array_api_strict.asarray(MAPS, device=device))
    assert found.device == device
    np.testing.assert_array_equal(np.from_dlpack(found), bitlens.intra_sample_entropy(MAPS))


def test_a_statistic_receives_arrays_of_the_caller() -> None:
    def mean(x: Any, y: Any) -> Any:
        assert isinstance(x, type(array_api_strict.asarray(0)))
        return array_api_strict.mean(x * y, axis=0)

    x = array_api_strict.asarray(np.random.default_rng(0).normal(size=(70, 2)))
    result = bitlens.permutation_test(mean, x, x, 3, intervals=True)
    assert {type(value) for value in (result.observed, result.p_value, result.low)} == {type(x)}


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float8_e4m3fn", "int4", "int8", "uint32", "bool"])
def test_types_of_jax(kind: str) -> None:
    x = jax.numpy.asarray(MAPS > 0 if kind == "bool" else (MAPS * 2)).astype(kind)
    values = np.asarray(x).astype(np.float32)
    np.testing.assert_allclose(
        np.asarray(bitlens.intra_sample_entropy(x)), bitlens.intra_sample_entropy(values), rtol=1e-6
    )


# id: an array that is read only, strided, or without axes where that has a meaning
LAYOUTS = {
    "read only": lambda: np.broadcast_to(MAPS[:1], MAPS.shape),
    "columns": lambda: np.asfortranarray(MAPS),
    "strided": lambda: np.repeat(MAPS, 2, axis=2)[:, :, ::2],
    "reversed": lambda: MAPS[::-1][::-1],
    "DataArray": lambda: xarray.DataArray(MAPS, dims=("rows", "columns", "x"), coords={"columns": [1, 2, 3]}),
    "dask": lambda: dask.array.from_array(MAPS, chunks=(4, 3, 4)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str) -> None:
    x = LAYOUTS[layout]()
    expected = bitlens.channel_decomposition(np.asarray(x), np.asarray(x).copy())
    np.testing.assert_allclose(bitlens.channel_decomposition(x, x).single, expected.single, rtol=1e-12)


@pytest.mark.parametrize("function", [bitlens.multivariate_information, bitlens.renyi_mutual_information])
def test_columns_may_be_contiguous_instead_of_rows(function: Any) -> None:
    assert function(np.asfortranarray(ROWS), ROWS) == function(ROWS, ROWS)


def test_columns_of_different_numbers_are_combined() -> None:
    columns = {"a": [True, False, True, False], "b": [0.5, 1, 2, 4], "c": [1, 2, 3, 5]}
    expected = bitlens.renyi_entropy(np.column_stack([*map(np.asarray, columns.values())]))
    nullable = pd.DataFrame({"a": columns["a"], "b": columns["b"], "c": pd.Series(columns["c"], dtype="Int64")})
    for frame in (pd.DataFrame(columns), nullable, pl.DataFrame(columns), pyarrow.table(columns)):
        assert bitlens.renyi_entropy(frame) == expected


def test_the_first_array_decides_where_libraries_are_mixed() -> None:
    others = {"NumPy": np.asarray, "PyTorch": torch.from_numpy, "JAX": jax.numpy.asarray, "lists": np.ndarray.tolist}
    for name, make in others.items():
        for other in others.values():
            found = bitlens.channel_mutual_information(make(MAPS), other(MAPS))
            assert isinstance(found, LIBRARIES[name].results)
            assert isinstance(bitlens.channel_entropy(make(MAPS), other(LABELS)), LIBRARIES[name].results)


MASKED = np.ma.array(ROWS, mask=ROWS > 1)
SHARES = np.ma.array([0.1, 0.2], mask=[False, True])

# id: (call, message)
REFUSED = {
    "mask": (lambda: bitlens.renyi_entropy(MASKED), "x: expected an array without a mask; fill or remove"),
    "mask of labels": (
        lambda: bitlens.channel_entropy(MAPS, np.ma.array(LABELS, mask=LABELS > 0)),
        "labels: expected an array without a mask",
    ),
    "mask of p-values": (lambda: bitlens.q_values(SHARES), "p_values: expected an array without a mask"),
    "mask of an excess": (lambda: bitlens.excess_interval(SHARES, 0.1), "excess: expected an array without a mask"),
    "mask of codes": (
        lambda: bitlens.joint_histogram(np.ma.array(CODES), CODES, codes=True),
        "a: expected an array without a mask",
    ),
    "mask of samples": (
        lambda: bitlens.permutation_test(bitlens.renyi_mutual_information, MASKED, ROWS),
        "a: expected an array without a mask",
    ),
    "masks in a list": (lambda: bitlens.renyi_entropy(list(MASKED)), "x: expected an array without a mask"),
    "mask of dask": (
        lambda: bitlens.renyi_entropy(dask.array.ma.masked_array(ROWS, ROWS > 1)),
        "x: expected an array without a mask",
    ),
    "text in pandas": (
        lambda: bitlens.renyi_entropy(pd.DataFrame({"a": [1, 2], "name": ["x", "y"]})),
        r"x: expected columns of numbers, got 'name' \(str|object\); leave them out or convert",
    ),
    "text in polars": (
        lambda: bitlens.renyi_entropy(pl.DataFrame({"a": [1, 2], "name": ["x", "y"]})),
        r"x: expected columns of numbers, got 'name' \(String\); leave",
    ),
    "several columns of a name": (
        lambda: bitlens.renyi_entropy(pd.DataFrame([[1, True, 2.0], [2, False, 3.0]], columns=["a", "b", "a"])),
        r"x: expected columns of numbers, got 'a' \(several columns\)",
    ),
    "categories": (
        lambda: bitlens.renyi_entropy(pd.Series(["a", "b"], dtype="category")),
        "x: expected integers, got object; number the classes",
    ),
    "dates": (
        lambda: bitlens.renyi_entropy(pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2021-01-01"])})),
        "x: expected an array of real numbers, got datetime64",
    ),
    "missing in pandas": (
        lambda: bitlens.renyi_entropy(pd.DataFrame({"a": pd.Series([1, None], dtype="Int64")})),
        "x: contains NaN or infinity",
    ),
    "missing in polars": (
        lambda: bitlens.renyi_entropy(pl.DataFrame({"a": [1, None]})),
        "x: contains NaN or infinity",
    ),
    "missing in a list": (lambda: bitlens.renyi_entropy([[1.0], [None]]), "x: expected an array of real numbers"),
    "objects": (lambda: bitlens.renyi_entropy(ROWS.astype(object)), "x: expected an array of real numbers, got object"),
    "ragged": (lambda: bitlens.renyi_entropy([[1.0], [1.0, 2.0]]), "x: expected an array, got list that is not one"),
    "text": (lambda: bitlens.renyi_entropy([["a"], ["b"]]), "x: expected an array of real numbers, got <U1"),
    "no axes": (lambda: bitlens.renyi_entropy(jax.numpy.asarray(1.0)), r"x: expected shape \(samples, \.\.\.\)"),
    "complex": (
        lambda: bitlens.renyi_entropy(jax.numpy.asarray(ROWS * 1j)),
        "x: expected an array of real numbers, got complex64",
    ),
    "keys of JAX": (lambda: bitlens.renyi_entropy(jax.random.key(0)), "x: expected an array, got PRNGKeyArray"),
    "jit": (
        lambda: jax.jit(bitlens.renyi_entropy)(jax.numpy.asarray(ROWS)),
        "x: expected an array with values, got a tracer of JAX; call it outside of jit, grad and vmap",
    ),
    "grad": (lambda: jax.grad(bitlens.renyi_entropy)(jax.numpy.asarray(ROWS)), "x: expected an array with values"),
    "vmap": (lambda: jax.vmap(bitlens.renyi_entropy)(jax.numpy.asarray(MAPS)), "x: expected an array with values"),
    "records": (
        lambda: bitlens.renyi_entropy(np.zeros((3, 2), [("a", "f4")])),
        "x: expected an array of real numbers",
    ),
    "void": (lambda: bitlens.renyi_entropy(np.zeros((3, 2), "V4")), "x: expected an array of real numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call()


def test_small_floats_of_numpy() -> None:
    values = ROWS.astype(ml_dtypes.bfloat16)
    assert bitlens.renyi_entropy(values) == bitlens.renyi_entropy(values.astype(np.float32))


@pytest.fixture
def gpu_array(monkeypatch: pytest.MonkeyPatch) -> OtherArray:
    """An array that says that it lies on GPU 0. PyTorch is told to lend it, and to put results there."""
    monkeypatch.setattr(torch, "from_dlpack", lambda other: getattr(other, "tensor", other))
    monkeypatch.setattr(ArrayContext, "to_device", lambda context, array: torch.from_numpy(array))
    return OtherArray(torch.from_numpy(MAPS), (2, 0))


def test_arrays_on_a_gpu_are_lent_and_returned_by_pytorch(gpu_array: OtherArray) -> None:
    found = bitlens.intra_sample_entropy(gpu_array)
    assert isinstance(found, OtherArray)
    np.testing.assert_array_equal(found.tensor.numpy(), bitlens.intra_sample_entropy(MAPS))


def test_arrays_on_a_gpu_need_pytorch(gpu_array: OtherArray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    message = r"^maps: expected an array, got OtherArray .* lies on device \(2, 0\) of DLPack; import torch before"
    with pytest.raises(TypeError, match=message):
        bitlens.intra_sample_entropy(gpu_array)


def test_a_library_that_takes_no_arrays_gives_numpy() -> None:
    class Lending:
        """As arrays of Arrow do, it lends its memory, and its package takes none."""

        def __dlpack_device__(self) -> tuple[int, int]:
            return (1, 0)

        def __dlpack__(self, **options: Any) -> Any:
            return MAPS.__dlpack__(**options)

    assert type(bitlens.distance_codes(Lending())) is np.ndarray
    assert type(bitlens.q_values(pyarrow.array([0.5, 0.25]))) is np.ndarray


def test_every_estimator_is_declared_to_return_arrays_of_the_caller() -> None:
    names = {name.split()[0] for name in CALLS} - set(RETURN_PARAMETERS)
    assert all(hasattr(getattr(estimators, name), "__wrapped__") for name in names)
