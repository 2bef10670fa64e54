"""Tables of the entropies of prompts: one row for each layer, or for each layer and prompt."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bitlens.tables.rows import require, to_rows

_OF_LAYER = (
    "mean_entropy",
    "standard_error",
    "null_mean",
    "null_std",
    "excess",
    "excess_error",
    "gaussian",
    "dataset_entropy",
    "dataset_null_mean",
    "dataset_null_std",
    "prompts",
)


def layer_prompt_entropy(entropies: xr.Dataset) -> pd.DataFrame:
    """Mean entropy of the prompts and entropy of their mean vectors, one row for each epoch and layer.

    Parameters
    ----------
    entropies : xarray.Dataset
        Result of `bitlens.prompt_entropy`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``layer``, and in bits ``mean_entropy`` over prompts, its ``standard_error``, ``null_mean``
        and ``null_std`` of shuffled channels, ``excess`` over the null, ``excess_error``, ``gaussian``,
        ``dataset_entropy``, ``dataset_null_mean`` and ``dataset_null_std``; ``prompts``, the number of prompts.

    Raises
    ------
    ValueError
        If the Dataset lacks one of them.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import bitlens
    >>> from bitlens import tables
    >>> states = np.random.default_rng(0).normal(size=(3, 8, 20, 6))
    >>> with tempfile.TemporaryDirectory() as store:
    ...     bitlens.record_arrays(store, 0, **bitlens.from_hidden_states(states))
    ...     table = tables.layer_prompt_entropy(bitlens.prompt_entropy(bitlens.open_run(store)))
    >>> table.layer.tolist()
    ['embeddings', 'block1', 'block2']
    """
    require(entropies, _OF_LAYER, "prompt_entropy")
    return to_rows(entropies, {name: name for name in _OF_LAYER}, ["layer"])


def prompt_entropies(entropies: xr.Dataset) -> pd.DataFrame:
    """Entropy of every prompt, one row for each epoch, layer and prompt.

    Parameters
    ----------
    entropies : xarray.Dataset
        Result of `bitlens.prompt_entropy`, or one epoch or some prompts of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``layer``, ``prompt``, ``entropy`` in bits, and the number of ``tokens``.

    Raises
    ------
    ValueError
        If the Dataset lacks one of them.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import bitlens
    >>> from bitlens import tables
    >>> states = np.random.default_rng(0).normal(size=(1, 2, 20, 6))
    >>> with tempfile.TemporaryDirectory() as store:
    ...     bitlens.record_arrays(store, 0, **bitlens.from_hidden_states(states))
    ...     table = tables.prompt_entropies(bitlens.prompt_entropy(bitlens.open_run(store)))
    >>> table.tokens.tolist()
    [20, 20]
    """
    require(entropies, ["entropy", "tokens"], "prompt_entropy")
    return to_rows(entropies, {"entropy": "entropy", "tokens": "tokens"}, ["layer", "prompt"])
