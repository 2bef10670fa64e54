"""Measurements of each network while it is trained, kept in the cache as tables, and the tables of all networks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch

import bitlens
from bitlens.data.images import Images
from paper_figures.common.cache import Cache, Key, progress
from paper_figures.common.training import Samples, correct, train
from paper_figures.information_flow.networks import LAYERS, Settings, Topology, build

VERSION = 2
"""To be raised when the code of this paper computes other numbers."""
ESTIMATORS: dict[str, dict[str, Any]] = {"paper": bitlens.published_settings("paper"), "bitlens": {}}
"""The paper's Silverman rule and plain product; our defaults: medians, and widths that grow with the channels."""
_ERRORS: dict[str, bitlens.Silverman | bitlens.Median] = {"paper": bitlens.Silverman(0.1), "bitlens": bitlens.Median()}
CONVOLUTIONS = ("c1", "c3")
MEASUREMENTS = ("chains", "plane", "decomposition")
"""What can be measured of a network."""
_DECOMPOSED = ("figure-3-information", "figure-3-shares")
FIGURES = ("figure-1", *_DECOMPOSED, "figure-4")
"""The figures that have a table."""
_METRICS = "metrics"
NetworkTables = dict[str, pd.DataFrame]
"""Tables of one network; their names are those of a measurement and of the estimator's settings."""


def measured(
    cache: Cache, images: Images, settings: Settings, figures: Sequence[str] = FIGURES
) -> dict[str, pd.DataFrame]:
    """Return the tables of these figures; networks are trained and measured where the cache does not hold them."""
    training, test = (
        Samples(torch.from_numpy(pictures)[:, None], torch.from_numpy(labels))
        for pictures, labels in (
            (images.train_images[: settings.samples], images.train_labels[: settings.samples]),
            (images.test_images, images.test_labels),
        )
    )
    chosen = topologies_of(settings, figures)
    jobs = [
        (topology, seed)
        for seed in range(settings.seeds)
        for topology in settings.topologies
        if any(topology in topologies for topologies in chosen.values())
    ]
    networks = {
        (topology, seed): network_tables(
            cache, training, test, settings, topology, seed, measurements(settings, figures, topology)
        )
        for topology, seed in progress(jobs, "training and measuring networks")
    }
    tables = {
        "networks": pd.concat(
            _of_all(networks, topologies, _METRICS).assign(figure=figure) for figure, topologies in chosen.items()
        )
    }
    if "figure-1" in figures:
        chains = _of_all(networks, settings.chained, "chains")
        tables["figure-1"] = _stages(chains, settings.training("relu").steps(len(training)))
    if set(_DECOMPOSED) & set(figures):
        decomposed = _of_all(networks, settings.decomposed, "decomposition")
        tables["figure-3-information"] = _columns(decomposed, "^multivariate|^entropy")
        tables["figure-3-shares"] = _columns(decomposed, "^redundancy_synergy|^weighted|^multivariate_excess")
    if "figure-4" in figures:
        planes, modified = (_of_all(networks, settings.planar, name) for name in ("plane", "modified_plane"))
        tables["figure-4"] = pd.concat([planes.assign(plane="all"), modified.assign(plane="non-redundant")])
    return {name: table for name, table in tables.items() if name in ("networks", *figures)}


def topologies_of(settings: Settings, figures: Sequence[str]) -> dict[str, list[Topology]]:
    """Return the networks of each of these figures."""
    every = dict.fromkeys(_DECOMPOSED, settings.decomposed) | {
        "figure-1": settings.chained,
        "figure-4": settings.planar,
    }
    return {figure: every[figure] for figure in FIGURES if figure in figures}


def measurements(settings: Settings, figures: Sequence[str], topology: Topology) -> tuple[str, ...]:
    """Return which of chains, plane and decomposition these figures need of a network."""
    chosen = {figure for figure, topologies in topologies_of(settings, figures).items() if topology in topologies}
    needed = {
        "chains": "figure-1" in chosen,
        "plane": "figure-4" in chosen,
        "decomposition": not chosen.isdisjoint({"figure-4", *_DECOMPOSED}),
    }
    return tuple(name for name, is_needed in needed.items() if is_needed)


