"""How the channels of a layer share what they carry, over a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bitlens.arrays import NDArray
from bitlens.estimators import ChannelDecomposition, Median
from bitlens.measures.epochs import bits, over_epochs
from bitlens.measures.minibatches import MatrixInformationConfig, RunBandwidth, targets
from bitlens.runs import Run, RunError


def layer_decomposition(
    run: Run,
    layer: str,
    *,
    batch: int = 128,
    alpha: float = 1.01,
    bandwidth: RunBandwidth = Median(),  # noqa: B008
    bandwidth_x: RunBandwidth = Median(),  # noqa: B008
    scale_bandwidth: bool = True,
    pairs: int | None = None,
    permutations: int = 2,
    seed: int = 0,
    epochs: Sequence[int] | None = None,
) -> xr.Dataset:
    """How the channels of a layer share what they carry about the input and about the labels, by epoch.

    `channel_decomposition`, averaged over mini-batches (Yu et al. 2018, section III-B). Its weighted non-redundant
    information about input and labels is the modified information plane.

    Parameters
    ----------
    run : Run
        A recorded run.
    layer : str
        Name of a layer with at least two channels.
    batch, alpha, bandwidth, bandwidth_x, scale_bandwidth, seed, epochs
        As in `information_plane`.
    pairs : int, optional
        How many pairs of channels. Default: all.
    permutations : int
        Shuffles of each mini-batch for the null, at least 2.

    Returns
    -------
    xarray.Dataset
        By epoch and ``about``, in bits: ``multivariate``, ``redundancy_synergy``, ``weighted_nonredundant``; the last
        two also as ``_share`` of the pairs' information; of each the null's ``_null_mean`` and ``_null_std``; and
        ``single`` [channel].

    Raises
    ------
    RunError
        If there is no such layer, it has one channel, or activations are not finite.

    Examples
    --------
    >>> import bitlens
    >>> shared = bitlens.layer_decomposition(bitlens.open_run("demo-run"), "conv1", pairs=4)
    >>> shared.redundancy_synergy.dims
    ('epoch', 'about')
    """
    found = run.layer(layer)
    if found.channels < 2:
        raise RunError(f"layer: {found.name} has one channel; its decomposition needs two")
    settings = MatrixInformationConfig(
        batch, seed, alpha, bandwidth, bandwidth_x, scale_bandwidth, permutations=permutations
    )

    def compute(epoch: int) -> xr.Dataset:
        maps = run.activations(found.name, epoch)
        about = targets(run, epoch)
        rows = settings.decompositions(settings.about(run, about), maps, pairs)
        data: dict[str, xr.Variable] = {}
        for name in ChannelDecomposition._fields[3:-1]:
            units = {"units": "1" if name.endswith("share") else "bits"}
            for suffix, values in _mean_and_null(name, rows).items():
                text = name.replace("_", " ") + suffix.replace("_", " ")
                data[name + suffix] = xr.Variable(["about"], values, {"long_name": text, **units})
        single = [np.mean([one.single for one in row], axis=0) for row in rows]
        data["single"] = bits(single, ["about", "channel"], "information of single channels")
        return xr.Dataset(data, {"about": list(about), "channel": np.arange(found.channels)})

    parameters = settings.kept() | {"layer": found.name, "pairs": pairs}
    return over_epochs(run, "layer_decomposition", parameters, compute, epochs)


def _mean_and_null(name: str, rows: list[list[ChannelDecomposition]]) -> dict[str, NDArray]:
    """Means over mini-batches, [rows]; the null's deviation is that of the mean."""
    values = np.array([[getattr(one, name) for one in row] for row in rows])
    null = np.array([[[getattr(other, name) for other in one.null] for one in row] for row in rows])
    deviation = np.sqrt((null.var(axis=2, ddof=1)).sum(axis=1)) / null.shape[1]
    return {"": values.mean(axis=1), "_null_mean": null.mean(axis=(1, 2)), "_null_std": deviation}
