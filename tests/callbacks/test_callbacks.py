"""What both callbacks share: when their libraries are imported, which models they refuse, and closing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import distributed

import bitlens.callbacks
from bitlens.callbacks.training_recorder import TrainingRecorder
from tests.callbacks.training import convolutional, samples


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_the_package_imports_no_library() -> None:
    code = """
        import sys, bitlens, bitlens.callbacks
        names = ("lightning", "pytorch_lightning", "transformers", "torch", "tensorboard")
        print([name for name in names if name in sys.modules], dir(bitlens.callbacks)[:2])
    """
    assert run_python("if True:" + code) == "[] ['Any', 'DistributedRecorder']\n"


@pytest.mark.parametrize(
    ("name", "missing", "message"),
    [
        ("Lightning", ["lightning", "pytorch_lightning"],
         "bitlens.callbacks.Lightning needs lightning: pip install lightning"),
        ("HuggingFace", ["transformers"],
         "bitlens.callbacks.HuggingFace needs transformers: pip install 'transformers[torch]'"),
        ("Lightning", ["torch"], "bitlens.callbacks.Lightning needs torch: pip install 'bitlens[torch,run]'"),
    ],
)  # fmt: skip
def test_a_missing_library_is_named(name: str, missing: list[str], message: str) -> None:
    code = f"""
        import sys, bitlens.callbacks
        sys.modules.update(dict.fromkeys({missing}))
        try:
            bitlens.callbacks.{name}
        except ModuleNotFoundError as error:
            print(error)
    """
    assert run_python("if True:" + code).strip() == message


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_the_base_class_is_that_of_the_imported_lightning(package: str) -> None:
    pytest.importorskip(package)
    other = {"lightning.pytorch": "pytorch_lightning", "pytorch_lightning": "lightning"}[package]
    code = f"""
        import sys
        sys.modules[{other!r}] = None
        import {package} as pl
        from bitlens.callbacks import Lightning
        print(issubclass(Lightning, pl.Callback))
    """
    assert run_python("if True:" + code) == "True\n"


def test_other_names_are_no_callbacks() -> None:
    with pytest.raises(AttributeError, match=r"module 'bitlens\.callbacks' has no attribute 'Keras'"):
        bitlens.callbacks.Keras  # noqa: B018


@pytest.fixture
def process_group(tmp_path: Path) -> Iterator[None]:
    distributed.init_process_group("gloo", f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
@pytest.mark.parametrize("first_process", [True, False])
def test_sharded_parameters_are_refused_on_every_process(first_process: bool, tmp_path: Path) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    model = fully_shard(convolutional(), mesh=init_device_mesh("cpu", (1,)))
    recorder = TrainingRecorder(tmp_path / "run", samples(), {})
    with pytest.raises(
        ValueError, match=r"^model: expected all parameters .*, got a module of fully_shard; train with"
    ):
        recorder.open(model, first_process=first_process)


@pytest.mark.usefixtures("process_group")
def test_parameters_of_a_tensor_parallel_model_are_refused(tmp_path: Path) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor.parallel import ColwiseParallel, parallelize_module

    model = parallelize_module(convolutional(), init_device_mesh("cpu", (1,)), {"6": ColwiseParallel()})
    with pytest.raises(ValueError, match=r"^model: expected all parameters on every process, got 6\.weight as DTensor"):
        bitlens.Recorder(model, tmp_path / "run", samples())


def test_shards_of_deepspeed_are_refused(tmp_path: Path) -> None:
    """Every parameter of its stage 3 has an attribute of this name."""
    recorder = TrainingRecorder(tmp_path / "run", samples(), {})
    deepspeed = convolutional()
    deepspeed[0].weight.ds_id = 0
    with pytest.raises(ValueError, match=r"got 0\.weight as a shard of DeepSpeed"):
        recorder.open(deepspeed, first_process=False)


def test_another_process_checks_the_arguments_and_writes_nothing(tmp_path: Path) -> None:
    recorder = TrainingRecorder(tmp_path / "run", samples(), {"every": 0})
    with pytest.raises(ValueError, match="every: expected at least 1"):
        recorder.open(convolutional(), first_process=False)
    recorder = TrainingRecorder(tmp_path / "run", samples(), {})
    recorder.open(convolutional(), first_process=False)
    recorder.start()
    recorder.record(1, {"loss": 1.0})
    recorder.close()
    assert not (tmp_path / "run").exists()


def test_many_epochs_of_another_training_are_named_shortly(tmp_path: Path) -> None:
    recorder = TrainingRecorder(tmp_path / "run", samples(), {"show_size": False})
    recorder.open(torch.nn.Flatten(), first_process=True)
    for epoch in range(7):
        recorder.record(epoch, {})
    with pytest.raises(bitlens.RunError, match="has epochs 0 to 6 of another training"):
        recorder.start()
