"""Projections of a layer, and nearest samples."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens import measures
from bitlens.runs import RunError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(32, 4))
    store = tmp_path_factory.mktemp("runs") / "run"
    with bitlens.Recorder(model, store, (torch.rand(40, 1, 6, 6), torch.arange(40) % 4), show_size=False) as recorder:
        recorder.snapshot(1)
    return bitlens.open_run(store)


def test_principal_components(run: bitlens.Run) -> None:
    points = measures.projected_points(run, "0", 1, components=3)
    values = run.activations("0", 1).reshape(len(run.labels), -1).astype(float)
    centered = values - values.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(centered.T))
    expected = centered @ axes[:, ::-1][:, :3]
    np.testing.assert_allclose(np.abs(points.activation), np.abs(expected), atol=1e-8)
    largest = points.activation.values[np.abs(points.activation.values).argmax(axis=0), np.arange(3)]
    assert (largest > 0).all()
    np.testing.assert_allclose(points.attrs["explained"], variances[::-1][:3] / variances.sum())


def test_principal_components_of_more_values_than_samples(run: bitlens.Run) -> None:
    points = measures.projected_points(run, "0", 1, limit=12)
    values = run.activations("0", 1).reshape(len(run.labels), -1)[points.sample.values].astype(float)
    left, singular, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    assert values.shape == (12, 32)
    np.testing.assert_allclose(np.abs(points.activation), np.abs(left[:, :2] * singular[:2]), atol=1e-8)
    np.testing.assert_allclose(points.attrs["explained"], singular[:2] ** 2 / (singular**2).sum())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_layers_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    states = np.random.default_rng(0).normal(size=(20, 5))
    states[3, 2] = value
    bitlens.record_arrays(tmp_path / "run", 0, {"states": states})
    run = bitlens.open_run(tmp_path / "run")
    for call in (
        lambda: measures.projected_points(run, "states", 0),
        lambda: measures.nearest_samples(run, "states", 0, 1),
    ):
        with pytest.raises(ValueError, match="the activations of states contain NaN or infinity"):
            call()


def test_few_samples_and_refusals(run: bitlens.Run) -> None:
    few = measures.projected_points(run, "0", 1, limit=5)
    assert few.sample.values.tolist() == run.evenly_spaced_samples(5)
    with pytest.raises(ValueError, match="components: expected less than 2 samples"):
        measures.projected_points(run, "0", 1, limit=2)
    with pytest.raises(ValueError, match="components: expected at least 2, got 1"):
        measures.projected_points(run, "0", 1, components=1)
    with pytest.raises(ValueError, match="method: expected 'pca', 'tsne' or 'umap', got 'lda'"):
        measures.projected_points(run, "0", 1, "lda")  # type: ignore[arg-type]


def test_tsne_is_the_same_for_the_same_seed(run: bitlens.Run) -> None:
    pytest.importorskip("sklearn")
    first, second = (measures.projected_points(run, "output", 1, "tsne") for _ in range(2))
    np.testing.assert_array_equal(first.activation, second.activation)
    assert first.activation.shape == (len(run.labels), 2)


def test_a_method_without_its_package(run: bitlens.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ModuleNotFoundError, match="method: 'umap' needs umap-learn: pip install umap-learn"):
        measures.projected_points(run, "output", 1, "umap")


def test_nearest_samples(run: bitlens.Run) -> None:
    values = run.activations("output", 1).astype(float)
    found = measures.nearest_samples(run, "output", 1, 7, 4)
    distances = ((values - values[7]) ** 2).sum(axis=1) ** 0.5
    expected = [i for i in np.argsort(distances, kind="stable") if i != 7][:4]
    assert found.sample.values.tolist() == expected
    np.testing.assert_allclose(found.distance, distances[expected])
    assert measures.nearest_samples(run, "output", 1, 7, 1000).sizes["neighbor"] == len(values) - 1
    with pytest.raises(RunError, match=r"sample: expected 0 to \d+, got -1"):
        measures.nearest_samples(run, "output", 1, -1)
    with pytest.raises(ValueError, match="number: expected at least 1, got 0"):
        measures.nearest_samples(run, "output", 1, 1, 0)


def test_equal_samples_are_neighbours_by_their_numbers(tmp_path: Path) -> None:
    states = np.repeat(np.arange(4.0)[:, None], 10, axis=0)  # sample 15 is one of ten equal ones
    bitlens.record_arrays(tmp_path / "run", 0, {"states": states})
    for number in (3, 9, 12, 39):
        found = measures.nearest_samples(bitlens.open_run(tmp_path / "run"), "states", 0, 15, number)
        distances = np.abs(states[:, 0] - 1)
        expected = [i for i in np.argsort(distances, kind="stable") if i != 15][:number]
        assert found.sample.values.tolist() == expected
        np.testing.assert_array_equal(found.distance, distances[expected])
