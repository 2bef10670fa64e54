"""The page: each figure, its table, and what became of its claims."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rich.progress import track

from bitlens.data.images import Images
from paper_figures.ordered_ablation import claims, measuring, pictures, tables
from paper_figures.ordered_ablation.networks import BATCH, DROPOUT, KINDS, L2, RATE, Sizes, Workshop

TITLE = (
    "Understanding Neural Networks with Information Theory (Geiger 2020, after Liu, Amjad and Geiger 2018), drawn anew"
)
BOUNDS = {"information_bottleneck": False, "input_compression": True}
"""Whether their constants are known."""
TABLES = ("neurons", "curves", "areas", "roles", "errors")
_IN_BAND = "Means, and as bands the range over seeds and random orders."


def write(images: Images, work: Path, out: Path, sizes: Sizes, seeds: int) -> None:
    """Train and measure what is not there yet, and write PNG, CSV, JSON and README.md."""
    shop = Workshop(images, work, sizes)
    jobs = [(name, seed) for name in KINDS for seed in range(seeds)]
    parts: dict[str, list[pd.DataFrame]] = {"neurons": [], "raw": [], "errors": []}
    for job in track(jobs, "training and measuring networks"):
        parts["neurons"].append(measuring.neurons(shop, *job))
        parts["raw"].append(measuring.curves(shop, *job))
        parts["errors"].append(measuring.errors(shop, *job))
    neurons, raw, errors = (pd.concat(part, ignore_index=True) for part in parts.values())
    found = {
        "neurons": neurons, "curves": tables.shown(raw), "areas": tables.areas(raw), "roles": tables.roles(raw), "errors": errors
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        found[name].to_csv(out / f"{name}.csv", index=False, float_format="%.6g")
    used = asdict(shop.sizes) | {"seeds": seeds}
    published = read(out)
    for name, figure in _figures(published).items():
        figure.savefig(out / f"{name}.png", dpi=100)
    verdicts = {name: claim.verdicts for name, claim in judged(published).items()}
    results = json.dumps({"sizes": used, "verdicts": verdicts}, indent=1)
    (out / "results.json").write_text(results + "\n", encoding="utf-8")
    (out / "README.md").write_text(text(published, used), encoding="utf-8")


def read(out: Path) -> dict[str, pd.DataFrame]:
    """The tables as they are published, which is what the text is about."""
    return {name: pd.read_csv(out / f"{name}.csv") for name in TABLES}


def judged(found: dict[str, pd.DataFrame]) -> dict[str, claims.Claim]:
    """What became of each claim."""
    areas, neurons, roles = found["areas"], found["neurons"], found["roles"]
    return {
        "distributions": claims.distributions(neurons),
        "across": claims.across(areas),
        "within": claims.within(areas),
        "paradox": claims.paradox(areas, neurons),
        "across, to the mean": claims.across(areas, "mean"),
        "few": claims.few(roles),
        "spare": claims.spare(roles),
        "regularization": claims.regularization(areas, neurons, roles),
        "bounds": claims.bounds(found["errors"], BOUNDS),
    }


def text(found: dict[str, pd.DataFrame], sizes: dict[str, Any]) -> str:
    """The page, from its tables."""
    said = {name: str(claim) for name, claim in judged(found).items()}
    parts = [
        f"# {TITLE}",
        _settings(found["errors"], sizes),
        _section(
            "Information of single neurons", "information", "neurons",
            "I(Y; neuron) of the class and whether the neuron is on (above 0), on the test images, by layer. "
            f"{_bias(found['neurons'])}",
            said["distributions"],
        ),
        _section(
            "Cumulative ablation", "accuracy", "curves",
            "Accuracy on test images while more and more neurons are turned off (set to 0), in layer 1, in layer 2 (both as they "
            f"are), and in the whole network, where the neurons of both layers are ranked together. {_IN_BAND}",
            f"![Loss while neurons are turned off](loss.png)\n\nThe same, as mean cross-entropy. {_IN_BAND}",
            "*Hurts sooner* is about the mean accuracy over all removals, from none to all, the area under the curve: lower is "
            "sooner. A difference counts where it is larger than its deviation between seeds and than the deviation between "
            f"random orders. Means ± deviations between seeds; [for each seed](areas.csv). {tables.LOST:.0%} is of the accuracy "
            "beyond that without all neurons.",
            claims.accuracies(found["areas"]),
        ),
        *("\n\n".join([f"### {title}", said[name]]) for title, name in (
            ("Across the network", "across"), ("Within a layer", "within"), ("Simpson's paradox", "paradox"),
        )),
        _section(
            "Turned off to the mean", "modes", "curves",
            "The whole network again: what is turned off gives 0, or the neuron's mean over the test images. The claim across the "
            f"network once more, with the mean. {_IN_BAND}",
            said["across, to the mean"],
        ),
        _section(
            "Needed, redundant, synergistic, inactive", "roles", "roles",
            "What neurons do by the curves of both orders, as `neuron_roles` counts, with its tolerance of 5%; means over seeds.",
            said["few"], said["spare"],
        ),
        "\n\n".join(["## Dropout and L2", said["regularization"]]),
        _section(
            "Bounds of the generalization gap", "bounds", "errors",
            "The size of the measured gap beside the bounds by I(X; L) of the last hidden layer "
            f"({measuring.BINS} bins a neuron; the second holds with probability {1 - measuring.DELTA:g}).",
            said["bounds"],
        ),
        "All verdicts and sizes, for programs: [results.json](results.json).",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _figures(found: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    return {
        "information": pictures.histograms(found["neurons"]),
        "accuracy": pictures.curves(found["curves"], "accuracy"),
        "loss": pictures.curves(found["curves"], "loss"),
        "modes": pictures.modes(found["curves"]),
        "roles": pictures.roles(found["roles"]),
        "bounds": pictures.bounds(found["errors"], list(BOUNDS)),
    }


def _section(title: str, picture: str, table: str, caption: str, *claim: str) -> str:
    image = f"![{title}]({picture}.png)"
    return "\n\n".join([f"## {title}", image, f"{caption} [The numbers]({table}.csv).", *claim])


def _settings(errors: pd.DataFrame, sizes: dict[str, Any]) -> str:
    decay, dropout = KINDS[L2].decay, KINDS[DROPOUT].dropout
    seeds = sizes["seeds"]
    lines = [
        "The slides order neurons by what each says about the class, turn them off one after the other, and read from the curves "
        "which ones matter. They show MNIST, FashionMNIST and CIFAR-10; here all is on MNIST, as the other two are not at hand, so "
        "that 30-30 is compared on MNIST as well, and the slides' network of four layers is left out.",
        f"Perceptrons with ReLU and two hidden layers, {sizes['samples']} training images, {_count(sizes['epochs'], 'epoch')} of "
        f"Adam in batches of {BATCH}, learning rates from {RATE:g} down to 0 by a cosine; {_count(seeds, 'seed')} of each. L2 adds "
        f"{decay / 2:g} times the squared weights and biases to the loss (which Adam rescales), dropout leaves out each hidden neuron with "
        f"probability {dropout:g} in training. Measured on {sizes['probe']} test images: information, orders and accuracies are "
        f"all of the same images. {_count(sizes['repeats'], 'random order')} a curve. Numbers are means over seeds ± the "
        "standard deviation between them, which is rough with so few.",
        "Each verdict is of these networks: one strength of L2, one of dropout and one way of training were tried, and none was "
        "chosen for what comes of it.",
    ]
    rows = ["| network | accuracy on training images | on test images |", "|---|---|---|"]
    for network, part in errors.groupby("network", sort=False):
        cells = [
            f"{1 - part[name].mean():.2%} ± {tables.spread(part[name]):.2%}"
            for name in ("training_error", "test_error")
        ]
        rows.append(f"| {network} | {' | '.join(cells)} |")
    return "\n\n".join([*lines, "\n".join(rows)])


def _bias(neurons: pd.DataFrame) -> str:
    return f"By their number, it is expected to be {neurons.bias.max():.4f} bits too high at most."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
