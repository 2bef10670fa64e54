"""Points and averages of a layer against the activations themselves, and selections that a run keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens.runs import RunError, named_selections


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(27, 4)
    )
    store = tmp_path_factory.mktemp("runs") / "run"
    with bitlens.Recorder(model, store, (torch.rand(20, 1, 8, 8), torch.arange(20) % 4)) as recorder:
        recorder.snapshot(1)
    return bitlens.open_run(store)


def test_every_position_is_a_point_with_its_box(run: bitlens.Run) -> None:
    points = bitlens.layer_points(run, "1", 1)
    activations = run.activations("1", 1)
    assert points.sizes["point"] == 20 * 9
    field = run.layer("1").receptive_field
    for point in (0, 57, 179):
        here = points.isel(point=point)
        row, column = here.position.values
        np.testing.assert_array_equal(here.activation, activations[int(here["sample"]), :, row, column])
        assert list(zip(here["first"].values, here["end"].values, strict=True)) == list(field.box(row, column))


def test_units_are_points_without_positions(run: bitlens.Run) -> None:
    points = bitlens.layer_points(run, "output", 1)
    np.testing.assert_array_equal(points.activation, run.activations("output", 1))
    assert points["sample"].values.tolist() == list(range(20))
    assert "position" not in points


def test_pooled_points_are_means_over_positions(run: bitlens.Run) -> None:
    points = bitlens.layer_points(run, "1", 1, pooled=True)
    np.testing.assert_allclose(points.activation, run.activations("1", 1).mean(axis=(2, 3)), rtol=1e-5)
    assert points["sample"].values.tolist() == list(range(20))
    assert bitlens.layer_points(run, "output", 1, pooled=True).equals(bitlens.layer_points(run, "output", 1))


def test_too_many_points_are_drawn_by_the_seed(run: bitlens.Run) -> None:
    some = bitlens.layer_points(run, "0", 1, limit=100, seed=2)
    assert some.sizes["point"] == 100
    assert some.identical(bitlens.layer_points(run, "0", 1, limit=100, seed=2))
    assert not some.identical(bitlens.layer_points(run, "0", 1, limit=100, seed=3))
    places = np.c_[some["sample"], some.position]
    assert len(np.unique(places, axis=0)) == 100


def test_averages(run: bitlens.Run) -> None:
    chosen = [3, 4, 11]
    for layer in ("input", "0", "output"):
        found = bitlens.average_maps(run, layer, 1, chosen)
        np.testing.assert_allclose(found, run.activations(layer, 1)[chosen].mean(axis=0, dtype=np.float64), rtol=1e-12)
    assert found.dims == ("channel",)
    assert bitlens.average_maps(run, "0", 1, [2]).dims == ("channel", "row", "column")


def test_selections_are_kept_by_what_they_hold(run: bitlens.Run) -> None:
    name = bitlens.save_selection(run, np.array([9, 3, 3]))
    assert bitlens.load_selection(run, name) == [3, 9]
    assert bitlens.save_selection(run, [3, 9]) == name
    assert bitlens.save_selection(run, [3]) != name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: bitlens.average_maps(run, "0", 1, []), "samples: expected at least one"),
        (lambda run: bitlens.average_maps(run, "0", 1, [20]), "sample: .*20"),
        (lambda run: bitlens.average_maps(run, "x", 1, [0]), "layer: no layer 'x'"),
        (lambda run: bitlens.layer_points(run, "0", 2), "epoch: no activations of epoch 2"),
        (lambda run: bitlens.save_selection(run, []), "samples: expected at least one"),
        (lambda run: bitlens.save_selection(run, [20]), "samples: expected 0 to 19, got 20 to 20"),
        (lambda run: bitlens.save_selection(run, [-1]), "samples: expected 0 to 19, got -1"),
        (lambda run: bitlens.load_selection(run, "../manifest"), "selection: '../manifest' is not in"),
        (lambda run: bitlens.load_selection(run, "0" * 12), "selection: '000000000000' is not in"),
    ],
)
def test_refused(run: bitlens.Run, call, message: str) -> None:
    with pytest.raises(RunError, match=message):
        call(run)


def test_no_points_at_all_are_refused(run: bitlens.Run) -> None:
    with pytest.raises(ValueError, match="limit: expected at least 1, got 0"):
        bitlens.layer_points(run, "0", 1, limit=0)


@pytest.mark.parametrize("text", ["{", '{"samples": []}', '{"samples": [99]}', '{"samples": "x"}', "[1]"])
def test_a_damaged_selection_is_named(run: bitlens.Run, text: str) -> None:
    name = bitlens.save_selection(run, [1, 2])
    path: Path = run.path / "selections" / f"{name}.json"
    good = path.read_text()
    path.write_text(text)
    try:
        with pytest.raises(RunError, match=f"{name}.json (is damaged|contains samples)"):
            bitlens.load_selection(run, name)
    finally:
        path.write_text(good)


def test_selections_with_names(run: bitlens.Run) -> None:
    hashed = bitlens.save_selection(run, [1])
    assert bitlens.save_selection(run, [4, 2], name="hard-ones") == "hard-ones"
    assert bitlens.load_selection(run, "hard-ones") == [2, 4]
    bitlens.save_selection(run, [7], name="hard-ones")
    assert bitlens.load_selection(run, "hard-ones") == [7]
    assert "hard-ones" in named_selections(run)
    assert hashed not in named_selections(run)
    for name in ("", "a/b", "..", "x" * 41, "0123456789ab"):
        with pytest.raises(RunError, match="name: expected up to 40 letters"):
            bitlens.save_selection(run, [1], name=name)
