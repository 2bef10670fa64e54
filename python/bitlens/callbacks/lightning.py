"""The callback of Lightning. It works with the packages lightning and pytorch-lightning."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from torch import Tensor, nn

from bitlens.callbacks.training_recorder import TrainingRecorder

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _callback_class() -> Any:
    """The base class of callbacks, from the package that the program has imported, else from one that is installed."""
    for package in [name for name in _PACKAGES if name in sys.modules] or _PACKAGES:
        try:
            return importlib.import_module(package).Callback
        except ModuleNotFoundError as error:
            if error.name is None or not package.startswith(error.name):
                raise
    raise ModuleNotFoundError("neither lightning nor pytorch_lightning is installed", name="lightning")


_Callback: Any = _callback_class()


class Lightning(_Callback):  # type: ignore[misc]
    """Record a LightningModule during `Trainer.fit`, without changing its training.

    Snapshot 0 is taken before the first training step, and snapshot e at the end of training epoch e, after its
    validation. A training that resumes from a checkpoint continues the run, and epochs that the run has are not
    recorded again. In a distributed training only the first process records. `fast_dev_run` records nothing.

    Parameters
    ----------
    store : path
        Folder of the run.
    probe : (inputs, labels)
        Samples on which every snapshot runs the network, as in `Recorder`.
    module : str, optional
        Name of the submodule to record, such as "backbone". Default: the LightningModule, by its `forward`.
    **recorder_arguments
        Further arguments of `Recorder`, such as ``layers=``, ``measures=`` and ``log_to=``.

    Raises
    ------
    TypeError
        If an argument is not one of `Recorder`.
    ValueError
        When `fit` starts: if there is no such submodule, or the parameters are distributed over processes (FSDP,
        DeepSpeed stage 3, tensor parallelism).
    RunError
        When `fit` starts: if the folder has a run of another training, or of another network or probe.

    Notes
    -----
    The metrics of an epoch are the values in ``trainer.callback_metrics`` that were logged during this epoch. Lightning
    calls callbacks before the module's own `on_train_epoch_end`, so that metrics that are logged there are not
    recorded.

    Examples
    --------
    >>> import tempfile, torch, bitlens
    >>> import lightning.pytorch as pl
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> from bitlens.callbacks import Lightning
    >>> class Classifier(pl.LightningModule):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    ...
    ...     def training_step(self, batch, index):
    ...         loss = torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1])
    ...         self.log("loss", loss)
    ...         return loss
    ...
    ...     def configure_optimizers(self):
    ...         return torch.optim.SGD(self.parameters(), 0.1)
    >>> probe = torch.rand(20, 4), torch.arange(20) % 2
    >>> with tempfile.TemporaryDirectory() as store:
    ...     callback = Lightning(store, probe, module="network", show_size=False)
    ...     trainer = pl.Trainer(
    ...         max_epochs=2, accelerator="cpu", callbacks=[callback], log_every_n_steps=1, logger=False,
    ...         enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ...     )
    ...     trainer.fit(Classifier(), DataLoader(TensorDataset(*probe), batch_size=10))
    ...     bitlens.open_run(store).epochs
    [0, 1, 2]
    """

    def __init__(
        self,
        store: str | os.PathLike[str],
        probe: Any,
        *,
        module: str | None = None,
        **recorder_arguments: Any,
    ) -> None:
        super().__init__()
        self._module = module
        self._recorder = TrainingRecorder(store, probe, recorder_arguments)
        self._logged_before: dict[str, Tensor] = {}

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the run."""
        if not trainer.fast_dev_run:
            model = self._recorded_module(pl_module)
            self._recorder.open(model, trained=trainer.model, first_process=trainer.is_global_zero)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Take epoch 0 of a training that does not resume; the sanity check of the validation is over then."""
        if trainer.current_epoch == 0 and trainer.global_step == 0:
            self._recorder.start()

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Remember the metrics of earlier epochs, which Lightning keeps until they are logged again."""
        self._logged_before = dict(trainer.callback_metrics)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Take the epoch."""
        # Every process reads the metrics, because Lightning reduces them over all processes when they are read.
        logged = dict(trainer.callback_metrics)
        metrics = {name: float(value) for name, value in logged.items() if value is not self._logged_before.get(name)}
        self._recorder.record(trainer.current_epoch + 1, metrics)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Close the run."""
        self._recorder.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Close the run."""
        self._recorder.close()

    def _recorded_module(self, pl_module: nn.Module) -> nn.Module:
        if self._module is None:
            return pl_module
        modules: dict[str, nn.Module] = dict(pl_module.named_modules())
        if self._module not in modules:
            names = ", ".join(name for name in modules if name)
            raise ValueError(
                f"module: expected a module of {type(pl_module).__name__}, got {self._module!r}; it has {names}"
            )
        return modules[self._module]
