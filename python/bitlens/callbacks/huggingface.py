"""The callback of the Trainer of Hugging Face's transformers."""

from __future__ import annotations

import os
from typing import Any

from transformers import TrainerCallback

from bitlens.callbacks.training_recorder import TrainingRecorder

_NEITHER_METRIC = ("epoch", "step")
_SUMMARY = "train_runtime"
"""A metric of the last entry of a training's log, which describes the whole training and not an epoch."""
_TOLERANCE = 1e-6


class HuggingFace(TrainerCallback):  # type: ignore[misc]
    """Record a model during `transformers.Trainer.train`, without changing its training.

    Snapshot 0 is taken before the first training step, and snapshot e after training epoch e and its evaluation. A
    training that resumes from a checkpoint continues the run, and epochs that the run has are not recorded again. In a
    distributed training only the first process records.

    Parameters
    ----------
    store : path
        Folder of the run.
    probe
        Samples on which every snapshot runs the model, as in `Recorder`.
    **recorder_arguments
        Further arguments of `Recorder`, such as ``layers=``, ``measures=`` and ``log_to=``.

    Raises
    ------
    TypeError
        If an argument is not one of `Recorder`.
    ValueError
        When training starts: if the parameters are distributed over processes (FSDP, DeepSpeed stage 3, tensor
        parallelism).
    RunError
        When training starts: if the folder has a run of another training, or of another model or probe.

    Notes
    -----
    The metrics of an epoch are the numbers that the Trainer logged after the epoch before it, until the end of its
    evaluation: the last value of each name in ``trainer.state.log_history``. With ``load_best_model_at_end=True`` and
    several evaluation sets, these are the metrics of the first set only. An epoch that training leaves before its half
    is not recorded.

    Examples
    --------
    >>> import tempfile, torch, bitlens
    >>> from transformers import PrinterCallback, Trainer, TrainingArguments
    >>> from bitlens.callbacks import HuggingFace
    >>> class Classifier(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    ...
    ...     def forward(self, inputs, labels=None):
    ...         logits = self.network(inputs)
    ...         return logits if labels is None else {"loss": torch.nn.functional.cross_entropy(logits, labels)}
    >>> inputs, labels = torch.rand(20, 4), torch.arange(20) % 2
    >>> data = [{"inputs": x, "labels": y} for x, y in zip(inputs, labels)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     settings = TrainingArguments(
    ...         folder, num_train_epochs=2, use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no"
    ...     )
    ...     callback = HuggingFace(f"{folder}/run", (inputs, labels), show_size=False)
    ...     trainer = Trainer(Classifier(), settings, train_dataset=data, callbacks=[callback])
    ...     trainer.remove_callback(PrinterCallback)
    ...     result = trainer.train()
    ...     bitlens.open_run(f"{folder}/run").epochs
    [0, 1, 2]
    """

    def __init__(self, store: str | os.PathLike[str], probe: Any, **recorder_arguments: Any) -> None:
        super().__init__()
        self._recorder = TrainingRecorder(store, probe, recorder_arguments)
        self._ended_epoch: int | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, *, model: Any, **kwargs: Any) -> None:
        """Open the run. Take epoch 0, or the epoch of the checkpoint if its snapshot was not reached."""
        self._ended_epoch = None
        self._recorder.open(model, first_process=state.is_world_process_zero)
        if state.global_step == 0:
            self._recorder.start()
        elif abs(state.epoch - round(state.epoch)) < _TOLERANCE:
            self._recorder.record(round(state.epoch), _metrics(state, round(state.epoch)))

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the epoch; the Trainer evaluates after this event."""
        self._ended_epoch = round(state.epoch)
        # The Trainer may load the best model before the next event.
        if args.load_best_model_at_end and not control.should_evaluate:
            self._record(state)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the epoch, if the Trainer may load the best model before the next event."""
        if args.load_best_model_at_end:
            self._record(state)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the epoch; its evaluation is over."""
        self._record(state)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the epoch before this one."""
        self._record(state)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the last epoch and close the run."""
        self._record(state)
        self._recorder.close()

    def _record(self, state: Any) -> None:
        if self._ended_epoch is not None:
            epoch, self._ended_epoch = self._ended_epoch, None
            self._recorder.record(epoch, _metrics(state, epoch))


def _metrics(state: Any, epoch: int) -> dict[str, float]:
    """The last number of each name that was logged after epoch - 1 and until the end of the epoch."""
    metrics: dict[str, float] = {}
    for entry in state.log_history:
        during = epoch - 1 + _TOLERANCE < entry.get("epoch", -1) < epoch + _TOLERANCE
        if during and _SUMMARY not in entry:
            metrics |= {
                name: float(value)
                for name, value in entry.items()
                if isinstance(value, int | float) and name not in _NEITHER_METRIC
            }
    return metrics
