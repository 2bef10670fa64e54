"""Models that run a probe in unusual ways: every recorded value is the model's own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import bitlens
from bitlens.runs import RunError
from tests.network.test_probes import Named, X, Y, check, perceptron, record


class Recurrent(nn.Module):
    """An LSTM whose samples are on axis 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 5)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(5, 1, 7, dropout=0), 2)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.lstm(x.transpose(0, 1))[0]).mean(0))


@pytest.mark.filterwarnings("ignore:enable_nested_tensor", "ignore:the axis of the channels is a guess")
def test_samples_on_axis_1_and_outputs_by_name(tmp_path: Path) -> None:
    model, x = Recurrent().eval(), torch.rand(9, 6, 4)
    run = record(tmp_path, model, (x, None), layers=["lstm", "lstm.h", "lstm.c", "encoder", "head"])
    output, (h, c) = model.lstm(x.transpose(0, 1))
    assert [run.layer(name).sample_axis for name in ("lstm", "lstm.h", "encoder", "output")] == [1, 1, 1, 0]
    check(run, "lstm", output.permute(1, 2, 0))
    check(run, "lstm.h", h.permute(1, 2, 0) if run.layer("lstm.h").shape[0] == 5 else h.transpose(0, 1))
    check(run, "lstm.c", c.permute(1, 2, 0) if run.layer("lstm.c").shape[0] == 5 else c.transpose(0, 1))
    check(run, "encoder", model.encoder(output).permute(1, 2, 0))
    check(run, "output", model(x))


def test_patterns_and_blocks(tmp_path: Path) -> None:
    def block() -> Named:
        return Named(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.LayerNorm(4))

    model = nn.Sequential(nn.Sequential(block(), block(), block()), nn.Linear(4, 3))
    run = record(tmp_path / "blocks", model, (X, Y), layers="blocks")
    assert [layer.name for layer in run.layers] == ["input", "0.0", "0.1", "0.2", "output"]
    run = record(tmp_path / "pattern", model, (X, Y), layers=["0.?.1", "0.2*"])
    assert [layer.name for layer in run.layers][1:4] == ["0.0.1", "0.1.1", "0.2.0"]
    with pytest.raises(RunError, match="layers: expected a pattern of module names, got 'conv"):
        bitlens.Recorder(model, tmp_path / "none", (X, Y), layers="conv*")
    with pytest.raises(RunError, match="layers: expected a network with blocks, got one whose modules do not repeat"):
        bitlens.Recorder(perceptron(), tmp_path / "none", (X, Y), layers="blocks")


def test_forward_runs_the_model(tmp_path: Path) -> None:
    model = perceptron()
    run = record(tmp_path, model, (X, Y), forward=lambda network, x: {"logits": network(2 * x)}, batch_size=6)
    check(run, "output", model(2 * X))
    check(run, "1", model[:2](2 * X))


def test_bfloat16(tmp_path: Path) -> None:
    model = perceptron().to(torch.bfloat16)
    run = record(tmp_path, model, (X.to(torch.bfloat16), Y), gradients=True)
    check(run, "output", model(X.to(torch.bfloat16)).float(), rtol=1e-2)
    np.testing.assert_array_equal(run.inputs, X.to(torch.bfloat16).float())


@pytest.mark.filterwarnings("ignore:.torch.jit.* is deprecated")
@pytest.mark.parametrize("compiled", ["script", "trace", "part"])
def test_torchscript(compiled: str, tmp_path: Path) -> None:
    model = perceptron()
    if compiled == "part":
        model[0] = torch.jit.script(model[0])
        run = record(tmp_path, model, (X, Y))
        assert [layer.name for layer in run.layers] == ["input", "0", "1", "output"]
        check(run, "0", model[0](X))
    else:
        script = torch.jit.script(model) if compiled == "script" else torch.jit.trace(model, X[:2])
        with pytest.warns(UserWarning, match="modules inside TorchScript call no hooks, so these are not recorded: 0"):
            run = record(tmp_path, script, (X, Y))
    check(run, "output", model(X))


def test_a_compiled_model(tmp_path: Path) -> None:
    model = perceptron()
    run = record(tmp_path, torch.compile(model, backend="eager"), (X, Y))
    assert [layer.name for layer in run.layers] == ["input", "0", "1", "output"]
    check(run, "1", model[:2](X))


class Strange(nn.Module):
    """Modules whose outputs are complex, sparse, nested, constant, or a different thing for every batch."""

    def __init__(self) -> None:
        super().__init__()
        names = ("complex", "sparse", "nested", "scalar", "last")
        self.steps = nn.ModuleDict({name: Step(name) for name in names})

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps.values():
            step(x)
        return self.steps["last"](x)


