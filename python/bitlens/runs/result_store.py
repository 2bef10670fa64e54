"""The results of measures, kept in a run: one file for each series of results and epoch.

::

    results/<measure>/<version>-<16 hex digits of the key>/0012.safetensors
                                                           parameters.json   the text of the key
"""

from __future__ import annotations

import hashlib
import json
import operator
import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitlens.runs.files import atomic_write, remove_leftovers, sync_files
from bitlens.runs.layout import RESULTS, RunError
from bitlens.runs.result_file import SeriesReader, read_small_file, read_source
from bitlens.runs.result_format import encode_result
from bitlens.runs.result_types import StoredResult, StoredSeries

if TYPE_CHECKING:
    import xarray as xr

_PARAMETERS = "parameters.json"
_MEASURE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_FOLDER = re.compile(r"(\d{1,9})-([0-9a-f]{16})")
_FILE = re.compile(r"(\d{4,18})\.safetensors")
_SOURCE = re.compile(r"(epoch|weights|probe):[!-~]{1,56}")

# Runs that this process has looked through for old results, and for what killed writers left.
_searched_for_old_results: set[str] = set()
_cleaned: set[str] = set()


@dataclass(frozen=True, eq=False)
class ResultKey:
    """What identifies a series of results over epochs; keys are equal if their texts are equal.

    Parameters
    ----------
    measure : str
        Name of the measure: letters, digits, "-" and "_".
    version : int
        Version of the measure's numbers.
    settings : mapping of str
        What it was measured of ("layer", or "a" and "b") and every parameter, as values that JSON has. The measure
        gives equal values in one form: 2.0 for a float field, not 2 or ``np.float32(2)``.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a value that JSON has. NaN and infinity are refused.

    Examples
    --------
    >>> from bitlens.runs import ResultKey
    >>> ResultKey("channel_entropies", 1, {"layer": "conv1", "bins": 32}).text
    '{"measure":"channel_entropies","settings":{"bins":32,"layer":"conv1"},"version":1}'
    """

    measure: str
    version: int
    settings: Mapping[str, Any]
    text: str = field(init=False, repr=False)
    """Canonical JSON of measure, version and settings."""
    digest: str = field(init=False, repr=False)
    """16 hexadecimal digits of the text's SHA-256."""

    def __post_init__(self) -> None:
        if not isinstance(self.measure, str) or not _MEASURE.fullmatch(self.measure):
            raise ValueError(f"measure: expected a name of letters, digits, '-' and '_', got {self.measure!r}")
        if type(self.version) is not int or not 0 <= self.version < 10**9:
            raise ValueError(f"version: expected an integer from 0 on, got {self.version!r}")
        _check_names(self.settings)
        content = {"measure": self.measure, "settings": dict(self.settings), "version": self.version}
        try:
            text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise type(error)(f"settings: expected values that JSON has, got {self.settings!r}; {error}") from None
        object.__setattr__(self, "settings", json.loads(text)["settings"])
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "digest", hashlib.sha256(text.encode()).hexdigest()[:16])

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, ResultKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)