def network_tables(
    cache: Cache,
    training: Samples,
    test: Samples,
    settings: Settings,
    topology: Topology,
    seed: int,
    measurements: tuple[str, ...] = MEASUREMENTS,
) -> NetworkTables:
    """Return the metrics of one network, and what is measured of it, by iteration."""
    key = network_key(training, test, settings, topology, seed, measurements)

    def compute() -> NetworkTables:
        with TemporaryDirectory(prefix=".recording-", dir=cache.folder) as folder:
            return _record(Path(folder) / "run", training, test, settings, topology, seed, measurements)

    return cache.tables(key, compute)


def network_key(
    training: Samples,
    test: Samples,
    settings: Settings,
    topology: Topology,
    seed: int,
    measurements: tuple[str, ...] = MEASUREMENTS,
) -> Key:
    """Return everything that determines the tables of one network."""
    how = settings.training(topology.activation)
    return Key.of(
        "information flow: tables of a network",
        VERSION,
        network=topology,
        training=how,
        seed=seed,
        images=[training.fingerprint, test.fingerprint],
        probe=settings.probe,
        layers=LAYERS,
        measured_at=settings.measured_at(how.steps(len(training))),
        tables=measurements,
        shuffles=settings.shuffles,
        estimators=ESTIMATORS,
        estimators_of_errors=_ERRORS,
    )


def _record(
    store: Path,
    training: Samples,
    test: Samples,
    settings: Settings,
    topology: Topology,
    seed: int,
    measurements: tuple[str, ...],
) -> NetworkTables:
    """Train a network and measure it while it trains; activations are dropped after they are measured."""
    torch.manual_seed(seed)
    model = build(topology)
    how = settings.training(topology.activation)
    iterations = settings.measured_at(how.steps(len(training)))
    probe = training.images[: settings.probe], training.labels[: settings.probe]

    def measure(run: bitlens.Run) -> None:
        _tables(run, settings, measurements)

    with bitlens.Recorder(
        model, store, probe, LAYERS, gradients=True, every=iterations[-1] + 1, measures=[measure], show_size=False
    ) as recorder:
        losses: list[float] = []

        def after_step(step: int, loss: float) -> None:
            losses.append(loss)
            if step in iterations:
                snapshot(step, sum(losses) / len(losses))
                losses.clear()

        def snapshot(step: int, loss: float) -> None:
            accuracy = float(correct(model, test).float().mean())
            recorder.snapshot(step, loss=loss, test_accuracy=accuracy)

        snapshot(0, math.nan)
        train(model, training, how, after_step=after_step)
    return _tables(bitlens.open_run(store), settings, measurements)


def _tables(run: bitlens.Run, settings: Settings, measurements: tuple[str, ...]) -> NetworkTables:
    """The tables of a run, which computes what it does not hold yet."""
    metrics = pd.DataFrame.from_dict(run.metrics, orient="index").rename_axis("epoch").reset_index()
    tables = {_METRICS: metrics}
    with _without_saturation_warnings():
        for name in ESTIMATORS:
            if "chains" in measurements:
                tables[f"chains-{name}"] = _chains(run, settings, name)
            if "plane" in measurements:
                plane = bitlens.information_plane(run, permutations=settings.shuffles, **ESTIMATORS[name])
                tables[f"plane-{name}"] = plane.to_dataframe().reset_index()
            if "decomposition" in measurements:
                tables[f"decomposition-{name}"] = _decompositions(run, name)
    return tables


