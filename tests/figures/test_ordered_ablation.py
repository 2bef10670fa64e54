"""The figures on ordered ablation have the library's numbers, and their verdicts follow their rules."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

import bitlens
from paper_figures.common.page import read_page
from paper_figures.ordered_ablation import claims, comparisons, measuring
from paper_figures.ordered_ablation.networks import DROPOUT, KINDS, L2, LAYERS, NARROW
from paper_figures.ordered_ablation.page import PAPER

NETWORKS = (L2, DROPOUT, NARROW)
SCOPES = (*LAYERS, "network")
ORDERS = ("ascending", "descending", "random")


def test_the_tables_have_the_library_s_numbers(ablation_page) -> None:
    study, settings = ablation_page.study, ablation_page.settings
    read, _, _ = read_page(PAPER, ablation_page.out)
    test = study.test.images, study.test.labels
    model, scores, curves = study.network(L2, 1), {}, {}
    outputs = {"layer1": model[:2](test[0]).detach(), "layer2": model[:4](test[0]).detach()}
    neurons = read["neurons"].set_index(["network", "seed", "layer"])
    for layer, values in outputs.items():
        scores[layer] = bitlens.neuron_information(values, test[1]).mutual_information
        own = neurons.loc[(L2, 1, layer)].sort_values("neuron")
        np.testing.assert_allclose(own.information, scores[layer], rtol=1e-5)
    areas = read["areas"].set_index(["network", "seed", "mode", "scope", "order"])
    for order, mode in itertools.product(ORDERS, ("zero", "mean")):
        options = {"mode": mode, "repeats": settings.repeats, "seed": 1}
        curves[order, mode] = curve = bitlens.cumulative_ablation(model, test, LAYERS, scores, order, **options)
        row = areas.loc[(L2, 1, mode, "network", order)]
        assert (row.area, row.loss) == pytest.approx((curve.accuracy.mean(), curve.loss.mean()), rel=1e-5)
    lowest, highest, some = (curves[order, "zero"] for order in ORDERS)
    between = areas.between_orders[L2, 1, "zero", "network", "random"]
    assert between == pytest.approx(some.accuracy.mean(axis=1).std(ddof=1), rel=1e-4)
    counted = bitlens.neuron_roles(lowest.removed, lowest.accuracy[0], highest.accuracy[0], some.accuracy)
    (row,) = read["roles"].query("network == @L2 and seed == 1 and scope == 'network'").itertuples()
    assert (row.needed, row.redundant, row.synergistic, row.inactive) == counted[:4]
    (row,) = read["errors"].query("network == @L2 and seed == 1").itertuples()
    wrong = [
        float((model(x).argmax(1) != y).double().mean()) for x, y in ((study.train.images, study.train.labels), test)
    ]
    assert (row.training_error, row.test_error) == pytest.approx(wrong)
    kept = bitlens.binned_information(outputs["layer2"], bins=2).input
    bounds = [bound.value for bound in bitlens.generalization_bounds(kept, settings.samples)]
    assert (row.information, row.information_bottleneck, row.input_compression) == pytest.approx(
        (kept, *bounds), rel=1e-5
    )
    means = [table.groupby(["network", "mode", "scope", "order"]) for table in (read["curves"], read["areas"])]
    np.testing.assert_allclose(means[0].accuracy.mean(), means[1].area.mean(), rtol=1e-4)


def test_networks_are_what_they_are_called(ablation_page) -> None:
    study = ablation_page.study
    dropping, decayed = study.network(DROPOUT, 0), study.network(L2, 0)
    assert [type(layer).__name__ for layer in dropping] == [*["Linear", "ReLU", "Dropout"] * 2, "Linear"]
    assert [name for name, _ in decayed.named_children()][1::2] == list(LAYERS)
    assert not dropping.training
    assert [KINDS[name].decay > 0 for name in NETWORKS] == [True, False, True]
    assert not torch.equal(decayed.output.weight, study.network(L2, 1).output.weight)


UP, DOWN, EVEN = (0.6, 0.4, 0.5), (0.4, 0.6, 0.5), (0.5, 0.5, 0.5)
"""Mean accuracies in ascending, descending and random order."""


def areas_of(chance: float = 0.01, **values: tuple[float, float, float]) -> pd.DataFrame:
    places = itertools.product(NETWORKS, range(3), ("zero", "mean"), values, ORDERS)
    table = pd.DataFrame(places, columns=["network", "seed", "mode", "scope", "order"])
    area = [values[row.scope][ORDERS.index(row.order)] + 0.001 * row.seed for row in table.itertuples()]
    return table.assign(area=area, loss=3 * np.array(area), destroyed=10 * np.array(area), between_orders=chance)


def neurons_of(layer1: list[float], layer2: list[float], moved: float = 0.0) -> pd.DataFrame:
    """Information of the neurons, by which the second layer is moved in the second seed."""
    both = [(layer, value) for layer, values in zip(LAYERS, (layer1, layer2), strict=True) for value in values]
    rows = [(*place, *one) for place in itertools.product(NETWORKS, range(3)) for one in both]
    table = pd.DataFrame(rows, columns=["network", "seed", "layer", "information"])
    table.loc[(table.seed == 1) & (table.layer == "layer2"), "information"] += moved
    return table.assign(entropy=table.information, bias=0.0)


def roles_of(layer1: int, layer2: int, enough: int = 5) -> pd.DataFrame:
    """Inactive neurons of ten in the layers of the narrow network, where the others have four, and how many suffice."""
    table = pd.DataFrame(itertools.product(NETWORKS, range(3), SCOPES), columns=["network", "seed", "scope"])
    narrow = table.scope.map({"layer1": layer1, "layer2": layer2, "network": 4})
    table = table.assign(neurons=10, needed=5, redundant=0, synergistic=0, decisive=5)
    sufficient = np.where(table.scope == "layer2", 4, enough)
    return table.assign(inactive=narrow.where(table.network == NARROW, 4), sufficient=sufficient)


def errors_of(gap: float, bits: float) -> pd.DataFrame:
    """The gap of the second seed; it is a hundredth less in the first and more in the third."""
    rows = pd.DataFrame(itertools.product(NETWORKS, range(3)), columns=["network", "seed"])
    rows = rows.assign(test=16, training_error=0.1, information=bits, open_one=0.01, known_one=0.2)
    return rows.assign(test_error=0.1 + gap + 0.01 * (rows.seed - 1))


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
        ("across", [areas_of(network=(0.3, 0.5, 0.3)), "mean"], None, "hurts not clearly sooner or later than random"),
        ("across", [areas_of(network=UP)], False, "lowest first hurts later than highest first"),
        ("across", [areas_of(0.02, network=(0.39, 0.4, 0.4))], None, "than highest first (-0.010, 0.020 allowed)"),
        ("within", [areas_of(layer1=UP, layer2=UP)], True, "highest first hurts sooner than random"),
        ("within", [areas_of(layer1=HALF[0], layer2=HALF[0])], None, "highest first hurts not clearly sooner"),
        ("within", [areas_of(layer1=HALF[1], layer2=HALF[1])], None, "lowest first hurts not clearly sooner or later"),
        ("within", [areas_of(layer1=DOWN, layer2=DOWN)], False, "lowest first hurts sooner than random"),
        ("within", [areas_of(layer1=UP, layer2=DOWN)], "mixed", "held.** **100-100 L2, layer 2: the claim did not"),
        ("paradox", layers_of(UP, UP, DOWN), True, "in layer 1 and in layer 2; across the network, lowest first"),
        ("paradox", layers_of(DOWN, UP, DOWN), False, "sooner in layer 2; across the network, lowest first"),
        ("paradox", layers_of(UP, EVEN, DOWN), None, "sooner in layer 1; across the network, lowest first"),
        ("paradox", layers_of(DOWN, EVEN, DOWN), False, "in neither layer; across the network, lowest first"),
        ("paradox", layers_of(UP, UP, EVEN), None, "neither clearly hurts sooner. Layer 1 has"),
        ("paradox", layers_of(UP, UP, HALF[0]), False, "by less than in both layers"),
        ("paradox", layers_of(UP, UP, UP), False, "Layer 1 has 67% of the half of all neurons"),
        (
            "distributions",
            [neurons_of(LOW, HIGH)],
            True,
            "1.0 neurons of layer 1 and 0.0 neurons of layer 2 never change",
        ),
        ("distributions", [neurons_of(LOW, LOW)], False, "The distances are 0.000, 0.000"),
        ("distributions", [neurons_of(LOW, HIGH, moved=-0.2)], None, ", 0.020, 0."),
        ("few", [roles_of(4, 4, enough=4)], True, "| 4.0 ± 0.0 | 5.0 ± 0.0 | 10 |"),
        ("few", [roles_of(4, 4, enough=6)], False, "| 6.0 ± 0.0 | 5.0 ± 0.0 | 10 |"),
        ("few", [roles_of(4, 4, enough=5)], None, "| 5.0 ± 0.0 | 5.0 ± 0.0 | 10 |"),
        ("spare", [roles_of(2, 2)], True, "in layer 1 0.20 ± 0.00 in 30-30 L2 and 0.40 ± 0.00 in 100-100 L2"),
        ("spare", [roles_of(4, 4)], None, "difference +0.000"),
        ("spare", [roles_of(6, 4)], False, "difference +0.200"),
        ("spare", [roles_of(2, 4)], None, "in layer 2 0.40 ± 0.00"),
        ("regularization", regularized(0.1), True, "9 of 14 numbers differ"),
        ("regularization", regularized(0.0), None, "0 of 14 numbers differ"),
        ("bounds", [errors_of(0.1, 4.0), KNOWN], True, "It is saturated"),
        ("bounds", [errors_of(0.3, 3.0), KNOWN], False, "Not all networks saturate it"),
        ("bounds", [errors_of(0.19, 4.0), KNOWN], None, "It is saturated"),
    ],
)
def test_verdicts_follow_their_rule(claim: str, given: list, held: bool | str | None, words: str) -> None:
    verdict = getattr(claims, claim)(*given)
    assert set(verdict.held.values()) == ({True, False} if held == "mixed" else {held})
    assert words in verdict.markdown
    assert verdict.markdown.count("the claim held.**") == list(verdict.held.values()).count(True)


@pytest.mark.parametrize(
    ("claim", "tables"),
    [
        ("across", [areas_of(network=(0.3, 0.5, 0.4))]),
        ("within", [areas_of(layer1=DOWN, layer2=DOWN)]),
        ("paradox", layers_of(UP, UP, DOWN)),
        ("distributions", [neurons_of(LOW, HIGH)]),
        ("few", [roles_of(4, 4, enough=4)]),
        ("spare", [roles_of(2, 2)]),
        ("regularization", regularized(0.1)),
    ],
)
def test_two_seeds_decide_nothing(claim: str, tables: list[pd.DataFrame]) -> None:
    verdict = getattr(claims, claim)(*(table[table.seed < 2] for table in tables))
    assert set(verdict.held.values()) == {None}
    assert verdict.markdown.count("claim is not decided by these runs.**") == len(verdict.held)


def test_the_bias_of_neurons_is_no_information() -> None:
    table = neurons_of(LOW, HIGH)
    assert set(claims.distributions(table).held.values()) == {True}
    biased = table.assign(bias=(table.layer == "layer2") * 0.2)
    assert set(claims.distributions(biased).held.values()) == {False}


def test_the_count_may_disagree_with_the_area() -> None:
    table = areas_of(network=(0.3, 0.5, 0.4))
    assert "which agrees" in claims.across(table).numbers
    text = claims.across(table.assign(destroyed=10 - table.destroyed)).numbers
    assert "lost after 7 neurons lowest first, 5 highest first and 6 in random orders, which does not agree" in text
    assert "The mean loss is 0.90 bits lowest first, 1.50 bits highest first, 1.20 bits random." in text


def test_numbers_of_curves_and_distributions() -> None:
    assert [measuring.destroyed(x) for x in ([1, 0.9, 0.2, 0.19, 0.5, 0.1], [0.5, 0.19, 0.1])] == [3, 2]
    random = np.random.default_rng(0)
    one, other = random.normal(size=40).round(1), random.normal(0.3, 1, 70).round(1)
    distance, limit = comparisons.largest_distance(one, other)
    assert distance == pytest.approx(pytest.importorskip("scipy.stats").ks_2samp(one, other).statistic)
    assert limit == pytest.approx(np.sqrt(-np.log(0.025) / 2 * (1 / 40 + 1 / 70)), rel=1e-3)


def test_differences_allow_for_seeds_and_for_random_orders() -> None:
    table, of_orders = areas_of(0.03, network=(0.5, 0.4, 0.6)), comparisons.of_orders
    compared = {"network": L2, "mode": "zero", "scope": "network"}, "ascending", "descending"
    assert of_orders(table, *compared) == pytest.approx((0.1, 0.03, 3))
    table.loc[(table.seed == 1) & (table.order == "ascending"), "area"] += 0.2
    assert of_orders(table, *compared) == pytest.approx((0.5 / 3, 0.2 / np.sqrt(3), 3))
    assert of_orders(table[table.seed == 0], *compared) == pytest.approx((0.1, 0.03, 1))


def test_a_network_that_learned_nothing_is_refused() -> None:
    place = {"network": NARROW, "seed": 0, "mode": "zero", "scope": "layer1", "repeat": 0}
    rows = [place | {"order": order, "removed": i, "accuracy": 0.1} for order in ORDERS for i in range(3)]
    with pytest.raises(ValueError, match=r"30-30 L2, seed 0.*more epochs"):
        measuring.roles(pd.DataFrame(rows))
