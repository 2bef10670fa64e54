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


@pytest.mark.parametrize(("violations", "held"), [(0.0, True), (0.6, False)])
def test_most_steps_hold_the_inequalities(violations: float, held: bool) -> None:
    columns = SETTING | {"chain": ["forward", "backward"], "layer": ["c1", "s2", "f6"]}
    table = made_up(columns, {"violation": 0.0, "information": 1.0, "null_mean": 0.95, "rise": 0.2})
    table.loc[table.setting == "bitlens", "violation"] = violations
    verdict = claims.inequalities(table)
    assert verdict.held == {PAPER: True, BITLENS: held}
    assert "100% of the forward and 100% of the backward values are less than 0.1 bits" in verdict.numbers


FILTERS = {"about": ["input"], "layer": ["c1", "c3"], "first": [2, 6], "second": [12, 32], "iteration": [0, 5]}


@pytest.mark.parametrize(("last", "held"), [(1.2, True), (0.95, True), (0.85, False)])
def test_information_grows_with_filters_beyond_deviations(last: float, held: bool) -> None:
    values = {"multivariate": 1.0, "multivariate_std": 0.05, "multivariate_null_mean": 0.5, "entropy_about": 2.0}
    table = made_up(SETTING | FILTERS, values)
    table.loc[(table["first"] == 6) & (table.layer == "c1"), "multivariate"] = last
    assert claims.information(table, (6, 12)).held == {PAPER: held, BITLENS: held}


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({}, True),
        ({"redundancy_synergy": -0.1}, False),
        ({"weighted_nonredundant": 3.0}, False),
        ({"wide": 0.9}, False),
    ],
)
def test_synergy_gains_but_never_outweighs_redundancy(change: dict, held: bool) -> None:
    values = {"redundancy_synergy": 0.1, "weighted_nonredundant": 0.5, "redundancy_synergy_share_null_mean": 0.3}
    columns = SETTING | FILTERS | {"activation": ["relu"]}
    table = made_up(columns, values | {name: value for name, value in change.items() if name != "wide"})
    wide = ((table["first"] == 6) & (table.layer == "c1")) | ((table.second == 32) & (table.layer == "c3"))
    table["redundancy_synergy_share"] = np.where(wide, change.get("wide", 0.4), 0.8)
    layers = made_up(columns, {"multivariate": 2.0})
    assert claims.shares(table, layers, (6, 12)).held == {PAPER: held, BITLENS: held}


@pytest.mark.parametrize(
    ("losses", "held"),
    [((0.01, 0.2, 0.5), True), ((0.1, 0.2, 0.5), False), ((0.01, 0.01, 0.5), False), ((0, 0.5, 0.2), False)],
)
def test_only_modified_planes_lose_information(losses: tuple[float, float, float], held: bool) -> None:
    columns = SETTING | {"plane": ["all", "non-redundant"], "activation": ["relu", "sigmoid"]}
    columns |= {"first": [2], "second": [2], "layer": ["c1"], "about": ["input"], "iteration": [0, 5]}
    table = made_up(columns, {"null_std": 0.01})
    lost = {("all", "relu"): losses[0], ("all", "sigmoid"): losses[0]}
    lost |= {("non-redundant", "relu"): losses[1], ("non-redundant", "sigmoid"): losses[2]}
    table["information"] = [1 - lost[row.plane, row.activation] * (row.iteration == 5) for row in table.itertuples()]
    assert claims.planes(table).held == {PAPER: held, BITLENS: held}
