"""The table of the entropies of prompts that `bitlens measure` prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bitlens.cli.render import Column, FittedTable, render
from bitlens.tables import estimate, layer_prompt_entropy


def prompts_table(entropies: xr.Dataset, settings: Any) -> FittedTable:
    """The entropies of prompts and of their mean vectors in each layer at the last epoch, with their nulls."""
    epoch = int(entropies.epoch[-1])
    table = layer_prompt_entropy(entropies)
    for shown, value, error in (
        ("entropy", "mean_entropy", "standard_error"),
        ("null", "null_mean", "null_std"),
        ("difference", "excess", "excess_error"),
        ("dataset", "dataset_entropy", None),
        ("dataset null", "dataset_null_mean", "dataset_null_std"),
    ):
        errors = [np.nan] * len(table) if error is None else table[error]
        table[shown] = [
            "" if np.isnan(number) else estimate(number, spread)
            for number, spread in zip(table[value], errors, strict=True)
        ]
    columns: dict[str, Column] = {
        "layer": ("layer", str),
        "entropy": ("entropy", str),
        "null": ("null", str),
        "difference": ("entropy - null", str),
        "gaussian": ("Gaussian", ".3f"),
        "dataset": ("dataset entropy", str),
        "dataset null": ("null", str),
    }
    tokens = entropies.tokens.values[-1]
    span = f"{tokens.min()} tokens" if tokens.min() == tokens.max() else f"{tokens.min()} to {tokens.max()} tokens"
    known = table.prompts.astype(int)
    counted = f"{known.min()} to {known.max()}" if known.min() < known.max() else str(known.min())
    caption = (
        f"entropy: matrix-based entropy of the tokens of a prompt, mean over {counted} of {len(tokens)} prompts of "
        f"{span}, kernel {settings.kernel}, order {settings.alpha:g}; ± is its standard error. null: mean ± standard "
        f"deviation over {settings.permutations} shuffles of each channel over the tokens. entropy - null: below 0 "
        "where channels are related; ± is its standard error over prompts. Gaussian: of independent Gaussian channels. "
        "dataset entropy: of the mean vectors of all prompts, with the same null. Compare prompts of equal length."
    )
    return render(table, columns, f"Hidden states at epoch {epoch}, in bits", caption)