def _chains(run: bitlens.Run, settings: Settings, name: str) -> pd.DataFrame:
    """By iteration, chain and layer: information, null, rise over the step before, and whether that is too much."""
    inequalities = bitlens.processing_inequalities(
        run, permutations=settings.shuffles, bandwidth_errors=_ERRORS[name], **ESTIMATORS[name]
    )
    rows = inequalities.drop_vars([str(field) for field in inequalities if str(field).endswith("violations")])
    parts = []
    for chain, order in (("forward", LAYERS), ("backward", LAYERS[-2::-1])):
        names = {chain: "information"} | {
            f"{chain}_{field}": field for field in ("null_mean", "null_std", "rise", "allowed")
        }
        part = rows[list(names)].rename(names).sel(layer=list(order)).to_dataframe().reset_index()
        parts.append(part.assign(chain=chain, violation=(part.rise > part.allowed).astype(float)))
    return pd.concat(parts)


def _decompositions(run: bitlens.Run, name: str) -> pd.DataFrame:
    """How the channels of both convolutions share their information, with the entropy of the input."""
    parts = [
        bitlens.layer_decomposition(run, layer, **ESTIMATORS[name])
        .drop_dims("channel")
        .to_dataframe()
        .reset_index()
        .assign(layer=layer)
        for layer in CONVOLUTIONS
    ]
    plane = bitlens.information_plane(run, permutations=2, epochs=[0], **ESTIMATORS[name])
    entropies = plane.entropy_about.sel(epoch=0).drop_vars("epoch")
    return pd.concat(parts).merge(entropies.to_dataframe().reset_index(), on="about")


def _modified(decomposition: pd.DataFrame) -> pd.DataFrame:
    """The modified plane: weighted non-redundant information and its null, under the names of the plane's columns."""
    names = {
        "weighted_nonredundant": "information",
        "weighted_nonredundant_null_mean": "null_mean",
        "weighted_nonredundant_null_std": "null_std",
    }
    return decomposition[["epoch", "about", "layer", *names]].rename(columns=names)


def _of_all(networks: dict[tuple[Topology, int], NetworkTables], topologies: list[Topology], name: str) -> pd.DataFrame:
    """One table of several networks with both settings of the estimator: means over seeds, and "_std" between seeds."""
    parts = []
    for (topology, seed), tables in networks.items():
        if topology not in topologies:
            continue
        place = {"first": topology.first, "second": topology.second, "activation": topology.activation, "seed": seed}
        if name == _METRICS:
            parts.append(tables[name].tail(1).assign(**place))
            continue
        for setting in ESTIMATORS:
            if name == "modified_plane":
                table = _modified(tables[f"decomposition-{setting}"])
            else:
                table = tables[f"{name}-{setting}"]
            parts.append(table.assign(**place, setting=setting))
    everything = pd.concat(parts).rename(columns={"epoch": "iteration"})
    if {"information", "null_mean"} <= set(everything):
        everything = everything.assign(excess=everything.information - everything.null_mean)
    values = list(everything.select_dtypes("float"))
    keys = [column for column in everything if column not in {*values, "seed", "verdict"}]
    groups = everything.groupby(keys, sort=False)
    means = groups[values].mean().join(groups[values].std().add_suffix("_std"))
    if "verdict" in everything:
        means = means.assign(verdict=groups.verdict.agg(_different))
    return means.assign(seeds=groups.seed.nunique()).reset_index()


def _different(verdicts: pd.Series) -> str:
    """The verdicts of the seeds, which may differ."""
    return "; ".join(sorted(set(verdicts) - {""}))


def _stages(chains: pd.DataFrame, epoch: int) -> pd.DataFrame:
    """The start, after three epochs, and the end."""
    end = chains.iteration.max()
    return chains[chains.iteration.isin([0, min(3 * epoch, end), end])]


def _columns(table: pd.DataFrame, pattern: str) -> pd.DataFrame:
    keys = "^(first|second|activation|setting|iteration|about|layer|seeds)$"
    return table.filter(regex=f"{keys}|{pattern}")


@contextmanager
def _without_saturation_warnings() -> Iterator[None]:
    """The figures show saturation, so a warning would say nothing new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bitlens.SaturationWarning)
        yield
