"""Groups of samples that are saved in a run under a short name, so that a URL can refer to thousands of samples."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from bitlens.runs.files import atomic_write
from bitlens.runs.layout import RunError
from bitlens.runs.reader import Run

_FOLDER = "selections"
_NAME = re.compile(r"[0-9a-f]{12}")


def save_selection(run: Run, samples: Sequence[int]) -> str:
    """Save a group of samples of the probe in the run.

    Parameters
    ----------
    run : Run
        A recorded run.
    samples : sequence of int
        Numbers of samples, at least one, in any order.

    Returns
    -------
    str
        The name of the group. The same samples always have the same name.

    Raises
    ------
    RunError
        If `samples` is empty, or a sample is not in the probe.
    OSError
        If the run cannot be written.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.open_run("demo-run")
    >>> bitlens.load_selection(run, bitlens.save_selection(run, [5, 2]))
    [2, 5]
    """
    chosen = sorted({int(sample) for sample in samples})
    count = run.manifest.samples
    if not chosen:
        raise RunError("samples: expected at least one")
    if chosen[0] < 0 or chosen[-1] >= count:
        raise RunError(f"samples: expected 0 to {count - 1}, got {chosen[0]} to {chosen[-1]}")
    text = json.dumps({"samples": chosen})
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = run.path / _FOLDER / f"{name}.json"
    if not path.exists():
        atomic_write(path, lambda temporary: temporary.write_text(text, "utf-8"))
    return name


def load_selection(run: Run, name: str) -> list[int]:
    """The samples of a group that `save_selection` has saved, ascending.

    Parameters
    ----------
    run : Run
        A recorded run.
    name : str
        The name that `save_selection` returned.

    Returns
    -------
    list of int
        Numbers of samples.

    Raises
    ------
    RunError
        If the run does not contain the selection, or its file is damaged.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.load_selection(bitlens.open_run("demo-run"), "0123456789ab")
    Traceback (most recent call last):
        ...
    bitlens.runs.layout.RunError: selection: '0123456789ab' is not in demo-run; save it with save_selection
    """
    path = run.path / _FOLDER / f"{name}.json"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise RunError(f"selection: {name!r} is not in {run.path}; save it with save_selection")
    try:
        samples = [int(sample) for sample in json.loads(path.read_text("utf-8"))["samples"]]
    except (ValueError, TypeError, KeyError):
        raise RunError(f"{path} is damaged; remove the file") from None
    if not samples or min(samples) < 0 or max(samples) >= run.manifest.samples:
        raise RunError(f"{path} contains samples that are not in the probe; remove the file")
    return samples
