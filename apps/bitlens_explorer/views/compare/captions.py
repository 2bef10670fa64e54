"""Captions of the comparison, and the quantities that are drawn by layer."""

from __future__ import annotations

from typing import Any

PROGRESS = {
    "accuracy": ("Accuracy", "accuracy (share of samples)"),
    "loss": ("Loss", "cross-entropy (bits)"),
}
OTHER_PROBE = (
    "These runs were recorded with different probes. Only aggregates are compared, no samples, and a difference may "
    "come from the data as well as from the network."
)
DIFFERENCES = (
    "± is a standard error over samples. An estimate differs if the 95 % interval of the difference excludes 0, which "
    "also happens by chance in about one of twenty rows. The error does not have the variation between two trainings "
    "of the same network. Estimates with other parameters or of another number of samples are not comparable, because "
    "their bias differs."
)
CHANNELS = (
    "The excess of the mutual information of channels over shuffled samples, by channel number, and the second run "
    "minus the first. Channels have no order that two trainings share: the difference of single channels means "
    "something only if both trainings began with equal weights. Otherwise compare the two matrices as a whole."
)
LINKED = (
    "Samples by their mean activations in the first channels. A selection in one plot is marked in both, and applies "
    "to the other pages; both plots move and zoom together. The values of single channels are comparable within a run "
    "only."
)
MAPS = "The first channels of the layer, for the same inputs in both runs. Each row has a separate colour scale."
LATER = (
    "Mean excess of the mutual information between the channels of the layer and those of each later layer, with one "
    "standard error. Only measured pairs of layers are drawn."
)
LATER_MATRICES = (
    "The excess of the mutual information over shuffled samples, between the channels of the layer (columns) and those "
    "of each later layer (rows), in the open run and with one colour scale. A darker matrix has less information "
    "about the layer."
)
_DRAWN = ("inter-sample entropy", "intra-sample entropy, mean", "excess information about the")


def drawn_quantities(comparison: Any) -> list[str]:
    """The quantities of `tables.run_comparison` that every layer has, so that a chart by layer makes sense."""
    present = dict.fromkeys(comparison["quantity"][comparison["value"].notna()])
    return [quantity for quantity in present if quantity.startswith(_DRAWN)]
