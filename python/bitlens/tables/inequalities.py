"""Tables of data-processing inequalities: the chains of information along the layers, and their violations."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bitlens.tables.rows import require, to_rows

CHAINS = ("forward", "backward")
_ENDINGS = {
    "": "information",
    "_null_mean": "null_mean",
    "_null_std": "null_std",
    "_rise": "rise",
    "_allowed": "allowed",
}


def information_chains(chains: xr.Dataset) -> pd.DataFrame:
    """Information along the layers, one row for each chain, epoch and layer in the order of the chain.

    Parameters
    ----------
    chains : xarray.Dataset
        Result of `bitlens.processing_inequalities`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``chain`` ("forward": from the input on, about the input; "backward": from the output back,
        about the error at the output), ``layer``, ``information``, ``null_mean`` and ``null_std`` of shuffled samples,
        ``rise`` over the layer before, the largest rise that is ``allowed``, all in bits, and ``violation``, whether
        the rise is larger.

    Raises
    ------
    ValueError
        If the Dataset has no forward chain.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> chains = bitlens.processing_inequalities(bitlens.open_run("demo-run"), permutations=2)
    >>> tables.information_chains(chains).layer[0]
    'conv1'
    """
    require(chains, [f"forward{ending}" for ending in _ENDINGS], "processing_inequalities")
    order = chains["layer"].values.tolist()
    tables = []
    for chain in CHAINS:
        if chain not in chains:
            continue
        along = chains.sel(layer=order if chain == "forward" else order[::-1])
        table = to_rows(along, {chain + ending: name for ending, name in _ENDINGS.items()}, ["layer"])
        table.insert(table.columns.get_loc("layer"), "chain", chain)
        tables.append(table.dropna(subset=["information"]))
    whole = pd.concat(tables, ignore_index=True)
    return whole.assign(violation=whole["rise"] > whole["allowed"])


def chain_violations(chains: xr.Dataset) -> pd.DataFrame:
    """The number of violations, one row for each chain and epoch.

    Parameters
    ----------
    chains : xarray.Dataset
        Result of `bitlens.processing_inequalities`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``chain`` and ``violations`` (a count).

    Raises
    ------
    ValueError
        If the Dataset has no forward chain.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> chains = bitlens.processing_inequalities(bitlens.open_run("demo-run"), permutations=2)
    >>> tables.chain_violations(chains).chain.unique().tolist()
    ['forward', 'backward']
    """
    require(chains, ["forward_violations"], "processing_inequalities")
    tables = []
    for chain in CHAINS:
        if f"{chain}_violations" in chains:
            table = to_rows(chains, {f"{chain}_violations": "violations"}, [])
            table.insert(table.columns.get_loc("violations"), "chain", chain)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)
