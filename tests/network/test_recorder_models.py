"""Recording unusual networks: names, element types, batch axes and failures that a recorder must handle."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import bitlens


def record(
    model: nn.Module, path: Path, inputs: Tensor, labels: Tensor | None = None, **options: object
) -> bitlens.Run:
    with bitlens.Recorder(model, path, (inputs, labels), **options) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(path)


class Named(nn.Module):
    """Modules with names that a run reserves, and a function after the last module."""

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Linear(4, 8)
        self.output = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return torch.log_softmax(self.output(torch.relu(self.input(x))), dim=1)


def test_modules_named_input_and_output(tmp_path: Path) -> None:
    model, x = Named(), torch.rand(20, 4)
    run = record(model, tmp_path / "run", x)
    assert [layer.name for layer in run.layers] == ["input", "module.input", "module.output", "output"]
    with torch.no_grad():
        np.testing.assert_allclose(run.activations("module.input", 0), model.input(x), rtol=1e-5)
        np.testing.assert_allclose(run.activations("module.output", 0).argmax(1), model(x).argmax(1))
        np.testing.assert_allclose(run.activations("output", 0), model(x), rtol=1e-5)


def test_a_function_that_changes_the_last_module_in_place(tmp_path: Path) -> None:
    class Ends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 8)

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu_(self.fc(x))

    run = record(Ends(), tmp_path / "run", torch.rand(20, 4))
    assert [layer.name for layer in run.layers] == ["input", "fc", "output"]
    np.testing.assert_array_equal(run.activations("output", 0), np.maximum(run.activations("fc", 0), 0))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_other_element_types(dtype: torch.dtype, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).to(dtype)
    images = torch.rand(10, 1, 6, 6).to(dtype)
    run = record(model, tmp_path / "run", images)
    assert run.layer("0").receptive_field is not None
    with torch.no_grad():
        np.testing.assert_allclose(run.activations("output", 0), model(images).float(), rtol=1e-3, atol=1e-3)
    run = record(model, tmp_path / "converted", images.float())  # the probe is converted to the type of the weights
    with torch.no_grad():
        np.testing.assert_allclose(run.activations("output", 0), model(images).float(), rtol=1e-3, atol=1e-3)


class Float8(nn.Module):
    """A layer whose values are floats of 8 bits."""

    def forward(self, x: Tensor) -> Tensor:
        return x.to(torch.float8_e4m3fn)


class Wide(nn.Module):
    """A layer that returns floats of 32 bits again."""

    def forward(self, x: Tensor) -> Tensor:
        return x.float()


def test_floats_of_8_bits(tmp_path: Path) -> None:
    model, x = nn.Sequential(nn.Linear(4, 6), Float8(), Wide(), nn.Linear(6, 3)), torch.rand(20, 4)
    run = record(model, tmp_path / "run", x, torch.arange(20) % 3, gradients=True)
    with torch.no_grad():
        np.testing.assert_array_equal(run.activations("1", 0), model[1](model[0](x)).float())


def test_complex_inputs_are_refused_with_a_way_that_works(tmp_path: Path) -> None:
    class Magnitude(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.mix(x.abs())

    model, x = Magnitude(), torch.randn(20, 4, dtype=torch.complex64)
    with pytest.raises(
        TypeError, match=r"probe: expected inputs of real numbers, got torch.complex64; pass torch.view"
    ):
        record(model, tmp_path / "refused", x)
    run = record(
        model, tmp_path / "run", torch.view_as_real(x), channel_axis={"input": 1},
        forward=lambda model, batch: model(torch.view_as_complex(batch)),
    )  # fmt: skip
    with torch.no_grad():
        np.testing.assert_allclose(run.activations("output", 0), model(x), rtol=1e-5)


def test_gradients_of_a_model_from_inference_mode_are_refused(tmp_path: Path) -> None:
    with torch.inference_mode():
        model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    x, y = torch.rand(20, 4), torch.arange(20) % 3
    record(model, tmp_path / "activations", x, y)
    with pytest.raises(
        ValueError, match=r"gradients: expected parameters with gradients, got those of a model that was"
    ):
        record(model, tmp_path / "gradients", x, y, gradients=True)


def test_an_exported_model_is_refused(tmp_path: Path) -> None:
    x = torch.rand(20, 4)
    model = torch.export.export(nn.Sequential(nn.Linear(4, 3)), (x,)).module()
    with pytest.raises(
        TypeError, match=r"model: expected a module with an evaluation mode, got GraphModule: .*before it"
    ):
        record(model, tmp_path / "run", x)


def test_what_the_caller_does_to_the_probe_later_is_not_recorded(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((20, 4), np.float32)
    kept = images.copy()
    recorder = bitlens.Recorder(nn.Linear(4, 2), tmp_path / "run", (images[::-1][::-1], None))
    images[:] = 0
    with recorder:
        recorder.snapshot(0)
    np.testing.assert_array_equal(bitlens.open_run(tmp_path / "run").inputs, kept)


def test_a_network_that_refuses_nan_has_receptive_fields(tmp_path: Path) -> None:
    class Careful(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            if not x.isfinite().all():
                raise ValueError("not finite")
            return super().forward(x)

    run = record(Careful(nn.Conv2d(1, 2, 3), nn.ReLU()), tmp_path / "run", torch.rand(5, 1, 6, 6))
    assert run.layer("0").receptive_field.box(0, 3) == ((0, 3), (3, 6))


class Folded(nn.Module):
    """A model whose first module gets tokens on the axis of the samples."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Linear(4, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.token(x.flatten(0, 1)).view(len(x), -1, 8).mean(1))


