"""The matrix-based entropy of the tokens of each prompt in every layer of a language model."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators import Cosine, Linear, UndefinedWarning, hidden_state_entropy, pool_tokens
from bitlens.measures.base import Measure
from bitlens.measures.costs import seconds_of_task
from bitlens.measures.finite import of_finite_layers
from bitlens.measures.inputs import has_categories
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run, RunError

_OF_LAYER = ("layer",)
_OF_PROMPT = ("layer", "prompt")
# Seconds of one core for a multiplication and addition of a product and of a spectrum, and to shuffle a value.
_PRODUCT, _SPECTRUM, _SHUFFLE = 3e-11, 4e-10, 1.5e-8


@dataclass(frozen=True)
class PromptEntropyParameters(Parameters):
    """Parameters of the entropy of prompts."""

    kernel: Linear | Cosine = parameter(Linear(center=True, unit=True), "How tokens are compared.")
    alpha: float = parameter(1.0, "Order of the entropy; 1 is von Neumann's entropy.")
    skip_first: int = parameter(0, "Number of tokens at the start of each prompt that are left out.", minimum=0)
    permutations: int = parameter(10, "Number of shuffles of the null.", minimum=2)
    seed: int = parameter(0, "Seed of the shuffles.", minimum=0)


class PromptEntropy(Measure[PromptEntropyParameters]):
    """Matrix-based entropy of the tokens of each prompt, and of the mean vectors of all prompts, in every layer.

    The first is the prompt entropy, the second the dataset entropy of Skean et al. (2025, arXiv 2502.02013); see
    `hidden_state_entropy`. Samples of the run must be tokens. The null shuffles each channel over the tokens of a
    prompt, which keeps the distribution of each channel and removes the relations between channels. Entropies depend on
    the number of tokens: compare prompts of equal length, or with the null. The token numbers of the input have no
    vectors and are left out.

    Returns
    -------
    xarray.Dataset
        [epoch, layer, prompt], in bits: ``entropy``. [epoch, layer]: ``mean_entropy`` over prompts and its
        ``standard_error``; ``null_mean`` and ``null_std`` of that mean over shuffles; ``excess``, the mean over prompts
        of the entropy minus that of its shuffles, which is below 0 where channels are related, and ``excess_error``,
        its standard error over prompts; ``gaussian``, the mean for independent Gaussian channels;
        ``dataset_entropy``, ``dataset_null_mean`` and ``dataset_null_std``; ``prompts``, the number that have an
        entropy. [epoch, prompt]: ``tokens``, their number. NaN where there is no entropy, and for a layer with NaN or
        infinity.

    Raises
    ------
    RunError
        If samples are not tokens, or the activations of no layer are finite.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import bitlens
    >>> states = np.random.default_rng(0).normal(size=(3, 8, 20, 6))  # [layers, prompts, tokens, D]
    >>> with tempfile.TemporaryDirectory() as store:
    ...     bitlens.record_arrays(store, 0, **bitlens.from_hidden_states(states))
    ...     result = bitlens.prompt_entropy(bitlens.open_run(store), permutations=4)
    >>> result.entropy.shape, bool((result.mean_entropy < np.log2(6)).all())
    ((1, 3, 8), True)
    """

    name = "prompt_entropy"
    title = "prompt entropy"
    rank = 35
    Parameters = PromptEntropyParameters
    variables: ClassVar = (
        Variable("entropy", _OF_PROMPT, "matrix-based entropy of the tokens"),
        Variable("mean_entropy", _OF_LAYER, "mean entropy over prompts"),
        Variable("standard_error", _OF_LAYER, "standard error of the mean entropy"),
        Variable("null_mean", _OF_LAYER, "mean entropy of shuffled channels"),
        Variable("null_std", _OF_LAYER, "standard deviation of that mean over shuffles"),
        Variable("excess", _OF_LAYER, "mean entropy minus that of shuffled channels"),
        Variable("excess_error", _OF_LAYER, "standard error of the excess over prompts"),
        Variable("gaussian", _OF_LAYER, "mean entropy of independent Gaussian channels"),
        Variable("dataset_entropy", _OF_LAYER, "entropy of the mean vectors of the prompts"),
        Variable("dataset_null_mean", _OF_LAYER, "dataset entropy of shuffled channels"),
        Variable("dataset_null_std", _OF_LAYER, "standard deviation of the dataset entropy over shuffles"),
        Variable("prompts", _OF_LAYER, "number of prompts that have an entropy", "1"),
        Variable("tokens", ("prompt",), "number of tokens", "1"),
    )

    def targets(self, run: Run) -> list[Target]:
        return [] if run.prompts is None else [()]

    def check(self, run: Run, target: Target, parameters: PromptEntropyParameters) -> None:
        super().check(run, target, parameters)
        if run.prompts is None:
            raise RunError(
                f"{run.path}: expected tokens as samples for {self.name}, got whole samples; record with "
                "views=bitlens.View(tokens_as_samples=True), or with the arguments of bitlens.from_hidden_states"
            )

    def seconds(self, run: Run, target: Target, parameters: PromptEntropyParameters) -> float:
        assert run.prompts is not None  # as checked
        n = np.unique(run.prompts, return_counts=True)[1][:, None].astype(float)
        widths = np.array([math.prod(run.layer(name).shape) for name in _layers(run)])
        side = np.minimum(n, widths)
        seconds = (1 + parameters.permutations) * (n * widths * side * _PRODUCT + side**3 * _SPECTRUM)
        seconds += parameters.permutations * n * widths * _SHUFFLE
        return seconds_of_task(float(seconds.sum()))

    def announcement(self, run: Run, target: Target, parameters: PromptEntropyParameters, epochs: int) -> str | None:
        minutes = self.seconds(run, target, parameters) * epochs / 60
        return f"{self.title} takes about {minutes:.0f} minutes on one core" if minutes >= 1 else None

    def compute(self, run: Run, epoch: int, target: Target, parameters: PromptEntropyParameters) -> Result:
        assert run.prompts is not None  # as checked
        numbers, starts = np.unique(run.prompts, return_index=True)
        ends = np.append(starts[1:], len(run.prompts))
        unknown: dict[str, Any] = {variable.name: math.nan for variable in self.variables if variable.dims == _OF_LAYER}
        unknown |= {"entropy": np.full(len(numbers), math.nan), "prompts": 0}
        layers = _layers(run)

        def of_layer(name: str, states: NDArray) -> dict[str, Any]:
            rows = states.reshape(len(states), -1)
            clouds = [rows[first:end] for first, end in zip(starts, ends, strict=True)]
            return _of_prompts(clouds, parameters) | _of_dataset(clouds, parameters)

        results = of_finite_layers(run, epoch, layers, self.title, of_layer, unknown)
        values = {name: np.array([result[name] for result in results]) for name in unknown}
        if without := int(np.isnan(values["entropy"]).all(axis=0).sum()):
            what = "have no entropy, because they have fewer than two different tokens; they are left out"
            warnings.warn(f"{run.path}: {without} of {len(numbers)} prompts {what}", UndefinedWarning, stacklevel=2)
        values["tokens"] = np.maximum(ends - starts - parameters.skip_first, 0)
        return Result(values, {"layer": layers, "prompt": numbers})


prompt_entropy = PromptEntropy()


def _layers(run: Run) -> list[str]:
    """The layers whose samples are vectors."""
    return [layer.name for layer in run.layers if not has_categories(run, layer.name)]


def _of_prompts(clouds: list[NDArray], parameters: PromptEntropyParameters) -> dict[str, Any]:
    """The entropy of every prompt, and means over prompts; the shuffles of a prompt do not depend on the others."""
    each = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedWarning)  # one warning is given for all layers
        for number, cloud in enumerate(clouds):
            settings = vars(parameters) | {"seed": parameters.seed + number}
            each.append(hidden_state_entropy(cloud, full_output=True, **settings))
    entropy, null_mean, null_std, gaussian = (np.array(column) for column in list(zip(*each, strict=True))[:4])
    known = ~np.isnan(entropy)
    count = int(known.sum())
    result = {"entropy": entropy, "prompts": count}
    mean, error = _mean_and_error(entropy[known])
    excess, excess_error = _mean_and_error((entropy - null_mean)[known])
    return result | {
        "mean_entropy": mean,
        "standard_error": error,
        "null_mean": _mean_and_error(null_mean[known])[0],
        "null_std": math.sqrt((null_std[known] ** 2).sum()) / count if count else math.nan,
        "excess": excess,
        "excess_error": excess_error,
        "gaussian": _mean_and_error(gaussian[known])[0],
    }


def _of_dataset(clouds: list[NDArray], parameters: PromptEntropyParameters) -> dict[str, float]:
    """The entropy of the mean vectors of the prompts that have tokens."""
    skipped = parameters.skip_first
    pooled = np.array([pool_tokens(cloud, skip_first=skipped) for cloud in clouds if len(cloud) > skipped])
    settings = vars(parameters) | {"skip_first": 0}
    names = "dataset_entropy", "dataset_null_mean", "dataset_null_std"
    if len(pooled) < 2:
        return dict.fromkeys(names, math.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedWarning)  # it is NaN where all prompts are equal
        return dict(zip(names, hidden_state_entropy(pooled, full_output=True, **settings)[:3], strict=True))


def _mean_and_error(values: NDArray) -> tuple[float, float]:
    """The mean over prompts and its standard error; NaN where there are too few."""
    if not len(values):
        return math.nan, math.nan
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return float(values.mean()), float(error)
