"""Runs on disk: slices, damage, metrics, results."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens import reference
from bitlens.runs import RunError


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    images, labels = torch.rand(30, 1, 8, 8), torch.arange(30) % 3
    store = tmp_path_factory.mktemp("runs") / "run"
    with bitlens.Recorder(model, store, (images, labels), classes=["cat", "dog", "owl"]) as recorder:
        for epoch in (0, 1, 5):
            recorder.snapshot(epoch, loss=1.0 / (1 + epoch))
            torch.nn.init.normal_(model[0].weight)
    return store


@pytest.fixture
def run(recorded: Path) -> bitlens.Run:
    return bitlens.open_run(recorded)


@pytest.fixture
def copy(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("query", "shape"),
    [
        ({"layer": "0"}, (3, 30, 4, 6, 6)),
        ({"layer": "0", "epoch": 5}, (30, 4, 6, 6)),
        ({"layer": "0", "epoch": [1, 5], "channel": 2}, (2, 30, 6, 6)),
        ({"layer": "0", "epoch": slice(0, 2), "channel": [3, 0]}, (2, 30, 2, 6, 6)),
        ({"layer": 0, "label": "dog"}, (3, 10, 1, 8, 8)),
        ({"layer": -1, "label": [0, 2], "epoch": 1}, (20, 3)),
        ({"layer": "0", "sample": 7, "epoch": 1, "channel": 3}, (6, 6)),
        ({"layer": "0", "sample": slice(0, 6), "label": 0, "epoch": 1}, (2, 4, 6, 6)),
        ({"layer": "3", "epoch": 0}, (30, 3)),  # the output, by its module's name
    ],
)
def test_slices(run: bitlens.Run, query: dict[str, object], shape: tuple[int, ...]) -> None:
    assert run.slice(**query).array().shape == shape


def test_a_slice_holds_the_values_it_names(run: bitlens.Run) -> None:
    whole = run.activations("0", 1)
    np.testing.assert_array_equal(
        run.slice(label=1, layer="0", channel=[3, 1], epoch=1).array(), whole[1::3][:, [3, 1]]
    )
    np.testing.assert_array_equal(run.activations("0", 1, channels=[2]), whole[:, [2]])


def test_slices_answer_entropies(run: bitlens.Run) -> None:
    a = run.slice(label="cat", layer="0", channel=1, epoch=5)
    b = run.slice(label="cat", layer="1", epoch=5)
    x, y = a.array()[:, None], b.array()
    assert float(a.inter_sample_entropy(k=4)) == pytest.approx(reference.inter_sample_entropy(x, 4), abs=1e-6)
    np.testing.assert_allclose(a.intra_sample_entropy(), reference.intra_sample_entropy(x)[:, 0], atol=1e-9)
    information = a.mutual_information(b)
    assert information.dims == ("channel_b",)
    assert information.attrs["units"] == "bits"
    np.testing.assert_allclose(information, reference.channel_mutual_information(x, y)[0], atol=1e-9)
    entropy = bitlens.channel_mutual_information(x, y, full_output=True).entropy_a[0]
    np.testing.assert_allclose(a.conditional_entropy(b) + information, np.full(4, entropy), atol=1e-9)
    by_layer = run.slice(epoch=[0, 5]).inter_sample_entropy(k=5)
    assert by_layer.dims == ("layer", "epoch")
    assert by_layer.sel(layer="input", epoch=0) == by_layer.sel(layer="input", epoch=5)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"layer": "conv9"}, "layer: no layer 'conv9'"),
        ({"layer": 9}, "layer: expected 0 to 3, got 9"),
        ({"label": "emu"}, "label: no class 'emu'"),
        ({"label": 3}, "label: expected 0 to 2, got 3"),
        ({"sample": [0, 30]}, "sample: expected 0 to 29, got 30"),
        ({"sample": 1, "label": 0}, "label: no chosen sample is of class 0"),
        ({"layer": "0", "channel": 4}, "channel: expected 0 to 3, got 4"),
        ({"epoch": 2}, "epoch: 2 is not recorded"),
        ({"epoch": slice(0, 9, 2)}, "epoch: expected a slice without a step"),
    ],
)
def test_slices_that_do_not_exist(run: bitlens.Run, query: dict[str, object], message: str) -> None:
    with pytest.raises(RunError, match=message):
        run.slice(**query)


def test_questions_a_slice_cannot_answer(run: bitlens.Run) -> None:
    with pytest.raises(RunError, match=r"array\(\) needs one layer, this slice has 4"):
        run.slice().array()
    with pytest.raises(RunError, match="other: expected a slice of the same samples and epochs"):
        run.slice(layer="0", label=0).mutual_information(run.slice(layer="1", label=1))
    with pytest.raises(TypeError, match="epoch: expected a value, a list or a slice"):
        run.slice(epoch=1.5)


def test_truth_values_choose(run: bitlens.Run) -> None:
    assert run.slice(sample=run.labels == 1, epoch=0).samples.values == tuple(range(1, 30, 3))
    assert run.slice(layer="0", channel=np.array([False, True, True, False])).channels.values == (1, 2)


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ({"sample": np.ones(3, bool)}, RunError, r"sample: expected 30 truth values, got shape \(3,\)"),
        ({"sample": [1.7]}, TypeError, r"sample: expected an integer, got 1\.7"),
        ({"sample": True}, TypeError, "sample: expected an integer, got True"),
        ({"sample": "5"}, TypeError, "sample: expected an integer, got '5'"),
        ({"epoch": [1.0]}, TypeError, r"epoch: expected an integer, got 1\.0"),
        ({"epoch": slice(-2, None)}, RunError, "epoch: a slice takes epoch numbers"),
        ({"epoch": slice(2, 4)}, RunError, r"epoch: \[\] chooses nothing"),
        ({"layer": []}, RunError, r"layer: \[\] chooses nothing"),
        ({"channel": -1}, RunError, "channel: the layers differ in their number of channels"),
        ({"channel": slice(None)}, RunError, "channel: the layers differ in their number of channels"),
    ],
    ids=str,
)
def test_choices_that_could_be_misread(
    run: bitlens.Run, query: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run.slice(**query)


def test_layers_know_their_receptive_field(run: bitlens.Run) -> None:
    field = run.layer("0").receptive_field
    assert field is not None
    assert field.box(2, 5) == ((2, 5), (5, 8))
    with pytest.raises(ValueError, match="position: expected 2 coordinates, got 1"):
        field.box(1)
    assert run.layer("output").receptive_field is None


def test_some_samples_are_evenly_spaced(run: bitlens.Run) -> None:
    assert run.evenly_spaced_samples(4) == [0, 10, 19, 29]
    assert run.evenly_spaced_samples(100) == list(range(30))
    assert run.evenly_spaced_samples(3, label=["dog", 2]) == [1, 16, 29]
    with pytest.raises(ValueError, match="limit: expected at least 1, got 0"):
        run.evenly_spaced_samples(0)


def test_metrics(run: bitlens.Run) -> None:
    assert run.metrics == {0: {"loss": 1.0}, 1: {"loss": 0.5}, 5: {"loss": 1 / 6}}


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no such folder"):
        bitlens.open_run(tmp_path / "nothing")
    with pytest.raises(RunError, match=r"is not a bitlens run: manifest\.json is missing"):
        bitlens.open_run(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 1', "is damaged"),
        (b"\xff\xfe", "is damaged"),
        ('{"schema_version": 1, "classes": [], "layers": ["conv1"]}', "is damaged"),
        ("[]", "is not the manifest of a bitlens run"),
        ('{"name": "other"}', "is not the manifest of a bitlens run"),
        ('{"schema_version": 99}', "has schema 99, this version of bitlens reads up to 1; upgrade"),
        ('{"schema_version": 1, "layers": []}', "is damaged: model: is missing"),
    ],
)
def test_damaged_manifest(copy: Path, text: str | bytes, message: str) -> None:
    (copy / "manifest.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RunError, match=message):
        bitlens.open_run(copy)


def test_a_damaged_epoch_is_named(copy: Path) -> None:
    path = copy / "epochs" / "0001.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"0001.safetensors is damaged"):
        bitlens.open_run(copy).activations("0", 1)


def test_files_of_an_interrupted_write_are_not_epochs(copy: Path) -> None:
    (copy / "epochs" / ".0007.safetensors.123.tmp").write_bytes(b"half")
    assert bitlens.open_run(copy).epochs == [0, 1, 5]


def test_a_line_of_metrics_that_is_being_written_is_not_read(copy: Path) -> None:
    with (copy / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 6, "lo')
    assert list(bitlens.open_run(copy).metrics) == [0, 1, 5]


def test_a_damaged_line_of_metrics_costs_that_line_alone(copy: Path) -> None:
    lines = [b'{"epoch": 0, "loss": 1.5}', b"nonsense", b"\xff", b"\0" * 20, b"[1]", b'{"loss": 1}', b'{"epoch": true}']
    (copy / "metrics.jsonl").write_bytes(b"\n".join([*lines, b"[" * 100_000, b'{"epoch": 1, "loss": 2.5}', b""]))
    with pytest.warns(
        UserWarning, match=r"metrics.jsonl is damaged at lines \[2, 3, 4, 5, 6, 7, 8\]; their metrics are"
    ):
        assert bitlens.open_run(copy).metrics == {0: {"loss": 1.5}, 1: {"loss": 2.5}}


def test_a_slice_of_epochs_ends_before_its_stop(run: bitlens.Run) -> None:
    assert run.slice(epoch=slice(0, 5)).epochs.values == (0, 1)
    assert run.slice(epoch=slice(0, 6)).epochs.values == (0, 1, 5)
    assert run.slice(epoch=slice(1, None)).epochs.values == (1, 5)
    assert run.slice(epoch=slice(None, 1)).epochs.values == (0,)


def test_a_run_without_labels(tmp_path: Path) -> None:
    with bitlens.Recorder(torch.nn.Linear(4, 2), tmp_path / "run", (torch.rand(20, 4), None)) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    assert run.labels is None
    with pytest.warns(UserWarning, match="skipped .* without labels"):
        bitlens.measure(run, k=3, permutations=2)
    assert "class_inter_sample_entropy" not in bitlens.input_diversity(run, k=3)
    with pytest.raises(RunError, match="was recorded without labels"):
        bitlens.training_performance(run)
    with pytest.raises(RunError, match=r"label: .* was recorded without labels"):
        run.slice(label=0)
