"""Lines of Python that several pages show: opening the run, and recording a run whose network can be measured."""

from __future__ import annotations

from bitlens.runs import Run

RECORD_WITH_WEIGHTS = """with bitlens.Recorder(model, "my-run", (images, labels), weights=[0, 5, 10]) as recorder:
    ...  # train, and recorder.snapshot(epoch) after each epoch"""


def open_run_code(run: Run) -> list[str]:
    """The lines that open the run."""
    return ["import bitlens", "", f"run = bitlens.open_run({str(run.path.resolve())!r})"]


def measure_network_code(run: Run, call: str, call_on_new_run: str | None = None) -> str:
    """The lines that measure the network of a run; they begin with its recording if this run has no weights."""
    if run.weight_epochs:
        return "\n".join([*open_run_code(run), call])
    lines = ["import bitlens", "", RECORD_WITH_WEIGHTS, "", 'run = bitlens.open_run("my-run")']
    return "\n".join([*lines, call_on_new_run or call])
