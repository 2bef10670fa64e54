"""What a worker does with a task: it sets its threads, and returns warnings and errors as values."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from bitlens.runs import RunError
from bitlens.runtime import build_info, get_num_threads, set_num_threads

_TOKEN = secrets.token_hex(8)  # a forked process inherits it, so the process number is compared as well
# The filters of warnings and the number of threads belong to the whole process. A Dask worker has several threads.
_one_at_a_time = threading.Lock()
_IGNORED_BY_DEFAULT = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
AGAIN = "what is finished is stored, and calling measure again computes the rest"


class WorkerError(RunError):
    """A worker cannot execute any task of this caller, so that all work ends."""


@dataclass(frozen=True)
class Failure:
    """Why a task has failed."""

    message: str
    reason: str
    """The message without the names of the task, equal for all tasks that failed for the same reason."""
    details: str = ""
    """The traceback of an error that no task is expected to raise."""


@dataclass(frozen=True)
class WorkerWarning:
    """A warning that was given in a worker."""

    category: type[Warning]
    text: str
    file: str
    line: int


@dataclass(frozen=True)
class Outcome:
    """How a task ended. Its result is in the run."""

    failure: Failure | None = None
    warnings: tuple[WorkerWarning, ...] = ()


Outcomes: TypeAlias = Generator[tuple[int, Outcome], None, None]
"""The number of each task and its outcome, as the tasks end. Closing the generator ends the work."""


@dataclass(frozen=True)
class Caller:
    """The process that hands out tasks."""

    token: str
    process: int
    version: str


def this_process() -> Caller:
    """Identify this process and its version of bitlens."""
    return Caller(_TOKEN, os.getpid(), str(build_info()["version"]))


def attempt(function: Callable[[Any], None], argument: Any, caller: Caller, threads: int | None) -> Outcome:
    """Execute one task in a worker.

    Parameters
    ----------
    function : callable
        Computes and stores the result of a task.
    argument : object
        The task.
    caller : Caller
        The process that waits for the outcome.
    threads : int or None
        Number of threads of the kernels. None: as the worker was started.

    Raises
    ------
    WorkerError
        If the worker is a thread of the caller, or has another version of bitlens, or where the task raises it.

    Examples
    --------
    >>> from bitlens.execution.work import Caller, attempt, this_process
    >>> other = Caller("another process", 0, this_process().version)
    >>> attempt(int, "x", other, None).failure.message
    "ValueError: invalid literal for int() with base 10: 'x'"
    """
    worker = this_process()
    if (worker.token, worker.process) == (caller.token, caller.process):
        raise WorkerError(
            "executor: expected workers in other processes, got threads of this process, whose warnings and number of "
            "threads would mix; pass a number of processes or a ProcessPoolExecutor"
        )
    if worker.version != caller.version:
        where = f"the worker on {socket.gethostname()} has version {worker.version}"
        raise WorkerError(f"executor: expected bitlens {caller.version}, but {where}; install the same version")
    with one_at_a_time(threads), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for category in _IGNORED_BY_DEFAULT:
            warnings.simplefilter("ignore", category)
        failure = _failure(function, argument)
    records = [WorkerWarning(w.category, str(w.message), w.filename, w.lineno) for w in caught]
    return Outcome(failure, tuple(dict.fromkeys(records)))


def _failure(function: Callable[[Any], None], argument: Any) -> Failure | None:
    try:
        function(argument)
    except WorkerError:
        raise
    except RunError as error:
        return Failure(str(error), str(error.__cause__ or error))
    except Exception as error:  # of any library: it may be one that cannot be sent to another process
        text = f"{type(error).__name__}: {error}"
        return Failure(text, text, traceback.format_exc())
    return None


@contextlib.contextmanager
def one_at_a_time(threads: int | None) -> Iterator[None]:
    """Wait until no other thread of this process is in this context, and set the number of threads of the kernels."""
    with _one_at_a_time:
        before = get_num_threads()
        set_num_threads(before if threads is None else threads)
        try:
            yield
        finally:
            set_num_threads(before)
