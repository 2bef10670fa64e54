"""Information flow over a run: its numbers against the estimators by hand, chains and their violations, real networks."""

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

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


def record(path: Path, model, images, labels, **options) -> bitlens.Run:
    with bitlens.Recorder(model, path, (images, labels), **options) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(path)


@pytest.fixture
def run(tmp_path: Path) -> bitlens.Run:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    return record(tmp_path / "run", model, torch.rand(70, 1, 8, 8), torch.arange(70) % 3, gradients=True)


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
    plane = bitlens.information_plane(run, estimator).sel(epoch=0)
    for layer in plane.layer.values:
        maps = run.activations(layer, 0)
        row = plane.sel(layer=layer)
        if estimator == "binning":
            assert row.information.values.tolist() == list(bitlens.binned_information(maps, run.labels))
        else:
            bounds = bitlens.pairwise_distance_information(maps, run.labels)
            assert row.information.values.tolist() == list(bounds.upper)
            assert row.information_lower.values.tolist() == list(bounds.lower)


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
    run = record(tmp_path / "run", torch.nn.Sequential(torch.nn.Linear(5, 4)), torch.rand(20, 5), None)
    for estimator in ("renyi", "binning", "kde"):
        assert bitlens.information_plane(run, estimator).about.values.tolist() == ["input"]
    assert "backward" not in bitlens.processing_inequalities(run)
    with pytest.raises(RunError, match="bandwidth: an Alignment needs labels"):
        bitlens.information_plane(run, bandwidth=Alignment())


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


def test_chains_by_hand(run: bitlens.Run) -> None:
    chains = bitlens.processing_inequalities(run, batch=70, permutations=4).sel(epoch=0)
    plane = bitlens.information_plane(run, batch=70, permutations=4).sel(epoch=0, about="input")
    np.testing.assert_allclose(chains.forward, plane.information, atol=1e-12)
    np.testing.assert_allclose(chains.forward_rise[1:], np.diff(plane.information), atol=1e-12)
    allowed = 2 * np.hypot(plane.null_std[1:], plane.null_std[:-1].values)
    np.testing.assert_allclose(chains.forward_allowed[1:], allowed, atol=1e-12)
    assert int(chains.forward_violations) == int((chains.forward_rise.values[1:] > allowed.values).sum())
    names = chains.layer.values.tolist()
    last = run.activations(names[-1], 0, gradients=True)
    before = run.activations(names[-2], 0, gradients=True)
    information = bitlens.multivariate_information(
        last, before[:, None] if before.ndim == 2 else before, permutations=4
    )
    assert float(chains.backward.sel(layer=names[-2])) == pytest.approx(information.information, abs=1e-9)
    assert np.isnan(float(chains.backward.sel(layer=names[-1])))


class Forgetful(torch.nn.Module):
    """Noise in the middle, which a later layer undoes by looking at the input again: no chain."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(5, 8), torch.nn.Linear(5, 8)

    def forward(self, x):
        noise = self.first(torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))
        return self.second(x + 0 * noise.sum(1, keepdim=True))


def test_information_that_rises_is_a_violation(tmp_path: Path) -> None:
    run = record(tmp_path / "run", Forgetful(), torch.randn(60, 5), None)
    chains = bitlens.processing_inequalities(run).sel(epoch=0)
    assert int(chains.forward_violations) == 1
    assert float(chains.forward_rise[1]) > 0.3


def test_rounding_is_no_violation(tmp_path: Path) -> None:
    """Samples so far apart for the kernel that shuffles change nothing, and still a little farther in the second layer."""
    network = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
    for layer in network:
        torch.nn.init.constant_(layer.weight, 2.0)
    run = record(tmp_path / "run", network, 2.15 * torch.arange(40.0)[:, None], None)
    with pytest.warns(bitlens.SaturationWarning):
        chains = bitlens.processing_inequalities(run, batch=40, bandwidth=1.0, bandwidth_x=1.0).sel(epoch=0)
    assert 2 * np.sqrt(2) * chains.forward_null_std.max() < chains.forward_rise[1] < 4e-6
    assert int(chains.forward_violations) == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda run: bitlens.information_plane(run, "mine"),
            RunError,
            "estimator: expected 'renyi', 'binning' or 'kde'",
        ),
        (lambda run: bitlens.information_plane(run, batch=2), ValueError, "batch: expected at least 3, got 2"),
        (
            lambda run: bitlens.information_plane(run, bandwidth=Alignment(run.labels)),
            ValueError,
            "bandwidth: over a run an Alignment takes the run's labels",
        ),
        (lambda run: bitlens.layer_decomposition(run, "input"), RunError, "layer: input has one channel"),
        (
            lambda run: bitlens.layer_decomposition(run, "0", bandwidth=np.ones(4)),
            TypeError,
            "bandwidth: over a run, expected a rule or one number, got float64 of shape",
        ),
        (
            lambda run: bitlens.measure(run, ["layer_decomposition"], preset="tensor-kernel"),
            RunError,
            "measure: with 'tensor-kernel' a layer has no channels",
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


def test_errors_have_the_rules_of_activations_and_input_unless_they_have_their_own(run: bitlens.Run) -> None:
    """Which are two results, though the rule of the layers is the same."""
    rules = {"bandwidth": 2.0, "bandwidth_x": 5.0, "permutations": 2, "batch": 70}
    last, first = (run.activations(layer, 0, gradients=True) for layer in ("output", "0"))
    for own, of_last in ((None, 5.0), (2.0, 2.0)):
        chains = bitlens.processing_inequalities(run, bandwidth_errors=own, **rules).sel(epoch=0)
        by_hand = bitlens.multivariate_information(last, first, bandwidth=2.0, bandwidth_x=of_last)
        assert float(chains.backward.sel(layer="0")) == pytest.approx(by_hand.information, abs=1e-9)


def test_a_wide_layer_is_decomposed_by_some_pairs(run: bitlens.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitlens.measures.whole.PAIRS", 3)
    bitlens.measure(run, ["layer_decomposition"])
    assert {p["pairs"] for p in run.results.recorded("layer_decomposition")} == {3}


def test_results_are_kept_by_their_parameters(run: bitlens.Run) -> None:
    bitlens.information_plane(run, permutations=2, bandwidth=2.5)
    bitlens.information_plane(run, permutations=2)
    kept = {p["bandwidth"] for p in run.results.recorded("information_plane")}
    assert kept == {"2.5", repr(Median())}


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
