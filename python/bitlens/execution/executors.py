"""Where tasks are executed: in processes of this machine, by an executor of the caller, or on a Dask cluster."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor, as_completed
from functools import partial
from typing import TYPE_CHECKING, Any

from bitlens.arrays import check_integer
from bitlens.execution.processes import on_processes
from bitlens.execution.work import AGAIN, Failure, Outcome, Outcomes, WorkerError, attempt, this_process
from bitlens.runtime import get_num_threads

if TYPE_CHECKING:
    from distributed import Client


def outcomes(
    executor: int | Executor | Client,
    function: Callable[[Any], None],
    arguments: Sequence[Any],
    tell: Callable[[str], None],
) -> Outcomes:
    """Execute tasks in other processes. The number of each and its outcome are given as they end, in any order.

    Parameters
    ----------
    executor : int, concurrent.futures.Executor or distributed.Client
        Number of processes on this machine, or what executes the tasks.
    function : callable
        Executes a task; a function that another process can import.
    arguments : sequence
        The tasks.
    tell : callable
        Called with a sentence where a user has to know something about the workers.

    Raises
    ------
    TypeError
        If the executor is something else.
    WorkerError
        If the workers are threads of this process, have another version of bitlens, or are all lost.

    Examples
    --------
    >>> from bitlens.execution import outcomes
    >>> [(number, outcome.failure) for number, outcome in outcomes(1, int, ["12"], print)]
    [(0, None)]
    """
    if isinstance(executor, Executor):
        return _on_executor(executor, function, arguments, tell)
    if _is_dask_client(executor):
        from bitlens.execution.dask_client import on_client  # imports Dask, which a user of a client has

        return on_client(executor, function, arguments, tell)
    if not hasattr(executor, "__index__"):
        expected = "a number of processes, a concurrent.futures.Executor or a distributed.Client"
        raise TypeError(f"executor: expected {expected}, got {type(executor).__name__}")
    count = check_integer(executor, "executor")
    if count < 1:
        raise ValueError(f"executor: expected 1 process or more, got {count}")
    return on_processes(count, function, arguments)


def _on_executor(
    executor: Executor, function: Callable[[Any], None], arguments: Sequence[Any], tell: Callable[[str], None]
) -> Outcomes:
    # Executors do not say how many workers they have, but those of the standard library and of loky know it.
    known = getattr(executor, "_max_workers", None)
    workers = known if isinstance(known, int) and known > 0 else None
    threads = None if workers is None else max(1, get_num_threads() // workers)
    work = partial(attempt, function, caller=this_process(), threads=threads)
    left = dict(enumerate(arguments))
    try:
        with contextlib.closing(_submitted(executor, work, arguments)) as ended:
            for number, outcome in ended:
                del left[number]
                yield number, outcome
        return
    except BrokenExecutor as error:
        if workers is None or not isinstance(executor, ProcessPoolExecutor):
            raise WorkerError(f"executor: a worker ended abruptly ({error}); {AGAIN}") from error
    # A pool that has lost a process takes no more tasks, and does not know which task the process had.
    tell(f"executor: a process of the pool ended abruptly; {workers} new processes execute the remaining tasks")
    numbers = list(left)
    with contextlib.closing(on_processes(workers, function, list(left.values()))) as ended:
        for i, outcome in ended:
            yield numbers[i], outcome


def _submitted(executor: Executor, work: Callable[[Any], Outcome], arguments: Sequence[Any]) -> Outcomes:
    futures: dict[Future[Outcome], int] = {}
    try:
        for number, argument in enumerate(arguments):
            futures[executor.submit(work, argument)] = number
        for future in as_completed(list(futures)):
            yield futures.pop(future), _result(future)
    finally:
        for future in futures:
            future.cancel()


def _result(future: Future[Outcome]) -> Outcome:
    """The outcome of a task, also where it could not be executed or its outcome could not be sent."""
    try:
        return future.result()
    except (BrokenExecutor, WorkerError):
        raise
    except CancelledError:
        raise WorkerError(f"executor: its tasks were cancelled; {AGAIN}") from None
    except Exception as error:  # of the executor's library, or that bitlens cannot be imported in a worker
        text = f"{type(error).__name__}: {error}"
        return Outcome(Failure(text, text))


def _is_dask_client(executor: object) -> bool:
    """Whether an object is a client of Dask, which is not imported for this."""
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(executor, distributed.Client)
