"""The figures on ordered ablation: drawn whole from tiny networks, the library's numbers, verdicts by their rules."""

from __future__ import annotations

import importlib
import itertools
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import bitlens

PAGE = Path(__file__).parents[2] / "docs" / "paper-figures" / "information-ordered-ablation"
SIZES = {"epochs": 10, "samples": 256, "probe": 64, "repeats": 3}
L2, DROPOUT, NARROW = "100-100 L2", "100-100 dropout", "30-30 L2"
NETWORKS, LAYERS = (L2, DROPOUT, NARROW), ("layer1", "layer2")
WIDTHS = {L2: (24, 20), DROPOUT: (24, 20), NARROW: (12, 10)}
SCOPES = (*LAYERS, "network")
ORDERS = ("ascending", "descending", "random")
PICTURES = ("information", "accuracy", "loss", "modes", "roles", "bounds")
TABLES = ("neurons", "curves", "areas", "roles", "errors")


@pytest.fixture(scope="module")
def room():
    """Its modules by name."""
    importlib.import_module("paper_figures.__main__")  # whole, before anything is made smaller
    return lambda name: importlib.import_module(f"paper_figures.ordered_ablation.{name}")


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten patterns in ink of many shades."""
    path = tmp_path_factory.mktemp("mnist") / "mnist.npz"
    random = np.random.default_rng(0)
    patterns = random.integers(0, 256, (10, 28, 28))
    labels = np.arange(320) % 10
    images = (patterns[np.where(np.arange(320) < 310, labels, 0)] * random.uniform(0.2, 1, (320, 28, 28))).astype(
        np.uint8
    )
    arrays = {"train_images": images[:256], "train_labels": labels[:256]}
    np.savez(path, test_images=images[256:], test_labels=labels[256:], **arrays)
    return path


@pytest.fixture(scope="module")
def drawn(room, mnist: Path, tmp_path_factory: pytest.TempPathFactory):
    """Everything twice, of few neurons; the second call only redraws."""
    folder = tmp_path_factory.mktemp("ablation")
    networks, app = room("networks"), sys.modules["paper_figures.__main__"].app
    with pytest.MonkeyPatch.context() as patch, pytest.MonkeyPatch.context() as redrawn:
        for name, widths in WIDTHS.items():
            patch.setitem(networks.KINDS, name, networks.KINDS[name]._replace(widths=widths))
        for name, value in (("networks.BATCH", 32), ("networks.RATE", 0.005), ("measuring.BINS", 2)):
            patch.setattr(f"paper_figures.ordered_ablation.{name}", value)
        call = ["information-ordered-ablation", "--mnist", mnist, "--out", folder / "out", "--work", folder / "work"]
        call += [part for name, value in (SIZES | {"seeds": 2}).items() for part in (f"--{name}", value)]
        found: list[dict[str, bytes]] = []
        for _ in range(2):
            result = CliRunner().invoke(app, [str(part) for part in call], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            found.append({path.name: path.read_bytes() for path in (folder / "out").iterdir() if path.suffix != ".png"})
            for name in ("bitlens.cumulative_ablation", "bitlens.neuron_information", "torch.optim.Adam"):
                redrawn.setattr(name, None)
        redrawn.undo()
        assert found[0] == found[1]
        yield folder


@pytest.fixture
def images(mnist: Path):
    return importlib.import_module("bitlens.data.images").load_mnist(mnist)


@pytest.fixture
def shop(room, images, drawn: Path):
    """The networks that were drawn."""
    return room("networks").Workshop(images, drawn / "work", room("networks").Sizes(**SIZES))


def test_every_figure_has_its_picture_and_its_table(drawn: Path) -> None:
    text = (drawn / "out" / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    expected = {f"{name}.png" for name in PICTURES} | {f"{name}.csv" for name in TABLES} | {"results.json"}
    assert {path.name for path in (drawn / "out").iterdir()} == {"README.md", *expected} == {"README.md", *links}
    assert not re.search(r"\bnan\b", text)
    for name in PICTURES:
        assert (drawn / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    results = json.loads((drawn / "out" / "results.json").read_text("utf-8"))
    assert results["sizes"] == SIZES | {"seeds": 2}
    assert all(results["verdicts"].values())
    assert len(re.findall(r"\*\*.*?: the claim", text)) == sum(map(len, results["verdicts"].values()))


def test_the_tables_have_the_library_s_numbers(shop, drawn: Path) -> None:
    read = {name: pd.read_csv(drawn / "out" / f"{name}.csv") for name in TABLES}
    model, scores, curves = shop.network(L2, 1), {}, {}
    outputs = {"layer1": model[:2](shop.test[0]).detach(), "layer2": model[:4](shop.test[0]).detach()}
    neurons = read["neurons"].set_index(["network", "seed", "layer"])
    for layer, values in outputs.items():
        scores[layer] = bitlens.neuron_information(values, shop.test[1]).mutual_information
        own = neurons.loc[(L2, 1, layer)].sort_values("neuron")
        np.testing.assert_allclose(own.information, scores[layer], rtol=1e-5)
    areas = read["areas"].set_index(["network", "seed", "mode", "scope", "order"])
    for order, mode in itertools.product(ORDERS, ("zero", "mean")):
        settings = {"mode": mode, "repeats": SIZES["repeats"], "seed": 1}
        curves[order, mode] = curve = bitlens.cumulative_ablation(model, shop.test, LAYERS, scores, order, **settings)
        row = areas.loc[(L2, 1, mode, "network", order)]
        assert (row.area, row.loss) == pytest.approx((curve.accuracy.mean(), curve.loss.mean()), rel=1e-5)
    lowest, highest, some = (curves[order, "zero"] for order in ORDERS)
    between = areas.between_orders[L2, 1, "zero", "network", "random"]
    assert between == pytest.approx(some.accuracy.mean(axis=1).std(ddof=1), rel=1e-4)
    counted = bitlens.neuron_roles(lowest.removed, lowest.accuracy[0], highest.accuracy[0], some.accuracy)
    (row,) = read["roles"].query("network == @L2 and seed == 1 and scope == 'network'").itertuples()
    assert (row.needed, row.redundant, row.synergistic, row.inactive) == counted[:4]
    (row,) = read["errors"].query("network == @L2 and seed == 1").itertuples()
    wrong = [float((model(x).argmax(1) != y).double().mean()) for x, y in (shop.train, shop.test)]
    assert (row.training_error, row.test_error) == pytest.approx(wrong)
    kept = bitlens.binned_information(outputs["layer2"], bins=2).input
    bounds = [bound.value for bound in bitlens.generalization_bounds(kept, SIZES["samples"])]
    assert (row.information, row.information_bottleneck, row.input_compression) == pytest.approx(
        (kept, *bounds), rel=1e-5
    )
    means = [table.groupby(["network", "mode", "scope", "order"]) for table in (read["curves"], read["areas"])]
    np.testing.assert_allclose(means[0].accuracy.mean(), means[1].area.mean(), rtol=1e-4)


def test_networks_are_what_they_are_called(shop, room) -> None:
    dropping, decayed = shop.network(DROPOUT, 0), shop.network(L2, 0)
    assert [type(layer).__name__ for layer in dropping] == [*["Linear", "ReLU", "Dropout"] * 2, "Linear"]
    assert [name for name, _ in decayed.named_children()][1::2] == list(LAYERS)
    assert not dropping.training
    assert [room("networks").KINDS[name].decay > 0 for name in NETWORKS] == [True, False, True]
    assert not torch.equal(decayed.output.weight, shop.network(L2, 1).output.weight)


def test_other_sizes_and_images_have_their_own_folder(shop, room, images, drawn: Path) -> None:
    make, sizes = room("networks").Workshop, room("networks").Sizes
    assert make(images, drawn / "work", sizes(**SIZES)).folder == shop.folder
    folders = {make(images, drawn / "other", sizes(**(SIZES | {name: SIZES[name] - 1}))).folder for name in SIZES}
    inverted = type(images)(1 - images.train_images, images.train_labels, images.test_images, images.test_labels)
    folders.add(make(inverted, drawn / "other", sizes(**SIZES)).folder)
    assert len({folder.name for folder in folders} | {shop.folder.name}) == len(SIZES) + 2


def test_what_was_cut_off_begins_anew(room, images, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = room("networks").Workshop(images, drawn / "cut", room("networks").Sizes(1, 64, 20, 1))
    monkeypatch.setattr(bitlens, "cumulative_ablation", None)
    with pytest.raises(TypeError):
        room("measuring").curves(shop, NARROW, 0)
    kept = {path.name for path in shop.folder.iterdir()}
    assert kept == {f"{shop.path(NARROW, 0).name}{end}" for end in (".pt", "-neurons.csv")}
    monkeypatch.undo()
    assert len(room("measuring").curves(shop, NARROW, 0)) == 3 * (13 + 11 + 23 + 23)


UP, DOWN, EVEN = (0.6, 0.4, 0.5), (0.4, 0.6, 0.5), (0.5, 0.5, 0.5)
"""Mean accuracies in ascending, descending and random order."""


def areas_of(chance: float = 0.01, **values: tuple[float, float, float]) -> pd.DataFrame:
    places = itertools.product(NETWORKS, range(2), ("zero", "mean"), values, ORDERS)
    table = pd.DataFrame(places, columns=["network", "seed", "mode", "scope", "order"])
    area = [values[row.scope][ORDERS.index(row.order)] + 0.001 * row.seed for row in table.itertuples()]
    return table.assign(area=area, loss=3 * np.array(area), destroyed=10 * np.array(area), between_orders=chance)


def neurons_of(layer1: list[float], layer2: list[float], moved: float = 0.0) -> pd.DataFrame:
    """Information of the neurons, by which the second layer is moved in the second seed."""
    both = [(layer, value) for layer, values in zip(LAYERS, (layer1, layer2), strict=True) for value in values]
    rows = [(*place, *one) for place in itertools.product(NETWORKS, range(2)) for one in both]
    table = pd.DataFrame(rows, columns=["network", "seed", "layer", "information"])
    table.loc[(table.seed == 1) & (table.layer == "layer2"), "information"] += moved
    return table.assign(entropy=table.information, bias=0.0)


def roles_of(layer1: int, layer2: int, enough: int = 5) -> pd.DataFrame:
    """Inactive neurons of ten in the layers of the narrow network, where the others have four, and how many suffice."""
    table = pd.DataFrame(itertools.product(NETWORKS, range(2), SCOPES), columns=["network", "seed", "scope"])
    narrow = table.scope.map({"layer1": layer1, "layer2": layer2, "network": 4})
    table = table.assign(neurons=10, needed=5, redundant=0, synergistic=0, decisive=5)
    sufficient = np.where(table.scope == "layer2", 4, enough)
    return table.assign(inactive=narrow.where(table.network == NARROW, 4), sufficient=sufficient)


def errors_of(gap: float, bits: float) -> pd.DataFrame:
    """The gap is that of the second seed, of three hundredths in the first."""
    rows = pd.DataFrame(itertools.product(NETWORKS, range(2)), columns=["network", "seed"])
    rows = rows.assign(test=16, training_error=0.1, information=bits, open_one=0.01, known_one=0.2)
    return rows.assign(test_error=0.13 + (gap - 0.03) * rows.seed)


def regularized(more: float) -> list[pd.DataFrame]:
    areas = areas_of(**dict.fromkeys(SCOPES, UP))
    areas.loc[areas.network == DROPOUT, "area"] += more
    return [areas, neurons_of([0.1, 0.2], [0.3, 0.4]), roles_of(4, 4)]


def layers_of(*areas: tuple[float, float, float]) -> list[pd.DataFrame]:
    return [areas_of(**dict(zip(SCOPES, areas, strict=True))), neurons_of([0.1, 0.2, 0.3], [0.25, 0.4, 0.5])]


LOW, HIGH = list(np.linspace(0, 0.5, 50)), list(np.linspace(0.2, 0.7, 50))
KNOWN, HALF = {"open_one": False, "known_one": True}, ((0.6, 0.5, 0.5), (0.5, 0.4, 0.5))


@pytest.mark.parametrize(
    ("claim", "given", "held", "words"),
    [
        ("across", [areas_of(network=(0.3, 0.5, 0.4))], True, "lowest first hurts sooner than highest first"),
        ("across", [areas_of(network=(0.3, 0.5, 0.3)), "mean"], False, "hurts no sooner and no later than random"),
        ("across", [areas_of(network=UP)], False, "lowest first hurts later than highest first"),
        ("across", [areas_of(0.02, network=(0.39, 0.4, 0.4))], False, "than highest first (-0.010, 0.020 allowed)"),
        ("within", [areas_of(layer1=UP, layer2=UP)], True, "highest first hurts sooner than random"),
        ("within", [areas_of(layer1=HALF[0], layer2=HALF[0])], False, "highest first hurts no sooner"),
        ("within", [areas_of(layer1=HALF[1], layer2=HALF[1])], False, "lowest first hurts no sooner and no later"),
        ("within", [areas_of(layer1=DOWN, layer2=DOWN)], False, "lowest first hurts sooner than random"),
        ("within", [areas_of(layer1=UP, layer2=DOWN)], None, "held.** **100-100 L2, layer 2: the claim did not"),
        ("paradox", layers_of(UP, UP, DOWN), True, "in layer 1 and in layer 2; across the network, lowest first"),
        ("paradox", layers_of(DOWN, UP, DOWN), False, "sooner in layer 2; across the network, lowest first"),
        ("paradox", layers_of(UP, EVEN, DOWN), False, "sooner in layer 1; across the network, lowest first"),
        ("paradox", layers_of(DOWN, EVEN, DOWN), False, "in neither layer; across the network, lowest first"),
        ("paradox", layers_of(UP, UP, EVEN), False, "neither hurts sooner. Of the half of all neurons"),
        ("paradox", layers_of(UP, UP, HALF[0]), False, "by less than in both layers"),
        ("paradox", layers_of(UP, UP, UP), False, "with the lowest information, 67% are of layer 1"),
        ("distributions", [neurons_of(LOW, HIGH)], True, "1.0 neurons of layer 1 and 0.0 of layer 2 never change"),
        ("distributions", [neurons_of(LOW, LOW)], False, "the distances are 0.000, 0.000"),
        ("distributions", [neurons_of(LOW, HIGH, moved=-0.2)], False, ", 0.020, of 0.272 allowed"),
        ("few", [roles_of(4, 4, enough=4)], True, "| 4.0 ± 0.0 | 5.0 ± 0.0 | 10 |"),
        ("few", [roles_of(4, 4, enough=5)], False, "| 5.0 ± 0.0 | 5.0 ± 0.0 | 10 |"),
        ("spare", [roles_of(2, 2)], True, "in layer 1 0.20 ± 0.00 of 30-30 L2 and 0.40 ± 0.00 of 100-100 L2"),
        ("spare", [roles_of(4, 4)], False, "difference +0.000"),
        ("spare", [roles_of(2, 4)], False, "in layer 2 0.40 ± 0.00"),
        ("regularization", regularized(0.1), True, "9 of 14 differ"),
        ("regularization", regularized(0.0), False, "0 of 14 differ"),
        ("bounds", [errors_of(0.1, 4.0), KNOWN], True, "It is saturated"),
        ("bounds", [errors_of(0.3, 3.0), KNOWN], False, "Not all networks saturate it"),
    ],
)
def test_verdicts_follow_their_rule(room, claim: str, given: list, held: bool | None, words: str) -> None:
    found = getattr(room("claims"), claim)(*given)
    assert set(found.verdicts.values()) == ({True, False} if held is None else {held})
    assert words in str(found)
    assert str(found).count("the claim held.**") == sum(found.verdicts.values())


def test_the_count_may_disagree_with_the_area(room) -> None:
    table = areas_of(network=(0.3, 0.5, 0.4))
    assert "which agrees" in room("claims").across(table).text
    text = room("claims").across(table.assign(destroyed=10 - table.destroyed)).text
    assert "lost after 7 neurons lowest first, 5 highest first, 6 in random orders, which does not agree" in text
    assert "The mean loss is 0.90 bits lowest first, 1.50 bits highest first, 1.20 bits random." in text


def test_numbers_of_curves_and_distributions(room) -> None:
    assert [room("tables").destroyed(x) for x in ([1, 0.9, 0.2, 0.19, 0.5, 0.1], [0.5, 0.19, 0.1])] == [3, 2]
    random = np.random.default_rng(0)
    one, other = random.normal(size=40).round(1), random.normal(0.3, 1, 70).round(1)
    distance, limit = room("tables").farthest(one, other)
    assert distance == pytest.approx(pytest.importorskip("scipy.stats").ks_2samp(one, other).statistic)
    assert limit == pytest.approx(np.sqrt(-np.log(0.025) / 2 * (1 / 40 + 1 / 70)), rel=1e-3)


def test_differences_allow_for_seeds_and_for_random_orders(room) -> None:
    table, of_orders = areas_of(0.03, network=(0.5, 0.4, 0.6)), room("tables").of_orders
    compared = {"network": L2, "mode": "zero", "scope": "network"}, "ascending", "descending"
    assert of_orders(table, *compared) == pytest.approx((0.1, 0.03))
    table.loc[(table.seed == 1) & (table.order == "ascending"), "area"] += 0.2
    assert of_orders(table, *compared) == pytest.approx((0.2, 0.2 / np.sqrt(2)))
    assert of_orders(table[table.seed == 0], *compared) == pytest.approx((0.1, 0.03))


def test_the_published_page_is_what_its_tables_say(room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room("measuring"), "BINS", 30)
    page, results = room("page"), json.loads((PAGE / "results.json").read_text("utf-8"))
    found = page.read(PAGE)
    assert (PAGE / "README.md").read_text("utf-8") == page.text(found, results["sizes"])
    assert {name: claim.verdicts for name, claim in page.judged(found).items()} == results["verdicts"]
    assert results["sizes"] == {"epochs": 20, "samples": 60000, "probe": 10000, "repeats": 10, "seeds": 3}


def test_what_is_wrong_is_said(room) -> None:
    place = {"network": NARROW, "seed": 0, "mode": "zero", "scope": "layer1", "repeat": 0}
    rows = [place | {"order": order, "removed": i, "accuracy": 0.1} for order in ORDERS for i in range(3)]
    with pytest.raises(ValueError, match=r"30-30 L2, seed 0.*--epochs"):
        room("tables").roles(pd.DataFrame(rows))
    call = ["information-ordered-ablation", "--mnist", "nowhere.npz"]
    result = CliRunner().invoke(sys.modules["paper_figures.__main__"].app, call)
    assert result.exit_code == 2
    assert "nowhere.npz" in result.output
