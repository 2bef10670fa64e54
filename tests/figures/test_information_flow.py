"""The figures on information flow have the library's numbers, and their verdicts follow their rules."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

import bitlens
from paper_figures.common.training import Samples, train
from paper_figures.information_flow import claims
from paper_figures.information_flow.measuring import ESTIMATORS, _of_all
from paper_figures.information_flow.networks import LAYERS, Settings, Topology, build

PAPER, BITLENS = "In the paper's settings", "With bitlens's defaults"


@pytest.fixture(scope="module")
def runs(flow_page, tmp_path_factory: pytest.TempPathFactory) -> list[bitlens.Run]:
    """Recordings of the network with 2 and 3 filters and ReLU, of both seeds."""
    folder = tmp_path_factory.mktemp("runs")
    images = torch.from_numpy(flow_page.images.train_images)[:, None]
    samples = Samples(images, torch.from_numpy(flow_page.images.train_labels))
    for seed in range(2):
        torch.manual_seed(seed)
        model = build(Topology(2, 3, "relu"))
        probe = images[:16], samples.labels[:16]
        store = folder / str(seed)
        with bitlens.Recorder(model, store, probe, LAYERS, gradients=True, show_size=False) as recorder:
            recorder.snapshot(0)
            train(model, samples, flow_page.settings.training("relu"))
            recorder.snapshot(1)
    return [bitlens.open_run(folder / str(seed)) for seed in range(2)]


def read(flow_page, name: str, rows: str) -> pd.DataFrame:
    table = pd.read_csv(flow_page.out / f"{name}.csv").query(
        f"first == 2 and second == 3 and activation == 'relu' and {rows}"
    )
    assert len(table)
    return table


def test_the_plane_has_the_library_s_numbers(flow_page, runs) -> None:
    planes = [bitlens.information_plane(run, permutations=2, epochs=[1]) for run in runs]
    (row,) = read(
        flow_page,
        "figure-4",
        "plane == 'all' and setting == 'bitlens' and about == 'labels' and layer == 'f5' and iteration == 1",
    ).itertuples()
    at = {"epoch": 1, "about": "labels", "layer": "f5"}
    assert row.information == pytest.approx(np.mean([float(plane.information.sel(at)) for plane in planes]), rel=1e-5)
    assert row.null_mean == pytest.approx(np.mean([float(plane.null_mean.sel(at)) for plane in planes]), rel=1e-5)


def test_the_chains_have_the_library_s_numbers(flow_page, runs) -> None:
    settings = {"permutations": 2, "bandwidth_errors": bitlens.Median()}
    chains = [bitlens.processing_inequalities(run, **settings) for run in runs]
    steps = read(flow_page, "figure-1", "setting == 'bitlens' and iteration == 1")
    (row,) = steps.query("chain == 'backward' and layer == 'c1'").itertuples()
    backward = [float(chain.backward.sel(epoch=1, layer="c1")) for chain in chains]
    assert row.information == pytest.approx(np.mean(backward), rel=1e-5)
    assert row.information_std == pytest.approx(np.std(backward, ddof=1), rel=1e-4)
    assert row.seeds == 2
    assert row.excess == pytest.approx(row.information - row.null_mean, rel=1e-4)
    for name in ("forward", "backward"):
        counted = steps[steps.chain == name].violation.sum() * 2
        assert counted == pytest.approx(sum(int(chain[f"{name}_violations"].sel(epoch=1)) for chain in chains))


def test_the_shares_have_the_library_s_numbers(flow_page, runs) -> None:
    shared = [bitlens.layer_decomposition(run, "c3", epochs=[0], **bitlens.published_settings("paper")) for run in runs]
    (row,) = read(
        flow_page, "figure-3-shares", "setting == 'paper' and layer == 'c3' and about == 'input' and iteration == 0"
    ).itertuples()
    share = [float(result.redundancy_synergy_share.sel(epoch=0, about="input")) for result in shared]
    assert row.redundancy_synergy_share == pytest.approx(np.mean(share), rel=1e-5)


def test_the_default_networks_are_the_paper_s() -> None:
    topologies = Settings().topologies
    filters = [(one.first, one.second) for one in Settings().decomposed]
    assert filters == [(2, 12), (6, 12), (12, 12), (32, 12), (6, 2), (6, 6), (6, 32)]
    assert len(topologies) == len(set(topologies)) == 11
    assert build(topologies[0])(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


def made_up(columns: dict, values: dict) -> pd.DataFrame:
    """A table of all combinations, with the same values in each row."""
    table = pd.DataFrame(itertools.product(*columns.values()), columns=list(columns))
    return table.assign(**values)


SETTING = {"setting": ["paper", "bitlens"]}


SEEDS = {"seeds": 3}


def chains_of(forward: tuple[float, ...], backward: tuple[float, ...], spread: float, **more: int) -> pd.DataFrame:
    """Chains of three layers, with the excess of each in the order of the chain."""
    layers = {"forward": ("c1", "s2", "c3"), "backward": ("c3", "s2", "c1")}
    columns = SETTING | {"iteration": [0], "first": [2], "second": [2]}
    parts = [
        made_up(columns, {"layer": layer, "chain": chain, "excess": excess, "excess_std": spread} | SEEDS | more)
        for chain, values in (("forward", forward), ("backward", backward))
        for layer, excess in zip(layers[chain], values, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    ("forward", "backward", "spread", "seeds", "held"),
    [
        ((1.0, 0.9, 0.8), (1.0, 0.9, 1.2), 0.01, 3, False),  # one of two steps is not most
        ((1.0, 0.9, 0.8), (1.0, 0.9, 0.8), 0.01, 3, False),  # no disruption in the chain of errors
        ((1.0, 1.2, 1.4), (1.0, 0.9, 1.2), 0.01, 3, False),
        ((1.0, 0.9, 0.8), (1.0, 0.9, 0.91), 0.01, 3, None),  # the rise is within the deviations
        ((1.0, 0.9, 0.8), (1.0, 0.9, 0.89), 0.01, 3, None),  # the fall is within the deviations
        ((1.0, 0.9, 0.8), (1.0, 0.9, 0.8), 0.01, 2, None),
        ((0.05, 0.04, 0.03), (0.05, 0.04, 0.03), 0.001, 3, None),  # hardly above the null
    ],
)
def test_most_steps_hold_the_inequalities(
    forward: tuple[float, ...], backward: tuple[float, ...], spread: float, seeds: int, held: bool | None
) -> None:
    table = chains_of(forward, backward, spread, seeds=seeds)
    assert claims.inequalities(table).held == {PAPER: held, BITLENS: held}


def test_inequalities_hold_with_few_disruptions() -> None:
    layers = LAYERS[-2::-1]
    table = chains_of((1.0, 0.9, 0.8), (1.0, 0.9, 0.8), 0.01)
    forward = table[table.chain == "forward"]
    excess = dict(zip(layers, (1.0, 0.9, 0.8, 1.2, 0.7, 0.6), strict=True))
    parts = [
        forward[forward.layer == "c1"].assign(layer=layer, chain="backward", excess=excess[layer]) for layer in layers
    ]
    verdict = claims.inequalities(pd.concat([forward, *parts]))
    assert verdict.held == {PAPER: True, BITLENS: True}
    assert "the backward inequality is disrupted in 1 and not decided in 0 of 5 steps" in verdict.numbers


FILTERS = {"about": ["input"], "layer": ["c1", "c3"], "first": [2, 6], "second": [12, 32], "iteration": [0, 5]}


@pytest.mark.parametrize(
    ("wide", "null", "seeds", "held"),
    [
        (1.95, 0.05, 3, True),
        (1.05, 0.05, 3, False),  # more, but not nearly H(X)
        (0.85, 0.05, 3, False),  # less
        (1.95, 0.05, 2, None),
        (1.95, 0.5, 3, None),  # the null is too large to tell whether H(X) is reached
        (1.0, 0.5, 3, None),
        (0.85, 0.5, 3, False),
    ],
)
def test_the_excess_grows_with_filters_up_to_the_entropy(
    wide: float, null: float, seeds: int, held: bool | None
) -> None:
    values = {"multivariate": 1.5, "multivariate_excess": 1.0, "multivariate_excess_std": 0.01, "entropy_about": 2.0}
    table = made_up(SETTING | FILTERS, values | {"multivariate_null_mean": null, "seeds": seeds})
    widest = ((table["first"] == 6) & (table.layer == "c1")) | ((table.second == 32) & (table.layer == "c3"))
    table.loc[widest, "multivariate_excess"] = wide
    assert claims.information(table, (6, 12)).held == {PAPER: held, BITLENS: held}


def test_the_plain_estimate_does_not_decide() -> None:
    values = {"multivariate_excess": 0.01, "multivariate_excess_std": 0.001, "entropy_about": 2.0} | SEEDS
    table = made_up(SETTING | FILTERS, values | {"multivariate_null_mean": 1.9})
    table["multivariate"] = table["first"] + table.second
    table["multivariate_excess"] -= 0.0005 * table["first"]
    assert claims.information(table, (6, 12)).held == {PAPER: None, BITLENS: None}


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({}, True),
        ({"redundancy_synergy_excess": -0.1}, False),
        ({"redundancy_synergy_excess": 0.015}, None),
        ({"weighted_nonredundant_excess": 3.0}, False),
        ({"weighted_nonredundant_excess": 1.99}, None),
        ({"wide": 0.9}, False),
        ({"wide": 0.79}, None),
        ({"seeds": 2}, None),
    ],
    ids=str,
)
def test_synergy_gains_but_never_outweighs_redundancy(change: dict, held: bool | None) -> None:
    values = {"redundancy_synergy_excess": 0.1, "weighted_nonredundant_excess": 0.5, "multivariate_excess": 2.0}
    values |= SEEDS | {name: value for name, value in change.items() if name != "wide"}
    table = made_up(SETTING | FILTERS, values)
    wide = ((table["first"] == 6) & (table.layer == "c1")) | ((table.second == 32) & (table.layer == "c3"))
    table["redundancy_synergy_share_excess"] = np.where(wide, change.get("wide", 0.4), 0.8)
    names = [name for name in table if str(name).endswith("_excess")]
    table = table.assign(**{f"{name}_std": 0.01 for name in names})
    assert claims.shares(table, (6, 12)).held == {PAPER: held, BITLENS: held}


@pytest.mark.parametrize(
    ("losses", "rise", "seeds", "held"),
    [
        ((0.0, 0.2, 0.5), 0.5, 3, True),
        ((0.01, 0.2, 0.5), 0.5, 3, None),
        ((0.1, 0.2, 0.5), 0.5, 3, False),
        ((0.0, 0.01, 0.5), 0.5, 3, None),
        ((0.0, 0.5, 0.2), 0.5, 3, False),
        ((0.0, 0.2, 0.5), 0.01, 3, None),
        ((0.0, 0.2, 0.5), -0.5, 3, False),
        ((0.0, 0.2, 0.5), 0.5, 2, None),
    ],
)
def test_only_modified_planes_lose_information(
    losses: tuple[float, float, float], rise: float, seeds: int, held: bool | None
) -> None:
    columns = SETTING | {"plane": ["all", "non-redundant"], "activation": ["relu", "sigmoid"]}
    columns |= {"first": [2], "second": [2], "layer": ["c1"], "about": ["input", "labels"], "iteration": [0, 5, 9]}
    table = made_up(columns, {"excess_std": 0.01, "seeds": seeds})
    lost = {("all", "relu"): losses[0], ("all", "sigmoid"): losses[0]}
    lost |= {("non-redundant", "relu"): losses[1], ("non-redundant", "sigmoid"): losses[2]}
    table["excess"] = [
        {0: 1 - rise - lost[row.plane, row.activation], 5: 1.0, 9: 1 - lost[row.plane, row.activation]}[row.iteration]
        for row in table.itertuples()
    ]
    assert claims.planes(table).held == {PAPER: held, BITLENS: held}


def test_seeds_with_different_verdicts_share_a_row() -> None:
    topology = Topology(2, 2, "relu")
    networks = {}
    for seed, verdict in enumerate(("a lower bound", "", "not above chance")):
        plane = pd.DataFrame({"epoch": [0], "about": ["input"], "layer": ["c1"], "verdict": verdict, "entropy": [seed]})
        networks[topology, seed] = {f"plane-{setting}": plane.astype({"entropy": float}) for setting in ESTIMATORS}
    table = _of_all(networks, [topology], "plane")
    assert table.setting.tolist() == list(ESTIMATORS)
    assert set(table.seeds) == {3}
    assert set(table.entropy) == {1}
    assert set(table.verdict) == {"a lower bound; not above chance"}
