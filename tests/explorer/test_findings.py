"""What the first page says to look at first: only what is measured, and how much of the network that is."""

from __future__ import annotations

import shutil

import bitlens
from tests.support.page_contents import words


def test_dead_channels_are_counted_among_measured_layers(run, look):
    shutil.rmtree(run.path / "results" / "channel_entropies")
    assert "No channel is dead" not in words(look(run.path, t="1"))
    bitlens.channel_entropies(run, "0")
    assert (
        f"No channel is dead: each has more than one value on the probe (measured: 1 of {len(run.layers)} layers)"
        in (words(look(run.path, t="1")))
    )


def test_losses_of_information_are_not_denied_without_standard_errors(run, look):
    shutil.rmtree(run.path / "results" / "information_plane")
    for batch, said in ((3, False), (24, True)):  # 16 mini-batches of the 48 samples have standard errors, 2 have none
        bitlens.information_plane(run, permutations=2, batch=batch)
        text = words(look(run.path, t="1"))
        assert ("Which layer loses information cannot be told" in text) == said
        assert ("Largest loss of information" in text or "No layer loses information" in text) != said
        shutil.rmtree(run.path / "results" / "information_plane")
