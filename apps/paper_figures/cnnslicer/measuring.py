"""Trains the networks, records them and measures what the figures show."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from torch import nn

import bitlens
from bitlens import tables as bitlens_tables
from bitlens.data.images import Images
from paper_figures.cnnslicer.networks import DEPTHS, LATER, LAYERS, PAIR, POOLED, Settings, build
from paper_figures.common.cache import Cache, Key, progress
from paper_figures.common.training import Samples, train

VERSION = 1
"""To be raised when the code of this paper trains or measures other numbers."""
TABLES = (
    "progress",
    "inputs",
    "uncertainty",
    "confusion",
    "heat-map",
    "similar",
    "pooling",
    "later",
    "entropies",
    "projections",
)


def measured(images: Images, cache: Cache, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return all tables; networks that the cache holds are neither trained nor measured again."""
    test = Samples(torch.from_numpy(images.test_images)[:, None], torch.from_numpy(images.test_labels))
    everyone = Samples(torch.from_numpy(images.train_images)[:, None], torch.from_numpy(images.train_labels))
    probe = _drawn(test, settings.probe // 10, seed=0)
    everything: dict[str, list[pd.DataFrame]] = {}
    jobs = [(size, seed) for seed in range(settings.seeds) for size in settings.sizes]
    for size, seed in progress(jobs, "training and measuring networks"):
        training = _drawn(everyone, size, seed)
        for name, table in _network(cache, training, probe, settings, size, seed).items():
            everything.setdefault(name, []).append(table.assign(seed=seed, size=size))
    return {name: pd.concat(everything[name], ignore_index=True) for name in TABLES}


def _drawn(samples: Samples, count: int, seed: int) -> Samples:
    """Images of each class that are drawn at random; all of them where a class has fewer."""
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))
    of_class = [order[samples.labels[order] == label][:count] for label in range(10)]
    rows = torch.cat(of_class).sort().values
    return Samples(samples.images[rows], samples.labels[rows])


def _network(
    cache: Cache, training: Samples, probe: Samples, settings: Settings, size: int, seed: int
) -> dict[str, pd.DataFrame]:
    shown = size == settings.shown
    key = Key.of(
        "CNNSlicer: tables of a network",
        VERSION,
        training=settings.training(),
        filters=settings.filters,
        seed=seed,
        images=[training.fingerprint, probe.fingerprint],
        measured=[settings.bins, settings.projected, settings.stages()] if shown else [],
        layers=LAYERS,
    )

    def compute() -> dict[str, pd.DataFrame]:
        with TemporaryDirectory(prefix=".recording-", dir=cache.folder) as folder:
            return _record(Path(folder) / "run", training, probe, settings, seed, shown=shown)

    return cache.tables(key, compute)


