"""Views: tokens as samples, heads as channels, and parts of a layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import bitlens
from bitlens.runs import RunError


class Tagger(nn.Module):
    """A network with one output for every token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 12)
        self.hidden = nn.Linear(12, 8)
        self.act = nn.ReLU()
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.act(self.hidden(self.embed(tokens))))


TOKENS = torch.randint(0, 30, (20, 7), generator=torch.Generator().manual_seed(0))
MASK = torch.arange(7) < torch.randint(2, 8, (20, 1), generator=torch.Generator().manual_seed(1))
BY_TOKEN = bitlens.View(tokens_as_samples=True)


def record(path: Path, labels: Any, model: nn.Module | None = None, **options: Any) -> tuple[bitlens.Run, nn.Module]:
    torch.manual_seed(0)
    model = Tagger() if model is None else model
    with bitlens.Recorder(model, path, (TOKENS, labels), show_size=False, **options) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(path), model


def test_tokens_as_samples_without_padding(tmp_path: Path) -> None:
    labels = TOKENS % 3
    labels[0, 0] = -100  # PyTorch's losses leave this token out
    run, model = record(tmp_path / "run", labels, views=BY_TOKEN, mask=MASK, batch_size=6, weights=[0])
    kept = MASK & (labels != -100)
    assert run.manifest.samples == int(kept.sum())
    assert [(layer.name, layer.shape) for layer in run.layers] == [
        ("input", (1,)), ("embed", (12,)), ("hidden", (8,)), ("act", (8,)), ("output", (3,)),
    ]  # fmt: skip
    np.testing.assert_array_equal(run.inputs[:, 0], TOKENS[kept])
    np.testing.assert_array_equal(run.labels, labels[kept])
    with torch.no_grad():
        np.testing.assert_allclose(run.activations("output", 0), model(TOKENS)[kept], rtol=1e-5, atol=1e-6)
    assert float(bitlens.training_performance(run).accuracy[0]) <= 1
    with pytest.raises(RunError, match="run: expected whole samples to run the network with, got single tokens"):
        bitlens.layer_ablation(run, model, ["hidden"])


def test_labels_of_sequences_hold_for_their_tokens(tmp_path: Path) -> None:
    run, _ = record(tmp_path / "run", torch.arange(20) % 3, views={"*": BY_TOKEN})
    np.testing.assert_array_equal(run.labels, np.repeat(np.arange(20) % 3, 7))


def test_pixels_as_samples(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2))
    images, labels = torch.rand(6, 2, 4, 4), torch.randint(0, 5, (6, 4, 4))
    with (
        pytest.warns(UserWarning, match="'2' .it has 4 positions, and the tokens are 16."),
        bitlens.Recorder(model, tmp_path / "run", (images, labels), views=BY_TOKEN, show_size=False) as recorder,
    ):
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    assert [(layer.name, layer.shape) for layer in run.layers] == [
        ("input", (2,)), ("0", (5,)), ("1", (5,)), ("output", (5,)),
    ]  # fmt: skip
    np.testing.assert_array_equal(run.inputs, images.movedim(1, 3).flatten(0, 2))
    np.testing.assert_array_equal(run.labels, labels.flatten())
    with torch.no_grad():
        np.testing.assert_allclose(run.activations("0", 0), model[0](images).movedim(1, 3).flatten(0, 2), rtol=1e-5)


def test_padding_is_recorded_as_zero(tmp_path: Path) -> None:
    run, model = record(tmp_path / "run", None, mask=MASK)
    with torch.no_grad():
        expected = model.hidden(model.embed(TOKENS)).movedim(2, 1) * MASK[:, None]
    np.testing.assert_allclose(run.activations("hidden", 0), expected, rtol=1e-5, atol=1e-7)


def test_heads_channels_and_positions(tmp_path: Path) -> None:
    views = {
        "embed": bitlens.View(heads=3),
        "hidden": bitlens.View(channels=slice(2, 8, 2), positions=[0, -1]),
        "act": bitlens.View(heads=2, positions=[6], channels=[1]),
    }
    run, model = record(tmp_path / "run", None, views=views)
    assert [(layer.shape, layer.view) for layer in run.layers] == [
        ((7,), ""),
        ((3, 4, 7), "3 heads as channels"),
        ((3, 2), "channels 2:8:2, positions 0, -1"),
        ((1, 4, 1), "2 heads as channels, channels 1, positions 6"),
        ((3, 7), ""),
    ]
    with torch.no_grad():
        hidden = model.hidden(model.embed(TOKENS))
    embedded = model.embed(TOKENS).detach().reshape(20, 7, 3, 4).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(run.activations("embed", 0), embedded)
    np.testing.assert_allclose(run.activations("hidden", 0), hidden[:, [0, 6], 2::2].movedim(2, 1), rtol=1e-5)
    np.testing.assert_allclose(run.activations("act", 0)[:, 0, :, 0], hidden[:, 6, 4:].relu(), rtol=1e-5, atol=1e-7)


