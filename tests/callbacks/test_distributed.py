"""Training in two processes: the first one records, nothing hangs, and training is not changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import bitlens
from tests.callbacks.training import assert_equal_weights, convolutional, samples

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("distributed_training.py")
TIMEOUT = 120


def train(way: str, folder: Path) -> subprocess.CompletedProcess[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [*torchrun, str(SCRIPT), way, str(folder)],
        cwd=folder,
        env=environment,
        timeout=TIMEOUT,
        capture_output=True,
        text=True,
    )


def check(way: str, folder: Path, epochs: list[int], first_layer: str = "0") -> bitlens.Run:
    done = train(way, folder)
    assert done.returncode == 0, done.stderr[-5000:]
    assert_equal_weights(torch.load(folder / "plain.pt"), torch.load(folder / "recorded.pt"))
    run = bitlens.open_run(folder / "run")
    assert run.epochs == epochs
    assert run.layers[1].name == first_layer
    return run


def test_the_first_process_records_the_module_of_a_wrapped_model(tmp_path: Path) -> None:
    check("module", tmp_path, [0, 1, 2])


def test_the_first_process_records_a_wrapped_model(tmp_path: Path) -> None:
    check("wrapped", tmp_path, [0, 1, 2])


@pytest.mark.parametrize("way", ["parts", "parts, waiting"])
def test_the_first_process_records_the_probe_of_all(way: str, tmp_path: Path) -> None:
    """The second process continues while the first one measures, or only when the epoch is written."""
    run = check(way, tmp_path, [0, 1, 2])
    images, labels = samples()
    assert (run.inputs == images.numpy()).all()
    assert (run.labels == labels.numpy()).all()
    assert run.metrics[2] == {"loss": 1.0}
    network = convolutional()
    network.load_state_dict(torch.load(tmp_path / "recorded.pt"))
    with torch.no_grad():
        expected = network.eval()(images)
    assert torch.allclose(torch.from_numpy(run.activations("output", 2)), expected, atol=1e-6)
    noted = (tmp_path / "continued").read_text().splitlines()
    seen = ["[0]", "[0, 1]", "[0, 1, 2]"] if way == "parts, waiting" else ["", "", ""]
    assert noted == [f"{epoch}: {epochs}" for epoch, epochs in enumerate(seen)]


@pytest.mark.parametrize(
    ("way", "library", "first_layer", "metrics"),
    [
        ("lightning", "lightning", "0", {"loss_epoch", "val_loss"}),
        ("huggingface", "transformers", "network.0", {"loss", "eval_loss"}),
    ],
    ids=["lightning", "huggingface"],
)
def test_callbacks_record_on_the_first_process(
    way: str, library: str, first_layer: str, metrics: set[str], tmp_path: Path
) -> None:
    pytest.importorskip(library)
    run = check(way, tmp_path, [0, 1, 2, 3], first_layer)
    assert all(run.metrics[epoch].keys() >= metrics for epoch in (1, 2, 3))


@pytest.mark.parametrize(
    ("kind", "model", "inner"),
    [
        ("fully_shard", "a module of fully_shard", "weight as DTensor"),
        ("FullyShardedDataParallel", "a module of FullyShardedDataParallel",
         "_flat_param as a shard of FullyShardedDataParallel"),
        ("FullyShardedDataParallel-original", "a module of FullyShardedDataParallel",
         "0.weight as a shard of FullyShardedDataParallel"),
    ],
    ids=["fully_shard", "wrapper", "wrapper with original parameters"],
)  # fmt: skip
def test_shards_are_refused_on_every_process_and_training_goes_on(
    kind: str, model: str, inner: str, tmp_path: Path
) -> None:
    done = train(kind, tmp_path)
    assert done.returncode == 0, done.stderr[-5000:]
    expected = [
        f"model: expected all parameters on every process, got {got}; train with DistributedDataParallel to record"
        for got in (model, model, inner, inner)
    ]
    for rank in range(2):
        assert json.loads((tmp_path / f"refusals-{rank}.json").read_text()) == expected
    assert not (tmp_path / "run").exists()


def test_an_error_of_the_first_process_ends_all(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("no run")
    done = train("huggingface", tmp_path)
    assert done.returncode != 0
    assert "contains 'notes.txt' and is not a run" in done.stderr
