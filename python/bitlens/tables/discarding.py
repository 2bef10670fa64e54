"""Tables of information discarding: means of the maps by layer, and maps that did not converge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
import xarray as xr

from bitlens.tables.rows import require, to_rows

_CONVERGED = {"discarding": "converged", "uncertainty": "uncertainty_converged"}
"""The variable that tells whether the search for a quantity converged."""


def discarding_by_layer(
    discarding: xr.Dataset, quantity: Literal["discarding", "uncertainty", "concentration"] = "discarding"
) -> pd.DataFrame:
    """Mean of a quantity over images, one row for each epoch and layer.

    Parameters
    ----------
    discarding : xarray.Dataset
        Result of `bitlens.layer_discarding`, or one epoch or some images of it.
    quantity : {"discarding", "uncertainty", "concentration"}
        Strict information discarding, reconstruction uncertainty, or concentration. Maps are averaged over their units
        first.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``layer``, ``mean`` and ``std`` over images (ddof=1; NaN for one image) in bits per unit,
        ``images`` (a count), and ``not_converged``, the number of images whose search for the noise did not converge.

    Raises
    ------
    ValueError
        If the Dataset does not have the quantity.

    Examples
    --------
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> maps = xr.DataArray([[[1.0, 3.0], [4.0, 4.0]]], dims=("layer", "sample", "input_0"))
    >>> found = xr.Dataset({"discarding": maps, "converged": (("layer", "sample"), [[1.0, 0.0]])}, {"layer": ["relu1"]})
    >>> tables.discarding_by_layer(found).round(2).values.tolist()
    [['relu1', 3.0, 1.41, 2, 1]]
    """
    converged = _CONVERGED["uncertainty" if quantity == "uncertainty" else "discarding"]
    require(discarding, [quantity, converged, "layer"], "layer_discarding")
    values = discarding[quantity]
    values = values.mean([name for name in values.dims if str(name).startswith("input_")])
    mean, images = values.mean("sample"), values.notnull().sum("sample")
    deviation = (((values - mean) ** 2).sum("sample") / (images - 1).where(images > 1)) ** 0.5
    missed = (discarding[converged] == 0).sum("sample")
    columns = {"mean": mean, "std": deviation, "images": images, "not_converged": missed}
    results = xr.Dataset(columns, attrs=discarding.attrs)
    return to_rows(results, {str(name): str(name) for name in results.data_vars}, ["layer"])


def discarding_maps(
    discarding: xr.Dataset,
    quantity: Literal["discarding", "uncertainty"] = "discarding",
    averaged: Sequence[str] = (),
    most: int | None = None,
) -> pd.DataFrame:
    """The maps themselves, one row for each epoch, image, layer and pixel.

    Parameters
    ----------
    discarding : xarray.Dataset
        Result of `bitlens.layer_discarding`, or one epoch or some images of it.
    quantity : {"discarding", "uncertainty"}
        Strict information discarding or reconstruction uncertainty.
    averaged : sequence of str
        Axes of the input that the maps are averaged over, such as ``["input_0"]`` for color channels.
    most : int, optional
        Larger maps become means of blocks, so that no side has more values than this.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``sample``, ``layer``, ``row`` and ``column`` of a pixel or block (``unit`` where the inputs
        are not images), and the quantity in bits per unit.

    Raises
    ------
    ValueError
        If the Dataset does not have the quantity.

    Examples
    --------
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> dims = ("layer", "sample", "input_0", "input_1", "input_2")
    >>> maps = xr.DataArray([[[[[1.0, 3.0], [4.0, 4.0]]]]], {"layer": ["relu1"], "sample": [7]}, dims)
    >>> table = tables.discarding_maps(xr.Dataset({"discarding": maps}), averaged=["input_0"])
    >>> table[["row", "column", "discarding"]].values.tolist()[1]
    [0.0, 1.0, 3.0]
    """
    require(discarding, [quantity, "layer", "sample"], "layer_discarding")
    maps, _ = unit_maps(discarding[quantity], averaged, most)
    places = [name for name in ("row", "column", "unit") if name in maps.dims]
    return to_rows(maps.to_dataset(name=quantity), {quantity: quantity}, ["sample", "layer", *places])


def unit_maps(values: xr.DataArray, averaged: Sequence[str] = (), most: int | None = None) -> tuple[xr.DataArray, int]:
    """Values of input units as maps, coarsened if they are large: what `discarding_maps` tabulates.

    Parameters
    ----------
    values : xarray.DataArray
        An array with the axes ``input_0``, ``input_1``, ... of the inputs.
    averaged : sequence of str
        Axes of the input that the values are averaged over.
    most : int, optional
        Larger maps become means of blocks, so that no side has more values than this.

    Returns
    -------
    maps : xarray.DataArray
        [..., row, column] where two axes of the input remain, else [..., unit].
    side : int
        The number of units along a side of a block.

    Examples
    --------
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> maps, side = tables.unit_maps(xr.DataArray([[1.0, 3.0], [4.0, 4.0]], dims=("input_0", "input_1")), most=1)
    >>> maps.values.tolist(), side
    ([[3.0]], 2)
    """
    maps = values.mean(list(averaged)) if averaged else values
    drawn = [str(name) for name in maps.dims if str(name).startswith("input_")]
    if len(drawn) == 2:
        names = ["row", "column"]
        maps = maps.rename(dict(zip(drawn, names, strict=True)))
    else:
        names = ["unit"]
        maps = maps.stack(unit=drawn, create_index=False)
    side = max(1 if most is None else -(-maps.sizes[name] // most) for name in names)
    if side > 1:
        maps = maps.coarsen(dict.fromkeys(names, side), boundary="pad").mean()
    return maps, side


def unconverged_maps(
    discarding: xr.Dataset, quantity: Literal["discarding", "uncertainty"] = "discarding"
) -> pd.DataFrame:
    """Maps whose search for the noise did not converge, one row for each epoch, image and layer.

    Parameters
    ----------
    discarding : xarray.Dataset
        Result of `bitlens.layer_discarding`, or one epoch or some images of it.
    quantity : {"discarding", "uncertainty"}
        Strict information discarding or reconstruction uncertainty.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``sample`` and ``layer``; no rows if all maps converged.

    Raises
    ------
    ValueError
        If the Dataset does not say what converged.

    Examples
    --------
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> converged = xr.DataArray([[1.0, 0.0]], {"layer": ["relu1"], "sample": [2, 7]}, ["layer", "sample"])
    >>> tables.unconverged_maps(xr.Dataset({"converged": converged})).values.tolist()
    [[7, 'relu1']]
    """
    require(discarding, [_CONVERGED[quantity], "layer", "sample"], "layer_discarding")
    table = to_rows(discarding, {_CONVERGED[quantity]: "converged"}, ["sample", "layer"])
    return table[table["converged"] == 0].drop(columns="converged").reset_index(drop=True)
