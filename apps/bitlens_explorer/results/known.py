"""Finding and caching the results that a run has, of any measure, so that opening a page never starts a computation."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import streamlit as st
import xarray as xr

from bitlens.measures import MEASURES, Known, Measure, Parameters, Target, Task, titled
from bitlens.runs import Run, RunError
from bitlens_explorer.results.traced import Traced
from bitlens_explorer.state.notes import add_note

AnyMeasure = Measure[Any]
AnyKnown = Known[Any]
Stamp = tuple[int, ...]

_LONGEST = 40  # characters of one parameter in a description
_catching = threading.Lock()


def known_epochs(run: Run) -> list[int]:
    """Epochs that can be shown: those with activations and those with results only."""
    epochs = set(run.epochs)
    for measure in MEASURES.values():
        if measure.by_epoch:  # the other results belong to no epoch
            epochs.update(epoch for known in _found(run, measure)[0] for epoch in known.epochs)
    return sorted(epochs)


def known_sets(run: Run, measure: AnyMeasure, *target: str, quiet: bool = False) -> list[AnyKnown]:
    """What a run has results of, the default parameters first, then by number of epochs.

    A note is taken of results that are not used, unless `quiet`.
    """
    sets, unused = _found(run, measure)
    for sentence in () if quiet else unused:
        add_note(sentence)
    return [known for known in sets if known.target[: len(target)] == target]


def described(known: AnyKnown) -> str:
    """The parameters as text for choices and captions, with those that this version of bitlens does not know."""
    text = describe(known.parameters)
    unknown = ", ".join(f"{name} {_short(value)}" for name, value in known.unknown.items())
    return ", ".join(filter(None, [text, unknown and f"not known to this version of bitlens: {unknown}"]))


def describe(parameters: Parameters) -> str:
    """Parameters as text; those without a value are left out."""
    values = [(field, getattr(parameters, field.name)) for field in parameters.fields()]
    shown = [(field, value) for field, value in values if value is not None]
    return ", ".join(f"{field.name.replace('_', ' ')} {_short(value)} {field.unit}".strip() for field, value in shown)


def load(
    run: Run,
    known: AnyKnown | None,
    epochs: Sequence[int] | None = None,
    *,
    name: str | None = "result",
    cached: bool = True,
) -> Traced | None:
    """The results of one of `known_sets` at some epochs, or at all; None if the run has none.

    A note is taken of damaged files. `name` is that of the results in copied Python. Do not cache large results.
    """
    if known is None:
        return None
    measure = MEASURES[known.key.measure]
    wanted = known.epochs if epochs is None else tuple(epoch for epoch in epochs if epoch in known.epochs)
    if cached:
        dataset = _loaded(str(run.path), _stamp(run, measure), known.key.text, wanted, run, known)
    else:
        dataset = measure.load(run, known, wanted)
    return _traced(run, known, wanted, dataset, name)


def summarized(run: Run, known: AnyKnown, summarize: Callable[[xr.Dataset], xr.Dataset]) -> Traced | None:
    """A summary of large results of all epochs, read one epoch at a time; its Python reads the results themselves.

    The summary is cached, so a measure has one kind of summary.
    """
    stamp = _stamp(run, MEASURES[known.key.measure])
    summary = _summarized(str(run.path), stamp, known.key.text, run, known, summarize)
    return _traced(run, known, known.epochs, summary, "result")


def stored_epochs(results: Traced | None) -> list[int]:
    """The epochs of loaded results."""
    return [] if results is None else [int(epoch) for epoch in results.value.epoch.values]


def missing_tasks(
    run: Run,
    measure: AnyMeasure,
    target: Target,
    known: AnyKnown | None,
    results: Traced | None,
    /,
    **settings: Any,
) -> list[Task]:
    """What is left to compute: with the parameters of `known`, else with the defaults and these settings."""
    stored = [] if results is None else _epochs_of(measure, results.value)
    if set(measure.recorded_epochs(run)) <= set(stored):
        return []
    if known is not None:
        return [] if known.unknown else measure.missing(run, known.target, known.parameters)
    resolved, parameters = measure.arguments_of(run, *target, **settings)
    tasks = measure.missing(run, resolved, parameters)
    # Results whose list of parameters is damaged are stored but not known; computing one again repairs the list.
    values, epochs = parameters.to_json(), measure.recorded_epochs(run)
    return tasks or [Task(str(run.path), measure.name, resolved, values, epoch) for epoch in epochs]


def value_text(value: object) -> str:
    """A parameter as text: "Median" for `Median()`, "One bit (threshold 0.0)" for `OneBit(0.0)`."""
    if isinstance(value, tuple | list):
        return ", ".join(map(value_text, value))
    if not is_dataclass(value) or isinstance(value, type):
        return str(value)
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(value).__name__).capitalize()
    parts = [f"{field.name.replace('_', ' ')} {value_text(getattr(value, field.name))}" for field in fields(value)]
    return f"{name} ({', '.join(parts)})" if parts else name


def _short(value: object) -> str:
    text = value_text(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _found(run: Run, measure: AnyMeasure) -> tuple[list[AnyKnown], list[str]]:
    found: tuple[list[AnyKnown], list[str]] = _cached_found(str(run.path), _stamp(run, measure), measure.name, run)
    return found


@st.cache_resource(max_entries=200, show_spinner=False)
def _cached_found(path: str, stamp: Stamp, name: str, _run: Run) -> tuple[list[AnyKnown], list[str]]:
    """The sets of results that fit the run, and sentences about those that are not used."""
    measure = MEASURES[name]
    with _catching, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sets, unused = measure.known(_run), measure.ignored(_run)
    fitting = [known for known in sets if _fits(_run, measure, known)]
    for known in sets:
        if known not in fitting:
            what = f"{titled(measure, known.target)} with {described(known)}"
            unused.append(f"{_run.path}: {what} does not fit this run and is left out; remove it")
    return fitting, list(dict.fromkeys([*unused, *(str(warning.message) for warning in caught)]))


def _fits(run: Run, measure: AnyMeasure, known: AnyKnown) -> bool:
    """Whether the run has the layers and samples that target and parameters name."""
    try:
        target = tuple(run.layer(name).name for name in known.target)
        measure.resolve(run, target, known.parameters)
    except RunError:
        return False
    return target == known.target


def _traced(
    run: Run, known: AnyKnown, wanted: Sequence[int], dataset: xr.Dataset | None, name: str | None
) -> Traced | None:
    """Results with the Python that reads them; a note is taken of the epochs that could not be read."""
    measure = MEASURES[known.key.measure]
    present = _epochs_of(measure, dataset)
    if damaged := [epoch for epoch in wanted if epoch not in present]:
        at = f" at epoch {', '.join(map(str, damaged))}" if measure.by_epoch else ""
        add_note(f"{titled(measure, known.target)}{at}: the results are damaged and left out; measure again")
    if dataset is None:
        return None
    _check_names(run, measure, dataset)
    results = Traced(dataset, _call(run, measure, known, present))
    return results if name is None else results.assigned(name)


@st.cache_resource(max_entries=20, show_spinner=False)
def _summarized(
    path: str,
    stamp: Stamp,
    key: str,
    _run: Run,
    _known: AnyKnown,
    _summarize: Callable[[xr.Dataset], xr.Dataset],
) -> xr.Dataset | None:
    measure = MEASURES[_known.key.measure]
    loaded = [measure.load(_run, _known, [epoch]) for epoch in _known.epochs]
    parts = [_summarize(part.isel(epoch=0)) for part in loaded if part is not None]
    return xr.concat(parts, dim="epoch", join="outer", combine_attrs="override") if parts else None


@st.cache_resource(max_entries=200, show_spinner=False)
def _loaded(
    path: str, stamp: Stamp, key: str, epochs: tuple[int, ...], _run: Run, _known: AnyKnown
) -> xr.Dataset | None:
    return MEASURES[_known.key.measure].load(_run, _known, epochs)


def _stamp(run: Run, measure: AnyMeasure) -> Stamp:
    """Changes when a result is written, or a file that results are measured from.

    The modification time of a folder is that of the last file put into it, also of a file that replaced another.
    """
    results = run.path / "results" / measure.name
    folders = [
        run.path / "manifest.json",
        run.path / "epochs",
        run.path / "weights",
        results,
        *sorted(results.glob("*")),
    ]
    return tuple(folder.stat().st_mtime_ns if folder.exists() else 0 for folder in folders)


def _epochs_of(measure: AnyMeasure, dataset: xr.Dataset | None) -> list[int]:
    if dataset is None:
        return []
    return [int(epoch) for epoch in dataset.epoch.values] if measure.by_epoch else [0]


def _check_names(run: Run, measure: AnyMeasure, dataset: xr.Dataset) -> None:
    """Refuse results whose labels name layers that the run does not have."""
    layers = {layer.name for layer in run.layers}
    if "layer" in dataset.coords and not layers.issuperset(dataset["layer"].values.ravel().tolist()):
        raise RunError(f"the results of {measure.name} in {run.path} name other layers than the run; remove them")


def _call(run: Run, measure: AnyMeasure, known: AnyKnown, epochs: Sequence[int]) -> str:
    """The Python that gives these results; epochs are named where they are not all that were recorded."""
    shown = list(epochs) if measure.by_epoch and list(epochs) != measure.recorded_epochs(run) else None
    if known.unknown:
        key = f"next(key for key in run.results.keys({measure.name!r}) if key.digest == {known.key.digest!r})"
        part = "" if shown is None else f".sel(epoch={shown})"
        return f"run.results.to_xarray({key}){part}" + ("" if measure.by_epoch else ".isel(epoch=0, drop=True)")
    stored = "weights" in measure.requires  # the explorer has no network to call the measure with
    return measure.call_text(known.target, known.parameters, epochs=shown, stored=stored)
