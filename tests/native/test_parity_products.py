"""Dot products of samples on every back-end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bitlens import _core
from bitlens.arrays import ArrayContext, call_kernel
from bitlens.estimators.neighbors import nearest
from tests.native.test_parity_neighbors import output


@pytest.mark.each_kernel
@pytest.mark.parametrize("length", [1, 7, 8, 9, 383, 384, 385, 1000])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 3), (3, 2)])
def test_dot_products(backend, rows, columns, length):
    """Products of whole numbers, which float32 adds exactly, written into a part of a larger tile."""
    random = np.random.default_rng(0)
    with backend.active():
        panel = nearest._tiles_for(ArrayContext(backend.put(np.zeros(1)).device)).panel
        a, b = (random.integers(-9, 10, (count, length, panel)).astype(np.float32) for count in (rows, columns))
        panels = backend.put(a), backend.put(b)
        context = ArrayContext(panels[0].device)
        tile = output(context, rows * panel, columns * panel + 8, dtype="float32")
        call_kernel(context, _core.dot_products, *panels, tile[:, :-8])
        tile = tile.cpu().numpy()
    expected = a.transpose(0, 2, 1).reshape(-1, length) @ b.transpose(0, 2, 1).reshape(-1, length).T
    np.testing.assert_array_equal(tile[:, :-8], expected)
    assert np.isnan(tile[:, -8:]).all()


@pytest.mark.parametrize("precision", ["ieee", "tf32"])
def test_products_are_float32_for_every_setting_of_the_process(backend, precision):
    """TF32 keeps 10 bits of 1 + 2^-12."""
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = precision
    try:
        with backend.active():
            panel = nearest._tiles_for(ArrayContext(backend.put(np.zeros(1)).device)).panel
            panels = backend.put(np.full((1, 1, panel), 1 + 2.0**-12, np.float32))
            context = ArrayContext(panels.device)
            dots = output(context, panel, panel, dtype="float32")
            call_kernel(context, _core.dot_products, panels, panels, dots)
            dots = dots.cpu()
    finally:
        torch.backends.cuda.matmul.fp32_precision = before
    assert (dots == np.float32((1 + 2.0**-12) ** 2)).all()
