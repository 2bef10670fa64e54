"""The page: each figure in both settings, its table, and what became of its claim."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich.progress import track

import bitlens
from bitlens.data.images import Images
from paper_figures.information_flow import claims, pictures, tables
from paper_figures.information_flow.networks import RATES, Topology, Training, measured_run

_KEYS = "^(first|second|activation|setting|iteration|about|layer|chain|plane)$"
TITLE = "Understanding Convolutional Neural Networks with Information Theory (Yu et al. 2018), drawn anew"


def write(images: Images, work: Path, out: Path, training: Training, seeds: int) -> None:
    """Train what is not trained yet, and write PNG, CSV and README.md."""
    topologies = list(dict.fromkeys([*tables.INEQUALITIES, *tables.DECOMPOSED, *tables.PLANES]))
    jobs = [(topology, seed) for seed in range(seeds) for topology in topologies]
    runs = {
        job: measured_run(images, work, *job, training, tables.measures(job[0]))
        for job in track(jobs, "training and measuring networks")
    }

    def of(chosen: list[Topology], table: Callable[[bitlens.Run, str], pd.DataFrame]) -> pd.DataFrame:
        return tables.of_all(
            [(topology, seed, run) for (topology, seed), run in runs.items() if topology in chosen], table
        )

    out.mkdir(parents=True, exist_ok=True)
    chains = tables.stages(of(tables.INEQUALITIES, tables.chains), training.epoch)
    decomposed = of(tables.DECOMPOSED, tables.decompositions)
    planes, modified = of(tables.PLANES, tables.plane), of(tables.PLANES, tables.modified_plane)
    flow = pd.concat([planes.assign(plane="all"), modified.assign(plane="non-redundant")])
    text = [
        f"# {TITLE}",
        _settings(training, seeds, runs),
        _section(
            out, "figure-1", "Fig. 1: both data-processing inequalities", chains, pictures.figure_1,
            claims.inequalities(chains),
        ),
        _section(
            out, "figure-3-information", "Fig. 3 a to d: information and numbers of filters", decomposed,
            pictures.figure_3_information, claims.information(decomposed), "^multivariate|^entropy",
        ),
        _section(
            out, "figure-3-shares", "Fig. 3 e to h: redundancy against synergy", decomposed, pictures.figure_3_shares,
            claims.shares(decomposed), "^redundancy|^weighted",
        ),
        _section(out, "figure-4", "Fig. 4: information planes", flow, pictures.figure_4, claims.planes(flow)),
    ]  # fmt: skip
    (out / "README.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")


def _section(
    out: Path,
    name: str,
    title: str,
    table: pd.DataFrame,
    draw: Callable[[pd.DataFrame], Figure],
    claim: str,
    of: str = "",
) -> str:
    (table.filter(regex=f"{_KEYS}|{of}") if of else table).to_csv(out / f"{name}.csv", index=False, float_format="%.6g")
    for setting in tables.SETTINGS:
        draw(table[table.setting == setting]).savefig(out / f"{name}-{setting}.png", dpi=100)
    return "\n\n".join(
        [
            f"## {title}",
            f"In the paper's settings:\n\n![{title}, in the paper's settings]({name}-paper.png)",
            f"With bitlens's defaults:\n\n![{title}, with bitlens's defaults]({name}-bitlens.png)",
            f"{draw.__doc__} Dashed: shuffled samples. Means over seeds. [The numbers]({name}.csv).",
            claim,
        ]
    )


def _settings(training: Training, seeds: int, runs: dict[tuple[Topology, int], bitlens.Run]) -> str:
    accuracies = pd.DataFrame(
        [
            {"filters": f"{topology.first}, {topology.second}", "activation": topology.activation, "seed": seed}
            | tables.accuracy(run).iloc[-1].to_dict()
            for (topology, seed), run in runs.items()
        ]
    )
    means = accuracies.groupby(["filters", "activation"], sort=False)[["test_accuracy", "loss"]].mean()
    rows = [
        f"| {filters} | {activation} | {row.test_accuracy:.2%} | {row.loss:.3f} |"
        for (filters, activation), row in means.iterrows()
    ]
    rates = ", ".join(f"{rate:g} with {activation}" for activation, rate in RATES.items())
    return "\n".join(
        [
            f"LeNets on MNIST ({training.samples} training images), {training.epochs} epochs of SGD in batches of 128, momentum "
            f"{training.momentum:g}, learning rate {rates}; {seeds} seeds. (With the paper's 0.1 networks with ReLU collapsed "
            "after four epochs and those with sigmoid did not leave chance, in trials of one seed.) Measured on "
            f"{training.probe} training images in mini-batches of 128, alpha 1.01, with {tables.SHUFFLES} shuffles a mini-batch for the null of a layer and 2 "
            "for that of pairs. *The paper's settings*: Silverman's rule with h = 5, for errors 0.1, and the plain product of "
            "the channels' kernels. *bitlens's defaults*: the median of each channel's distances, times the root of the "
            "number of channels.",
            "",
            "| filters | activation | accuracy on test images | training loss |",
            "|---|---|---|---|",
            *rows,
        ]
    )
