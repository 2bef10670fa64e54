"""`log_to`: the scalars of every snapshot reach a logger, under stable names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import bitlens
from bitlens.network.logged_values import logged_values

IMAGES, LABELS = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


class Logger:
    """It keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, dict[str, float]]] = []

    def __call__(self, values: dict[str, float], step: int) -> None:
        self.calls.append((step, values))


def record(folder: Path, epochs: int = 3, **arguments: object) -> bitlens.Run:
    with bitlens.Recorder(network(), folder, (IMAGES, LABELS), show_size=False, **arguments) as recorder:
        for epoch in range(epochs):
            recorder.snapshot(epoch, loss=1.0)
    return bitlens.open_run(folder)


@pytest.mark.parametrize("every", [1, 2])
def test_each_snapshot_is_logged_with_its_values(every: int, tmp_path: Path) -> None:
    logger = Logger()
    measures = [bitlens.training_performance, lambda run: bitlens.channel_entropies(run, "0", bins=8)]
    run = record(tmp_path / "run", every=every, measures=measures, log_to=logger)
    assert [step for step, _ in logger.calls] == [0, 1, 2]
    performance, entropies = bitlens.training_performance(run), bitlens.channel_entropies(run, "0", bins=8)
    for step, values in logger.calls:
        assert values["bitlens/training_performance/accuracy"] == performance.accuracy.sel(epoch=step)
        expected = float(entropies.intra_sample_entropy.sel(epoch=step).mean())
        assert values["bitlens/channel_entropies/0/intra_sample_entropy"] == pytest.approx(expected)
        assert all(type(value) is float for value in values.values())
        assert not any(name.startswith(("loss", "bitlens/loss")) for name in values)


def test_layers_and_what_the_information_is_about_are_logged_separately(tmp_path: Path) -> None:
    logger = Logger()
    measures = [
        lambda run: bitlens.information_plane(run, permutations=3, batch=15),
        lambda run: bitlens.layer_pair_information(run, "0", "1", bins=4, permutations=3),
    ]
    run = record(tmp_path / "run", 1, measures=measures, log_to=logger)
    ((_, values),) = logger.calls
    plane = bitlens.information_plane(run, permutations=3, batch=15).sel(epoch=0)
    for layer in ("0", "1", "output"):
        for about in ("input", "labels"):
            name = f"bitlens/information_plane/{layer}/information/{about}"
            assert values[name] == float(plane.information.sel(layer=layer, about=about))
    assert "bitlens/information_plane/entropy_about/labels" in values
    assert "bitlens/layer_pair_information/0/1/excess" in values


def test_a_mapping_gives_its_numbers_and_datasets(tmp_path: Path) -> None:
    run = record(tmp_path / "run", 1)
    results = bitlens.measure(run, ["training_performance", "layer_diversity"], k=3)
    values = logged_values([{"share": np.float32(0.5), "text": "no number", "count": 3}, results, None, 7.0], 0)
    assert values["bitlens/share"] == 0.5
    assert values["bitlens/count"] == 3.0
    assert "bitlens/text" not in values
    assert values["bitlens/layer_diversity/0/inter_sample_entropy"] > 0
    assert values["bitlens/layer_diversity/bound"] == pytest.approx(np.log2(2 * 30 * 3))


def test_equal_names_are_numbered_and_other_epochs_are_left_out(tmp_path: Path) -> None:
    run = record(tmp_path / "run", 2)
    coarse, fine = (bitlens.channel_entropies(run, "0", bins=bins, epochs=[1]) for bins in (4, 64))
    values = logged_values([coarse, fine], 1)
    name = "bitlens/channel_entropies/0/intra_sample_entropy"
    assert values[name] == pytest.approx(float(coarse.intra_sample_entropy.mean()))
    assert values[f"{name}#2"] == pytest.approx(float(fine.intra_sample_entropy.mean()))
    assert logged_values([coarse], 0) == {}


def test_a_variable_of_nan_is_left_out_and_a_mean_is_taken_without_nan(tmp_path: Path) -> None:
    result = bitlens.training_performance(record(tmp_path / "run", 1)).copy(deep=True)
    result["loss"][:] = np.nan
    result["label_given_predicted"][0] = [1.0, np.nan, 2.0]
    values = logged_values([result], 0)
    assert "bitlens/training_performance/loss" not in values
    assert values["bitlens/training_performance/label_given_predicted"] == 1.5


def test_tensorboard_is_a_logger(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    logger = Logger()

    def both(values: dict[str, float], step: int) -> None:
        logger(values, step)
        for name, value in values.items():
            board.add_scalar(name, value, step)

    with SummaryWriter(tmp_path / "board") as board:
        record(tmp_path / "run", 2, measures=[bitlens.training_performance], log_to=both)
    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    read = [(event.step, event.value) for event in events.Scalars("bitlens/training_performance/loss")]
    written = [(step, values["bitlens/training_performance/loss"]) for step, values in logger.calls]
    assert read == [(step, pytest.approx(value, rel=1e-6)) for step, value in written]


def test_weights_and_biases_takes_the_values_as_they_are(tmp_path: Path) -> None:
    class WandbRun:
        """The signature of `wandb.Run.log`."""

        def __init__(self) -> None:
            self.rows: dict[int, dict[str, float]] = {}

        def log(self, data: dict[str, float], step: int | None = None) -> None:
            self.rows[step] = data

    run = WandbRun()
    record(
        tmp_path / "run",
        2,
        measures=[bitlens.training_performance],
        log_to=lambda values, step: run.log(values, step=step),
    )
    assert list(run.rows) == [0, 1]
    assert run.rows[1]["bitlens/training_performance/loss"] > 0


@pytest.mark.parametrize(
    ("log_to", "measures", "error", "message"),
    [
        ("tensorboard", [bitlens.training_performance], TypeError, "log_to: expected a callable of values and epoch"),
        (
            Logger(),
            [],
            ValueError,
            r"log_to: expected measures whose values are logged, got none; pass measures=\[...\]",
        ),
    ],
)
def test_bad_loggers(
    log_to: object, measures: list[object], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        bitlens.Recorder(network(), tmp_path / "run", (IMAGES, LABELS), measures=measures, log_to=log_to)
