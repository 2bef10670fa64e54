"""Several measures over all epochs of a run: one after the other in this process, or by workers."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bitlens.execution import Failure, Outcome, outcomes
from bitlens.measures.base import Measure
from bitlens.measures.registry import MEASURES, announcements, execute, planned, titled, titled_all
from bitlens.measures.schema import Task
from bitlens.runs import Run, RunError
from bitlens.runs.files import why_unwritable
from bitlens.runs.layout import RESULTS
from bitlens.runs.live_run import LiveRun

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

Progress = Callable[[str, int, int], None]
Tell = Callable[[str], None]


def measure(
    run: Run,
    names: str | Sequence[str] | None = None,
    *,
    skip: str | Sequence[str] = (),
    published: str | None = None,
    executor: int | Executor | Client | None = None,
    progress: Progress = lambda *_: None,
    finished: Tell = lambda _: None,
    skipped: Tell | None = None,
    **parameters: Any,
) -> dict[str, xr.Dataset]:
    """Compute measures of a run over all its epochs and store them in it; what is stored already is not computed again.

    `layer_pair_information` is computed for every layer and the next one, `layer_decomposition` for every layer of
    several maps.

    Parameters
    ----------
    run : Run
        A recorded run.
    names : str or sequence of str, optional
        Names of measures. Default: all that the run can answer and that need no network.
    skip : str or sequence of str
        Names of measures that are left out.
    published : str, optional
        The settings of other authors for matrix-based information, by a name that `published_settings` knows.
    executor : int, concurrent.futures.Executor or distributed.Client, optional
        Number of processes on this machine, or an executor or Dask client whose workers are other processes. A worker
        opens the run by its path, so it needs the same files. One task is one measure of one target at one epoch, and
        the results are equal to those of one process. Default: this process executes one task after the other.
    progress : callable, optional
        Called with a task in plain text, the number of finished tasks and their total: before each task, or after each
        where there is an executor.
    finished : callable, optional
        Called with a sentence for each measure whose tasks have all ended.
    skipped : callable, optional
        Called with a sentence for each measure, and each reason, that the run cannot answer, and for each measure that
        will take minutes. Default: warnings.
    **parameters
        Parameters of the measures, such as ``bins=16``; each goes to every measure that has one of this name.

    Returns
    -------
    dict of str to xarray.Dataset
        The result of each measure and target, by a title such as "channel entropies of conv1".

    Raises
    ------
    RunError
        If a measure that was asked for by name cannot be computed for this run, if workers could not store results in
        this run, or if all workers are lost. What is finished stays stored.
    ValueError, TypeError
        If a name, a parameter or the executor is unknown.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.open_run("demo-run")
    >>> list(bitlens.measure(run, ["training_performance"]))
    ['training performance']
    """
    tell = skipped or (lambda sentence: warnings.warn(sentence, stacklevel=3))
    if executor is not None:
        _require_shared(run)
    plan = planned(run, names, published, parameters, tell, skip)
    tasks = [task for each, target, settings in plan for task in each.missing(run, target, settings)]
    for sentence in announcements(run, tasks):
        tell(sentence)
    ended = _Ended(tasks, progress, finished)
    if executor is None:
        _execute_here(run, tasks, ended)
    else:
        _execute_elsewhere(run, tasks, executor, ended, tell)
    for sentence in ended.left_out():
        tell(sentence)
    results = {}
    for each, target, settings in plan:
        dataset = each.stored(run, *target, **vars(settings))
        if dataset is not None:
            results[titled(each, target)] = dataset
        elif names is not None and ended.failures:
            raise ended.failures[min(ended.failures)][0]
    return results


@dataclass
class _Ended:
    """The tasks that have ended, and who is told about them."""

    tasks: Sequence[Task]
    progress: Progress
    finished: Tell
    failures: dict[int, tuple[RunError, str]] = field(default_factory=dict)
    """The error and the reason by the number of the task."""

    def __post_init__(self) -> None:
        self._count = 0
        self._total = Counter(task.measure for task in self.tasks)
        self._left = self._total.copy()
        self._failed: Counter[str] = Counter()

    def show(self, number: int) -> None:
        """Show a task and the number of tasks that have ended."""
        task = self.tasks[number]
        title = titled(MEASURES[task.measure], task.target)
        self.progress(f"{title}, epoch {task.epoch}", self._count, len(self.tasks))

    def add(self, number: int, failure: tuple[RunError, str] | None) -> None:
        """Count a task, which may have failed with an error for a reason."""
        name = self.tasks[number].measure
        self._count += 1
        self._left[name] -= 1
        if failure is not None:
            self._failed[name] += 1
            self.failures[number] = failure
        if not self._left[name]:
            total, failed = self._total[name], self._failed[name]
            of = f"{total - failed} of {total} results" if failed else "1 result" if total == 1 else f"{total} results"
            left = f", {self._left.total()} of {len(self.tasks)} tasks are left"
            self.finished(f"finished {MEASURES[name].title}: {of}{left}")

    def left_out(self) -> list[str]:
        """A sentence for each measure and reason for which tasks failed."""
        by_reason: dict[tuple[str, str], list[Task]] = {}
        for number in sorted(self.failures):
            task, reason = self.tasks[number], self.failures[number][1]
            by_reason.setdefault((task.measure, reason), []).append(task)
        return [_left_out(MEASURES[name], tasks, reason) for (name, reason), tasks in by_reason.items()]


def _execute_here(run: Run, tasks: Sequence[Task], ended: _Ended) -> None:
    try:
        for number, task in enumerate(tasks):
            ended.show(number)
            try:
                execute(task, run)
            except RunError as error:
                ended.add(number, (error, str(error.__cause__ or error)))
            else:
                ended.add(number, None)
    finally:
        run.results.flush()


def _execute_elsewhere(
    run: Run, tasks: Sequence[Task], executor: int | Executor | Client, ended: _Ended, tell: Tell
) -> None:
    """Execute tasks by workers; those that read the results of other measures come after these."""
    path = os.path.abspath(run.path)  # noqa: PTH100, a Path would lose a leading link
    warned: set[tuple[type[Warning], str]] = set()
    if sentence := run.results.old_results():
        warned.add((UserWarning, sentence))  # this process has said it
    for stage in _stages(tasks):
        ended.show(stage[0])
        shared = [replace(tasks[number], run=path) for number in stage]
        with contextlib.closing(outcomes(executor, execute, shared, tell)) as results:
            for i, outcome in results:
                _warn(outcome, warned)
                ended.add(stage[i], None if outcome.failure is None else _error(outcome.failure))
                ended.show(stage[i])


def _stages(tasks: Sequence[Task]) -> list[list[int]]:
    """The numbers of the tasks in groups, each of which reads results of measures in earlier groups only."""
    stages: dict[int, list[int]] = {}
    for number, task in enumerate(tasks):
        stages.setdefault(_depth(MEASURES[task.measure]), []).append(number)
    return [stages[depth] for depth in sorted(stages)]


def _depth(measure: Measure[Any]) -> int:
    return max((1 + _depth(MEASURES[name]) for name in measure.reads), default=0)


def _warn(outcome: Outcome, warned: set[tuple[type[Warning], str]]) -> None:
    """Give the warnings of a worker in this process, each text once; the filters of this process decide."""
    for warning in outcome.warnings:
        if (warning.category, warning.text) not in warned:
            warned.add((warning.category, warning.text))
            warnings.warn_explicit(warning.text, warning.category, warning.file, warning.line)


def _error(failure: Failure) -> tuple[RunError, str]:
    error = RunError(failure.message)
    if failure.details:
        error.add_note(f"In the worker:\n{failure.details}")
    return error, failure.reason


def _require_shared(run: Run) -> None:
    """Refuse a run in which workers could not store results."""
    if isinstance(run, LiveRun):
        raise RunError(f"executor: an epoch of {run.path} is in memory, which workers cannot read; leave executor out")
    reason = why_unwritable(run.path / RESULTS)
    if reason is not None or run.results.has_unsaved:
        why = f" ({reason.strerror or reason})" if reason else ""
        raise RunError(
            f"executor: workers store results in {run.path}, which cannot be written{why}; make it writable, or leave "
            "executor out"
        )


def _left_out(measure: Measure[Any], tasks: Sequence[Task], reason: str) -> str:
    """A sentence on tasks of a measure that failed for one reason."""
    what = titled_all(measure, list(dict.fromkeys(task.target for task in tasks)))
    epochs = sorted({task.epoch for task in tasks})
    numbers = ", ".join(map(str, epochs)) if len(epochs) < 4 else f"{epochs[0]} to {epochs[-1]} ({len(epochs)} epochs)"
    return f"left out {what}{f', epoch {numbers}' if measure.by_epoch else ''}: {reason}"
