"""All measures of a run at once, for the command line and for a first look."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bitlens.measures.channels import channel_information
from bitlens.measures.diversity import input_diversity, layer_diversity
from bitlens.measures.layers import layer_information
from bitlens.measures.training import training_performance
from bitlens.runs import Run, RunError

MEASURES = (
    "training_performance",
    "input_diversity",
    "layer_diversity",
    "channel_information",
    "layer_information",
)
"""The measures that `measure` computes, by name."""


def measure(
    run: Run,
    names: str | Sequence[str] | None = None,
    *,
    k: int = 15,
    bins: int = 32,
    permutations: int = 20,
    samples: int = 256,
    seed: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Compute measures of a run over all its epochs and keep them in it; those it has are not computed again.

    `layer_information` is computed for every layer and the one after it.

    Parameters
    ----------
    run : Run
        A recorded run.
    names : str or sequence of str, optional
        Of `MEASURES`. Default: all that the run can answer (without labels, not training_performance).
    k : int
        Neighbours of the inter-sample entropies.
    bins : int
        Bins of values and of distances.
    permutations, samples, seed
        As in `layer_information`.
    report : callable
        Told in words what is being computed.

    Raises
    ------
    RunError
        If a name is unknown or the run cannot answer it.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.open_run("demo-run")
    >>> bitlens.measure(run, ["training_performance"])
    >>> run.results.epochs("training_performance", {})
    [0, 1]
    """
    names = [names] if isinstance(names, str) else names
    unknown = [name for name in names or () if name not in MEASURES]
    if unknown:
        raise RunError(f"measure: no measure {unknown[0]!r}; there are {', '.join(MEASURES)}")
    for name in names or MEASURES:
        if name == "training_performance" and (names or run.labels is not None):
            report("training performance")
            training_performance(run)
        elif name == "input_diversity":
            report("input diversity")
            input_diversity(run, k)
        elif name == "layer_diversity":
            report("layer diversity")
            layer_diversity(run, k)
        elif name == "channel_information":
            for layer in run.layers:
                report(f"channel information of {layer.name}")
                channel_information(run, layer.name, bins)
        elif name == "layer_information":
            for a, b in zip(run.layers, run.layers[1:], strict=False):
                report(f"layer information of {a.name} and {b.name}")
                layer_information(run, a.name, b.name, bins, permutations, samples, seed)
