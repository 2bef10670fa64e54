"""The information plane over a run: its numbers against the estimators by hand, and a real network."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Alignment, Median, SaturationWarning, Silverman
from bitlens.estimators import PUBLISHED_SETTINGS
from bitlens.measures.minibatches import batches
from bitlens.runs import RunError
from tests.support.recording import record_once

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


def test_mini_batches():
    parts = batches(70, 30, 1)
    assert [len(part) for part in parts] == [30, 30]
    assert len(set(np.concatenate(parts))) == 60
    assert [len(part) for part in batches(20, 30, 1)] == [20]


def test_the_plane_by_hand(run: bitlens.Run) -> None:
    plane = bitlens.information_plane(run, batch=30, permutations=3, seed=1).sel(epoch=0)
    for target, about in ((run.inputs.reshape(70, -1), "input"), (run.labels, "labels")):
        for layer in plane.layer.values:
            maps = run.activations(layer, 0)
            maps = maps[:, None] if maps.ndim == 2 else maps
            by_hand = [
                bitlens.multivariate_information(target[part], maps[part], permutations=3, seed=1)
                for part in batches(70, 30, 1)
            ]
            row = plane.sel(about=about, layer=layer)
            assert float(row.information) == pytest.approx(np.mean([b.information for b in by_hand]), abs=1e-9)
            assert float(row.null_mean) == pytest.approx(np.mean([b.null_mean for b in by_hand]), abs=1e-9)
            spread = np.hypot(*[b.null_std for b in by_hand]) / 2
            assert float(row.null_std) == pytest.approx(spread, abs=1e-9)
            assert float(row.saturation) == pytest.approx(np.mean([b.saturation for b in by_hand]), abs=1e-9)
    assert plane.information.attrs["units"] == "bits"


@pytest.mark.parametrize("estimator", ["binning", "kde"])
def test_other_estimators_by_hand(run: bitlens.Run, estimator: str) -> None:
    plane = bitlens.information_plane(run, estimator=estimator).sel(epoch=0)
    for layer in plane.layer.values:
        maps = run.activations(layer, 0)
        row = plane.sel(layer=layer)
        if estimator == "binning":
            assert row.information.values.tolist() == list(bitlens.binned_information(maps, run.labels)[:2])
        else:
            bounds = bitlens.pairwise_distance_information(maps, run.labels)
            assert row.information.values.tolist() == list(bounds.upper[:2])
            assert row.information_lower.values.tolist() == list(bounds.lower[:2])


@pytest.mark.parametrize("name", PUBLISHED_SETTINGS)
def test_published_settings_by_hand(run: bitlens.Run, name: str) -> None:
    plane = bitlens.information_plane(run, batch=70, **bitlens.published_settings(name)).sel(epoch=0, layer="0")
    chains = bitlens.processing_inequalities(run, batch=70, bandwidth_errors=0.1, **bitlens.published_settings(name))
    settings = bitlens.published_settings(name, run.labels)
    x, maps = run.inputs.reshape(70, -1), run.activations("0", 0)
    by_hand = bitlens.multivariate_information(x, maps, **settings).information
    assert float(plane.sel(about="input").information) == pytest.approx(by_hand, abs=1e-9)
    assert float(chains.forward.sel(epoch=0, layer="0")) == pytest.approx(by_hand, abs=1e-9)
    by_hand = bitlens.multivariate_information(run.labels, maps, **settings).information
    assert float(plane.sel(about="labels").information) == pytest.approx(by_hand, abs=1e-9)
    errors = [run.activations(layer, 0, gradients=True) for layer in ("0", "output")]
    by_hand = bitlens.multivariate_information(
        errors[1].reshape(70, -1), errors[0], **settings | {"bandwidth": 0.1, "bandwidth_x": 0.1}
    )
    assert float(chains.backward.sel(epoch=0, layer="0")) == pytest.approx(by_hand.information, abs=1e-9)


def test_a_run_without_labels_has_the_input_alone(tmp_path: Path) -> None:
    run = record_once(tmp_path / "run", torch.nn.Sequential(torch.nn.Linear(5, 4)), torch.rand(20, 5), None)
    for estimator in ("renyi", "binning", "kde"):
        assert bitlens.information_plane(run, estimator=estimator).about.values.tolist() == ["input"]
    assert "backward" not in bitlens.processing_inequalities(run)
    with pytest.raises(RunError, match="bandwidth: an Alignment needs labels"):
        bitlens.information_plane(run, bandwidth=Alignment())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda run: bitlens.information_plane(run, estimator="mine"),
            ValueError,
            "estimator: expected 'renyi' or 'binning' or 'kde', got 'mine'",
        ),
        (lambda run: bitlens.information_plane(run, batch=2), ValueError, "batch: expected at least 3, got 2"),
        (
            lambda run: bitlens.information_plane(run, bandwidth=Alignment(run.labels)),
            ValueError,
            "bandwidth: labels of Alignment cannot be stored; leave it out",
        ),
        (lambda run: bitlens.layer_decomposition(run, "input"), RunError, "layer: input has one channel"),
        (
            lambda run: bitlens.layer_decomposition(run, "0", bandwidth=np.ones(4)),
            TypeError,
            "bandwidth: expected float or Median or .* or Alignment, got ",
        ),
        (
            lambda run: bitlens.measure(run, ["layer_decomposition"], published="tensor-kernel"),
            RunError,
            "with the settings 'tensor-kernel' a layer is one variable",
        ),
        (
            lambda run: bitlens.layer_decomposition(run, "0", permutations=1),
            ValueError,
            "permutations: expected at least 2, got 1",
        ),
        (lambda run: bitlens.layer_decomposition(run, "x"), RunError, "layer: no layer 'x'"),
    ],
)
def test_refused(run: bitlens.Run, call, error, message) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call(run)


def test_results_are_kept_by_their_parameters(run: bitlens.Run) -> None:
    bitlens.information_plane(run, permutations=2, bandwidth=2.5)
    bitlens.information_plane(run, permutations=2)
    assert [known.parameters.bandwidth for known in bitlens.information_plane.known(run)] == [Median(), 2.5]


@pytest.mark.mnist
def test_64_channels_of_a_trained_network(mnist) -> None:
    """By default the null is far below; the paper's choice gives H(X) to shuffled samples as well, and a warning."""
    torch.manual_seed(0)
    images = torch.from_numpy(mnist["train_images"][:6000, None] / np.float32(255))
    labels = torch.from_numpy(mnist["train_labels"][:6000].astype(np.int64))
    features = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 5), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(6, 64, 5), torch.nn.ReLU()
    )
    model = torch.nn.Sequential(features, torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(1024, 10))
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    for start in range(0, 6000, 100):
        optimizer.zero_grad()
        part = slice(start, start + 100)
        torch.nn.functional.cross_entropy(model(images[part]), labels[part]).backward()
        optimizer.step()
    with torch.no_grad():
        maps = features(images[:128]).numpy()
    x = images[:128].flatten(1).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bitlens.multivariate_information(x, maps, bandwidth_x=Silverman(5.0))
    assert found.null_mean < found.information - 20 * found.null_std
    with pytest.warns(SaturationWarning, match="of log2 n: all samples differ"):
        paper = bitlens.multivariate_information(
            x, maps, bandwidth=Silverman(5.0), bandwidth_x=Silverman(5.0), scale_bandwidth=False
        )
    assert paper.information == pytest.approx(paper.entropy_x, rel=0.01)
    assert paper.null_mean == pytest.approx(paper.entropy_x, rel=0.01)
