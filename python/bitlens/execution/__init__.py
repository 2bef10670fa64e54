"""Independent tasks in other processes: of this machine, of an executor, or of a Dask cluster."""

from bitlens.execution.executors import outcomes
from bitlens.execution.work import Failure, Outcome, WorkerError

__all__ = ["Failure", "Outcome", "WorkerError", "outcomes"]
