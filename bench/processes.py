"""Run a case in a separate process: the code of that process, and the code that starts it and reads its messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import bitlens
from bench import machine
from bench.memory import peak
from bench.timing import Case, MissingError, WrongResultError, run_alternately, summary

Message = dict[str, Any]


def send(message: Message) -> None:
    """Write one message as a line of JSON for the parent process."""
    print(json.dumps(message), flush=True)


def time_case_here(case: Case, rounds: int | None) -> int:
    """Run a case in this process and send its progress and its result."""
    bitlens.set_num_threads(machine.threads())
    try:
        send({"doing": "measuring the hardware rates"})
        rates = machine.rates()
        send({"doing": "making the data"})
        contestants = case.contestants()
        timings = run_alternately(
            contestants, rounds or case.rounds, slow=case.slow, report=lambda doing: send({"doing": doing})
        )
        send({"result": summary(case, contestants, timings, rates)})
    except MissingError as error:
        send({"result": {"title": case.title, "sizes": case.sizes, "slow": case.slow, "missing": str(error)}})
    except WrongResultError as error:
        send({"result": {"error": str(error)}})
    except KeyboardInterrupt:
        return 130
    return 0


def measure_memory_here(cases: dict[str, Case], name: str, contestant: str) -> int:
    """Measure the peak memory of one contestant in this process and send it."""
    bitlens.set_num_threads(machine.threads())
    try:
        send({"result": peak(cases[name].contestants()[contestant])})
    except KeyboardInterrupt:
        return 130
    except KeyError as error:
        print(f"--memory: expected the names of a case and of one of its contestants, got {error}", file=sys.stderr)
        return 2
    except MissingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def time_case_in_process(name: str, rounds: int | None, step: Callable[[str], None]) -> Message:
    """Run a case in a new process and return its record; the key "error" says why it has no record."""
    return run_module(["bench", "--one", name, *(["--rounds", str(rounds)] if rounds else [])], step)


def memory_in_process(name: str, contestant: str) -> Message:
    """Measure peak memory in a new process; the key "memory_error" says why it could not be measured."""
    measured = run_module(["bench", "--memory", name, contestant])
    return {"memory_error": measured["error"]} if "error" in measured else measured


def run_module(
    module: list[str], step: Callable[[str], None] = lambda _: None, timeout: float | None = None
) -> Message:
    """Run a module in a new process and read its messages. Other lines come from libraries and are ignored.

    Parameters
    ----------
    module : list of str
        Name and arguments of the module.
    step : callable
        Called with each progress message.
    timeout : float, optional
        Seconds after which the process is terminated.

    Returns
    -------
    dict
        The result that the process sent, or the key "error".

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts; the process is terminated first.
    """
    environment = {**os.environ, **machine.thread_settings()}
    command = [sys.executable, "-m", *module]
    result: Message = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        alarm = threading.Timer(timeout or threading.TIMEOUT_MAX, process.terminate)
        alarm.daemon = True
        alarm.start()
        try:
            for line in process.stdout:
                message = json.loads(line) if line.startswith('{"') else {}
                if "doing" in message:
                    step(message["doing"])
                result = message.get("result", result)
        except KeyboardInterrupt:
            process.terminate()
            raise
        finally:
            alarm.cancel()
    if result:
        return result
    return {"error": f"the process ended with status {process.returncode} and sent no result"}
