"""Tasks on a Dask cluster, whose scheduler executes those of a lost worker again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from distributed import Client, Future, KilledWorker, get_worker

from bitlens.execution.work import AGAIN, Caller, Failure, Outcome, Outcomes, WorkerError, attempt, this_process

_PATIENCE = 10.0
"""Seconds without news after which the workers are looked for."""


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
        raise WorkerError("executor: expected a client that waits, got one with asynchronous=True; leave that out")
    cluster = _Cluster(client, partial(_attempt, function, this_process()), tell)
    suspected = []
    try:
        cluster.submit(dict(enumerate(arguments)))
        for number, outcome in cluster.ended():
            if outcome is None:
                suspected.append(number)
            else:
                yield number, outcome
        for number in suspected:  # one at a time: Dask suspects all tasks that a lost worker had, not only the culprit
            cluster.submit({number: arguments[number]})
            for _, outcome in cluster.ended():
                reason = "every worker that executed it ended abruptly, for example for lack of memory"
                yield number, outcome or Outcome(Failure(reason, reason))
    finally:
        cluster.cancel()


class _Cluster:
    """Tasks that were submitted to a client and have not ended."""

    def __init__(self, client: Client, work: Callable[[Any], Outcome], tell: Callable[[str], None]) -> None:
        self._client, self._work, self._tell = client, work, tell
        self._address = str(client.scheduler.address) if client.scheduler is not None else "unknown"
        self._futures: dict[str, tuple[int, Future]] = {}
        self._done: SimpleQueue[str] = SimpleQueue()
        self._has_workers = True

    def submit(self, tasks: dict[int, Any]) -> None:
        """Submit tasks by their numbers."""
        self._look_for_workers()
        futures = self._client.map(self._work, list(tasks.values()), pure=False)
        self._futures = {future.key: pair for pair in zip(tasks, futures, strict=True) for future in pair[1:]}
        for future in futures:
            future.add_done_callback(lambda done: self._done.put(done.key))

    def ended(self) -> Iterator[tuple[int, Outcome | None]]:
        """The number of each task and its outcome; None where all workers that had it were lost."""
        while self._futures:
            try:
                key = self._done.get(timeout=_PATIENCE)
            except Empty:
                self._look_for_workers()
                continue
            number, future = self._futures[key]
            outcome = self._result(future)
            del self._futures[key]
            yield number, outcome

    def cancel(self) -> None:
        """Cancel what no worker has begun."""
        if self._futures and self._client.status == "running":
            self._client.cancel([future for _, future in self._futures.values()])

    def _result(self, future: Future) -> Outcome | None:
        while True:
            try:
                # It is on the worker that executed the task, and may be lost with it, which executes the task again.
                outcome = future.result(timeout=_PATIENCE)
            except TimeoutError:
                self._look_for_workers()
            except KilledWorker:
                return None
            except CancelledError:
                gone = f"executor: the Dask scheduler at {self._address} is gone or has cancelled the tasks"
                raise WorkerError(f"{gone}; {AGAIN}") from None
            except WorkerError:
                raise
            except Exception as error:  # of Dask, or that bitlens cannot be imported in a worker
                text = f"{type(error).__name__}: {error}"
                return Outcome(Failure(text, text))
            else:
                assert isinstance(outcome, Outcome)
                return outcome

    def _look_for_workers(self) -> None:
        """Tell the user once that all wait for a worker."""
        before, self._has_workers = self._has_workers, bool(self._client.scheduler_info()["workers"])
        if before and not self._has_workers:
            self._tell(f"executor: the Dask scheduler at {self._address} has no worker now; the tasks wait for one")


def _attempt(function: Callable[[Any], None], caller: Caller, argument: Any) -> Outcome:
    """Execute one task with the threads that Dask has given to the worker; it has one task at a time."""
    return attempt(function, argument, caller, get_worker().state.nthreads)
