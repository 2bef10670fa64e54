"""Groups of samples that are saved in a run under a short name, so that a URL can refer to thousands of samples."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from bitlens.runs.files import atomic_write
from bitlens.runs.layout import RunError
from bitlens.runs.reader import Run
from bitlens.runs.remote import RemotePath
from bitlens.runs.run_files import inside, read_file

_FOLDER = "selections"
_MAX_BYTES = 2**28
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_HASH = re.compile(r"[0-9a-f]{12}")


def save_selection(run: Run, samples: Sequence[int], name: str | None = None) -> str:
    """Save a group of samples of the probe in the run.

    Parameters
    ----------
    run : Run
        A recorded run.
    samples : sequence of int
        Numbers of samples, at least one, in any order.
    name : str, optional
        A name of up to 40 letters, digits, "-" and "_"; a group of this name is replaced. Default: a name that the
        samples determine.

    Returns
    -------
    str
        The name of the group. The same samples always have the same name.

    Raises
    ------
    RunError
        If `samples` is empty, a sample is not in the probe, or the name has other characters.
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
    if isinstance(run.path, RemotePath):
        raise RunError(f"run: expected a folder that can be written, got {run.path}; copy the run")
    if name is not None and (not _NAME.fullmatch(name) or _HASH.fullmatch(name)):
        raise RunError(f"name: expected up to 40 letters, digits, - and _, got {name!r}; choose another name")
    replaces, name = name is not None, name or hashlib.sha256(text.encode()).hexdigest()[:12]
    path = inside(run.path, run.path / _FOLDER / f"{name}.json")
    if replaces or not path.exists():
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
    try:
        content = read_file(run.path, path, _MAX_BYTES) if _NAME.fullmatch(name) else None
    except FileNotFoundError:
        content = None
    if content is None:
        raise RunError(f"selection: {name!r} is not in {run.path}; save it with save_selection")
    try:
        samples = list(json.loads(content)["samples"])
    except (ValueError, TypeError, KeyError, RecursionError):
        samples = [None]
    if not all(type(sample) is int for sample in samples):
        raise RunError(f"{path} is damaged; remove the file")
    if not samples or min(samples) < 0 or max(samples) >= run.manifest.samples:
        raise RunError(f"{path} contains samples that are not in the probe; remove the file")
    return samples


def named_selections(run: Run) -> list[str]:
    """The names that users have given to groups of samples of a run, in alphabetical order.

    Parameters
    ----------
    run : Run
        A recorded run.

    Returns
    -------
    list of str
        Names for `load_selection`.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens.runs import named_selections
    >>> run = bitlens.open_run("demo-run")
    >>> bitlens.save_selection(run, [5, 2], name="hard")
    'hard'
    >>> named_selections(run)
    ['hard']
    """
    stems = sorted(path.stem for path in (run.path / _FOLDER).glob("*.json"))
    return [stem for stem in stems if _NAME.fullmatch(stem) and not _HASH.fullmatch(stem)]
