"""How samples lie in the space of a layer's channels, and what a group of them has in common (Seein' In, section 3)."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from bitlens.arrays import NDArray, check_integer
from bitlens.runs import Run


def layer_points(
    run: Run, layer: str, epoch: int, limit: int = 10000, seed: int = 0, *, pooled: bool = False
) -> xr.Dataset:
    """Samples as points in the space of a layer's channels; each position of a feature map is a separate point.

    Parameters
    ----------
    run : Run
        A recorded run.
    layer : str
        Name of the layer.
    epoch : int
        A recorded epoch.
    limit : int
        The largest number of points; they are drawn by `seed` where there are more.
    seed : int
        The same seed draws the same points.
    pooled : bool
        One point a sample, the mean over all positions; so that points of several layers belong together.

    Returns
    -------
    xarray.Dataset
        ``activation`` [point, channel]; ``sample`` [point]; for layers with positions ``position`` [point, axis], and
        where receptive fields are known ``first`` and ``end`` [point, axis], the half-open box of the input that the
        point sees.

    Raises
    ------
    RunError
        If there is no such layer or epoch.

    Examples
    --------
    >>> import bitlens
    >>> points = bitlens.layer_points(bitlens.open_run("demo-run"), "conv1", epoch=1, limit=500)
    >>> points.activation.shape, points.first.dims
    ((500, 6), ('point', 'axis'))
    """
    found = run.layer(layer)
    most = check_integer(limit, "limit")
    if most < 1:
        raise ValueError(f"limit: expected at least 1, got {limit}")
    values = run.activations(found.name, epoch)
    places = found.shape[1:]
    if pooled and places:
        values = values.reshape(*values.shape[:2], -1).mean(axis=2, dtype=np.float64).astype(values.dtype)
        places = ()
    count = math.prod(places)
    total = len(values) * count
    chosen = np.arange(total)
    if total > most:
        chosen = np.sort(np.random.default_rng(check_integer(seed, "seed")).choice(total, most, replace=False))
    sample, place = np.divmod(chosen, count)
    by_place = values.reshape(len(values), found.channels, count)
    data: dict[str, object] = {
        "activation": (["point", "channel"], by_place[sample, :, place], {"long_name": "activation"}),
        "sample": (["point"], sample),
    }
    if places:
        position = np.stack(np.unravel_index(place, places), axis=1)
        data["position"] = (["point", "axis"], position)
        if found.receptive_field is not None:
            boxes = _boxes(found.receptive_field.axes, position)
            data |= {"first": (["point", "axis"], boxes[0]), "end": (["point", "axis"], boxes[1])}
    return xr.Dataset(data, {"channel": np.arange(found.channels)}, {"layer": found.name, "epoch": epoch})


def _boxes(axes: tuple[tuple[tuple[int, int], ...], ...], position: NDArray) -> tuple[NDArray, NDArray]:
    """First and end along every axis, [point, axis]."""
    sides = [np.asarray(axis)[position[:, i]] for i, axis in enumerate(axes)]
    return np.stack([side[:, 0] for side in sides], axis=1), np.stack([side[:, 1] for side in sides], axis=1)
