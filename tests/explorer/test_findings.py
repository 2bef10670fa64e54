"""What the first page says to look at first: only what is measured, and how much of the network that is."""

from __future__ import annotations

import shutil

import torch

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


def test_copies_of_channels_are_found_and_said_how(tmp_path, look):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.Tanh(), torch.nn.Conv2d(3, 5, 3))
    with torch.no_grad():
        model[0].weight[2], model[0].bias[2] = -model[0].weight[0], -model[0].bias[0]
    with bitlens.Recorder(model, tmp_path / "run", (torch.rand(20, 1, 8, 8), None), show_size=False) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    assert "copies of channels" not in words(look(run.path))
    bitlens.layer_pair_information(run, "1", "output", permutations=2)
    app = look(run.path)
    assert (
        "Most copies of channels: 1 of 3 in 1, 1 in all, such as channel 2 of channel 0 up to sign, scale and offset "
        "(judged by equal entropy and equal information with every measured channel of a neighbouring layer, here 5 of "
        "output; 2 of 4 layers measured)." in words(app)
    )
    next(button for button in app.button if button.label == "Channels 0 and 2 →").click().run()
    assert app.session_state["bitlens query"].dims == (0, 2)


def test_without_copies_it_is_said_what_was_looked_at(recorded_run, look):
    assert "No channel is a copy of another one in its layer" in words(look(recorded_run.path, t="1"))
