"""Projections, neighbours and named selections on the embedding page; live training; tokens and waves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens import measures
from bitlens_explorer.ui.waves import FLOOR, curve, spectrograms
from tests.support.page_contents import chart, words


@pytest.mark.parametrize("space", ["pca", "turn"])
def test_a_projection_says_how_much_it_shows(recorded_run, look, space):
    said = words(look(recorded_run.path, "embedding", a="0", t="1", emb=space))
    points = measures.projected_points(recorded_run, "0", 1, components=3 if space == "turn" else 2)
    assert f"The shown components have {sum(points.attrs['explained']):.0%} of the variance" in said


def test_a_layer_of_one_channel_has_no_projection(look, tmp_path):
    run = record(tmp_path / "thin", torch.nn.Linear(1, 1), torch.rand(9, 1))
    assert "This projection cannot be drawn: components: expected less than" in words(
        look(run.path, "embedding", a="input", emb="pca")
    )


def test_the_neighbours_of_a_single_selected_sample(run, look):
    name = bitlens.save_selection(run, [5])
    app = look(run.path, "embedding", a="1", t="1", sel=name)
    assert "Nearest samples of sample 5 in layer 1" in words(app)
    app = look(run.path, "embedding", a="1", t="1", sel=bitlens.save_selection(run, [5, 6]))
    assert "Nearest samples" not in words(app)


def test_named_selections_are_offered_and_saved(run, look):
    bitlens.save_selection(run, [3, 4], name="hard")
    app = look(run.path, "embedding", a="1", t="1")
    app.selectbox(key="query selection").set_value("hard").run()
    assert app.query_params["sel"] == "hard"
    app.text_input(key="selection name").set_value("harder")
    next(button for button in app.button if button.label == "Save").click().run()
    assert bitlens.load_selection(run, "harder") == [3, 4]
    assert app.query_params["sel"] == "harder"


def record(store: Path, model: torch.nn.Module, samples: torch.Tensor, **axes: int) -> bitlens.Run:
    labels = torch.arange(len(samples)) % 3
    with bitlens.Recorder(model, store, (samples, labels), channel_axis=axes or None, show_size=False) as recorder:
        for epoch in (0, 1):
            recorder.snapshot(epoch)
    return bitlens.open_run(store)


def test_a_training_that_is_being_recorded_is_drawn_without_a_button(tmp_path, look):
    model, samples = torch.nn.Sequential(torch.nn.Linear(4, 3)), torch.rand(24, 4)
    with bitlens.Recorder(model, tmp_path / "live", (samples, torch.arange(24) % 3), show_size=False) as recorder:
        app = look(tmp_path / "live")
        assert "no epoch is complete yet" in words(app)
        recorder.snapshot(0, loss=2.5, rate=0.1)
        app.run()
        performance = bitlens.training_performance(bitlens.open_run(tmp_path / "live"), epochs=[0])
        accuracy = next(metric for metric in app.metric if metric.label == "Accuracy")
        assert accuracy.value == f"{float(performance.accuracy[0]):.1%}"
        recorder.snapshot(1, loss=1.5, rate=0.2)
        app.run()
        assert [row["value"] for row in chart(app, "rate over epochs")[1]] == [0.1, 0.2]
        assert [row["value"] for row in chart(app, "loss over epochs")[1]] == [2.5, 1.5]


class Tokens(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = torch.nn.Embedding(9, 4), torch.nn.Linear(4, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.words(tokens).mean(1))


def test_tokens_without_texts_are_numbers_and_have_no_average(tmp_path, look):
    run = record(tmp_path / "tokens", Tokens(), torch.arange(120).reshape(24, 5) % 9)
    predicted = int(measures.predicted_classes(run, 1)[0])
    address = {"t": "1", "cm": f"0.{predicted}"}
    assert any("tokens 0 1 2 3 4" in text.value for text in look(run.path, **address).text)
    assert "whose average means nothing" in words(look(run.path, "embedding", a="words", t="1"))


def test_waves_are_curves_with_spectrograms(tmp_path, look):
    model = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 9, 4), torch.nn.Flatten(), torch.nn.Linear(46, 3))
    run = record(tmp_path / "waves", model, torch.rand(24, 1, 100), input=1)
    predicted = int(measures.predicted_classes(run, 1)[0])
    assert "along 100 values" in words(look(run.path, t="1", cm=f"0.{predicted}"))
    drawn = curve(torch.tensor([[0.0, 1.0, float("nan"), 0.5]]).numpy(), 0.0, 1.0)
    assert drawn.count("<polyline") == 1
    assert "nan" not in drawn


def test_a_spectrogram_shows_the_frequency_and_the_ratio_of_amplitudes():
    times = np.arange(2048)
    waves = np.stack([np.sin(2 * np.pi * times / 8), 0.1 * np.sin(2 * np.pi * times / 4)])[:, None]
    decibels = spectrograms(waves)
    frequencies = np.linspace(0, 0.5, decibels.shape[1])
    assert [frequencies[i] for i in decibels.mean(axis=2).argmax(axis=1)] == [1 / 8, 1 / 4]
    np.testing.assert_allclose(decibels.max(axis=(1, 2)), [0, -20], atol=1e-6)
    assert decibels.min() == FLOOR
    both = spectrograms(
        np.concatenate([waves, np.zeros_like(waves)], axis=1)
    )  # the mean over channels, then the largest
    np.testing.assert_allclose(both, decibels, atol=1e-9)
    waves[0, 0, 5] = np.nan
    assert np.isnan(spectrograms(waves)[0, :, 0]).all()
    assert np.isfinite(spectrograms(waves)[0, :, 1:][:, 5:]).all()
    assert (spectrograms(np.zeros((1, 1, 64))) == FLOOR).all()
