"""Measurements of each network while it is trained, kept in the cache as tables, and the tables of all networks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
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

VERSION = 1
"""To be raised when the code of this paper computes other numbers."""
ESTIMATORS: dict[str, dict[str, Any]] = {"paper": bitlens.published_settings("paper"), "bitlens": {}}
"""The paper's Silverman rule and plain product; our defaults: medians, and widths that grow with the channels."""
_ERRORS: dict[str, bitlens.Silverman | bitlens.Median] = {"paper": bitlens.Silverman(0.1), "bitlens": bitlens.Median()}
CONVOLUTIONS = ("c1", "c3")
_METRICS = "metrics"
NetworkTables = dict[str, pd.DataFrame]
"""Tables of one network; their names are those of a measurement and of the estimator's settings."""


def measured(cache: Cache, images: Images, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return the tables of the page; networks are trained and measured where the cache does not hold their tables."""
    training, test = (
        Samples(torch.from_numpy(pictures)[:, None], torch.from_numpy(labels))
        for pictures, labels in (
            (images.train_images[: settings.samples], images.train_labels[: settings.samples]),
            (images.test_images, images.test_labels),
        )
    )
    jobs = [(topology, seed) for seed in range(settings.seeds) for topology in settings.topologies]
    networks = {
        job: network_tables(cache, training, test, settings, *job)
        for job in progress(jobs, "training and measuring networks")
    }
    decomposed = _of_all(networks, settings.decomposed, "decomposition")
    planes, modified = (_of_all(networks, settings.planar, name) for name in ("plane", "modified_plane"))
    chains = _of_all(networks, settings.chained, "chains")
    return {
        "networks": _of_all(networks, settings.topologies, _METRICS),
        "figure-1": _stages(chains, settings.training("relu").steps(len(training))),
        "figure-3-information": _columns(decomposed, "^multivariate|^entropy"),
        "figure-3-shares": _columns(decomposed, "^redundancy|^weighted"),
        "figure-4": pd.concat([planes.assign(plane="all"), modified.assign(plane="non-redundant")]),
    }


def network_tables(
    cache: Cache, training: Samples, test: Samples, settings: Settings, topology: Topology, seed: int
) -> NetworkTables:
    """Return the chains, the plane, the decompositions and the metrics of one network, by iteration."""
    key = network_key(training, test, settings, topology, seed)

    def compute() -> NetworkTables:
        with TemporaryDirectory(prefix=".recording-", dir=cache.folder) as folder:
            return _record(Path(folder) / "run", training, test, settings, topology, seed)

    return cache.tables(key, compute)


def network_key(training: Samples, test: Samples, settings: Settings, topology: Topology, seed: int) -> Key:
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
        tables=[topology in chosen for chosen in (settings.chained, settings.planar, settings.decomposed)],
        shuffles=settings.shuffles,
        estimators=ESTIMATORS,
        estimators_of_errors=_ERRORS,
    )


def _record(
    store: Path, training: Samples, test: Samples, settings: Settings, topology: Topology, seed: int
) -> NetworkTables:
    """Train a network and measure it while it trains; activations are dropped after they are measured."""
    torch.manual_seed(seed)
    model = build(topology)
    how = settings.training(topology.activation)
    iterations = settings.measured_at(how.steps(len(training)))
    probe = training.images[: settings.probe], training.labels[: settings.probe]

    def measure(run: bitlens.Run) -> None:
        _tables(run, settings, topology)

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
    return _tables(bitlens.open_run(store), settings, topology)


def _tables(run: bitlens.Run, settings: Settings, topology: Topology) -> NetworkTables:
    """The tables of a run, which computes what it does not hold yet."""
    metrics = pd.DataFrame.from_dict(run.metrics, orient="index").rename_axis("epoch").reset_index()
    tables = {_METRICS: metrics}
    with _without_saturation_warnings():
        for name in ESTIMATORS:
            if topology in settings.chained:
                tables[f"chains-{name}"] = _chains(run, settings, name)
            if topology in settings.planar:
                tables[f"plane-{name}"] = _plane(run, settings, name).to_dataframe().reset_index()
            if topology in settings.decomposed or topology in settings.planar:
                tables[f"decomposition-{name}"] = _decompositions(run, settings, name)
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


def _plane(run: bitlens.Run, settings: Settings, name: str, epochs: list[int] | None = None) -> Any:
    return bitlens.information_plane(run, permutations=settings.shuffles, epochs=epochs, **ESTIMATORS[name])


def _decompositions(run: bitlens.Run, settings: Settings, name: str) -> pd.DataFrame:
    """How the channels of both convolutions share their information, with the entropy of the input."""
    parts = [
        bitlens.layer_decomposition(run, layer, **ESTIMATORS[name])
        .drop_dims("channel")
        .to_dataframe()
        .reset_index()
        .assign(layer=layer)
        for layer in CONVOLUTIONS
    ]
    entropies = _plane(run, settings, name, [0]).entropy_about.sel(epoch=0).drop_vars("epoch")
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
    values = list(everything.select_dtypes("float"))
    keys = [column for column in everything if column not in {*values, "seed"}]
    grouped = everything.groupby(keys, sort=False)[values]
    return grouped.mean().join(grouped.std().add_suffix("_std")).reset_index()


def _stages(chains: pd.DataFrame, epoch: int) -> pd.DataFrame:
    """The start, after three epochs, and the end."""
    end = chains.iteration.max()
    return chains[chains.iteration.isin([0, min(3 * epoch, end), end])]


def _columns(table: pd.DataFrame, pattern: str) -> pd.DataFrame:
    keys = "^(first|second|activation|setting|iteration|about|layer)$"
    return table.filter(regex=f"{keys}|{pattern}")


@contextmanager
def _without_saturation_warnings() -> Iterator[None]:
    """The figures show saturation, so a warning would say nothing new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bitlens.SaturationWarning)
        yield
