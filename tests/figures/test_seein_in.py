"""The claims of Seein' In, judged on tables written by hand, and the quantities that its figures show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from paper_figures.seein_in import claims
from paper_figures.seein_in.measuring import slant
from paper_figures.seein_in.networks import contrastive


def seeds(rows: list[dict], count: int = 3) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(rows).assign(seed=seed) for seed in range(count)], ignore_index=True)


def clusters(accuracy: float = 0.95, without: float = 0.8, farthest: int = 8) -> pd.DataFrame:
    rows = [
        {"class": label, "variant": variant, "foreign": 0.5 if label == farthest else 0.1, "accuracy": share}
        for variant, share in (("with ReLU", accuracy), ("without ReLU", without))
        for label in range(10)
    ]
    return seeds(rows)


def test_clusters():
    assert claims.separated(clusters()).held == {"": True}
    assert claims.separated(clusters(0.5)).held == {"": False}
    assert claims.separated(clusters()[lambda rows: rows.seed < 2]).held == {"": None}
    words = "most permeated"
    assert claims.extreme(clusters(), 8, "foreign", words, largest=True).held == {"": True}
    assert claims.extreme(clusters(farthest=2), 8, "foreign", words, largest=True).held == {"": False}
    mixed = pd.concat([clusters()[lambda rows: rows.seed < 2], clusters(farthest=2)[lambda rows: rows.seed == 2]])
    assert claims.extreme(mixed, 8, "foreign", words, largest=True).held == {"": None}
    assert claims.worse(clusters()).held == {"": True}
    assert claims.worse(clusters(0.8, 0.95)).held == {"": False}


@pytest.mark.parametrize(("far", "held"), [(0.1, True), (9.0, False)])
def test_degenerate_digits(far, held):
    rows = [{"x": 3.0, "y": 4.0, "class": 1, "nearest": 1}, {"x": far, "y": 0.0, "class": 1, "nearest": 2}]
    verdict = claims.degenerate(seeds(rows))
    assert verdict.held == {"": held}
    assert f"{far:.2f} ± 0.00 and 5.00 ± 0.00" in verdict.numbers
    nothing = claims.degenerate(seeds(rows[:1]))
    assert nothing.held == {"": None}
    assert "there are none" in nothing.numbers


def test_fields_units_and_ranks():
    sides = ("top", "bottom", "left", "right")
    box = {side: i for i, side in enumerate(sides)} | {f"reached_{side}": i for i, side in enumerate(sides)}
    assert claims.field(pd.DataFrame([box])).held == {"": True}
    assert claims.field(pd.DataFrame([box | {"reached_top": 9}])).held == {"": False}
    units = seeds([{"unit": i, "classes": c, "lowest": 0.0} for i, c in enumerate((1, 2, 1, 7, 0, 0))])
    assert claims.quadrant(units).held == {"": True}
    assert claims.quadrant(units.assign(lowest=-0.1)).held == {"": False}
    assert claims.groups(units).held == {"": True}
    assert "0.75 ± 0.00; 6 of 18 never fire" in claims.groups(units).numbers
    assert claims.groups(units.assign(classes=5)).held == {"": False}
    ranks = seeds([{"variant": v, "rank": r, "units": 10} for v, r in (("with ReLU", 5.0), ("without ReLU", 2.0))])
    assert claims.dependent(ranks).held == {"": True}
    assert claims.dependent(ranks.assign(rank=2.0)).held == {"": None}


def test_channels():
    table = seeds([{"channel": 0, "ones": 0.9, "slant": -0.8}, {"channel": 1, "ones": 0.1, "slant": 0.2}])
    assert claims.dense(table).held == {"": True}
    assert claims.slanted(table).held == {"": True}
    low = table.assign(ones=0.2, slant=0.1)
    assert claims.dense(low).held == {"": False}
    assert claims.slanted(low).held == {"": False}


def test_slant_of_lines():
    images = np.zeros((3, 9, 9))
    for row in range(9):
        images[0, row, 4] = images[1, row, 8 - row] = images[2, row, row] = 1
    np.testing.assert_allclose(slant(images), [0.0, 1.0, -1.0], atol=1e-12)


def test_the_loss_is_that_of_all_pairs():
    outputs = torch.tensor([[0.0, 0.0], [0.0, 2.0], [0.5, 0.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1])
    pairs = {(0, 1): 4.0, (0, 2): (1 - 0.5) ** 2, (1, 2): 0.0}
    expected = sum(pairs.values()) * 2 / 6
    assert float(contrastive(1.0)(outputs, outputs, labels)) == pytest.approx(expected, rel=1e-9)
