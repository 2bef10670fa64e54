"""The figures on information discarding: drawn whole from tiny networks, the library's numbers, verdicts by their rules."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import bitlens

ROOM = "paper_figures.information_discarding"
SIZES = {"epochs": 1, "samples": 128, "probe": 1, "side": 12}
SEARCH = {"DRAWS": 8, "STEPS": 1, "DECODED": 64, "DECODER_EPOCHS": 1, "WIDTH": 2}
FIGURES = ("figure-1", "figure-3", "figure-4a", "figure-4b", "figure-5a", "figure-5b")


@pytest.fixture(scope="module")
def room():
    """Its modules by name."""
    return lambda name: importlib.import_module(f"{ROOM}.{name}" if name != "main" else "paper_figures.__main__")


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten patterns in ink of many shades."""
    path = tmp_path_factory.mktemp("mnist") / "mnist.npz"
    random = np.random.default_rng(0)
    patterns = np.zeros((10, 28, 28))
    patterns[:, 6:22, 8:20] = random.integers(0, 256, (10, 16, 12))
    labels = np.arange(200) % 10
    images = (patterns[labels] * random.uniform(0.5, 1, (200, 28, 28))).astype(np.uint8)
    parts = {"train": slice(0, 128), "test": slice(128, 200)}
    arrays = {f"{name}_images": images[rows] for name, rows in parts.items()}
    np.savez(path, **arrays, **{f"{name}_labels": labels[rows] for name, rows in parts.items()})
    return path


