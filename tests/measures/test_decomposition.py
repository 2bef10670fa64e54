"""How channels share their information, over a run: the numbers by hand, and what cannot be decomposed."""

from __future__ import annotations

import numpy as np
import pytest

import bitlens
from bitlens import Silverman, tables
from bitlens.measures.minibatches import batches

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


def test_the_decomposition_by_hand(run: bitlens.Run) -> None:
    found = bitlens.layer_decomposition(
        run, "0", batch=30, seed=2, bandwidth=Silverman(5.0), bandwidth_x=Silverman(5.0)
    ).sel(epoch=0)
    maps = run.activations("0", 0)
    for target, about in ((run.inputs.reshape(70, -1), "input"), (run.labels, "labels")):
        by_hand = [
            bitlens.channel_decomposition(
                target[part], maps[part], None, 2, bandwidth=Silverman(5.0), bandwidth_x=Silverman(5.0), permutations=2
            )
            for part in batches(70, 30, 2)
        ]  # fmt: skip
        row = found.sel(about=about)
        for name in ("multivariate", "redundancy_synergy", "weighted_nonredundant_share"):
            assert float(row[name]) == pytest.approx(np.mean([getattr(b, name) for b in by_hand]), abs=1e-9)
            null = np.array([[getattr(other, name) for other in b.null] for b in by_hand])
            assert float(row[f"{name}_null_mean"]) == pytest.approx(null.mean(), abs=1e-9)
            assert float(row[f"{name}_null_std"]) == pytest.approx(np.hypot(*null.std(axis=1, ddof=1)) / 2, abs=1e-9)
        np.testing.assert_allclose(row.single, np.mean([b.single for b in by_hand], axis=0), atol=1e-9)


@pytest.mark.parametrize(("batch", "known"), [(4, True), (5, False)])
def test_without_16_mini_batches_it_says_why_it_has_no_error(run: bitlens.Run, batch: int, known: bool) -> None:
    found = bitlens.layer_decomposition(run, "0", batch=batch, pairs=2, epochs=[0])
    assert bool(found.redundancy_synergy_standard_error.notnull().all()) is known
    reason = "" if known else "No error is given, because it comes from the deviations between mini-batches"
    for table in (found, tables.channel_decomposition({"0": found})):
        assert tables.no_error(table)[: max(1, len(reason))] == reason


def test_a_wide_layer_is_decomposed_by_some_pairs(run: bitlens.Run) -> None:
    bitlens.measure(run, ["layer_decomposition"], pairs=3)
    (known,) = bitlens.layer_decomposition.known(run, "0")
    assert known.parameters.pairs == 3
    bitlens.layer_decomposition(run, "0")
    assert {known.parameters.pairs for known in bitlens.layer_decomposition.known(run, "0")} == {3, 6}
