"""Worker processes of this machine, which need no library, and of which any may end without loss of other tasks.

They are interpreters that are started for this purpose, not forks and not children of `multiprocessing`: no thread of
this process is missing in them, a script needs no ``if __name__ == "__main__"``, it is known which task a process had
when it ended, and Ctrl-C in a terminal reaches the caller alone, which then ends them.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from bitlens.execution.work import Caller, Failure, Outcome, Outcomes, WorkerError, attempt, this_process
from bitlens.runtime import get_num_threads

_PROGRAM = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from bitlens.execution.processes import serve; serve()"
)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_ATTEMPTS = 2
"""How often a task is tried whose process ends, and how often a process is started that ends before its first task."""
_READY = "ready"


def on_processes(count: int, function: Callable[[Any], None], arguments: Sequence[Any]) -> Outcomes:
    """Execute tasks in processes of this machine, which end with the generator.

    Examples
    --------
    >>> from bitlens.execution.processes import on_processes
    >>> [(number, outcome.failure) for number, outcome in on_processes(1, int, ["12"])]
    [(0, None)]
    """
    workers = _Workers(function, max(1, get_num_threads() // count))
    with ThreadPoolExecutor(min(count, max(1, len(arguments)))) as threads:
        try:
            futures = {threads.submit(workers.execute, argument): i for i, argument in enumerate(arguments)}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            workers.close()
            threads.shutdown(cancel_futures=True)


class _Workers:
    """Processes that wait for tasks. Each thread of the caller takes one, and one is started where none waits."""

    def __init__(self, function: Callable[[Any], None], threads: int) -> None:
        self._function, self._threads = function, threads
        self._lock = threading.Lock()
        self._all: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._is_closed = False

    def execute(self, argument: Any) -> Outcome:
        """Execute a task in a process, and once more in another one if the process ends."""
        ends = []
        for _ in range(_ATTEMPTS):
            worker = self._taken()
            try:
                outcome = worker.execute(argument)
            except (EOFError, OSError, pickle.UnpicklingError):
                ends.append(self._ended(worker))
            else:
                with self._lock:
                    self._idle.append(worker)
                return outcome
        reason = f"the process that computed it ended {_ATTEMPTS} times ({ends[-1]}), for example for lack of memory"
        return Outcome(Failure(reason, reason))

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._is_closed = True
            workers = list(self._all)
        for worker in workers:
            worker.kill()

    def _taken(self) -> _Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        for _ in range(_ATTEMPTS):
            with self._lock:
                if self._is_closed:
                    raise WorkerError("executor: the worker processes were ended")
                worker = _Worker(self._threads)
                self._all.add(worker)
            try:
                worker.prepare(self._function, this_process())
            except (EOFError, OSError, pickle.UnpicklingError):
                end = self._ended(worker)
            else:
                return worker
        raise WorkerError(f"executor: a worker process could not start: {end}; see its messages above")

    def _ended(self, worker: _Worker) -> str:
        with self._lock:
            self._all.discard(worker)
        return worker.kill()


class _Worker:
    """One process, and the pipes to it."""

    def __init__(self, threads: int) -> None:
        environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, str(threads))
        command = [sys.executable, "-c", _PROGRAM]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, process_group=0)

    def prepare(self, function: Callable[[Any], None], caller: Caller) -> None:
        """Send what stays the same, and wait until the process is ready."""
        self._send(sys.path)
        self._send((function, caller))
        self._receive()

    def execute(self, argument: Any) -> Outcome:
        """Execute a task; EOFError or OSError if the process ends."""
        self._send(argument)
        outcome = self._receive()
        if isinstance(outcome, WorkerError):
            raise outcome
        assert isinstance(outcome, Outcome)
        return outcome

    def kill(self) -> str:
        """End the process if it runs, and say how it ended."""
        self._process.kill()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # of what was not sent yet
                    pipe.close()
        return f"exit code {code}" if code >= 0 else f"signal {-code}"

    def _send(self, value: Any) -> None:
        assert self._process.stdin is not None
        pickle.dump(value, self._process.stdin)
        self._process.stdin.flush()

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)


def serve() -> None:
    """Execute tasks from the standard input until it ends; the main function of a worker process."""
    requests = sys.stdin.buffer
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # whatever a library prints must not come between the answers
        function, caller = pickle.load(requests)
        answer: Any = _READY
        while True:
            try:
                pickle.dump(answer, answers)
                answers.flush()
                argument = pickle.load(requests)
            except (EOFError, BrokenPipeError):  # the caller has ended
                os._exit(0)
            try:
                answer = attempt(function, argument, caller, None)
            except WorkerError as error:
                answer = error