@pytest.fixture(scope="module")
def drawn(room, mnist: Path, tmp_path_factory: pytest.TempPathFactory):
    """Everything twice, of few layers; the second call only redraws."""
    folder = tmp_path_factory.mktemp("discarding")
    networks, measuring = room("networks"), room("measuring")
    ends = {"lenet": ("relu1", "relu3"), "plain": ("relu1", "relu6"), "resnet": ("block2", "pooled")}
    ends |= {"damaged": ("inserted", "pooled"), "autoencoder": ("block2", "block3"), "distilled": ("relu1", "relu3")}
    with pytest.MonkeyPatch.context() as patch:
        for name in networks.KINDS:
            layers = ends.get(name, ends["plain"])
            rebuilt = {"plain": layers, "lenet": layers[1:], "resnet": layers[1:], "damaged": layers[1:]}.get(name, ())
            rebuilt = layers[1:] if name.startswith("pruned") else rebuilt
            patch.setitem(networks.KINDS, name, networks.Kind(layers, rebuilt))
        for name, value in SEARCH.items():
            patch.setattr(measuring, name, value)
        patch.setattr(networks, "BLOCKS", ("block3",))
        patch.setattr(measuring, "BLOCKS", ("block3",))
        patch.setattr(room("claims"), "BLOCKS", ("block3",))
        call = ["information-discarding", "--mnist", mnist, "--out", folder / "out", "--work", folder / "work"]
        call += [part for name, value in SIZES.items() for part in (f"--{name}", value)] + ["--seeds", 1]
        for _ in range(2):
            result = CliRunner().invoke(room("main").app, [str(part) for part in call], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            found = {path: path.read_bytes() for path in (folder / "out").glob("*.csv")}
            patch.setattr(bitlens, "information_discarding", None)
            patch.setattr(bitlens, "reconstruction_uncertainty", None)
            patch.setattr(bitlens, "train_decoder", None)
        assert {path: path.read_bytes() for path in (folder / "out").glob("*.csv")} == found
    return folder


@pytest.fixture
def shop(room, mnist: Path, drawn: Path):
    """The networks that were drawn."""
    images = importlib.import_module("bitlens.data.images").load_mnist(mnist)
    return room("training").Workshop(images, drawn / "work", room("training").Sizes(**SIZES))


def test_every_figure_has_its_picture_and_its_table(drawn: Path) -> None:
    text = (drawn / "out" / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert set(links) == {"scenes.png"} | {f"{name}.{end}" for name in FIGURES for end in ("png", "csv")}
    assert {path.name for path in (drawn / "out").iterdir()} == {"README.md", *links}
    assert "nan" not in text
    assert len(re.findall(r"\*\*.*held|\*\*.*hold", text)) >= len(FIGURES)
    for link in links:
        if link.endswith(".png"):
            assert (drawn / "out" / link).read_bytes().startswith(b"\x89PNG")


def test_the_tables_have_the_library_s_numbers(shop, drawn: Path) -> None:
    model = shop.network("plain", 0).model
    images, masks = shop.test.images[:1], shop.test.masks[:1]
    search = {"samples": SEARCH["DRAWS"], "steps": SEARCH["STEPS"]}
    strict = bitlens.information_discarding(model, images, "relu6", **search)
    sizes = {"epochs": SEARCH["DECODER_EPOCHS"], "width": SEARCH["WIDTH"]}
    decoder = bitlens.train_decoder(model, shop.train.images[: SEARCH["DECODED"]], "relu6", **sizes)
    uncertain = bitlens.reconstruction_uncertainty(model, images, "relu6", decoder, **search)
    table = (
        pd.read_csv(drawn / "out" / "figure-3.csv").query("network == 'plain'").set_index(["layer", "measure"]).value
    )
    assert table["relu6", "SID"] == pytest.approx(float(strict.entropies.mean()), rel=1e-4)
    concentrated = bitlens.concentration(strict.entropies, masks)
    assert table["relu6", "concentration"] == pytest.approx(float(concentrated.mean()), rel=1e-3)
    assert table["relu6", "RU"] == pytest.approx(float(uncertain.entropies.mean()), rel=1e-3)
    rescaled = pd.read_csv(drawn / "out" / "figure-1.csv").set_index(["layer", "measure"])
    assert rescaled.before["relu6", "SID"] == pytest.approx(table["relu6", "SID"])
    features = model[:2](images).detach().requires_grad_()
    model[2:](features).gather(1, shop.test.labels[:1, None]).sum().backward()
    by_hand = float(features.grad.square().sum(dim=1).sqrt().mean())
    assert rescaled.before["relu1", "gradient map"] == pytest.approx(by_hand, rel=1e-4)


def test_rescaling_keeps_the_function_and_moves_the_gradients(shop, drawn: Path, room) -> None:
    model = shop.network("plain", 0).model
    other = room("networks").rescaled(model)
    with torch.no_grad():
        torch.testing.assert_close(other(shop.test.images), model(shop.test.images))
        torch.testing.assert_close(4 * other[:2](shop.test.images), model[:2](shop.test.images))
    table = pd.read_csv(drawn / "out" / "figure-1.csv").set_index(["measure", "layer"])
    ratio = table.after / table.before
    assert ratio["gradient map", "relu1"] == pytest.approx(4, rel=1e-3)
    assert ratio["gradient map", "relu6"] == pytest.approx(1, rel=1e-3)
    assert table.after["RU", "relu1"] == pytest.approx(table.before["RU", "relu1"], abs=0.01)


def test_networks_are_what_they_are_called(shop, room) -> None:
    plain, pruned = (shop.network(name, 0).model for name in ("plain", "pruned-90"))
    for name in ("conv2", "conv6", "output"):
        assert float((getattr(pruned, name).weight == 0).double().mean()) == pytest.approx(0.9, abs=0.01)
        assert not (getattr(plain, name).weight == 0).any()
    damaged = shop.network("damaged", 0).model
    assert [layer.weight.shape[:2] for layer in damaged.inserted if hasattr(layer, "weight")] == [(8, 16), (16, 8)]
    assert len(shop.network("resnet", 0).states) == SIZES["epochs"] + 1
    assert shop.network("autoencoder", 0).model(shop.test.images).shape == shop.test.images.shape


def test_scenes_are_seeded_and_their_boxes_hold_the_digits(shop, room, mnist: Path) -> None:
    digits = np.zeros((20, 20, 20), np.float32)
    digits[:, 4:16, 6:14] = 1
    make = room("scenes").scenes
    one, same, other = (make(digits, np.zeros(20, np.int64), 16, seed) for seed in (0, 0, 1))
    torch.testing.assert_close(one.images, same.images)
    assert not torch.equal(one.images, other.images)
    assert torch.equal(one.images[:, 0] > 0.99, one.masks)
    assert one.masks.sum(dim=(1, 2)).tolist() == [24] * 20
    assert len({tuple(mask.nonzero()[0].tolist()) for mask in one.masks}) > 5
    assert 0 <= float(one.images.min()) < 0.2


def made_up(values: dict[str, float], layers: tuple[str, ...] = ("a", "b"), **more: Any) -> pd.DataFrame:
    """A table in which each network has one value everywhere."""
    rows = [
        {"network": network, "layer": layer, "depth": depth, "measure": measure, "value": value, "deviation": 0.01}
        for network, value in values.items()
        for layer, depth in zip(layers, np.linspace(0, 1, len(layers)), strict=True)
        for measure in ("SID", "RU", "concentration")
    ]
    return pd.DataFrame(rows).assign(**more)


HELD, NOT = "claim held", "claim did not hold"


@pytest.mark.parametrize(
    ("claim", "values", "verdicts"),
    [
        ("deep_and_shallow", {"lenet": 0, "plain": 1, "resnet": 1}, [HELD] * 3),
        ("deep_and_shallow", {"lenet": 0, "plain": 0.015, "resnet": 1}, [NOT] * 3),
        ("tasks", {"lenet": 0, "plain": 1, "resnet": 0.5, "autoencoder": 1.4}, [HELD]),
        ("tasks", {"lenet": 0, "plain": 1, "resnet": 0.5, "autoencoder": 1.6}, [NOT]),
        ("compression", {"plain": 1, "pruned-50": 0, "pruned-90": 0.5}, [HELD, NOT, NOT]),
        ("compression", {"plain": 1, "pruned-50": 1.01, "pruned-90": 0}, [NOT, HELD, HELD]),
        ("distillation", {"lenet": 1, "distilled": 0.9}, [HELD]),
        ("distillation", {"lenet": 1, "distilled": 0.99}, [NOT]),
    ],
)
def test_verdicts_follow_their_rule(room, claim: str, values: dict[str, float], verdicts: list[str]) -> None:
    text = getattr(room("claims"), claim)(made_up(values))
    assert re.findall(f"{HELD}|{NOT}", text) == verdicts


@pytest.mark.parametrize(("value", "verdict"), [(1.5, HELD), (1.01, NOT), (0.5, NOT)])
def test_damage_counts_from_the_inserted_block_on(room, value: float, verdict: str) -> None:
    """What comes before it may be as it likes."""
    layers = ("a", "b", "inserted", "c", "d")
    table = pd.concat([made_up({"resnet": 1}, ("a", "b", "b2", "c", "d")), made_up({"damaged": value}, layers)])
    table.loc[(table.network == "damaged") & (table.depth < 0.5), "value"] = 2 - value
    text = room("claims").damage(table)
    assert verdict in text
    assert " of 3 layers" in text


@pytest.mark.parametrize(
    ("curve", "verdict"), [([1, 0.5, 0.8], HELD), ([1, 0.8, 0.5], NOT), ([0.5, 1, 1.2], NOT), ([1, 0.99, 1], NOT)]
)
def test_bottlenecks_fall_and_rise(room, curve: list[float], verdict: str) -> None:
    blocks = [
        {"epoch": epoch, "layer": block, "measure": "SID", "value": value, "deviation": 0.01}
        for block in ("block1", "block2", "block3")
        for epoch, value in enumerate(curve)
    ]
    assert verdict in room("claims").learning(pd.DataFrame(blocks))


def test_coherency_is_of_entropies_and_not_of_magnitudes(room) -> None:
    rows = [("SID", -1.0, -1.04), ("RU", 0.0, 0.2), ("gradient map", 1.0, 4.0), ("Grad-CAM", 1.0, 1.0)]
    table = pd.DataFrame(rows, columns=["measure", "before", "after"]).assign(layer="relu1")
    assert re.findall(f"{HELD}|{NOT}", room("claims").coherency(table)) == [HELD, NOT, HELD, NOT]


def test_seeds_are_averaged_and_their_deviation_kept(room) -> None:
    tables = room("tables")
    rows = [
        made_up({"lenet": value}, seed=seed, kept=1.0, converged=1.0, rebuilt=0.5) for seed, value in ((0, 1), (1, 2))
    ]
    table = tables.of_seeds([part.drop(columns="deviation") for part in rows])
    assert table.value.unique().tolist() == [1.5]
    np.testing.assert_allclose(table.deviation, np.std([1, 2], ddof=1))
    assert (tables.of_seeds([rows[0].drop(columns="deviation")]).deviation == 0).all()
    with pytest.raises(ValueError, match="no SID of plain"):
        tables.differences(table, "plain", "lenet", "SID")


def test_what_is_wrong_is_said(room, mnist: Path) -> None:
    for arguments, words in (
        (["--mnist", "nowhere.npz"], "nowhere.npz"),
        (["--mnist", str(mnist), "--side", "22"], "4"),
    ):
        result = CliRunner().invoke(room("main").app, ["information-discarding", *arguments])
        assert result.exit_code == 2
        assert words in result.output
