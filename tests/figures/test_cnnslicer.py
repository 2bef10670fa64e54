"""The claims of CNNSlicer, judged on tables written by hand, and the command that makes its page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from paper_figures import __main__ as command_line
from paper_figures.cnnslicer import channel_claims, claims
from paper_figures.cnnslicer.networks import LATER
from tests.figures.conftest import patterns


def seeds(rows: list[dict], count: int = 3, noise: float = 0.0) -> pd.DataFrame:
    """The rows for each seed, their numbers moved a little."""
    parts = []
    for seed in range(count):
        table = pd.DataFrame(rows)
        floats = table.select_dtypes("float").columns
        table[floats] += noise * (seed - 1)
        parts.append(table.assign(seed=seed))
    return pd.concat(parts, ignore_index=True)


def losses(slow: int, fast: int) -> list[dict]:
    return [
        {"size": size, "epoch": epoch, "loss": 2.0 if epoch < reached else 0.1}
        for size, reached in ((100, slow), (2000, fast))
        for epoch in range(6)
    ]


@pytest.mark.parametrize(
    ("slow", "fast", "count", "held"),
    [(4, 1, 3, True), (1, 4, 3, False), (9, 2, 3, True), (2, 2, 3, None), (4, 1, 2, None)],
)
def test_convergence(slow, fast, count, held):
    verdict = claims.convergence(seeds(losses(slow, fast), count), 0.25)
    assert verdict.held == {"": held}
    assert f"100 a class: {min(slow, 6)}.0" in verdict.numbers


@pytest.mark.parametrize(
    ("bits", "null", "noise", "held"),
    [
        ((15.0, 17.5), (16.0, 18.0), 0.01, [True, True]),
        ((15.0, 17.5), (16.0, 19.0), 0.01, [True, False]),
        ((15.0, 17.5), (16.0, 18.5), 0.01, [True, None]),
        ((15.0, 17.5), (16.0, 18.0), 2.0, [None, True]),
        ((17.5, 15.0), (16.0, 18.0), 0.01, [False, False]),
    ],
)
def test_inputs_are_compared_with_shuffled_images(bits, null, noise, held):
    """The same noise moves the images and the shuffled images of a seed, so that their difference has none."""
    rows = [
        {"size": size, "inter_sample_entropy": value, "null": shuffled}
        for size, value, shuffled in zip((100, 500), bits, null, strict=True)
    ]
    verdict = claims.inputs(seeds(rows, noise=noise))
    assert list(verdict.held.values()) == held
    grown = f"grows by {bits[1] - bits[0]:.2f} bits, and that of shuffled images by {null[1] - null[0]:.2f} bits"
    assert grown in verdict.numbers


@pytest.mark.parametrize(("steps", "held"), [((0.5, 0.1), True), ((0.1, 0.5), False), ((0.2, 0.2), None)])
def test_stable(steps, held):
    rows = [
        {"size": size, "epoch": epoch, "class": "0", "label_given_predicted": 1.0 + step * (epoch % 2)}
        for size, step in zip((100, 2000), steps, strict=True)
        for epoch in range(9)
    ]
    assert claims.stable(seeds(rows)).held == {"": held}


def test_unpredicted_classes_have_no_entropy():
    counts = [{"size": 1, "epoch": 0, "label": 0, "predicted": p, "samples": n} for p, n in ((0, 5), (1, 0))]
    entropies = [{"size": 1, "epoch": 0, "class": c, "label_given_predicted": h} for c, h in ((0, 1.0), (1, np.nan))]
    confusion, uncertainty = seeds(counts), seeds(entropies)
    assert claims.unpredicted(confusion, uncertainty).held == {"": True}
    filled = uncertainty.fillna(0.5)
    assert claims.unpredicted(confusion, filled).held == {"": False}
    assert claims.unpredicted(confusion.assign(samples=1), filled).held == {"": None}


@pytest.mark.parametrize(("best", "held"), [(0.9, True), (-0.9, False), (0.1, None)])
def test_similar(best, held):
    rows = [{"patterns": 0.9, "maps": best}, {"patterns": 0.2, "maps": 0.1}, {"patterns": 0.1, "maps": 0.1}]
    rows.append({"patterns": 0.0, "maps": 0.1})
    assert channel_claims.similar(seeds(rows)).held == {"": held}


def pooled(matrices: dict[int, np.ndarray]) -> pd.DataFrame:
    rows = [
        {"epoch": epoch, "channel_a": a, "channel_b": b, "mutual_information": float(matrix[a, b])}
        for epoch, matrix in matrices.items()
        for a, b in np.ndindex(matrix.shape)
    ]
    return seeds(rows)


def test_diagonal_and_redundant_rows():
    equal = np.tile([[1.0, 2.0, 3.0]], (3, 1)) + 0.01 * np.eye(3)
    table = pooled({0: equal, 9: np.eye(3) + 1.0})
    assert channel_claims.diagonal(table).held == {"epoch 0": False, "epoch 9": True}
    assert channel_claims.redundant(table).held == {"": True}
    assert channel_claims.redundant(pooled({0: np.eye(3), 9: equal})).held == {"": False}
    assert channel_claims.redundant(pooled({0: equal, 9: equal})).held == {"": None}


@pytest.mark.parametrize(
    ("values", "held"),
    [((0.9, 0.8, 0.5, 0.4, 0.1), True), ((0.9, 0.8, 0.5, 0.7, 0.1), False), ((0.1, 0.1, 0.1, 0.1, 0.9), False)],
)
def test_later(values, held):
    rows = [{"layer": layer, "excess": value} for layer, value in zip(LATER, values, strict=True)]
    assert channel_claims.later(seeds(rows)).held == {"": held}


def entropies(low: list[list[float]], high: list[list[float]]) -> pd.DataFrame:
    """Entropies [class][channel] of the low and of the high layer."""
    rows = [
        {"layer": layer, "group": str(group), "channel": channel, "intra_sample_entropy": value}
        for layer, values in (("relu1", low), ("relu2", high))
        for group, of_class in enumerate(values)
        for channel, value in enumerate(of_class)
    ]
    return seeds(rows)


def test_channels_by_class():
    even, uneven = [[2.0, 3.0], [2.0, 3.0]], [[1.0, 0.5], [0.2, 1.4]]
    table = entropies(even, uneven)
    assert channel_claims.consistent(table).held == {"": True}
    assert channel_claims.higher(table).held == {"": True}
    assert channel_claims.channel(table).held == {"relu1": True, "relu2": False}
    turned = entropies(uneven, even)
    assert channel_claims.consistent(turned).held == {"": False}
    assert channel_claims.higher(turned).held == {"": False}


@pytest.mark.parametrize(("sign", "held"), [(1, True), (-1, False)])
def test_detail_leaves_out_dead_channels(sign, held):
    rows = [{"entropy": float(i), "detail": float(sign * i), "dead": 0} for i in range(4)]
    rows += [{"entropy": float(9 + i), "detail": float(-sign * (9 + i)), "dead": 1} for i in range(9)]
    assert channel_claims.detail(seeds(rows)).held == {"": held}


def test_the_command_chooses_four_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given: list = []
    images = patterns(20, 20, np.ones((28, 28)), 0.5)
    monkeypatch.setattr(command_line, "_images", lambda mnist: images)
    monkeypatch.setattr(command_line.cnnslicer_page, "write", lambda *parts: given.extend(parts))
    options = ["--mnist", "x", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"), "--samples", "400"]
    result = CliRunner().invoke(command_line.app, ["cnnslicer", *options, "--seeds", "5"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    _, cache, out, settings = given
    assert (cache.folder, out, settings.seeds) == (tmp_path / "work", tmp_path / "out", 5)
    assert (settings.sizes, settings.shown) == ((2, 10, 20, 40), 20)
