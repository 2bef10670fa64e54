"""The page: its sections with their captions, and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from paper_figures.common.page import Paper, Tables, counted, markdown_table, section, write_page
from paper_figures.common.verdict import Verdict, between_seeds
from paper_figures.ordered_ablation.claims import accuracies, judge
from paper_figures.ordered_ablation.figures import pictures
from paper_figures.ordered_ablation.measuring import LOST, measured
from paper_figures.ordered_ablation.networks import DROPOUT, KINDS, L2, Settings, Study

_BANDS = "Lines are means; bands are ranges over seeds and random orders."


def _sections(tables: Tables, settings: Mapping[str, Settings], verdicts: Mapping[str, Verdict]) -> list[str]:
    words = {name: verdict.markdown for name, verdict in verdicts.items()}
    usual = settings["errors"]
    return [
        *_settings(tables["errors"], usual),
        section(
            "Information of single neurons",
            {"information": "Information of single neurons"},
            "neurons",
            "I(Y; neuron) between the class and whether the neuron is on (above 0), on the test images, by layer. "
            f"The expected bias of an estimate is at most {tables['neurons'].bias.max():.4f} bits.",
            words["distributions"],
        ),
        *_ablation(tables, words),
        section(
            "Turned off to the mean",
            {"modes": "Turned off to the mean"},
            "curves",
            "The whole network again: the output of a neuron that is turned off is set to 0, or to its mean over the "
            f"test images. The claim across the network is judged again with the mean. {_BANDS}",
            words["across, to the mean"],
        ),
        section(
            "Needed, redundant, synergistic, inactive",
            {"roles": "Needed, redundant, synergistic, inactive"},
            "roles",
            "Roles of the neurons, from the curves of both orders, as `neuron_roles` counts them with its tolerance "
            "of 5%; means over seeds.",
            words["few"],
            words["spare"],
        ),
        f"## Dropout and L2\n\n{words['regularization']}",
        section(
            "Bounds of the generalization gap",
            {"bounds": "Bounds of the generalization gap"},
            "errors",
            "The size of the measured gap and the bounds from I(X; L) of the last hidden layer "
            f"({usual.bins} bins per neuron; the second bound holds with probability {1 - usual.delta:g}).",
            words["bounds"],
        ),
    ]


def _ablation(tables: Tables, words: Mapping[str, str]) -> list[str]:
    claims = {"across": "Across the network", "within": "Within a layer", "paradox": "Simpson's paradox"}
    return [
        section(
            "Cumulative ablation",
            {"accuracy": "Cumulative ablation"},
            "curves",
            "Accuracy on test images while neurons are turned off one after the other (set to 0), in layer 1, in "
            f"layer 2, and in the whole network, where the neurons of both layers are ranked together. {_BANDS}",
            f"![Loss while neurons are turned off](loss.png)\n\nThe same for the mean cross-entropy. {_BANDS}",
            "*Hurts sooner* refers to the mean accuracy over all removals, from none to all, which is the area under "
            "the curve: a lower area means sooner. A difference counts if it is larger than its deviation between "
            "seeds and than the deviation between random orders. The table has means ± deviations between seeds; "
            f"[values of each seed](areas.csv). {LOST:.0%} refers to the accuracy beyond that without all neurons.",
            accuracies(tables["areas"]),
        ),
        *(f"### {title}\n\n{words[name]}" for name, title in claims.items()),
    ]


def _settings(errors: pd.DataFrame, settings: Settings) -> list[str]:
    rows = []
    for network, part in errors.groupby("network", sort=False):
        shares = (part[name] for name in ("training_error", "test_error"))
        rows.append([network, *(f"{1 - share.mean():.2%} ± {between_seeds(share):.2%}" for share in shares)])
    return [
        "The slides order neurons by their information about the class, turn them off one after the other, and read "
        "from the curves which neurons matter. They show MNIST, FashionMNIST and CIFAR-10. Here all experiments are "
        "on MNIST, because the other two are not available; 30-30 is compared on MNIST as well, and the slides' "
        "network with four layers is left out.",
        f"Perceptrons with ReLU and two hidden layers, {settings.samples} training images, "
        f"{counted(settings.epochs, 'epoch')} of Adam in batches of {settings.batch}, with learning rates that fall "
        f"from {settings.rate:g} to 0 by a cosine; {counted(settings.seeds, 'seed')} of each network. L2 adds "
        f"{KINDS[L2].decay / 2:g} times the squared weights and biases to the loss (which Adam rescales). Dropout "
        f"leaves out each hidden neuron with probability {KINDS[DROPOUT].dropout:g} in training. Measured on "
        f"{settings.probe} test images: information, orders and accuracies are all from the same images. Each curve "
        f"of random orders has {counted(settings.repeats, 'random order')}. Values are means over seeds ± the "
        "standard deviation between them, which is rough for so small a number of seeds.",
        "Each verdict is about these networks: one strength of L2, one of dropout and one way of training were "
        "tried, and none was chosen by its result.",
        markdown_table(("network", "accuracy on training images", "accuracy on test images"), rows),
    ]


PAPER = Paper(
    "Figures of Geiger (2020), Understanding Neural Networks with Information Theory (after Liu, Amjad and Geiger "
    "2018), reproduced",
    Settings,
    ("neurons", "curves", "areas", "roles", "errors"),
    pictures,
    judge,
    _sections,
)


def write(study: Study, out: Path) -> None:
    """Train and measure what the cache does not hold, and write the page."""
    write_page(PAPER, out, measured(study), study.settings)
