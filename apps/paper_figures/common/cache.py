"""The cache: a result is found again only by everything that determines it, and is written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bitlens.runs import atomic_write

Arrays = dict[str, Any]
"""NumPy arrays by name."""
Job = TypeVar("Job")
_LIBRARIES = ("torch", "bitlens")
_KEY = "key"
# What reading a damaged or foreign file can raise.
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Key:
    """Everything that determines a result, as canonical JSON.

    Parameters
    ----------
    text : str
        Canonical JSON: sorted names, no blanks, no NaN.
    """

    text: str

    @classmethod
    def of(cls, computation: str, code_version: int, **determinants: object) -> Key:
        """Make the key of a result.

        Parameters
        ----------
        computation : str
            Name of what is computed.
        code_version : int
            Raised whenever the code computes other numbers than before.
        **determinants
            The network's definition, the training settings, the seed, the fingerprint of the data, and so on: values
            of JSON, dataclasses, and keys of the results that this one is computed from.

        Raises
        ------
        TypeError, ValueError
            If a determinant has no exact JSON, such as an array or NaN.

        Examples
        --------
        >>> a, b = (Key.of("network", 1, seed=seed) for seed in (0, 1))
        >>> a == Key.of("network", 1, seed=0), a.digest == b.digest
        (True, False)
        """
        content = {
            "computation": computation,
            "code version": code_version,
            "libraries": {name: version(name) for name in _LIBRARIES},
            "determined by": _json_value(determinants),
        }
        return cls(json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False))

    @property
    def digest(self) -> str:
        """SHA-256 of the text, 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Cache:
    """Results in one folder, one file each, named by the digest of its key.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, key: Key) -> Path:
        """The file of a result."""
        return self.folder / f"{key.digest}.npz"

    def arrays(self, key: Key, compute: Callable[[], Mapping[str, Any]]) -> Arrays:
        """Return the stored arrays of a key, or compute and store them now.

        A file that is damaged, or that holds the result of another key, counts as missing and is replaced.
        """
        path = self.path(key)
        stored = _read(path, key)
        if stored is None:
            content = {name: np.asarray(array) for name, array in compute().items()} | {_KEY: np.asarray(key.text)}
            atomic_write(path, lambda temporary: _save(temporary, content))
            stored = _read(path, key)
            if stored is None:
                raise OSError(f"{path}: could not be read after it was written; check the disk")
        return stored

    def tables(self, key: Key, compute: Callable[[], Mapping[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
        """Return the stored tables of a key, or compute and store them now; columns hold numbers or text."""

        def columns() -> Arrays:
            return {
                f"{name}/{column}": values.to_numpy(dtype=str if values.dtype.kind not in "biuf" else None)
                for name, table in compute().items()
                for column, values in table.items()
            }

        tables: dict[str, dict[str, Any]] = {}
        for place, values in self.arrays(key, columns).items():
            name, column = place.split("/", 1)
            tables.setdefault(name, {})[column] = values
        return {name: pd.DataFrame(columns) for name, columns in tables.items()}

    def table(self, key: Key, compute: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return the one stored table of a key, or compute and store it now."""
        return self.tables(key, lambda: {"table": compute()})["table"]


def fingerprint(*arrays: Any) -> str:
    """SHA-256 of the type, the shape and the values of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        values = np.asarray(array, order="C")
        digest.update(f"{values.dtype.str} {values.shape} ".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def progress(jobs: Sequence[Job], description: str) -> Iterator[Job]:
    """Go through jobs while showing how many of them are done, the time they took and the time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("time left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        yield from bar.track(jobs, description=description)


def _save(path: Path, content: Arrays) -> None:
    unstorable = [name for name, array in content.items() if array.dtype.hasobject]
    if unstorable:
        raise TypeError(f"compute: expected arrays of numbers or text, got objects in {unstorable}")
    with path.open("wb") as file:
        np.savez(file, **content)


def _read(path: Path, key: Key) -> Arrays | None:
    """The arrays of a file; None where it is missing, damaged, or of another key."""
    try:
        with zipfile.ZipFile(path) as file:
            if file.testzip() is not None:  # compares the checksums of all arrays
                return None
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays if str(arrays.pop(_KEY)) == key.text else None
    except _UNREADABLE:
        return None


def _json_value(value: object) -> object:
    if isinstance(value, Key):
        return json.loads(value.text)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        members = {field.name: _json_value(getattr(value, field.name)) for field in fields(value)}
        return {"class": type(value).__name__} | members
    if isinstance(value, Mapping):
        return {str(name): _json_value(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(member) for member in value]
    raise TypeError(f"determinants: expected values of JSON, dataclasses or keys, got {type(value).__name__}")
