"""Measurements of trained networks, of their training, and of a rescaled network; the cache keeps each table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

import bitlens
from paper_figures.common.cache import Key, progress
from paper_figures.common.networks import after, output_of, up_to
from paper_figures.information_discarding.networks import SHARES, rescaled
from paper_figures.information_discarding.study import Study, rebuilt_variance

Row = dict[str, Any]
_VERSION = 3
"""To be raised when this code or the library measures other numbers."""
_MEASURING = ("alpha", "draws", "steps", "decoded", "decoder_epochs", "width", "factor")
_MEANS = ["value", "kept", "converged", "shortfall", "rebuilt"]
COMPARED = {
    "figure-3": ("lenet", "plain", "resnet", "autoencoder"),
    "figure-4a": ("resnet", "damaged"),
    "figure-4b": ("plain", *(f"pruned-{share}" for share in SHARES)),
    "figure-5a": ("lenet", "distilled"),
}
"""The networks of the figures that compare networks."""
FIGURES = ("figure-1", "figure-3", "figure-4a", "figure-4b", "figure-5a", "figure-5b")
_WITHIN = 0.02


def measured(study: Study, figures: Sequence[str] = FIGURES) -> dict[str, pd.DataFrame]:
    """Return the tables of these figures; networks are trained and measured where the cache does not hold them."""
    seeds = range(study.settings.seeds)
    compared = {figure: [name for name in study.kinds if name in names] for figure, names in COMPARED.items()}
    needed = {figure: names for figure, names in compared.items() if figure in figures}
    jobs = [(name, seed) for seed in seeds for name in study.kinds if any(name in names for names in needed.values())]
    measurements = [of_network(study, *job) for job in progress(jobs, "training and measuring networks")]
    tables: dict[str, pd.DataFrame] = {}
    if measurements:
        table = mean_over_seeds(measurements)
        tables = {figure: table[table.network.isin(names)] for figure, names in needed.items()}
    if "figure-1" in figures:
        tables["figure-1"] = pd.concat(of_rescaled(study, seed) for seed in progress(seeds, "rescaling the plain CNN"))
        needed["figure-1"] = ["plain"]
    if "figure-5b" in figures:
        epochs = [of_epochs(study, seed) for seed in progress(seeds, "measuring epochs of the ResNet")]
        tables["figure-5b"] = mean_over_seeds(epochs)
        needed["figure-5b"] = ["resnet"]
    return tables | {"networks": of_scores(study, {figure: needed[figure] for figure in FIGURES if figure in figures})}


def of_network(study: Study, name: str, seed: int) -> pd.DataFrame:
    """Return SID and its concentration by layer, and RU where a decoder is trained, in bits per pixel."""
    kind = study.kinds[name]

    def rows() -> Iterable[Row]:
        model = study.network(name, seed)
        for layer in kind.layers:
            yield from _discarding(study, model, layer)
            if layer in kind.rebuilt:
                yield _uncertainty(study, model, layer, study.decoder(name, seed, layer))

    table = _stored(study, "layers of a network", study.key(name, seed), rows, kind=kind, seed=seed)
    return table.assign(network=name, seed=seed, depth=table.layer.map(kind.depth))


def of_epochs(study: Study, seed: int) -> pd.DataFrame:
    """Return SID and its concentration by epoch and block of the residual network."""
    last = study.settings.epochs
    epochs = [epoch for epoch in range(last + 1) if epoch <= 2 or epoch % 2 == 0 or epoch == last]

    def rows() -> Iterable[Row]:
        model, states = study.network("resnet", seed), study.states("resnet", seed)
        for epoch in epochs:
            model.load_state_dict(states[epoch])
            for block in study.blocks:
                for row in _discarding(study, model, block):
                    yield {"epoch": epoch} | row

    key = study.key("resnet", seed)
    return _stored(study, "layers by epoch", key, rows, blocks=study.blocks, epochs=epochs).assign(seed=seed)


def of_rescaled(study: Study, seed: int) -> pd.DataFrame:
    """Return mean magnitudes by layer and measure, in the plain network and in one that computes the same otherwise."""
    kind = study.kinds["plain"]
    usual = of_network(study, "plain", seed).set_index(["layer", "measure"])

    def rows() -> Iterable[Row]:
        plain = study.network("plain", seed)
        other = rescaled(plain, study.settings.factor)
        for layer in kind.layers:
            after_rescaling = _discarding(study, other, layer)
            if layer in kind.rebuilt:
                scale = study.settings.factor if int(layer[-1]) % 2 else 1.0
                decoder = nn.Sequential(Times(scale), study.decoder("plain", seed, layer)).eval()
                after_rescaling.append(_uncertainty(study, other, layer, decoder))
            for row in after_rescaling:
                measure = row["measure"]
                before = usual.loc[(layer, measure)]
                rested = min(before.converged, row["converged"])
                values = {"before": before.value, "after": row["value"], "converged": rested}
                yield {"layer": layer, "measure": measure} | values
            for measure, magnitude in (("gradient map", gradient_map), ("Grad-CAM", grad_cam)):
                before, then = (magnitude(model, layer, study) for model in (plain, other))
                yield {"layer": layer, "measure": measure, "before": before, "after": then, "converged": math.nan}

    return _stored(study, "rescaled network", study.key("plain", seed), rows, kind=kind).assign(seed=seed)


def of_scores(study: Study, compared: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return by figure and network: the weights other than 0 in the first seed, and the mean score over seeds."""
    scored = {}
    for name in dict.fromkeys(name for names in compared.values() for name in names):
        weights = sum(int((parameter != 0).sum()) for parameter in study.network(name, 0).parameters())
        scores = [study.score(name, seed) for seed in range(study.settings.seeds)]
        scored[name] = {"network": name, "weights": weights, "score": sum(scores) / len(scores), "seeds": len(scores)}
    return pd.DataFrame(scored[name] | {"figure": figure} for figure, names in compared.items() for name in names)