class Step(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "complex":
            return torch.fft.fft(x)
        if self.kind == "sparse":
            return (x * 2).to_sparse()
        if self.kind == "nested":
            return torch.nested.nested_tensor([row * 2 for row in x])
        return x.mean() if self.kind == "scalar" else x + 1


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_what_is_not_recorded_is_listed_once(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = record(tmp_path, Strange(), (X, Y))
    messages = [str(w.message) for w in caught if "not recorded" in str(w.message)]
    assert len(messages) == 1
    for name in ("complex", "sparse", "nested", "scalar"):
        assert messages[0].count(f"'steps.{name}'") == 1
    assert "its values are complex; let a module return torch.view_as_real of them" in messages[0]
    assert [layer.name for layer in run.layers][1:] == ["steps.last", "output"]
    with pytest.raises(RunError, match=r"layers: 'steps.complex' cannot be recorded: its values are complex"):
        record(tmp_path / "named", Strange(), (X, Y), layers=["steps.complex"])


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated", "ignore:.*quantize_per_tensor")
def test_quantized_layers(tmp_path: Path) -> None:
    class Quantized(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)

    dynamic = torch.ao.quantization.quantize_dynamic(perceptron(), {nn.Linear}, torch.qint8)
    run = record(tmp_path / "dynamic", dynamic, (X, Y))
    check(run, "0", dynamic[0](X), atol=0.05)
    model = nn.Sequential(nn.Linear(4, 6), Quantized())
    run = record(tmp_path / "static", model, (X, Y))
    check(run, "output", model(X).dequantize())


class Checkpointed(nn.Module):
    """A model whose first part is computed again in the backward pass."""

    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.part, self.head = nn.Sequential(nn.Linear(4, 6), nn.Tanh()), nn.Linear(6, 3)
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        return self.head(checkpoint(self.part, x, use_reentrant=self.reentrant))


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_checkpointing(tmp_path: Path) -> None:
    model = Checkpointed(reentrant=False)
    run = record(tmp_path / "right", model, (X, Y), gradients=True)
    hidden = model.part(X).detach().requires_grad_()
    nn.functional.cross_entropy(model.head(hidden), Y, reduction="sum").backward()
    np.testing.assert_allclose(run.activations("part.1", 0, gradients=True), hidden.grad, rtol=1e-4, atol=1e-6)
    model.reentrant = True
    check(record(tmp_path / "without", model, (X, Y)), "part.1", hidden)
    with pytest.raises(
        RunError, match=r"gradients: 'part.0' runs where .* use_reentrant=True; use use_reentrant=False"
    ):
        record(tmp_path / "wrong", model, (X, Y), gradients=True)


@pytest.mark.parametrize(("n", "equal"), [(20, 0), (300, 0), (300, 200)])
def test_a_network_that_depends_on_its_batch(n: int, equal: int, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6, track_running_stats=False), nn.Linear(6, 3))
    x = torch.rand(n, 4)
    x[:equal] = 0  # equal samples alone do not show it
    with pytest.warns(UserWarning, match="the output for a sample depends on the other samples of its batch"):
        run = record(tmp_path, model, (x, None))
    check(run, "output", model.eval()(x), rtol=1e-4)


def test_memory_is_bounded_by_two_batches() -> None:
    """Every tensor that a snapshot allocates is counted by a mode of PyTorch."""
    script = """
        import gc, tempfile, weakref, torch, bitlens
        from torch import nn
        from torch.utils._python_dispatch import TorchDispatchMode

        class Count(TorchDispatchMode):
            live, peak, seen = 0, 0, set()

            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                self.seen |= {a.untyped_storage()._cdata for a in args if isinstance(a, torch.Tensor)}
                result = func(*args, **(kwargs or {}))
                for tensor in result if isinstance(result, (tuple, list)) else [result]:
                    if isinstance(tensor, torch.Tensor):
                        storage = tensor.untyped_storage()
                        key = storage._cdata
                        if key not in self.seen:
                            self.seen.add(key)
                            Count.live += storage.nbytes()
                            weakref.finalize(storage, self.drop, key, storage.nbytes())
                Count.peak = max(Count.peak, Count.live)
                return result

            def drop(self, key, size):
                self.seen.discard(key)
                Count.live -= size

        model = nn.Sequential(*[nn.Conv2d(8, 8, 3, padding=1) for _ in range(6)])
        images = torch.rand(64, 8, 32, 32)
        with tempfile.TemporaryDirectory() as folder:
            with bitlens.Recorder(model, folder, (images, None), batch_size=8, show_size=False) as recorder:
                with Count():
                    recorder.snapshot(0)
        print(Count.peak / (7 * 8 * 8 * 32 * 32 * 4))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert 0.9 < float(done.stdout) < 2
