"""Tables of pairs of layers: what their channels share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bitlens.tables.rows import require, to_rows

_VARIABLES = (
    "mutual_information",
    "excess",
    "null_mean",
    "null_std",
    "p_value",
    "q_value",
    "standard_error",
    "adjusted",
    "verdict",
    "entropy_a",
    "entropy_b",
    "joint_entropy",
)
_EQUAL = 1e-6
"""Bits to which numbers are rounded before they are compared."""


def channel_pairs(information: xr.Dataset) -> pd.DataFrame:
    """Information of two layers, one row for each epoch and measured pair of channels.

    Parameters
    ----------
    information : xarray.Dataset
        Result of `bitlens.layer_pair_information`, or one epoch or some channels of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``channel_a``, ``channel_b``, ``mutual_information``, ``excess`` over the mean of the
        permutation baseline, ``null_mean``, ``null_std``, ``p_value`` and ``q_value`` (0 to 1), ``standard_error`` of
        the excess, ``adjusted`` information, ``verdict``, ``entropy_a``, ``entropy_b`` and ``joint_entropy``; entropies
        and information in bits. Where pairs were drawn at random, also ``measured_pairs`` and ``all_pairs``, their
        numbers.

    Raises
    ------
    ValueError
        If the Dataset lacks one of them.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> information = bitlens.layer_pair_information(bitlens.open_run("demo-run"), "conv1", "relu1", permutations=2)
    >>> table = tables.channel_pairs(information)
    >>> bool((table.mutual_information >= table.excess).all())
    True
    """
    require(information, _VARIABLES, "layer_pair_information")
    numbers = [name for name in ("measured_pairs", "all_pairs") if name in information.variables]
    return to_rows(information, {name: name for name in (*_VARIABLES, *numbers)}, ["channel_a", "channel_b"])


def duplicate_channels(information: xr.Dataset) -> pd.DataFrame:
    """Channels that look like copies of others in their layer, one row for each epoch and such channel.

    They have equal entropies of their distances and equal information with every measured channel of the other layer,
    rounded to 1e-6 bits. Channels that are equal up to sign, scale and offset have equal distances up to a factor and
    are always found. The converse is almost certain if the other layer has several channels. Channels without entropy,
    which are dead, are left out.

    Parameters
    ----------
    information : xarray.Dataset
        Result of `bitlens.layer_pair_information`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``role`` ("a" or "b", the layer), ``channel`` and ``duplicate_of``, the first such channel.
        The table is empty if no channel is a copy.

    Raises
    ------
    ValueError
        If the Dataset lacks information or entropies.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> values = {"mutual_information": (("channel_a", "channel_b"), [[1.0, 0.5, 1.0]])}
    >>> values |= {"entropy_a": ("channel_a", [2.0]), "entropy_b": ("channel_b", [2.0, 2.0, 2.0])}
    >>> labels = {"epoch": 3, "channel_a": [0], "channel_b": [0, 1, 2]}
    >>> tables.duplicate_channels(xr.Dataset(values, labels)).values.tolist()
    [[3, 'b', 2, 0]]
    """
    require(information, ["mutual_information", "entropy_a", "entropy_b"], "layer_pair_information")
    epochs = [information] if information["epoch"].ndim == 0 else [information.sel(epoch=e) for e in information.epoch]
    rows = []
    for at_epoch in epochs:
        for role, other in (("a", "b"), ("b", "a")):
            entropies = at_epoch[f"entropy_{role}"].to_numpy()
            values = at_epoch["mutual_information"].transpose(f"channel_{role}", f"channel_{other}").to_numpy()
            channels = at_epoch[f"channel_{role}"].to_numpy()
            first: dict[bytes, int] = {}
            for channel, entropy, shared in zip(channels, entropies, values, strict=True):
                if not entropy > _EQUAL:
                    continue
                numbers = np.rint(np.append(shared, entropy) / _EQUAL).astype(np.int64).tobytes()
                original = first.setdefault(numbers, int(channel))
                if original != channel:
                    rows.append((int(at_epoch["epoch"]), role, int(channel), original))
    return pd.DataFrame(rows, columns=["epoch", "role", "channel", "duplicate_of"])
