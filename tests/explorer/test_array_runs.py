"""Every page on runs of stored arrays, which have no inputs, no labels and no output layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bitlens
from tests.support.page_contents import words

PAGES = ["training", "flow", "layers", "channels", "embedding", "pixels", "ablation", "method"]


@pytest.fixture(scope="module", params=["bare", "labelled"])
def array_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    rng = np.random.default_rng(0)
    store: Path = tmp_path_factory.mktemp("arrays") / request.param
    for epoch in (2, 5):
        states = {"conv": rng.random((40, 3, 4, 4)), "tokens": rng.random((40, 3, 4)), "dense": rng.random((40, 5))}
        labels = ["a", "b"] * 20 if request.param == "labelled" else None
        bitlens.record_arrays(store, epoch, states, labels=labels, metrics={"loss": 1.0})
    run = bitlens.open_run(store)
    bitlens.measure(run, samples=32, permutations=3, batch=20, k=5, skipped=lambda sentence: None)
    return run


@pytest.mark.parametrize("page", PAGES)
def test_no_page_fails(array_run, look, page):
    app = look(array_run.path, page=page)
    assert not app.exception, words(app)
    assert not app.error, words(app)
