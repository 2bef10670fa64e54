"""A training in two processes, which torchrun starts: once without and once with a recorder on the first process.

`python -m torch.distributed.run --nproc_per_node=2 distributed_training.py WAY FOLDER` writes the weights of both
trainings and the run into FOLDER. If WAY is a kind of FSDP, it writes the sentence with which the recorder refuses it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

import bitlens
from bitlens.callbacks import DistributedRecorder
from bitlens.callbacks.training_recorder import TrainingRecorder
from tests.callbacks.training import convolutional, samples, seed_everything

EPOCHS = 3


def loop(folder: Path | None, recorded: Callable[[DistributedDataParallel], nn.Module]) -> nn.Module:
    """A loop as users write it; `recorded` selects what the first process gives to the recorder."""
    data = TensorDataset(*samples())
    sampler: DistributedSampler[Any] = DistributedSampler(data, seed=1)
    model = DistributedDataParallel(convolutional())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with ExitStack() as stack:
        recorder = None
        if folder is not None and distributed.get_rank() == 0:
            recorder = stack.enter_context(bitlens.Recorder(recorded(model), folder / "run", samples()))
        for epoch in range(EPOCHS):
            sampler.set_epoch(epoch)
            for images, labels in DataLoader(data, 4, sampler=sampler):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
            if recorder is not None:
                recorder.snapshot(epoch, loss=1.0)
    distributed.barrier()
    return model.module


def parts_of_probe(folder: Path | None, wait: bool) -> nn.Module:
    """A loop in which each process has a part of the probe, and the second one notes when it may continue."""
    first = distributed.get_rank() == 0
    images, labels = samples()
    part = slice(0, 7) if first else slice(7, None)
    model = DistributedDataParallel(convolutional())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ExitStack() as stack:
        if folder is not None:
            note, probe = folder / "continued", (images[part], labels[part])
            measures = [] if wait else [lambda run: wait_for(note)]
            recorder = stack.enter_context(
                DistributedRecorder(model, folder / "run", probe, wait=wait, measures=measures, show_size=False)
            )
        for epoch in range(EPOCHS):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
            if folder is not None:
                recorder.snapshot(epoch, loss=1.0)
                if not first:
                    with note.open("a") as file:
                        file.write(f"{epoch}: {bitlens.open_run(folder / 'run').epochs if wait else ''}\n")
    return model.module


def wait_for(file: Path) -> None:
    """A measure that ends when the other process has continued."""
    end = time.monotonic() + 15
    while not file.exists():
        assert time.monotonic() < end, "the other process waits"
        time.sleep(0.01)


def with_lightning(folder: Path | None, output: Path) -> nn.Module:
    import lightning.pytorch as pl

    from bitlens.callbacks import Lightning

    class Classifier(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = convolutional()

        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            loss = nn.functional.cross_entropy(self.network(batch[0]), batch[1])
            self.log("loss", loss, on_epoch=True, sync_dist=True)
            return loss

        def validation_step(self, batch: list[Tensor], index: int) -> None:
            self.log("val_loss", nn.functional.cross_entropy(self.network(batch[0]), batch[1]), sync_dist=True)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

    callbacks = [] if folder is None else [Lightning(folder / "run", samples(), module="network")]
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    settings = {"max_epochs": EPOCHS, "accelerator": "cpu", "devices": 2, "strategy": "ddp", **quiet}
    trainer = pl.Trainer(callbacks=callbacks, enable_checkpointing=False, **settings)
    model, data = Classifier(), TensorDataset(*samples())
    trainer.fit(model, DataLoader(data, 4, shuffle=True), DataLoader(data, 10))
    return model.network


def with_huggingface(folder: Path | None, output: Path) -> nn.Module:
    from transformers import Trainer, TrainingArguments

    from bitlens.callbacks import HuggingFace

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = convolutional()

        def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor | dict[str, Tensor]:
            logits = self.network(images)
            return logits if labels is None else {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    rows = [{"images": image, "labels": label} for image, label in zip(*samples(), strict=True)]
    arguments = TrainingArguments(
        str(output), num_train_epochs=EPOCHS, per_device_train_batch_size=4, use_cpu=True, report_to=[],
        save_strategy="epoch", eval_strategy="epoch", logging_strategy="epoch", learning_rate=0.01, ddp_backend="gloo",
    )  # fmt: skip
    callbacks = [] if folder is None else [HuggingFace(folder / "run", samples())]
    model = Classifier()
    Trainer(model, arguments, train_dataset=rows, eval_dataset=rows, callbacks=callbacks).train()
    return model.network


def sharded(kind: str) -> tuple[nn.Module, nn.Module]:
    """A model that FSDP has distributed over both processes and trained for one step, and a module inside."""
    network: nn.Module = convolutional()
    if kind == "fully_shard":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        model: nn.Module = fully_shard(network, mesh=init_device_mesh("cpu", (2,)))
        inner = model.get_submodule("6")
    else:
        from torch.distributed.fsdp import FullyShardedDataParallel

        device = torch.device("cpu")
        model = FullyShardedDataParallel(network, device_id=device, use_orig_params=kind.endswith("original"))
        inner = model.module
    images, labels = samples()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
    return model, inner


def refuse(kind: str, folder: Path) -> None:
    """Each process writes what it is told, and training goes on."""
    model, inner = sharded(kind)
    refusals = []
    for recorded in (model, inner):
        for record in (bitlens.Recorder, open_as_callbacks_do):
            try:
                record(recorded, folder / "run", samples())
            except ValueError as error:
                refusals.append(str(error))
    loss = nn.functional.cross_entropy(model(samples()[0]), samples()[1])
    loss.backward()
    (folder / f"refusals-{distributed.get_rank()}.json").write_text(json.dumps(refusals))


def open_as_callbacks_do(model: nn.Module, store: Path, probe: Any) -> None:
    TrainingRecorder(store, probe, {}).open(model, first_process=distributed.get_rank() == 0)


WAYS: dict[str, Callable[[Path | None, Path], nn.Module]] = {
    "module": lambda folder, _: loop(folder, lambda model: model.module),
    "wrapped": lambda folder, _: loop(folder, lambda model: model),
    "parts": lambda folder, _: parts_of_probe(folder, wait=False),
    "parts, waiting": lambda folder, _: parts_of_probe(folder, wait=True),
    "lightning": with_lightning,
    "huggingface": with_huggingface,
}


def main(way: str, folder: Path) -> None:
    if way in ("lightning", "huggingface"):
        compare(way, folder)
    else:
        distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
        (compare if way in WAYS else refuse)(way, folder)
    distributed.barrier()
    distributed.destroy_process_group()
    if way not in ("lightning", "huggingface", *WAYS):
        # On busy machines C++ sometimes aborts a process that ends while the threads of PyTorch's shards still run.
        sys.stdout.flush()
        os._exit(0)


def compare(way: str, folder: Path) -> None:
    """Train without and with a recorder, and write the weights of both."""
    for name, store in (("plain", None), ("recorded", folder)):
        seed_everything()
        network = WAYS[way](store, folder / "output" / name)
        if distributed.get_rank() == 0:
            torch.save(network.state_dict(), folder / f"{name}.pt")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
