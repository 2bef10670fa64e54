"""Runs whose inputs are token ids: the numbering of the vocabulary changes no measure of the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import bitlens
from bitlens import Alignment, Dimension, NearestNeighbors, Silverman, reference
from bitlens.arrays import NDArray
from bitlens.measures import COMPUTED
from bitlens.measures.inputs import are_categories
from bitlens.runs import RunError

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")

LABELS = torch.arange(40) % 3


def text_model(vocabulary: int, length: int) -> nn.Sequential:
    return nn.Sequential(nn.Embedding(vocabulary, 4), nn.Conv1d(length, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(9, 3))


def record(path: Path, model: nn.Module, tokens: torch.Tensor) -> bitlens.Run:
    with bitlens.Recorder(model, path, (tokens, LABELS[: len(tokens)]), show_size=False) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(path)


# id: (size of the vocabulary, token ids)
TEXTS = {
    "a small vocabulary": (30, torch.randint(0, 30, (40, 6), generator=torch.manual_seed(1))),
    "a large vocabulary": (50_000, torch.randint(0, 50_000, (40, 128), generator=torch.manual_seed(2))),
    "padding": (
        30,
        torch.where(
            torch.arange(12) < torch.randint(2, 12, (40, 1), generator=torch.manual_seed(3)),
            torch.randint(1, 30, (40, 12), generator=torch.manual_seed(4)),
            0,
        ),
    ),
    "int32": (30, torch.randint(0, 30, (40, 6), generator=torch.manual_seed(5)).int()),
}


def renamed(path: Path, vocabulary: int, tokens: torch.Tensor) -> tuple[bitlens.Run, bitlens.Run]:
    """The same text in two vocabularies; the networks have the same activations."""
    torch.manual_seed(0)
    model, other = (text_model(vocabulary, tokens.shape[1]) for _ in range(2))
    order = torch.randperm(vocabulary)
    other.load_state_dict(model.state_dict())
    other[0].weight.data[order] = model[0].weight.data
    return record(path / "run", model, tokens), record(path / "other", other, order[tokens.long()].to(tokens.dtype))


def slices(run: bitlens.Run) -> list[xr.DataArray]:
    of_input, hidden = run.slice(layer="input"), run.slice(layer="1")
    return [
        of_input.inter_sample_entropy(k=5),
        run.slice(layer="input", channel=[0, 2], sample=slice(0, 20)).inter_sample_entropy(k=5),
        of_input.mutual_information(hidden),
        hidden.conditional_entropy(of_input),
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_another_numbering_of_the_vocabulary_changes_nothing(name: str, tmp_path: Path) -> None:
    run, other = renamed(tmp_path, *TEXTS[name])
    results, of_other = (
        bitlens.measure(each, permutations=2, k=5, batch=20, skipped=lambda _: None) for each in (run, other)
    )
    titles = {measure.title for measure in COMPUTED.values() if measure.targets(run)}
    assert {title.partition(" of ")[0] for title in results} == titles
    assert "layer pair information of input and 0" in results
    for title, result in results.items():
        xr.testing.assert_equal(result, of_other[title])
    for estimator in ("binning", "kde"):
        xr.testing.assert_equal(*(bitlens.information_plane(each, estimator) for each in (run, other)))
    for rule in (Silverman(5), NearestNeighbors(3), Dimension(), Alignment(), 2.0):
        planes = [bitlens.information_plane(each, permutations=2, bandwidth_x=rule) for each in (run, other)]
        xr.testing.assert_equal(*planes)
    for of_run, of_renamed in zip(slices(run), slices(other), strict=True):
        xr.testing.assert_equal(of_run, of_renamed)


def test_the_distances_of_token_ids_are_those_of_one_hot_codes(tmp_path: Path) -> None:
    run, _ = renamed(tmp_path, *TEXTS["padding"])
    one_hot = (run.inputs[..., None] == np.arange(30)).astype(np.float64)
    flat = one_hot.reshape(40, -1)
    diversity = bitlens.input_diversity(run, k=5)
    assert float(diversity.inter_sample_entropy) == pytest.approx(reference.inter_sample_entropy(flat, 5), abs=1e-6)
    of_class = [reference.inter_sample_entropy(flat[run.labels == label], 5) for label in range(3)]
    np.testing.assert_allclose(diversity.class_inter_sample_entropy, of_class, atol=1e-6)
    of_layer = bitlens.layer_diversity(run, k=5).inter_sample_entropy.sel(epoch=0, layer="input")
    assert float(of_layer) == float(diversity.inter_sample_entropy)
    plane = bitlens.information_plane(run, permutations=2).sel(epoch=0, about="input")
    # The mini-batch is the whole probe, and the units of the output are one variable.
    by_hand = bitlens.multivariate_information(flat, run.activations("output", 0)[:, None], permutations=2)
    assert float(plane.information.sel(layer="output")) == pytest.approx(by_hand.information, abs=1e-9)
    pair = bitlens.layer_pair_information(run, "input", "1", permutations=2).sel(epoch=0)
    expected = bitlens.channel_mutual_information(one_hot, run.activations("1", 0))
    np.testing.assert_allclose(pair.mutual_information, expected, atol=1e-12)


# id: (inputs, whether they are category numbers)
KINDS: dict[str, tuple[NDArray, bool]] = {
    "token ids": (np.zeros((4, 6), np.int64), True),
    "token ids of 16 bits": (np.zeros((4, 6), np.uint16), True),
    "sentences of token ids": (np.zeros((4, 2, 6), np.int32), True),
    "images of bytes": (np.zeros((4, 1, 6, 6), np.uint8), False),
    "sound of 16 bits": (np.zeros((4, 1, 60), np.int16), False),
    "floats": (np.zeros((4, 6), np.float32), False),
    "booleans": (np.zeros((4, 6), bool), False),
}


@pytest.mark.parametrize("name", KINDS)
def test_which_inputs_are_category_numbers(name: str) -> None:
    inputs, expected = KINDS[name]
    assert are_categories(inputs) is expected


# id: what needs the order of values
REFUSED = {
    "channel_entropies": lambda run: bitlens.channel_entropies(run, "input"),
    "label_information": lambda run: bitlens.label_information(run, "input"),
    "layer_decomposition": lambda run: bitlens.layer_decomposition(run, "input"),
    "intra_sample_entropy()": lambda run: run.slice(layer="input").intra_sample_entropy(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_order_of_token_ids_is_refused(name: str, tmp_path: Path) -> None:
    vocabulary, tokens = TEXTS["a small vocabulary"]
    run = record(tmp_path / "run", text_model(vocabulary, 6), tokens)
    message = r"the input is int64 of shape \(40, 6\), category numbers such as token ids, which have no order; "
    with pytest.raises(RunError, match=message) as refused:
        REFUSED[name](run)
    assert str(refused.value).endswith(f"{name} needs magnitudes")


def test_images_of_bytes_are_magnitudes(tmp_path: Path) -> None:
    class Scaled(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.float() / 255

    images = torch.randint(0, 256, (20, 1, 4, 4), dtype=torch.uint8)
    run = record(tmp_path / "run", nn.Sequential(Scaled(), nn.Flatten(), nn.Linear(16, 3)), images)
    expected = bitlens.inter_sample_entropy(images.double(), 5)
    assert float(bitlens.input_diversity(run, 5).inter_sample_entropy) == pytest.approx(expected, abs=1e-5)
    assert bitlens.channel_entropies(run, "input").intra_sample_entropy.shape == (1, 1)