def _record(
    store: Path, training: Samples, probe: Samples, settings: Settings, seed: int, *, shown: bool
) -> dict[str, pd.DataFrame]:
    torch.manual_seed(seed)
    model = build(settings.filters)
    how = settings.training()
    steps, losses = how.steps(len(training)), []
    with bitlens.Recorder(
        model, store, (probe.images, probe.labels), list(LAYERS), weights=[settings.epochs], show_size=False
    ) as recorder:
        recorder.snapshot(0, loss=_loss(model, training))

        def after_step(step: int, loss: float) -> None:
            losses.append(loss)
            if step % steps == 0:
                recorder.snapshot(step // steps, loss=float(np.mean(losses)))
                losses.clear()

        train(model, training, how, after_step=after_step)
    run = bitlens.open_run(store)
    tables = _of_training(run, training)
    return tables | _of_channels(run, model, settings) if shown else tables


def _loss(model: nn.Module, samples: Samples) -> float:
    parts = zip(
        torch.split(samples.images, 1000), torch.split(samples.labels, 1000), strict=True
    )  # the maps of all take gigabytes
    with torch.no_grad():
        lost = [nn.functional.cross_entropy(model(images), labels, reduction="sum") for images, labels in parts]
    return float(torch.stack(lost).sum()) / len(samples)


def _of_training(run: bitlens.Run, training: Samples) -> dict[str, pd.DataFrame]:
    """Fig. 4 to 6: the losses, the diversity of the training images, the certainty of predictions."""
    performance = bitlens.training_performance(run)
    losses = pd.DataFrame.from_dict(run.metrics, orient="index").rename_axis("epoch").reset_index()
    progressed = bitlens_tables.training_progress(performance).rename(columns={"loss": "probe_loss"})
    flat = training.images.flatten(1).numpy()
    entropy = bitlens.inter_sample_entropy(flat, k=min(1500, len(flat) - 1))
    shuffled = np.random.default_rng(0).permuted(flat, axis=0)
    null = bitlens.inter_sample_entropy(shuffled, k=min(1500, len(flat) - 1))
    inputs = {"images": [len(flat)], "inter_sample_entropy": [float(entropy)], "null": [float(null)]}
    return {
        "progress": progressed.merge(losses, on="epoch"),
        "inputs": pd.DataFrame(inputs),
        "uncertainty": bitlens_tables.label_uncertainty(performance)[["epoch", "class", "label_given_predicted"]],
        "confusion": bitlens_tables.confusion(performance.sel(epoch=[0, 1])),
    }


def _of_channels(run: bitlens.Run, model: nn.Module, settings: Settings) -> dict[str, pd.DataFrame]:
    """Fig. 7 to 13: layers and channels at the end of the training, and a pooling during it."""
    last = settings.epochs
    pair = bitlens.layer_pair_information(run, *PAIR, bins=settings.bins, epochs=[last])
    pooling = bitlens.layer_pair_information(run, *POOLED, bins=settings.bins, epochs=settings.stages())
    later = []
    for layer in LATER:
        found = bitlens.layer_pair_information(run, "conv1", layer, bins=settings.bins, epochs=[last])
        at_end = found.isel(epoch=0)
        numbers = {"layer": [layer], "information": [float(at_end.mutual_information.mean())]}
        numbers |= {"excess": [float(at_end.mean_excess)], "standard_error": [float(at_end.mean_standard_error)]}
        later.append(pd.DataFrame(numbers))
    heat = bitlens_tables.channel_pairs(pair)[["channel_a", "channel_b", "mutual_information", "excess"]]
    return {
        "heat-map": heat,
        "similar": _similar(run, pair.mutual_information.isel(epoch=0).transpose("channel_a", "channel_b"), last),
        "pooling": bitlens_tables.channel_pairs(pooling)[["epoch", "channel_a", "channel_b", "mutual_information"]],
        "later": pd.concat(later, ignore_index=True),
        "entropies": _entropies(run, last),
        "projections": _projections(run, model, settings),
    }


def _similar(run: bitlens.Run, information: object, epoch: int) -> pd.DataFrame:
    """By pair of channels: how alike their columns of the heat map are, and how alike their feature maps."""
    columns = np.asarray(information, float)
    maps = run.activations(PAIR[0], epoch)
    flat = maps.transpose(1, 0, 2, 3).reshape(maps.shape[1], -1)
    with np.errstate(invalid="ignore", divide="ignore"):  # a dead channel has no correlation
        patterns, features = np.corrcoef(columns), np.corrcoef(flat)
    first, second = np.triu_indices(len(columns), 1)
    values = {"patterns": patterns[first, second], "maps": features[first, second]}
    return pd.DataFrame({"first": first, "second": second, **values}).dropna().reset_index(drop=True)


def _entropies(run: bitlens.Run, epoch: int) -> pd.DataFrame:
    parts = []
    for layer in DEPTHS:
        table = bitlens_tables.channel_entropies(bitlens.channel_entropies(run, layer, epochs=[epoch]))
        parts.append(table.drop(columns="epoch").assign(layer=layer))
    return pd.concat(parts, ignore_index=True)


def _projections(run: bitlens.Run, model: nn.Module, settings: Settings) -> pd.DataFrame:
    """By channel of relu2: its entropy, and the detail of its projections: the entropy of their values."""
    layer = DEPTHS[1]
    samples = run.evenly_spaced_samples(settings.projected)
    projected = bitlens.layer_deconvolution(run, model, layer, samples=samples)
    values = projected.deconvolution.isel(epoch=0).transpose("channel", "sample", ...).to_numpy()
    entropies = bitlens.channel_entropies(run, layer, epochs=[settings.epochs]).isel(epoch=0)
    detail = bitlens.channel_entropy(np.ascontiguousarray(values[:, :, 0].swapaxes(0, 1), np.float32))
    columns = {"entropy": entropies.intra_sample_entropy.to_numpy(), "detail": np.asarray(detail)}
    return pd.DataFrame({"channel": np.arange(len(values)), **columns, "dead": entropies.dead.to_numpy().astype(int)})
