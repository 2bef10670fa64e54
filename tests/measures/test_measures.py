"""Measures over a run: their numbers, from the activations by hand; what is resumed; what cannot be measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.metrics import confusion_matrix, log_loss

import bitlens
from bitlens import reference
from bitlens.measures import COMPUTED
from bitlens.runs import RunError


@pytest.fixture
def run(tmp_path: Path) -> bitlens.Run:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(108, 4))
    with torch.no_grad():
        model[0].weight[1] = 0  # a dead channel
        model[0].bias[1] = -1
    images, labels = torch.rand(40, 1, 8, 8), torch.arange(40) % 4
    labels[labels == 3] = 0  # a class without samples
    labels[0] = 3
    with bitlens.Recorder(model, tmp_path / "run", (images, labels)) as recorder:
        recorder.snapshot(0)
        torch.nn.init.normal_(model[3].weight)
        recorder.snapshot(3)
    return bitlens.open_run(tmp_path / "run")


def test_training_performance(run: bitlens.Run) -> None:
    performance = bitlens.training_performance(run)
    assert performance.epoch.values.tolist() == [0, 3]
    for epoch in (0, 3):
        logits = run.activations("output", epoch).astype(float)
        predicted = logits.argmax(axis=1)
        row = performance.sel(epoch=epoch)
        np.testing.assert_array_equal(row.confusion, confusion_matrix(run.labels, predicted, labels=range(4)))
        assert float(row.accuracy) == pytest.approx(np.mean(predicted == run.labels))
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert float(row.loss) == pytest.approx(log_loss(run.labels, shares) / np.log(2))
        label_given, predicted_given = reference.label_entropies(row.confusion.values)
        np.testing.assert_allclose(row.label_given_predicted, label_given, atol=1e-12)
        np.testing.assert_allclose(row.predicted_given_label, predicted_given, atol=1e-12)


def test_samples_of_a_cell_of_the_confusion_matrix(run: bitlens.Run) -> None:
    confusion = bitlens.training_performance(run).confusion.sel(epoch=3).values
    cells = {(i, j): bitlens.predicted_samples(run, 3, i, j) for i in range(4) for j in range(4)}
    assert {cell: len(found) for cell, found in cells.items()} == dict(np.ndenumerate(confusion))
    assert sorted(sample for found in cells.values() for sample in found) == list(range(40))


def test_input_and_layer_diversity(run: bitlens.Run) -> None:
    diversity = bitlens.input_diversity(run, k=5)
    assert float(diversity.inter_sample_entropy) == pytest.approx(reference.inter_sample_entropy(run.inputs, 5))
    assert float(diversity.bound) == pytest.approx(np.log2(2 * 40 * 5))
    assert np.isnan(diversity.class_inter_sample_entropy.sel({"class": "3"}))  # a single sample has no neighbours
    layers = bitlens.layer_diversity(run, k=5)
    expected = reference.inter_sample_entropy(run.activations("0", 3), 5)
    assert float(layers.inter_sample_entropy.sel(epoch=3, layer="0")) == pytest.approx(expected)
    assert float(layers.inter_sample_entropy.sel(epoch=0, layer="input")) == float(diversity.inter_sample_entropy)


def test_channel_entropies(run: bitlens.Run) -> None:
    information = bitlens.channel_entropies(run, "1", bins=16)
    maps = run.activations("1", 3)
    row = information.sel(epoch=3)
    np.testing.assert_allclose(row.intra_sample_entropy, reference.channel_entropy(maps, bins=16), atol=1e-9)
    np.testing.assert_allclose(
        row.class_intra_sample_entropy, reference.channel_entropy(maps, run.labels, bins=16), atol=1e-9
    )
    assert row.dead.values.tolist() == [False, True, False]
    assert float(row.intra_sample_entropy[1]) == 0
    assert (float(row.lowest), float(row.highest)) == (maps.min(), maps.max())


def test_layer_pair_information(run: bitlens.Run) -> None:
    information = bitlens.layer_pair_information(run, "0", "1", bins=8, permutations=5, seed=3)
    a, b = run.activations("0", 3), run.activations("1", 3)
    row = information.sel(epoch=3)
    np.testing.assert_allclose(row.mutual_information, reference.channel_mutual_information(a, b, 8), atol=1e-9)
    # The same null as that of the general function, which computes the distances of every shuffle anew.
    null = bitlens.permutation_test(lambda x, y: bitlens.channel_mutual_information(x, y, 8), a, b, 5, seed=3)
    for name in ("null_mean", "null_std", "excess", "p_value"):
        np.testing.assert_allclose(row[name], getattr(null, name), atol=1e-12)
    np.testing.assert_allclose(row.entropy_a + row.entropy_b - row.joint_entropy, row.mutual_information, atol=1e-9)
    assert float(abs(row.mutual_information.sel(channel_b=1)).max()) == 0  # the dead channel


def test_layer_pair_information_of_some_samples(run: bitlens.Run) -> None:
    information = bitlens.layer_pair_information(run, "input", "output", permutations=2, samples=4, epochs=[0])
    chosen = [0, 13, 26, 39]
    expected = reference.channel_mutual_information(run.inputs[chosen], run.activations("output", 0)[chosen])
    np.testing.assert_allclose(information.mutual_information[0], expected, atol=1e-9)
    with pytest.raises(ValueError, match="samples: expected at least 2"):
        bitlens.layer_pair_information(run, "input", "0", samples=1)


def test_feature_maps(run: bitlens.Run) -> None:
    maps = bitlens.feature_maps(run, "0", channel=2, epoch=3, samples=[5, 1])
    assert maps.dims == ("sample", "row", "column")
    np.testing.assert_array_equal(maps, run.activations("0", 3)[[5, 1], 2])
    assert bitlens.feature_maps(run, "output", 0, 3, [1]).dims == ("sample",)


@pytest.mark.parametrize(("by", "expected"), [("index", [0, 1, 2]), ("maximum", [2, 0, 1]), ("mean", [0, 2, 1])])
def test_channel_order(by: str, expected: list[int]) -> None:
    table = xr.DataArray([[4.0, 4.0], [1.0, 2.0], [5.0, 0.0]], dims=("channel_a", "channel_b"))
    assert bitlens.channel_order(table, "channel_a", by).tolist() == expected


def test_similar_channels_stand_side_by_side() -> None:
    rows = np.array([[9.0, 0.0, 0.0], [0.0, 9.0, 0.1], [8.0, 0.0, np.nan], [0.0, 8.0, 0.2], [9.0, 0.5, 0.0]])
    order = bitlens.channel_order(xr.DataArray(rows, dims=("channel_a", "channel_b")), "channel_a", "cluster").tolist()
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert sorted(order[:2]) == [1, 3] or sorted(order[3:]) == [1, 3]
    for table in (np.ones((4, 3)), np.eye(2)):
        by_channel = xr.DataArray(table, dims=("channel_a", "channel_b"))
        assert bitlens.channel_order(by_channel, "channel_a", "cluster").tolist() == list(range(len(table)))


def test_channel_order_of_nonsense() -> None:
    table = xr.DataArray([[4.0, 4.0]], dims=("channel_a", "channel_b"))
    with pytest.raises(ValueError, match="channels: expected one of two dimensions"):
        bitlens.channel_order(table, "epoch")
    with pytest.raises(ValueError, match="by: expected 'index', 'maximum', 'mean' or 'cluster', got 'size'"):
        bitlens.channel_order(table, "channel_a", "size")  # type: ignore[arg-type]


def test_an_interrupted_measure_goes_on_where_it_stopped(run: bitlens.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import bitlens.measures.channels as channels

    computed = []

    def interrupted(maps: np.ndarray, bins: int) -> np.ndarray:
        computed.append(maps)
        if len(computed) == 2:
            raise KeyboardInterrupt
        return np.asarray(bitlens.intra_sample_entropy(maps, bins))

    monkeypatch.setattr(channels, "intra_sample_entropy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bitlens.channel_entropies(run, "0")
    assert bitlens.channel_entropies(run, "0").sizes["epoch"] == 2
    assert len(computed) == 3  # the first epoch was not computed again


def test_everything_at_once_is_kept(run: bitlens.Run) -> None:
    told: list[str] = []
    results = bitlens.measure(run, k=5, permutations=2, samples=10, progress=lambda title, *_: told.append(title))
    assert run.results.measures() == sorted(name for name, measure in COMPUTED.items() if measure.targets(run))
    assert told[0] == "training performance, epoch 0"
    assert "layer pair information of 1 and output, epoch 3" in told
    assert told[-1] == "processing inequalities, epoch 3"
    assert list(results)[:2] == ["training performance", "input diversity"]
    with pytest.raises(ValueError, match=r"measure: expected one of training_performance, .*, got 'capacity'"):
        bitlens.measure(run, ["capacity"])


def test_a_diverged_network_is_named_with_its_epoch(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    with bitlens.Recorder(model, tmp_path / "run", (torch.rand(20, 4), torch.arange(20) % 2)) as recorder:
        recorder.snapshot(0)
        torch.nn.init.constant_(model[0].weight, float("nan"))
        recorder.snapshot(1)
    run = bitlens.open_run(tmp_path / "run")
    with pytest.raises(RunError, match=r"channel_entropies of .* at epoch 1: maps: contains NaN or infinity"):
        bitlens.channel_entropies(run, "0", epochs=[1])
    with pytest.raises(RunError, match=r"training_performance of .* at epoch 1: .*diverged"):
        bitlens.training_performance(run, epochs=[1])
    # The rest of the run is measured all the same.
    with pytest.warns(UserWarning, match=r"left out: channel_entropies of .* at epoch 1"):
        assert bitlens.channel_entropies(run, "0").epoch.values.tolist() == [0]
    assert bitlens.channel_entropies.known(run, "0")[0].epochs == (0,)
    with pytest.raises(RunError, match="epochs: nothing is recorded and no result is stored for epoch 7"):
        bitlens.channel_entropies(run, "0", epochs=[7])
    with pytest.raises(RunError, match=r"epochs: expected at least one, got \[\]"):
        bitlens.channel_entropies(run, "0", epochs=[])


def test_parameters_may_be_numpy_integers(run: bitlens.Run) -> None:
    first = bitlens.channel_entropies(run, "0", bins=np.int64(8))
    assert bitlens.channel_entropies(run, "0", bins=8).identical(first)


def test_images_of_bytes_are_maps_and_not_codes(tmp_path: Path) -> None:
    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 2, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x / 255)

    images = torch.randint(0, 256, (20, 1, 6, 6), dtype=torch.uint8)
    with bitlens.Recorder(Scaled(), tmp_path / "run", (images, None), layers=["conv"]) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    information = bitlens.layer_pair_information(run, "input", "output", permutations=2)
    by_slices = run.slice(layer="input").mutual_information(run.slice(layer="output"))
    np.testing.assert_array_equal(information.mutual_information, by_slices)
    assert run.inputs.dtype == np.uint8


def test_a_damaged_result_is_missing(run: bitlens.Run) -> None:
    measure = bitlens.layer_diversity
    target, parameters = measure.arguments_of(run, k=3)
    measure(run, k=3)
    assert measure.missing(run, target, parameters) == []
    last = max(run.path.glob("results/layer_diversity/*/*.safetensors"))
    last.write_bytes(last.read_bytes()[:-9])
    assert [task.epoch for task in measure.missing(run, target, parameters)] == [run.epochs[-1]]


def test_the_text_of_a_call_names_epochs_and_reads_only_on_request() -> None:
    parameters = bitlens.layer_pair_information.Parameters(bins=8)
    text = bitlens.layer_pair_information.call_text(("a", "b"), parameters, epochs=[1], stored=True)
    assert text == "bitlens.layer_pair_information.stored(run, 'a', 'b', bins=8, epochs=[1])"


class TwoLogits(torch.nn.Module):
    """The logits of both classes from that of class 1."""

    def forward(self, logit: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros_like(logit), logit], dim=1)


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize("last", [torch.nn.Identity(), torch.nn.Flatten(0)], ids=["[n, 1]", "[n]"])
def test_one_logit_is_that_of_class_1(tmp_path: Path, last: torch.nn.Module) -> None:
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 1))
    probe = torch.rand(40, 8), torch.arange(40) % 2
    runs = []
    for name, model in (("one", torch.nn.Sequential(body, last)), ("two", torch.nn.Sequential(body, TwoLogits()))):
        with bitlens.Recorder(model, tmp_path / name, probe, gradients=True, layers=["0.0", "0.1"]) as recorder:
            recorder.snapshot(0)
        runs.append(bitlens.open_run(tmp_path / name))
    one, two = runs
    xr.testing.assert_equal(bitlens.training_performance(one), bitlens.training_performance(two))
    probability = 1 / (1 + np.exp(-one.activations("output", 0).astype(float)[:, 0]))
    row = bitlens.training_performance(one).sel(epoch=0)
    assert float(row.loss) == pytest.approx(log_loss(one.labels, probability) / np.log(2))
    assert float(row.accuracy) == np.mean((probability > 0.5) == one.labels)
    assert row["class"].values.tolist() == ["0", "1"]
    for cell in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert bitlens.predicted_samples(one, 0, *cell) == bitlens.predicted_samples(two, 0, *cell)
    for layer in ("0.0", "0.1"):  # the errors of the hidden layers
        errors = [run.activations(layer, 0, gradients=True) for run in runs]
        np.testing.assert_allclose(*errors, atol=1e-7)
    chain = bitlens.processing_inequalities(one, permutations=2)
    assert chain.backward.sel(layer=["0.0", "0.1"]).notnull().all()


def test_one_logit_of_three_classes_is_refused(tmp_path: Path) -> None:
    with bitlens.Recorder(torch.nn.Linear(8, 1), tmp_path / "run", (torch.rand(9, 8), torch.arange(9) % 3)) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    message = r"expected one output for each of 3 classes, or one logit for two classes, got outputs of shape \(1,\)"
    with pytest.raises(RunError, match=message):
        bitlens.training_performance(run)
    with pytest.raises(RunError, match=message):
        bitlens.predicted_samples(run, 0, 0, 0)
