"""The callback of Lightning: training is not changed, every epoch is taken once, and a resumed training continues."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import bitlens
from bitlens.callbacks import Lightning
from bitlens.runs import RunError
from tests.callbacks.training import assert_equal_weights, convolutional, samples, seed_everything

lightning = pytest.importorskip("lightning.pytorch")


class Classifier(lightning.LightningModule):
    """A classifier that logs a metric of every kind."""

    def __init__(self, fails_at: int | None = None) -> None:
        super().__init__()
        self.network = convolutional()
        self.fails_at = fails_at
        self.validations = 0

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        if self.current_epoch == self.fails_at:
            raise RuntimeError("the training's own error")
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train/loss", loss, on_epoch=True)
        self.log("epoch", float(self.current_epoch))
        if self.current_epoch == 1:
            self.log("second_epoch_only", loss)
        return loss

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def on_validation_epoch_end(self) -> None:
        self.validations += 1
        self.log("validations", float(self.validations))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1, momentum=0.9)


def loaders() -> tuple[DataLoader, DataLoader]:
    data = TensorDataset(*samples())
    return DataLoader(data, 8, shuffle=True), DataLoader(data, 20)


def trainer_of(callbacks: list[Any], package: Any = lightning, **settings: Any) -> Any:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "log_every_n_steps": 1}
    settings = {"max_epochs": 3, "accelerator": "cpu", "enable_checkpointing": False, **quiet, **settings}
    return package.Trainer(callbacks=callbacks, **settings)


def fit(*callbacks: Any, model: Classifier | None = None, ckpt_path: Path | None = None, **settings: Any) -> Classifier:
    seed_everything()
    model = model or Classifier()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*weights_only")
        trainer_of(list(callbacks), **settings).fit(model, *loaders(), ckpt_path=ckpt_path)
    return model


def recording(folder: Path, **arguments: Any) -> Lightning:
    return Lightning(folder / "run", samples(), show_size=False, **arguments)


@pytest.mark.parametrize("module", [None, "network"])
def test_training_is_bitwise_the_same(module: str | None, tmp_path: Path) -> None:
    plain = fit()
    recorded = fit(recording(tmp_path, module=module, measures=[bitlens.training_performance]))
    assert_equal_weights(plain.state_dict(), recorded.state_dict())
    assert bitlens.open_run(tmp_path / "run").epochs == [0, 1, 2, 3]


def test_snapshots_are_of_the_weights_before_training_and_after_each_epoch(tmp_path: Path) -> None:
    seed_everything()
    outputs = []

    class Reference(lightning.Callback):
        def take(self, trainer: Any, model: Classifier) -> None:
            modes = {module: module.training for module in model.modules()}
            with torch.no_grad():
                outputs.append(model.eval()(samples()[0]).numpy())
            for module, mode in modes.items():
                module.training = mode

        on_train_start = take
        on_train_epoch_end = take

    fit(recording(tmp_path), Reference())
    run = bitlens.open_run(tmp_path / "run")
    assert len(outputs) == len(run.epochs) == 4
    for epoch, expected in enumerate(outputs):
        np.testing.assert_allclose(run.activations("output", epoch), expected, rtol=1e-5, atol=1e-6)


def test_names_of_layers_are_those_of_the_recorded_module(tmp_path: Path) -> None:
    fit(recording(tmp_path / "whole"), max_epochs=1)
    fit(recording(tmp_path / "part", module="network"), max_epochs=1)
    assert [layer.name for layer in bitlens.open_run(tmp_path / "whole" / "run").layers][1:3] == [
        "network.0",
        "network.1",
    ]
    assert [layer.name for layer in bitlens.open_run(tmp_path / "part" / "run").layers][1:3] == ["0", "1"]


def test_an_epoch_has_the_metrics_that_were_logged_in_it(tmp_path: Path) -> None:
    fit(recording(tmp_path), max_epochs=4, check_val_every_n_epoch=2)
    metrics = bitlens.open_run(tmp_path / "run").metrics
    assert metrics[0] == {}
    assert {"train/loss", "train/loss_step", "train/loss_epoch"} <= metrics[1].keys()
    assert "val_loss" not in metrics[1]
    assert "val_loss" in metrics[2]
    assert "val_loss" not in metrics[3]
    assert metrics[4]["validations"] == metrics[2]["validations"] + 1
    assert [epoch for epoch in metrics if "second_epoch_only" in metrics[epoch]] == [2]
    assert not any("epoch" in row for row in metrics.values())


def test_the_sanity_check_is_not_recorded(tmp_path: Path) -> None:
    fit(recording(tmp_path), max_epochs=1, num_sanity_val_steps=2)
    run = bitlens.open_run(tmp_path / "run")
    assert run.epochs == [0, 1]
    assert run.metrics[0] == {}


def checkpointing(folder: Path) -> Any:
    from lightning.pytorch.callbacks import ModelCheckpoint

    return ModelCheckpoint(folder / "checkpoints", "{epoch}", save_top_k=-1)


@pytest.mark.filterwarnings("ignore:The dirpath has changed", "ignore:Checkpoint directory")
@pytest.mark.parametrize("checkpoint_epoch", [0, 1])
def test_a_resumed_training_continues_the_run(checkpoint_epoch: int, tmp_path: Path) -> None:
    """It stops in the third epoch and resumes from the checkpoint after the first or the second."""
    settings = {"enable_checkpointing": True, "max_epochs": 4}
    with pytest.raises(RuntimeError, match="the training's own error"):
        fit(recording(tmp_path), checkpointing(tmp_path), model=Classifier(2), **settings)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "epochs").iterdir()}
    assert len(files) == 3
    settings["ckpt_path"] = tmp_path / "checkpoints" / f"epoch={checkpoint_epoch}.ckpt"
    plain = fit(checkpointing(tmp_path / "plain"), **settings)
    resumed = fit(recording(tmp_path), checkpointing(tmp_path), **settings)
    assert_equal_weights(plain.state_dict(), resumed.state_dict())
    run = bitlens.open_run(tmp_path / "run")
    assert run.epochs == [0, 1, 2, 3, 4]
    assert all(path.stat().st_mtime_ns == time for path, time in files.items())
    assert all(run.metrics[epoch].keys() >= {"train/loss", "val_loss"} for epoch in (1, 2, 3, 4))


def test_a_second_fit_of_the_same_trainer_continues_the_run(tmp_path: Path) -> None:
    seed_everything()
    trainer = trainer_of([recording(tmp_path)], max_epochs=1)
    model = Classifier()
    trainer.fit(model, *loaders())
    trainer.fit_loop.max_epochs = 3
    trainer.fit(model, *loaders())
    assert bitlens.open_run(tmp_path / "run").epochs == [0, 1, 2, 3]


def test_another_training_does_not_continue_a_run(tmp_path: Path) -> None:
    fit(recording(tmp_path), max_epochs=1)
    with pytest.raises(
        RunError, match="run has epochs 0, 1 of another training, and this training starts from the beg"
    ):
        fit(recording(tmp_path), max_epochs=1)


def test_the_run_is_closed_after_an_error(tmp_path: Path) -> None:
    callback = recording(tmp_path)
    with pytest.raises(RuntimeError, match="the training's own error"):
        fit(callback, model=Classifier(1))
    assert bitlens.open_run(tmp_path / "run").epochs == [0, 1]
    callback._recorder.record(9, {})  # nothing is open that could record
    assert bitlens.open_run(tmp_path / "run").epochs == [0, 1]


def test_an_error_before_the_run_is_open_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"module: expected a module of Classifier, got 'body'; it has network, network\.0"
    ):
        fit(recording(tmp_path, module="body"))
    with pytest.raises(RunError, match="layers: the model has no module 'nothing'"):
        fit(recording(tmp_path, layers=["nothing"]))
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore:.*fast_dev_run")
def test_a_development_run_records_nothing(tmp_path: Path) -> None:
    fit(recording(tmp_path), fast_dev_run=True)
    assert not (tmp_path / "run").exists()


def test_values_of_measures_are_logged(tmp_path: Path) -> None:
    calls = []
    callback = recording(
        tmp_path,
        measures=[bitlens.training_performance],
        log_to=lambda values, step: calls.append((step, values["bitlens/training_performance/accuracy"])),
    )
    fit(callback, max_epochs=2)
    accuracy = bitlens.training_performance(bitlens.open_run(tmp_path / "run")).accuracy
    assert calls == [(0, accuracy[0]), (1, accuracy[1]), (2, accuracy[2])]


def test_the_trainer_of_pytorch_lightning_takes_the_callback(tmp_path: Path) -> None:
    other = pytest.importorskip("pytorch_lightning")
    assert other.Trainer is not lightning.Trainer

    class Regression(other.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Linear(4, 2)

        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            loss = nn.functional.cross_entropy(self.network(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 0.1)

    probe = torch.rand(16, 4), torch.arange(16) % 2
    callback = Lightning(tmp_path / "run", probe, module="network", show_size=False)
    trainer_of([callback], other, max_epochs=2).fit(Regression(), DataLoader(TensorDataset(*probe), 8))
    run = bitlens.open_run(tmp_path / "run")
    assert run.epochs == [0, 1, 2]
    assert run.metrics[2]["loss"] > 0


def test_unknown_arguments_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(
        TypeError, match=r"laers: expected an argument of bitlens\.Recorder, got \['0'\]; it has layers,"
    ):
        Lightning(tmp_path / "run", samples(), laers=["0"])
