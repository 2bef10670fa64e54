"""All measures in their order, the tasks of several of them, and how one task is executed."""

from __future__ import annotations

import importlib
import pkgutil
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bitlens.estimators import Silverman, published_settings
from bitlens.execution import WorkerError
from bitlens.measures.base import Measure
from bitlens.measures.decomposition import layer_decomposition
from bitlens.measures.inequalities import processing_inequalities
from bitlens.measures.minibatches import MatrixInformationConfig
from bitlens.measures.parameters import Field, Parameters
from bitlens.measures.schema import Target, Task
from bitlens.runs import Run, RunError, open_run
from bitlens.runs.layout import MANIFEST

_WITHOUT_MEASURES = ("registry", "measuring")
"""Modules that need the list of all measures."""


def _found() -> dict[str, Measure[Any]]:
    """The measures that the modules of this package declare, so that a new one needs its own file only."""
    package = sys.modules[__package__]
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name not in _WITHOUT_MEASURES]
    modules = [importlib.import_module(f"{__package__}.{name}") for name in names]
    found = {value.name: value for module in modules for value in vars(module).values() if isinstance(value, Measure)}
    return dict(sorted(found.items(), key=lambda item: item[1].rank))


MEASURES: dict[str, Measure[Any]] = _found()
"""All measures by name, in the order in which they are computed."""
COMPUTED: dict[str, Measure[Any]] = {name: m for name, m in MEASURES.items() if "weights" not in m.requires}
"""The measures that `measure` computes: all that need no network."""


def execute(task: Task, run: Run | None = None) -> None:
    """Compute one task and store its result in the run, which is opened by its path where it is not given.

    Raises
    ------
    RunError
        If the task fails.
    WorkerError
        If this process does not see the run. It would fail at every task, and sooner than other workers succeed.
    """
    if run is None and not (Path(task.run) / MANIFEST).is_file():  # the folder may be where a disk is not mounted
        raise WorkerError(
            f"executor: the worker on {socket.gethostname()} sees no run in {task.run}; put the run where every worker "
            "sees it under the same path"
        )
    opened = open_run(task.run) if run is None else run
    measure = MEASURES[task.measure]
    parameters, _ = measure.Parameters.from_json(task.parameters)
    measure.compute_and_store(opened, task.epoch, task.target, parameters)
    if run is None:
        opened.results.flush()
    if run is None and opened.results.has_unsaved:
        raise RunError(f"{task.run}: the result of {task.measure} could not be stored; make the run writable")


def announcements(run: Run, tasks: Sequence[Task]) -> list[str]:
    """A sentence for each measure, target and parameters whose tasks together take minutes."""
    groups: dict[tuple[str, Target, str], list[Task]] = {}
    for task in tasks:
        groups.setdefault((task.measure, task.target, str(task.parameters)), []).append(task)
    sentences = []
    for (name, target, _), group in groups.items():
        parameters, _ = MEASURES[name].Parameters.from_json(group[0].parameters)
        sentences.append(MEASURES[name].announcement(run, target, parameters, len(group)))
    return [sentence for sentence in sentences if sentence]


def planned(
    run: Run,
    names: str | Sequence[str] | None,
    published: str | None,
    parameters: dict[str, Any],
    skipped: Callable[[str], None] = lambda _: None,
    skip: str | Sequence[str] = (),
) -> list[tuple[Measure[Any], Target, Parameters]]:
    """Every measure and target that `measure` computes for these arguments, with the resolved parameters."""
    left_out = _named("skip", skip)
    chosen = _chosen(names)
    _check_parameters(chosen, parameters)
    plan = []
    for each in (each for each in chosen if each not in left_out):
        targets, refused = _plan(each, run, published, parameters)
        if refused and not targets and names is not None:
            raise refused[0][1]
        if names is not None and not (targets or refused or each.target_names):
            each.arguments_of(run)  # raises the error of a measure that is not for runs of this kind
        plan += targets
        for sentence in _skipped(each, targets, refused):
            skipped(sentence)
    return plan


def titled(measure: Measure[Any], target: Target) -> str:
    """A measure and its target in plain text."""
    return titled_all(measure, [target])


def titled_all(measure: Measure[Any], targets: Sequence[Target]) -> str:
    """A measure and several of its targets in plain text."""
    names = ", ".join(" and ".join(target) for target in targets)
    return f"{measure.title} of {names}" if names else measure.title


def parameter_fields(measures: Sequence[Measure[Any]]) -> dict[str, list[tuple[Measure[Any], Field]]]:
    """The parameters of several measures by name, each with the measures that declare it."""
    fields: dict[str, list[tuple[Measure[Any], Field]]] = {}
    for each in measures:
        for field in each.Parameters.fields():
            fields.setdefault(field.name, []).append((each, field))
    return fields


def published_parameters(measure: Measure[Any], name: str | None) -> dict[str, Any]:
    """The settings of other authors for a measure, by a name that `published_settings` knows; else empty."""
    if name is None or not issubclass(measure.Parameters, MatrixInformationConfig):
        return {}
    settings = published_settings(name)
    if name == "paper" and measure is processing_inequalities:
        settings["bandwidth_errors"] = Silverman(0.1)  # Yu et al. (2018) use another bandwidth for the errors
    if settings.get("tensor") and measure is layer_decomposition:
        raise RunError(f"with the settings {name!r} a layer is one variable, which has no channels to decompose")
    return settings


def _chosen(names: str | Sequence[str] | None) -> list[Measure[Any]]:
    if names is None:
        return list(COMPUTED.values())
    for name in [names] if isinstance(names, str) else names:
        if name in MEASURES and name not in COMPUTED:
            raise ValueError(f"measure: {name} needs the network; call bitlens.{name}(run, model)")
    return _named("measure", names)


def _named(argument: str, names: str | Sequence[str]) -> list[Measure[Any]]:
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if name not in COMPUTED:
            raise ValueError(f"{argument}: expected one of {', '.join(COMPUTED)}, got {name!r}")
    return [COMPUTED[name] for name in listed]


def _check_parameters(measures: Sequence[Measure[Any]], parameters: dict[str, Any]) -> None:
    known = parameter_fields(measures)
    for name in parameters:
        if name not in known:
            raise ValueError(f"{name}: expected a parameter of the measures, {', '.join(sorted(known))}")


def _plan(
    measure: Measure[Any], run: Run, published: str | None, parameters: dict[str, Any]
) -> tuple[list[tuple[Measure[Any], Target, Parameters]], list[tuple[Target, RunError]]]:
    """The targets of a measure with their resolved parameters, and those that the run cannot answer."""
    try:
        settings = published_parameters(measure, published) | parameters
    except RunError as error:
        return [], [((), error)]
    fields = {field.name for field in measure.Parameters.fields()}
    own = {name: value for name, value in settings.items() if name in fields}
    plan, refused = [], []
    for target in measure.targets(run):
        try:
            plan.append((measure, *measure.arguments_of(run, *target, **own)))
        except RunError as error:
            refused.append((target, error))
    return plan, refused


def _skipped(measure: Measure[Any], plan: Sequence[object], refused: Sequence[tuple[Target, RunError]]) -> list[str]:
    """A sentence for each reason for which targets are refused; targets are not named where all are."""
    by_reason: dict[str, list[Target]] = {}
    for target, error in refused:
        by_reason.setdefault(str(error), []).append(target)
    everything = not plan and len(by_reason) == 1
    return [
        f"skipped {measure.title if everything else titled_all(measure, targets)}: {reason}"
        for reason, targets in by_reason.items()
    ]
