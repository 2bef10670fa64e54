"""Tasks on a Dask cluster, whose scheduler executes those of a lost worker again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

from distributed import Client, Future, KilledWorker, as_completed, get_worker

from bitlens.execution.work import AGAIN, Caller, Failure, Outcome, Outcomes, WorkerError, attempt, this_process


def on_client(
    client: Client, function: Callable[[Any], None], arguments: Sequence[Any], tell: Callable[[str], None]
) -> Outcomes:
    """Execute tasks on the workers of a client.

    Examples
    --------
    >>> from distributed import Client
    >>> from bitlens.execution.dask_client import on_client
    >>> with Client(n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
    ...     [(number, outcome.failure) for number, outcome in on_client(client, int, ["12"], print)]
    [(0, None)]
    """
    if client.asynchronous:
        raise WorkerError(
            "executor: expected a client that waits, got Client(asynchronous=True); leave that argument out"
        )
    address = str(client.scheduler.address) if client.scheduler is not None else "unknown"
    if not client.scheduler_info()["workers"]:
        tell(f"executor: the Dask scheduler at {address} has no worker yet; the tasks wait for one")
    work = partial(_attempt, function, this_process())
    futures: dict[Any, tuple[int, Future]] = {}
    suspected: list[int] = []
    try:
        submitted = client.map(work, arguments, pure=False)
        futures.update({future.key: (number, future) for number, future in enumerate(submitted)})
        for future in as_completed(submitted, loop=client.loop):
            number, _ = futures.pop(future.key)
            outcome = _result(future, address)
            if outcome is None:
                suspected.append(number)
            else:
                yield number, outcome
        for number in suspected:  # one at a time: Dask suspects all tasks that a lost worker had, not only the culprit
            future = client.submit(work, arguments[number], pure=False)
            futures[future.key] = number, future
            outcome = _result(future, address)
            del futures[future.key]
            reason = "every worker that executed it ended abruptly, for example for lack of memory"
            yield number, outcome or Outcome(Failure(reason, reason))
    finally:
        if futures and client.status == "running":
            client.cancel([future for _, future in futures.values()])


def _attempt(function: Callable[[Any], None], caller: Caller, argument: Any) -> Outcome:
    """Execute one task with the threads that Dask has given to the worker; it has one task at a time."""
    return attempt(function, argument, caller, get_worker().state.nthreads)


def _result(future: Future, address: str) -> Outcome | None:
    """The outcome of a task; None where all workers that had it were lost."""
    try:
        outcome = future.result()  # which is on the worker that executed the task, and may be lost with it as well
    except KilledWorker:
        return None
    except CancelledError:
        gone = f"executor: the Dask scheduler at {address} is gone or has cancelled the tasks"
        raise WorkerError(f"{gone}; {AGAIN}") from None
    except WorkerError:
        raise
    except Exception as error:  # of Dask, or that bitlens cannot be imported in a worker
        text = f"{type(error).__name__}: {error}"
        return Outcome(Failure(text, text))
    assert isinstance(outcome, Outcome)
    return outcome
