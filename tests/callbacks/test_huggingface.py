"""The callback of the Trainer of transformers, with a small random BERT: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import bitlens
from bitlens.callbacks import HuggingFace
from bitlens.runs import RunError
from tests.callbacks.training import assert_equal_weights, seed_everything

LAYERS = ["bert.bert.embeddings.word_embeddings", "bert.bert.encoder.layer.1.output.dense", "bert.classifier"]

transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")


class Logits(nn.Module):
    """A classifier whose output is a tensor, unless it computes the loss for the Trainer."""

    def __init__(self, fails_at: int | None = None) -> None:
        super().__init__()
        config = transformers.BertConfig(
            vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
            max_position_embeddings=12, num_labels=3,
        )  # fmt: skip
        self.bert = transformers.BertForSequenceClassification(config)
        self.fails_at = fails_at
        self.steps = 0

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        logits = self.bert(input_ids=input_ids).logits
        if labels is None:
            return logits
        self.steps += self.training
        if self.steps == self.fails_at:
            raise RuntimeError("the training's own error")
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def tokens(n: int = 24) -> tuple[Tensor, Tensor]:
    return torch.randint(0, 30, (n, 7), generator=torch.Generator().manual_seed(0)), torch.arange(n) % 3


def rows() -> list[dict[str, Tensor]]:
    return [{"input_ids": words, "labels": label} for words, label in zip(*tokens(), strict=True)]


def train(
    folder: Path,
    *callbacks: Any,
    model: Logits | None = None,
    resume: Path | None = None,
    evaluated: Any = None,
    epochs: int = 3,
    **settings: Any,
) -> Any:
    """Train with three steps an epoch; returns the Trainer."""
    seed_everything()
    settings = {"save_strategy": "no", "eval_strategy": "epoch", "logging_strategy": "epoch", **settings}
    arguments = transformers.TrainingArguments(
        str(folder / "output"), num_train_epochs=epochs, per_device_train_batch_size=8, learning_rate=0.01,
        use_cpu=True, report_to=[], disable_tqdm=True, dataloader_pin_memory=False, **settings,
    )  # fmt: skip
    trainer = transformers.Trainer(
        model or Logits(), arguments, train_dataset=rows(), eval_dataset=evaluated or rows(), callbacks=list(callbacks)
    )
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    return trainer


def recording(folder: Path, **arguments: Any) -> HuggingFace:
    return HuggingFace(folder / "run", tokens(), layers=LAYERS, show_size=False, **arguments)


def test_training_is_bitwise_the_same(tmp_path: Path) -> None:
    plain = train(tmp_path / "plain")
    recorded = train(tmp_path, recording(tmp_path, measures=[bitlens.training_performance]))
    assert_equal_weights(plain.model.state_dict(), recorded.model.state_dict())
    run = bitlens.open_run(tmp_path / "run")
    assert run.epochs == [0, 1, 2, 3]
    with torch.no_grad():
        expected = recorded.model.eval()(tokens()[0]).numpy()
    np.testing.assert_allclose(run.activations("output", 3), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"save_strategy": "epoch"}, {"eval_strategy": "steps", "eval_steps": 3}],
                         ids=["evaluated", "saved", "by steps"])  # fmt: skip
def test_an_epoch_has_its_metrics(settings: dict[str, Any], tmp_path: Path) -> None:
    trainer = train(tmp_path, recording(tmp_path), **settings)
    metrics = bitlens.open_run(tmp_path / "run").metrics
    assert list(metrics) == [0, 1, 2, 3]
    assert metrics[0] == {}
    for epoch in (1, 2, 3):
        logged = [entry for entry in trainer.state.log_history if entry["epoch"] == epoch]
        for name in ("loss", "eval_loss"):
            assert metrics[epoch][name] == next(entry[name] for entry in logged if name in entry), name
        assert not {"epoch", "step", "train_runtime", "train_loss"} & metrics[epoch].keys()


def test_several_evaluation_sets_are_in_the_metrics(tmp_path: Path) -> None:
    train(tmp_path, recording(tmp_path), evaluated={"a": rows(), "b": rows()[:9]}, epochs=1)
    assert {"loss", "eval_a_loss", "eval_b_loss"} <= bitlens.open_run(tmp_path / "run").metrics[1].keys()


@pytest.mark.parametrize("eval_steps", [None, 2])
def test_the_last_epoch_is_taken_before_the_best_model_is_loaded(eval_steps: int | None, tmp_path: Path) -> None:
    weights = []

    class LastWeights(transformers.TrainerCallback):
        def on_epoch_end(self, args: Any, state: Any, control: Any, *, model: Logits, **_: Any) -> None:
            with torch.no_grad():
                weights.append(model.eval()(tokens()[0]).numpy())

    strategy = "epoch" if eval_steps is None else "steps"
    train(
        tmp_path, recording(tmp_path), LastWeights(), load_best_model_at_end=True, eval_strategy=strategy,
        save_strategy=strategy, eval_steps=eval_steps, save_steps=eval_steps or 500, metric_for_best_model="loss",
        greater_is_better=True,
    )  # fmt: skip
    run = bitlens.open_run(tmp_path / "run")
    assert run.epochs == [0, 1, 2, 3]
    for epoch in (1, 2, 3):
        np.testing.assert_allclose(run.activations("output", epoch), weights[epoch - 1], rtol=1e-5, atol=1e-6)


def test_a_resumed_training_continues_the_run(tmp_path: Path) -> None:
    """It stops in the third epoch and resumes from the checkpoint after the first."""
    with pytest.raises(RuntimeError, match="the training's own error"):
        train(tmp_path, recording(tmp_path), model=Logits(fails_at=8), save_strategy="epoch", epochs=4)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "epochs").iterdir()}
    assert len(files) == 3
    plain = train(tmp_path / "plain", resume=tmp_path / "output" / "checkpoint-3", epochs=4)
    resumed = train(tmp_path, recording(tmp_path), resume=tmp_path / "output" / "checkpoint-3", epochs=4)
    assert_equal_weights(plain.model.state_dict(), resumed.model.state_dict())
    run = bitlens.open_run(tmp_path / "run")
    assert run.epochs == [0, 1, 2, 3, 4]
    assert all(path.stat().st_mtime_ns == time for path, time in files.items())
    assert all(run.metrics[epoch].keys() >= {"loss", "eval_loss"} for epoch in (1, 2, 3, 4))


def test_the_epoch_of_a_checkpoint_is_taken_if_its_snapshot_was_not_reached(tmp_path: Path) -> None:
    class EndsTheProcess(transformers.TrainerCallback):
        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, EndsTheProcess(), recording(tmp_path), save_strategy="epoch")
    assert bitlens.open_run(tmp_path / "run").epochs == [0, 1]
    train(tmp_path, recording(tmp_path), save_strategy="epoch", resume=tmp_path / "output" / "checkpoint-6")
    run = bitlens.open_run(tmp_path / "run")
    assert run.epochs == [0, 1, 2, 3]
    assert run.metrics[2].keys() >= {"loss", "eval_loss"}


def test_a_training_that_ends_within_an_epoch(tmp_path: Path) -> None:
    """Four of nine steps: the second epoch is left after a third of it, which rounds down to the first."""
    train(tmp_path, recording(tmp_path), max_steps=4)
    assert bitlens.open_run(tmp_path / "run").epochs == [0, 1]
    train(tmp_path / "later", recording(tmp_path / "later"), max_steps=5)
    assert bitlens.open_run(tmp_path / "later" / "run").epochs == [0, 1, 2]


def test_another_training_does_not_continue_a_run(tmp_path: Path) -> None:
    train(tmp_path, recording(tmp_path), epochs=1)
    with pytest.raises(
        RunError, match="run has epochs 0, 1 of another training, and this training starts from the beg"
    ):
        train(tmp_path, recording(tmp_path), epochs=1)


def test_values_of_measures_are_logged(tmp_path: Path) -> None:
    calls = []
    callback = recording(
        tmp_path,
        measures=[bitlens.training_performance],
        log_to=lambda values, step: calls.append((step, values["bitlens/training_performance/accuracy"])),
    )
    train(tmp_path, callback, epochs=2)
    accuracy = bitlens.training_performance(bitlens.open_run(tmp_path / "run")).accuracy
    assert calls == [(0, accuracy[0]), (1, accuracy[1]), (2, accuracy[2])]


def test_unknown_arguments_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(
        TypeError, match=r"module: expected an argument of bitlens\.Recorder, got 'bert'; it has layers,"
    ):
        HuggingFace(tmp_path / "run", tokens(), module="bert")