def test_a_part_of_the_channels_keeps_the_receptive_field(tmp_path: Path) -> None:
    images = torch.rand(4, 1, 6, 6)
    views = {"0": bitlens.View(channels=[1])}
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    with bitlens.Recorder(model, tmp_path / "run", (images, None), views=views, show_size=False) as recorder:
        recorder.snapshot(0)
    layer = bitlens.open_run(tmp_path / "run").layer("0")
    assert layer.shape == (1, 4, 4)
    assert layer.receptive_field is not None
    assert layer.receptive_field.box(1, 0) == ((1, 4), (0, 3))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"views": {"embed": bitlens.View(heads=5)}},
            ValueError,
            "views: expected heads that divide 12 channels, got 5",
        ),
        ({"views": {"hidden": bitlens.View(channels=[8])}}, ValueError, "views: expected channels from 0 to 7, got 8"),
        ({"views": {"hidden": bitlens.View(positions=[])}}, ValueError, "views: expected positions from 0 to 6, got "),
        ({"views": {"hidden": "heads"}}, TypeError, "views: expected a bitlens.View for 'hidden', got str"),
        ({"views": {"hidden": BY_TOKEN}}, ValueError, "views: expected tokens_as_samples for all layers or for none"),
        ({"views": BY_TOKEN, "gradients": True}, ValueError, "gradients: expected samples of the probe as samples"),
        ({"mask": torch.ones(20)}, TypeError, r"mask: expected an array of shape \(20, tokens\), got "),
        ({"mask": torch.zeros(20, 7), "views": BY_TOKEN}, ValueError, "mask: expected at least one token"),
        ({"mask": torch.ones(20, 6), "views": BY_TOKEN}, ValueError, r"mask: expected shape \(20, 7\)"),
    ],
)
def test_bad_views(options: dict[str, Any], error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        record(tmp_path / "run", torch.arange(20) % 3, **options)


def test_labels_for_tokens_need_tokens_as_samples(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"probe: expected 20 labels, got shape \(20, 7\)"):
        record(tmp_path / "run", TOKENS % 3)


class Masked(Tagger):
    """A network that takes the mask of its tokens as an input."""

    def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        return super().forward(tokens) * attention_mask[..., None]


WORDS = [[f"w{sample}.{position}" for position in range(7)] for sample in range(20)]


def test_tokens_know_their_prompt_and_their_text(tmp_path: Path) -> None:
    probe = {"tokens": TOKENS, "attention_mask": MASK.long()}
    with bitlens.Recorder(Masked(), tmp_path, probe, views=BY_TOKEN, texts=WORDS, show_size=False) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path)
    assert run.manifest.samples == int(MASK.sum())  # the input attention_mask is the mask
    assert run.prompts is not None
    assert run.texts is not None
    places = MASK.nonzero().tolist()
    assert run.prompts.tolist() == [sample for sample, _ in places]
    assert run.texts == tuple(f"w{sample}.{position}" for sample, position in places)


def test_whole_samples_have_texts_and_no_prompts(tmp_path: Path) -> None:
    run, _ = record(tmp_path / "run", None, texts=["one", *["more"] * 19])
    assert run.prompts is None
    assert run.texts is not None
    assert run.texts[:2] == ("one", "more")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"texts": "abc"}, ValueError, "texts: expected a text for each of 20 samples, got 1"),
        ({"texts": ["a"] * 19}, ValueError, "texts: expected a text for each of 20 samples, got 19"),
        ({"texts": [1] * 20}, TypeError, "texts: expected a text for each of 20 samples, got int"),
        ({"texts": WORDS}, TypeError, "texts: expected a text for each of 20 samples, got list"),
        ({"texts": WORDS[1:], "views": BY_TOKEN}, ValueError, "texts: expected a list of texts, .* 20 samples, got 19"),
        ({"texts": [w[1:] for w in WORDS], "views": BY_TOKEN}, ValueError, "texts: .* each of 7 positions, got 6 for"),
    ],
)
def test_bad_texts(options: dict[str, Any], error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        record(tmp_path / "run", None, **options)