def test_a_layer_whose_first_axis_has_the_tokens_of_all_samples(tmp_path: Path) -> None:
    model, tokens = Folded(), torch.rand(20, 5, 4)
    run = record(model, tmp_path / "run", tokens)
    assert [(layer.name, layer.shape) for layer in run.layers] == [
        ("input", (4, 5)),
        ("token", (8, 5)),
        ("output", (3,)),
    ]
    with torch.no_grad():
        np.testing.assert_allclose(run.activations("token", 0), model.token(tokens).movedim(2, 1), rtol=1e-5)


def test_gradients_behind_a_frozen_embedding(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(10, 6), nn.Flatten(), nn.Linear(18, 4))
    model[0].weight.requires_grad_(False)
    tokens, labels = torch.randint(0, 10, (20, 3)), torch.arange(20) % 4
    run = record(model, tmp_path / "run", tokens, labels, gradients=True)
    output = torch.from_numpy(run.activations("output", 0, gradients=True))
    expected = (output @ model[2].weight).reshape(20, 3, 6).movedim(2, 1)
    np.testing.assert_allclose(run.activations("0", 0, gradients=True), expected.detach(), rtol=1e-4, atol=1e-6)


def test_gradients_need_one_output_a_class(tmp_path: Path) -> None:
    recorder = bitlens.Recorder(
        nn.Linear(4, 2), tmp_path / "run", (torch.rand(9, 4), torch.arange(9) % 3), gradients=True
    )
    with pytest.raises(
        ValueError, match=r"gradients: expected one output for each of 3 classes, or one .* loss, got shape \(2,\)"
    ):
        recorder.__enter__()


@pytest.mark.parametrize(("dtype", "large"), [("float16", 1e6), ("float32", 1e39)])
def test_storage_that_cannot_hold_the_values(dtype: str, large: float, tmp_path: Path) -> None:
    class Large(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            output = super().forward(x).double() * large
            output[0, 0] = float(
                "inf"
            )  # an infinite activation is stored as it is, and does not hide other large values
            return output

    with pytest.raises(ValueError, match=f"which {dtype} cannot represent"):
        record(Large(4, 2), tmp_path / "run", torch.rand(10, 4), dtype=dtype)


def test_axes_of_layers_that_are_not_there(tmp_path: Path) -> None:
    recorder = bitlens.Recorder(nn.Linear(4, 2), tmp_path / "run", (torch.rand(9, 4), None), channel_axis={"conv": 1})
    with pytest.raises(ValueError, match=r"channel_axis: expected recorded layers .*, got 'conv'"):
        recorder.__enter__()
    with pytest.raises(RuntimeError, match="use it in a with statement"):
        _ = recorder.bytes_per_epoch


@pytest.mark.parametrize(("shape", "certain"), [((3, 8, 8), True), ((8, 8, 3), False), ((12, 3), False)])
def test_an_input_whose_axes_nothing_shows(shape: tuple[int, ...], certain: bool, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 3))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = record(model, tmp_path / "run", torch.rand(6, *shape))
    assert run.layers[0].channel_axis == 1
    assert ["the axis of the channels is a guess in 'input' (axis 1" in str(w.message) for w in said] == [True][
        certain:
    ]
