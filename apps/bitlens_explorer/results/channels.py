"""Known results of the channels page: entropies of channels and their deconvolutions."""

from __future__ import annotations

import xarray as xr

import bitlens
from bitlens.runs import Run
from bitlens_explorer.results.known import nearest_count, over_epochs

USUAL_BINS = 32


def channel_entropies(run: Run, layer: str) -> xr.Dataset | None:
    """Intra-sample entropies of channels at all epochs that have them, with the number of bins nearest to the usual."""
    recorded = run.results.recorded("channel_entropies")
    sets = [p for p in recorded if p.keys() == {"layer", "bins"} and p["layer"] == layer]
    bins = nearest_count(sets, "bins", USUAL_BINS)
    if bins is None:
        return None
    return over_epochs(
        run,
        "channel_entropies",
        {"layer": layer, "bins": bins},
        lambda epochs: bitlens.channel_entropies(run, layer, bins, epochs=epochs),
    )


def deconvolution_epochs(run: Run, layer: str) -> list[int]:
    """Epochs that have projections of a layer's channels onto the input."""
    return run.results.epochs("deconvolution", {"layer": layer})


def deconvolution(run: Run, layer: str, channel: int, epoch: int) -> xr.DataArray:
    """Projections of a channel onto the input [sample, ...]. They are large, so they are not cached."""
    return run.results.load("deconvolution", {"layer": layer}, epoch)["deconvolution"].sel(channel=channel)