def mean_over_seeds(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return means over seeds, the standard deviation between them, and the number of searches of all seeds.

    The deviation is 0 where there is one seed; ``seeds`` tells how many there are.
    """
    everything = pd.concat(tables)
    keys = [name for name in everything if name not in {*_MEANS, "searches", "seed"}]
    groups = everything.groupby(keys, sort=False)
    return (
        groups[_MEANS]
        .mean()
        .assign(
            searches=groups.searches.sum(),
            deviation=groups.value.std(ddof=1).fillna(0),
            seeds=groups.seed.nunique(),
        )
        .reset_index()
    )


def gradient_map(model: nn.Sequential, layer: str, study: Study) -> float:
    """Return the mean over pixels and images of |dy/df| over channels; y is the score of the right class."""
    features = up_to(model, layer)(study.probe.images).detach().requires_grad_()
    scores = after(model, layer)(features).gather(1, study.probe.labels[:, None])
    (slopes,) = torch.autograd.grad(scores.sum(), features)
    return float(slopes.square().sum(dim=1).sqrt().mean())


def grad_cam(model: nn.Sequential, layer: str, study: Study) -> float:
    """Return the mean magnitude over pixels and images of Captum's LayerGradCam for the right class."""
    cam = LayerGradCam(model, model.get_submodule(layer)).attribute(study.probe.images, target=study.probe.labels)
    return float(cam.detach().abs().mean())


class Times(nn.Module):
    """Undoes the rescaling of features before a decoder."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return features of their size before the rescaling."""
        return self.factor * x


def _discarding(study: Study, model: nn.Module, layer: str) -> list[Row]:
    settings = study.settings
    result = bitlens.information_discarding(
        model, study.probe.images, layer, settings.alpha, samples=settings.draws, steps=settings.steps
    )
    concentration = bitlens.concentration(result.entropies, study.probe.masks)
    return [
        _row(study, layer, "SID", result.entropies, result),
        _row(study, layer, "concentration", concentration, result),
    ]


def _uncertainty(study: Study, model: nn.Sequential, layer: str, decoder: nn.Module) -> Row:
    settings = study.settings
    result = bitlens.reconstruction_uncertainty(
        model, study.probe.images, layer, decoder, settings.alpha, samples=settings.draws, steps=settings.steps
    )
    rebuilt = rebuilt_variance(decoder, output_of(model, layer, study.test.images), study.test.images)
    return _row(study, layer, "RU", result.entropies, result) | {"rebuilt": rebuilt}


def _row(study: Study, layer: str, measure: str, values: Tensor, result: bitlens.InformationDiscarding) -> Row:
    kept = (result.constraint / study.settings.alpha - 1).abs() <= _WITHIN
    return {
        "layer": layer,
        "measure": measure,
        "value": float(values.double().mean()),
        "kept": float(kept.double().mean()),
        "converged": float(result.converged.double().mean()),
        "shortfall": float(result.shortfall.mean()),
        "searches": len(result.converged),
        "rebuilt": math.nan,
    }


def _stored(
    study: Study, what: str, network: Key, rows: Callable[[], Iterable[Row]], **determinants: object
) -> pd.DataFrame:
    """Return a table of measurements as the cache holds it, or make it now."""
    settings = asdict(study.settings)
    key = Key.of(
        f"information discarding: {what}",
        _VERSION,
        network=network,
        settings={name: settings[name] for name in _MEASURING},
        images=[study.probe.fingerprint, study.test.fingerprint, study.train.fingerprint],
        **determinants,
    )
    return study.cache.table(key, lambda: pd.DataFrame(rows()))
