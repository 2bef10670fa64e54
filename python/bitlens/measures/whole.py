"""All measures of a run at once, for the command line and for a first look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import xarray as xr

from bitlens.estimators import PAPER_ERRORS, published_settings
from bitlens.measures.channels import channel_entropies
from bitlens.measures.decomposition import layer_decomposition
from bitlens.measures.diversity import input_diversity, layer_diversity
from bitlens.measures.flow import information_plane, processing_inequalities
from bitlens.measures.layers import layer_pair_information
from bitlens.measures.neurons import label_information
from bitlens.measures.training import training_performance
from bitlens.runs import Run, RunError
from bitlens.runs.layout import INPUT

MEASURES = (
    "training_performance",
    "input_diversity",
    "layer_diversity",
    "channel_entropies",
    "label_information",
    "layer_pair_information",
    "information_plane",
    "layer_decomposition",
    "processing_inequalities",
)
"""The measures that `measure` computes, by name."""
PAIRS = 2016
"""As many pairs of channels as `measure` decomposes a layer by: all of 64 channels."""


def measure(
    run: Run,
    names: str | Sequence[str] | None = None,
    *,
    k: int = 15,
    bins: int = 32,
    permutations: int = 20,
    samples: int = 256,
    seed: int = 0,
    estimator: Literal["renyi", "binning", "kde"] = "renyi",
    preset: str | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, xr.Dataset]:
    """Compute measures of a run over all its epochs and keep them in it; those it has are not computed again.

    `layer_pair_information` is computed for every layer and the one after it, `layer_decomposition` for every layer of several
    maps, from 2016 pairs of channels where there are more.

    Parameters
    ----------
    run : Run
        A recorded run.
    names : str or sequence of str, optional
        Of `MEASURES`. Default: all that the run can answer (without labels, not training_performance and label_information).
    k : int
        Neighbours of the inter-sample entropies.
    bins : int
        Bins of values and of distances.
    permutations, samples, seed
        As in `layer_pair_information`.
    estimator : {"renyi", "binning", "kde"}
        Of `information_plane`.
    preset : str, optional
        Whose settings matrix-based information has, as in `published_settings`; "tensor-kernel" has no channels to decompose.
    report : callable
        Told in words what is being computed.

    Returns
    -------
    dict of str to xarray.Dataset
        What each measure returns, by what was reported.

    Raises
    ------
    RunError
        If a name is unknown or the run cannot answer it.
    ValueError
        If there is no such preset.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.open_run("demo-run")
    >>> list(bitlens.measure(run, ["training_performance"]))
    ['training performance']
    """
    names = [names] if isinstance(names, str) else names
    unknown = [name for name in names or () if name not in MEASURES]
    if unknown:
        raise RunError(f"measure: no measure {unknown[0]!r}; there are {', '.join(MEASURES)}")
    matrix: dict[str, Any] = {"seed": seed} | ({} if preset is None else published_settings(preset))
    with_null = matrix | {"permutations": permutations}
    jobs: dict[str, Callable[[], xr.Dataset]] = {}
    for name in names or MEASURES:
        if name == "training_performance" and (names or run.labels is not None):
            jobs["training performance"] = partial(training_performance, run)
        elif name == "input_diversity":
            jobs["input diversity"] = partial(input_diversity, run, k)
        elif name == "layer_diversity":
            jobs["layer diversity"] = partial(layer_diversity, run, k)
        elif name == "channel_entropies":
            each: Callable[..., xr.Dataset] = partial(channel_entropies, bins=bins)
            jobs |= {f"channel information of {layer.name}": partial(each, run, layer.name) for layer in run.layers}
        elif name == "label_information" and (names or run.labels is not None):
            each = label_information
            jobs |= {f"label information of {layer.name}": partial(each, run, layer.name) for layer in run.layers}
        elif name == "layer_pair_information":
            for a, b in zip(run.layers, run.layers[1:], strict=False):
                jobs[f"layer information of {a.name} and {b.name}"] = partial(
                    layer_pair_information, run, a.name, b.name, bins, permutations, samples, seed
                )
        elif name == "information_plane":
            jobs["information plane"] = partial(information_plane, run, estimator, **with_null)
        elif name == "layer_decomposition" and "tensor" in matrix:
            if names:
                raise RunError(
                    f"measure: with {preset!r} a layer has no channels, so that there is no layer_decomposition"
                )
        elif name == "layer_decomposition":
            for layer in run.layers:
                if layer.name != INPUT and len(layer.shape) > 1 and layer.channels > 1:
                    few = layer.channels * (layer.channels - 1) // 2 <= PAIRS
                    jobs[f"decomposition of {layer.name}"] = partial(
                        layer_decomposition, run, layer.name, pairs=None if few else PAIRS, **matrix
                    )
        elif name == "processing_inequalities":
            with_errors = with_null | {"bandwidth_errors": PAPER_ERRORS if preset == "paper" else None}
            jobs["processing inequalities"] = partial(processing_inequalities, run, **with_errors)
    found = {}
    for title, compute in jobs.items():
        report(title)
        found[title] = compute()
    return found
