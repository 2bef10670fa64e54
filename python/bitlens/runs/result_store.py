"""The results of measures, kept in a run: one file for each series of results and epoch.

::

    results/<measure>/<version>-<16 hex digits of the key>/0012.safetensors
                                                           parameters.json   the text of the key
"""

from __future__ import annotations

import json
import operator
import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bitlens.runs.files import atomic_write, remove_leftovers, sync_files
from bitlens.runs.layout import RESULTS, RunError
from bitlens.runs.result_file import SeriesReader, read_small_file, read_source
from bitlens.runs.result_format import encode_result
from bitlens.runs.result_key import MEASURE_NAME, ResultKey
from bitlens.runs.result_types import StoredResult, StoredSeries

if TYPE_CHECKING:
    import xarray as xr

_PARAMETERS = "parameters.json"
_FOLDER = re.compile(r"(\d{1,9})-([0-9a-f]{16})")
_FILE = re.compile(r"(\d{4}|[1-9]\d{4,17})\.safetensors")
_SOURCE_KINDS = ("epoch", "weights", "probe")
_SOURCE = re.compile(rf"({'|'.join(_SOURCE_KINDS)}):[!-~]{{1,56}}")

# Runs that this process has looked through for old results, and for what killed writers left.
_searched_for_old_results: set[str] = set()
_cleaned: set[str] = set()


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
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from bitlens.runs import ResultKey, ResultStore, StoredArray, StoredResult
    >>> store = ResultStore(Path(tempfile.mkdtemp()), lambda kind, epoch: None)
    >>> key = ResultKey("example", 1, {"layer": "conv1"})
    >>> entropy = StoredArray(("channel",), np.array([1.5, 2.0]), {"units": "bits"})
    >>> store.save(key, 12, StoredResult({"entropy": entropy}, {}), "epoch:0123")
    >>> (series,) = store.load(key)
    >>> series.epochs, series.variables["entropy"].values.tolist()
    ([12], [[1.5, 2.0]])
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
            if not MEASURE_NAME.fullmatch(name):
                continue
            for folder in _folders(self._folder / name):
                path = self._folder / name / folder
                if _FOLDER.fullmatch(folder) and _listed(path):
                    keys += _stored_key(path)
        return keys

    def measures(self) -> list[str]:
        """Names of the measures that have results, ascending."""
        return sorted({key.measure for key in self.keys()})

    def old_results(self) -> str | None:
        """A sentence about results that bitlens 0.1.0 wrote, which are not used; None if there are not any."""
        old = [path for path in self._folder.glob("*/*") if path.is_dir() and not _FOLDER.fullmatch(path.name)]
        if not old:
            return None
        return (
            f"{self._folder}: results in {len(old)} folders, such as {old[0].relative_to(self._folder)}, were written "
            "by bitlens 0.1.0 and are ignored; measure again, and remove these folders to free their space"
        )

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
        kind = source.partition(":")[0]
        return kind in _SOURCE_KINDS and self._current_source(kind, epoch) in (None, source)

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
        if sentence := self.old_results():
            warnings.warn(sentence, stacklevel=3)


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
        names = os.listdir(folder)  # noqa: PTH208, faster than a Path for each file
    except (FileNotFoundError, NotADirectoryError):
        return []
    matches = (_FILE.fullmatch(name) for name in names)
    return sorted(int(match[1]) for match in matches if match)


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
            f"{folder / _PARAMETERS} is damaged or missing, so the results in this folder are not listed; measure "
            "again with the same settings to repair it, or remove the folder",
            stacklevel=4,
        )
        return []
    return [key]
