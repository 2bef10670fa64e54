"""The sections of one run, in the order of the explorer's pages."""

from __future__ import annotations

from bitlens_explorer.report import channels, information, network, training
from bitlens_explorer.report.figure import Section
from bitlens_explorer.report.stored import StoredResults

_UNMEASURED = "Nothing of this was measured in this run."


def run_sections(stored: StoredResults) -> list[Section]:
    """Every section, also those without results, which say so."""
    sections = [
        Section("Training", [*training.performance(stored), *training.input_diversity(stored)]),
        Section("Layers", list(training.layers(stored))),
        Section("Information flow", [*information.planes(stored), *information.chains(stored)]),
        Section("How channels share information", list(information.shares(stored))),
        Section("Pairs of layers", list(channels.pairs(stored))),
        Section("Channels", list(channels.entropies(stored))),
        Section("Neurons and labels", list(network.labels(stored))),
        Section("Ablation", list(network.ablation(stored))),
        Section("Information discarding", list(network.discarding(stored))),
    ]
    for section in sections:
        section.text = "" if section.figures else _UNMEASURED
    return sections