def _check_names(value: Any) -> None:
    """JSON would turn other names into texts, so that two keys would look equal."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                raise TypeError(f"settings: expected names that are texts, got {name!r}")
            _check_names(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_names(item)


class ResultStore:
    """The results of a run; `Run.results` is one.

    Any number of threads, processes and machines may save and load at the same time: a file appears whole or not at
    all, and a later result of the same key and epoch replaces the earlier one. A file that is missing, damaged or stale
    counts as no result.

    Parameters
    ----------
    run : Path
        Folder of the run.
    current_source : callable
        Of a kind ("epoch", "weights" or "probe") and an epoch: the source that is in the run now, or None where its
        file is absent. A result is stale if its source is another one; where the file is absent it stays valid.

    Examples
    --------
    >>> import bitlens
    >>> run = bitlens.open_run("demo-run")
    >>> run.results.measures()
    []
    """

    def __init__(self, run: Path, current_source: Callable[[str, int], str | None]) -> None:
        self._folder = run / RESULTS
        self._current_source = current_source
        self._unflushed: deque[Path] = deque()
        self._is_cleaned = False
        self._is_searched = False

    def save(self, key: ResultKey, epoch: int, result: StoredResult, source: str) -> None:
        """Keep the result of one epoch. `flush` puts it on disk, and until then a loss of power may undo it.

        Parameters
        ----------
        key : ResultKey
            The series.
        epoch : int
            The epoch, 0 or more.
        result : StoredResult
            Variables and coordinates. What does not change with the epoch makes loading fast: coordinates, dimensions,
            types and attributes.
        source : str
            What `Run.source` gave before the measured file was read.

        Raises
        ------
        TypeError, ValueError
            If an array, a name, the epoch or the source cannot be stored.
        OSError
            If the run cannot be written.
        """
        number = operator.index(epoch)
        if not 0 <= number < 10**18:
            raise ValueError(f"epoch: expected 0 or more, got {epoch!r}")
        if not _SOURCE.fullmatch(source):
            raise ValueError(f"source: expected what Run.source gives, such as 'epoch:12ab', got {source!r}")
        content = encode_result(key.text, result, source)
        self._clean_once()
        folder = self._path(key)
        parameters = folder / _PARAMETERS
        if read_small_file(parameters) != key.text.encode():
            atomic_write(parameters, lambda temporary: temporary.write_bytes(key.text.encode()))
        path = folder / _file_name(number)
        atomic_write(path, lambda temporary: temporary.write_bytes(content), flush=False)
        self._unflushed.append(path)

    def load(self, key: ResultKey, epochs: Sequence[int] | None = None) -> list[StoredSeries]:
        """The valid results of a key, ascending; those whose headers differ form several series.

        Parameters
        ----------
        key : ResultKey
            The series.
        epochs : sequence of int, optional
            Default: all. Epochs without a valid result are left out.

        Returns
        -------
        list of StoredSeries
            Usually one; none if there is no result. The arrays may share memory.
        """
        self._say_old_results()
        folder = self._path(key)
        if folder.is_symlink():
            return []
        wanted = _listed(folder) if epochs is None else sorted({operator.index(epoch) for epoch in epochs})
        reader = SeriesReader(key.text, len(wanted), self._is_current)
        for epoch in wanted:
            reader.read(f"{folder}{os.sep}{_file_name(epoch)}", epoch)
        return reader.series()

    def epochs(self, key: ResultKey) -> list[int]:
        """Epochs that have a result which is not stale, ascending. Only `load` notices that a file is damaged."""
        self._say_old_results()
        folder = self._path(key)
        sources = (
            {} if folder.is_symlink() else {e: read_source(f"{folder}{os.sep}{_file_name(e)}") for e in _listed(folder)}
        )
        return [epoch for epoch, source in sources.items() if source is not None and self._is_current(source, epoch)]

    def keys(self, measure: str | None = None) -> list[ResultKey]:
        """Every key that has results, also those of other versions of a measure; they may be stale.

        Parameters
        ----------
        measure : str, optional
            Only the keys of this measure.
        """
        self._say_old_results()
        names = _folders(self._folder) if measure is None else [measure]
        keys = []
        for name in names:
            if not _MEASURE.fullmatch(name):
                continue
            for folder in _folders(self._folder / name):
                path = self._folder / name / folder
                if _FOLDER.fullmatch(folder) and _listed(path):
                    keys += _stored_key(path)
        return keys

    def measures(self) -> list[str]:
        """Names of the measures that have results, ascending."""
        return sorted({key.measure for key in self.keys()})

    def flush(self) -> None:
        """Put on disk what was saved since the last flush."""
        paths = set()
        while True:
            try:
                paths.add(self._unflushed.popleft())
            except IndexError:
                break
        if paths:
            sync_files(paths, self._folder)

    def to_xarray(self, key: ResultKey | str) -> xr.Dataset:
        """All valid results of a key along "epoch", with the key in the attributes.

        Parameters
        ----------
        key : ResultKey or str
            A key, of any version, or the name of a measure that has results of one key only.

        Raises
        ------
        RunError
            If there is no valid result, or the measure has several keys.
        """
        from bitlens.runs.result_export import to_dataset  # xarray takes half a second to import

        if isinstance(key, str):
            keys = self.keys(key)
            if len(keys) != 1:
                what = f"{len(keys)} keys; pass one of Run.results.keys({key!r})" if keys else "no results"
                raise RunError(f"key: {key!r} has {what}")
            key = keys[0]
        series = self.load(key)
        if not series:
            raise RunError(f"key: {self._folder.parent} has no valid result of {key.text}")
        return to_dataset(key, series)

    def _path(self, key: ResultKey) -> Path:
        return self._folder / key.measure / f"{key.version}-{key.digest}"

    def _is_current(self, source: str, epoch: int) -> bool:
        if not _SOURCE.fullmatch(source):
            return False
        return self._current_source(source.partition(":")[0], epoch) in (None, source)

    def _clean_once(self) -> None:
        if self._is_cleaned:
            return
        self._is_cleaned = True
        run = os.path.realpath(self._folder)
        if run not in _cleaned:
            _cleaned.add(run)
            remove_leftovers([*self._folder.glob("*"), *self._folder.glob("*/*")])

    def _say_old_results(self) -> None:
        if self._is_searched:
            return
        self._is_searched = True
        run = os.path.realpath(self._folder)
        if run in _searched_for_old_results:
            return
        _searched_for_old_results.add(run)
        old = [path for path in self._folder.glob("*/*") if path.is_dir() and not _FOLDER.fullmatch(path.name)]
        if old:
            warnings.warn(
                f"{self._folder}: results in {len(old)} folders, such as {old[0].relative_to(self._folder)}, were "
                "written by bitlens 0.1.0 and are ignored; measure again, and remove these folders to free their space",
                stacklevel=3,
            )


def flush_epoch(run: Path, epoch: int) -> None:
    """Put on disk every result of an epoch, whichever process has saved it."""
    folder = run / RESULTS
    paths = list(folder.glob(f"*/*/{_file_name(epoch)}"))
    if paths:
        sync_files(paths, folder)


def _file_name(epoch: int) -> str:
    return f"{epoch:04d}.safetensors"


def _listed(folder: Path) -> list[int]:
    """Epochs that a folder has files of, ascending."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    matches = (_FILE.fullmatch(name) for name in names)
    return sorted(int(match[1]) for match in matches if match and match[0] == _file_name(int(match[1])))


def _folders(path: Path) -> list[str]:
    """Names of the folders in a folder, ascending; links are left out."""
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stored_key(folder: Path) -> list[ResultKey]:
    """The key of a folder, or nothing, with a warning, if its text is damaged."""
    try:
        content = json.loads(read_small_file(folder / _PARAMETERS))
        key = ResultKey(content["measure"], content["version"], content["settings"])
    except (ValueError, TypeError, KeyError, RecursionError):
        key = None
    if key is None or (key.measure, f"{key.version}-{key.digest}") != (folder.parent.name, folder.name):
        warnings.warn(
            f"{folder / _PARAMETERS} is damaged or missing, so the results beside it are ignored; measure again with the "
            "same settings to repair it, or remove the folder",
            stacklevel=4,
        )
        return []
    return [key]
