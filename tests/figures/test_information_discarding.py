"""The figures on information discarding have the library's numbers, and their verdicts follow their rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import bitlens
from paper_figures.information_discarding import claims, comparisons, measuring
from paper_figures.information_discarding.networks import rescaled
from paper_figures.information_discarding.scenes import scenes


def test_the_tables_have_the_library_s_numbers(discarding_page) -> None:
    study, settings = discarding_page.study, discarding_page.settings
    model = study.network("plain", 0)
    images, masks = study.test.images[:1], study.test.masks[:1]
    search = {"samples": settings.draws, "steps": settings.steps}
    strict = bitlens.information_discarding(model, images, "relu6", **search)
    sizes = {"epochs": settings.decoder_epochs, "width": settings.width}
    decoder = bitlens.train_decoder(model, study.train.images[: settings.decoded], "relu6", **sizes)
    uncertain = bitlens.reconstruction_uncertainty(model, images, "relu6", decoder, **search)
    table = (
        pd.read_csv(discarding_page.out / "figure-3.csv")
        .query("network == 'plain'")
        .set_index(["layer", "measure"])
        .value
    )
    assert table["relu6", "SID"] == pytest.approx(float(strict.entropies.mean()), rel=1e-4)
    concentrated = bitlens.concentration(strict.entropies, masks)
    assert table["relu6", "concentration"] == pytest.approx(float(concentrated.mean()), rel=1e-3)
    assert table["relu6", "RU"] == pytest.approx(float(uncertain.entropies.mean()), rel=1e-3)
    rescaled = pd.read_csv(discarding_page.out / "figure-1.csv").set_index(["layer", "measure"])
    assert rescaled.before["relu6", "SID"] == pytest.approx(table["relu6", "SID"])
    features = model[:2](images).detach().requires_grad_()
    model[2:](features).gather(1, study.test.labels[:1, None]).sum().backward()
    by_hand = float(features.grad.square().sum(dim=1).sqrt().mean())
    assert rescaled.before["relu1", "gradient map"] == pytest.approx(by_hand, rel=1e-4)


def test_rescaling_keeps_the_function_and_moves_the_gradients(discarding_page) -> None:
    study = discarding_page.study
    model = study.network("plain", 0)
    other = rescaled(model)
    with torch.no_grad():
        torch.testing.assert_close(other(study.test.images), model(study.test.images))
        torch.testing.assert_close(4 * other[:2](study.test.images), model[:2](study.test.images))
    table = pd.read_csv(discarding_page.out / "figure-1.csv").set_index(["measure", "layer"])
    ratio = table.after / table.before
    assert ratio["gradient map", "relu1"] == pytest.approx(4, rel=1e-3)
    assert ratio["gradient map", "relu6"] == pytest.approx(1, rel=1e-3)
    assert table.after["RU", "relu1"] == pytest.approx(table.before["RU", "relu1"], abs=0.01)


def test_networks_are_what_they_are_called(discarding_page) -> None:
    study = discarding_page.study
    plain, pruned = (study.network(name, 0) for name in ("plain", "pruned-90"))
    for name in ("conv2", "conv6", "output"):
        assert float((getattr(pruned, name).weight == 0).double().mean()) == pytest.approx(0.9, abs=0.01)
        assert not (getattr(plain, name).weight == 0).any()
    damaged = study.network("damaged", 0)
    assert [layer.weight.shape[:2] for layer in damaged.inserted if hasattr(layer, "weight")] == [(8, 16), (16, 8)]
    assert len(study.states("resnet", 0)) == study.settings.epochs + 1
    assert study.network("autoencoder", 0)(study.test.images).shape == study.test.images.shape


def test_scenes_are_seeded_and_their_boxes_hold_the_digits() -> None:
    digits = np.zeros((20, 20, 20), np.float32)
    digits[:, 4:16, 6:14] = 1
    one, same, other = (scenes(digits, np.zeros(20, np.int64), 16, seed) for seed in (0, 0, 1))
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
    return pd.DataFrame(rows).assign(**{"seeds": 3, "searches": 6, "converged": 1.0, "rebuilt": 0.5} | more)


HELD, NOT, OPEN = True, False, None


@pytest.mark.parametrize(
    ("claim", "values", "verdicts"),
    [
        ("deep_and_shallow", {"lenet": 0, "plain": 1, "resnet": 1}, [HELD] * 3),
        ("deep_and_shallow", {"lenet": 0, "plain": 0.015, "resnet": 1}, [OPEN] * 3),
        ("deep_and_shallow", {"lenet": 0, "plain": -1, "resnet": 1}, [NOT] * 3),
        ("tasks", {"lenet": 0, "plain": 1, "resnet": 0.5, "autoencoder": 1.4}, [HELD]),
        ("tasks", {"lenet": 0, "plain": 1, "resnet": 0.5, "autoencoder": 1.49}, [OPEN]),
        ("tasks", {"lenet": 0, "plain": 1, "resnet": 0.5, "autoencoder": 1.6}, [NOT]),
        ("compression", {"plain": 1, "pruned-50": 0, "pruned-90": 0.5}, [HELD, NOT, NOT]),
        ("compression", {"plain": 1, "pruned-50": 1.01, "pruned-90": 1}, [OPEN, HELD, HELD]),
        ("compression", {"plain": 1, "pruned-50": 1.06, "pruned-90": 1}, [NOT, OPEN, OPEN]),
        ("distillation", {"lenet": 1, "distilled": 0.9}, [HELD]),
        ("distillation", {"lenet": 1, "distilled": 0.99}, [OPEN]),
        ("distillation", {"lenet": 1, "distilled": 1.1}, [NOT]),
    ],
)
def test_verdicts_follow_their_rule(claim: str, values: dict[str, float], verdicts: list[bool | None]) -> None:
    table = made_up(values)
    assert list(getattr(claims, claim)(table).held.values()) == verdicts
    for useless in ({"seeds": 2}, {"converged": 0.5}):
        assert set(getattr(claims, claim)(table.assign(**useless)).held.values()) == {OPEN}
    text = getattr(claims, claim)(table.assign(converged=2 / 3)).numbers
    assert "Searches for SID that came to rest: lenet: a 4 of 6, b 4 of 6" in text or "plain: a 4 of 6" in text


def test_the_uncertainty_of_a_useless_decoder_decides_nothing() -> None:
    table = made_up({"lenet": 0, "plain": 1, "resnet": 1})
    table["rebuilt"] = table.rebuilt.where(table.network != "resnet", 0.02).where(table.measure == "RU")
    assert list(claims.deep_and_shallow(table).held.values()) == [HELD, OPEN, HELD]


def test_only_measured_depths_are_compared() -> None:
    table = pd.concat(
        [made_up({"lenet": 0}, ("a", "b", "c")), made_up({"plain": 1, "resnet": 1}, ("a", "b", "c", "d"))]
    )
    compared = comparisons.differences(table, "plain", "lenet", "SID")
    assert compared.depths == [0, 1]
    assert "of 4 depths" in claims.deep_and_shallow(table).numbers


@pytest.mark.parametrize(("value", "held"), [(1.5, HELD), (1.01, OPEN), (0.5, NOT)])
def test_damage_counts_from_the_inserted_block_on(value: float, held: bool | None) -> None:
    """What comes before it may be as it likes."""
    layers = ("a", "b", "inserted", "c", "d")
    table = pd.concat([made_up({"resnet": 1}, ("a", "b", "b2", "c", "d")), made_up({"damaged": value}, layers)])
    table.loc[(table.network == "damaged") & (table.depth < 0.5), "value"] = 2 - value
    verdict = claims.damage(table)
    assert verdict.held == {"": held}
    assert " of 3 depths" in verdict.numbers


@pytest.mark.parametrize(
    ("curve", "more", "held"),
    [
        ([1, 0.5, 0.8], {}, HELD),
        ([1, 0.5, 0.8], {"seeds": 2}, OPEN),
        ([1, 0.5, 0.8], {"converged": 0.5}, OPEN),
        ([1, 0.8, 0.5], {}, NOT),
        ([0.5, 1, 1.2], {}, NOT),
        ([1, 0.99, 1], {}, OPEN),
    ],
)
def test_bottlenecks_fall_and_rise(curve: list[float], more: dict[str, float], held: bool | None) -> None:
    blocks = [
        {"epoch": epoch, "layer": block, "measure": "SID", "value": value, "deviation": 0.01}
        for block in ("block1", "block2", "block3")
        for epoch, value in enumerate(curve)
    ]
    table = pd.DataFrame(blocks).assign(**{"seeds": 3, "searches": 12, "converged": 1.0} | more)
    verdict = claims.learning(table)
    assert verdict.held == {"": held}
    assert f"block3: epoch 0 {round(12 * table.converged[0])} of 12" in verdict.numbers


def test_coherency_is_of_entropies_and_not_of_magnitudes() -> None:
    rows = [("SID", -1.0, -1.04, 1.0), ("RU", 0.0, 0.2, 1.0), ("concentration", 1.0, 1.0, 0.5)]
    rows += [("gradient map", 1.0, 4.0, np.nan), ("Grad-CAM", 1.0, 1.0, np.nan)]
    table = pd.DataFrame(rows, columns=["measure", "before", "after", "converged"]).assign(layer="relu1", seed=0)
    assert list(claims.coherency(table).held.values()) == [HELD, NOT, OPEN, HELD, NOT]


@pytest.mark.parametrize(
    ("measure", "second_seed", "held"),
    [
        ("SID", {"after": 1.06}, NOT),
        ("SID", {"converged": 0.5}, HELD),
        ("SID", {"converged": 0.0}, OPEN),
        ("gradient map", {"after": 1.04}, NOT),
    ],
)
def test_coherency_is_judged_in_every_seed(measure: str, second_seed: dict[str, float], held: bool | None) -> None:
    """Searches count together; a change counts if no seed contradicts it."""
    after = 1.0 if measure == "SID" else 2.0
    row = {"measure": measure, "layer": "relu1", "before": 1.0, "after": after, "converged": 1.0}
    table = pd.DataFrame([row | {"seed": 0}, row | {"seed": 1} | second_seed])
    assert list(claims.coherency(table).held.values()) == [held]


def test_seeds_are_averaged_and_their_deviation_kept() -> None:
    rows = [made_up({"lenet": value}, seed=seed, kept=1.0, shortfall=0.0) for seed, value in ((0, 1), (1, 2))]
    table = measuring.mean_over_seeds([part.drop(columns=["deviation", "seeds"]) for part in rows])
    assert table.value.unique().tolist() == [1.5]
    np.testing.assert_allclose(table.deviation, np.std([1, 2], ddof=1))
    assert (table.seeds == 2).all()
    assert (table.searches == 12).all()
    assert (measuring.mean_over_seeds([rows[0].drop(columns=["deviation", "seeds"])]).deviation == 0).all()
    with pytest.raises(ValueError, match="expected SID of plain"):
        comparisons.differences(table, "plain", "lenet", "SID")
