"""A case in a process of its own: what that process does, and how it is started and listened to."""

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
from bench.contest import Case, MissingError, WrongResultError, contest, summary
from bench.memory import peak

Message = dict[str, Any]


def tell(message: Message) -> None:
    """One line to the process that listens."""
    print(json.dumps(message), flush=True)


def contest_here(case: Case, rounds: int | None) -> int:
    """Run a case in this process and tell how it goes."""
    bitlens.set_num_threads(machine.threads())
    try:
        tell({"doing": "measuring the machine"})
        rates = machine.rates()
        tell({"doing": "making the data"})
        contestants = case.contestants()
        timings = contest(contestants, rounds or case.rounds, slow=case.slow, tell=lambda doing: tell({"doing": doing}))
        tell({"result": summary(case, contestants, timings, rates)})
    except MissingError as error:
        tell({"result": {"title": case.title, "sizes": case.sizes, "slow": case.slow, "missing": str(error)}})
    except WrongResultError as error:
        tell({"result": {"error": str(error)}})
    except KeyboardInterrupt:
        return 130
    return 0


def measure_memory_here(cases: dict[str, Case], name: str, contestant: str) -> int:
    """Tell the peak memory of one contestant."""
    bitlens.set_num_threads(machine.threads())
    try:
        tell({"result": peak(cases[name].contestants()[contestant])})
    except KeyboardInterrupt:
        return 130
    except KeyError as error:
        print(f"no case or contestant {error}", file=sys.stderr)
        return 2
    except MissingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def contest_in_process(name: str, rounds: int | None, step: Callable[[str], None]) -> Message:
    """The result of a case, or why there is none."""
    return listen(["bench", "--one", name, *(["--rounds", str(rounds)] if rounds else [])], step)


def memory_in_process(name: str, contestant: str) -> Message:
    """Peak memory of a contestant, or why there is none."""
    found = listen(["bench", "--memory", name, contestant])
    return {"memory_error": found["error"]} if "error" in found else found


def listen(module: list[str], step: Callable[[str], None] = lambda _: None, patience: float | None = None) -> Message:
    """Run a module in a process and listen; lines that are no message are a library's own.

    Parameters
    ----------
    module : list of str
        Its name and arguments.
    step : callable
        Is told what is being done.
    patience : float, optional
        Seconds after which the process is ended.

    Returns
    -------
    dict
        What it told as its result, or the key "error".

    Raises
    ------
    KeyboardInterrupt
        After the process was ended too.
    """
    environment = {**os.environ, **machine.thread_settings()}
    command = [sys.executable, "-m", *module]
    result: Message = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        alarm = threading.Timer(patience or threading.TIMEOUT_MAX, process.terminate)
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
    return {"error": f"its process ended with status {process.returncode} and told no result"}
