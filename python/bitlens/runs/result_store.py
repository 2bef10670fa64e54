"""The results of measures, kept in a run: one file for each series of results and epoch.

::

    results/<measure>/<version>-<16 hex digits of the key>/0012.safetensors
                                                           parameters.json   the text of the key
"""

from __future__ import annotations

import operator
import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bitlens.runs.files import atomic_write, is_unwritable, remove_leftovers, sync_files
from bitlens.runs.layout import RESULTS, RunError
from bitlens.runs.remote import RemotePath, read_only
from bitlens.runs.result_file import SeriesReader, content_source, read_small_file, read_source
from bitlens.runs.result_folders import (
    KEY_FOLDER,
    PARAMETERS,
    file_in,
    file_name,
    folders_in,
    key_folder,
    results_folder,
    stored_keys,
)
from bitlens.runs.result_format import encode_result
from bitlens.runs.result_key import ResultKey
from bitlens.runs.result_types import StoredResult, StoredSeries
from bitlens.runs.run_files import inside, listed_epochs
from bitlens.runs.unsaved_results import UnsavedResults

if TYPE_CHECKING:
    import xarray as xr

_SOURCE_KINDS = ("epoch", "weights", "probe")
_SOURCE = re.compile(rf"({'|'.join(_SOURCE_KINDS)}):[!-~]{{1,56}}")

# Runs that this process has looked through for old results, and for what killed writers left.
_searched_for_old_results: set[str] = set()
_cleaned: set[str] = set()


class ResultStore:
    """The results of a run; `Run.results` is one.

    Any number of threads, processes and machines may save and load at the same time: a file appears whole or not at
    all, and a later result of the same key and epoch replaces the earlier one. A file that is missing, damaged or stale
    counts as no result. Where the run cannot be written, results are kept in memory with one warning.

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
        self._run = run
        self._folder = run / RESULTS
        self._unsaved = UnsavedResults(self._folder)
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
            If writing fails, but not because the run is read-only or the disk is full.

        Warns
        -----
        UserWarning
            If the run is read-only or the disk is full; the result is then kept in memory. Given once.
        """
        number = operator.index(epoch)
        if not 0 <= number < 10**18:
            raise ValueError(f"epoch: expected 0 or more, got {epoch!r}")
        if not _SOURCE.fullmatch(source):
            raise ValueError(f"source: expected what Run.source gives, such as 'epoch:12ab', got {source!r}")
        content = encode_result(key.text, result, source)
        try:
            path = self._write(key, number, content)
        except OSError as error:
            if not is_unwritable(error):
                raise
            self._unsaved.keep(key, number, content, error)
        else:
            self._unsaved.discard(key, number)
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
        folder = key_folder(self._run, key)
        unsaved = self._unsaved.epochs(key)
        every = {*listed_epochs(folder), *unsaved} if epochs is None else {operator.index(epoch) for epoch in epochs}
        wanted = sorted(every)
        reader = SeriesReader(key.text, len(wanted), self._is_current)
        for epoch in wanted:
            content = self._unsaved.content(key, epoch) if unsaved else None
            if content is not None and reader.read_content(content, epoch):
                continue
            path = file_in(folder, epoch)
            if not reader.read(path, epoch):
                self._refuse_outside(path)
        return reader.series()

    def epochs(self, key: ResultKey) -> list[int]:
        """Epochs that have a result which is not stale, ascending. Only `load` notices that a file is damaged."""
        self._say_old_results()
        folder = key_folder(self._run, key)
        sources = {epoch: self._source_of(file_in(folder, epoch)) for epoch in listed_epochs(folder)}
        valid = {epoch for epoch, source in sources.items() if source is not None and self._is_current(source, epoch)}
        for epoch in self._unsaved.epochs(key):
            content = self._unsaved.content(key, epoch)
            if content is not None and self._is_current(content_source(content), epoch):
                valid.add(epoch)
        return sorted(valid)

    def keys(self, measure: str | None = None) -> list[ResultKey]:
        """Every key that has results, also those of other versions of a measure; they may be stale.

        Parameters
        ----------
        measure : str, optional
            Only the keys of this measure.
        """
        self._say_old_results()
        keys = stored_keys(self._run, measure)
        unsaved = [key for key in self._unsaved.keys() if measure in (None, key.measure)]  # noqa: SIM118
        return list(dict.fromkeys([*keys, *unsaved]))

    def measures(self) -> list[str]:
        """Names of the measures that have results, ascending."""
        return sorted({key.measure for key in self.keys()})

    def old_results(self) -> str | None:
        """A sentence about results that bitlens 0.1.0 wrote, which are not used; None if there are not any."""
        top = results_folder(self._run)
        folders = [f"{name}/{key}" for name in folders_in(self._run, top) for key in folders_in(self._run, top / name)]
        old = [folder for folder in folders if not KEY_FOLDER.fullmatch(folder.rpartition("/")[2])]
        if not old:
            return None
        return (
            f"{self._folder}: results in {len(old)} folders, such as {old[0]}, were written "
            "by bitlens 0.1.0 and are ignored; measure again, and remove these folders to free their space"
        )

    @property
    def has_unsaved(self) -> bool:
        """Whether results are in memory alone, because the run could not be written."""
        return bool(self._unsaved.keys())

    def flush(self) -> None:
        """Put on disk what was saved since the last flush."""
        paths = set()
        while True:
            try:
                paths.add(self._unflushed.popleft())
            except IndexError:
                break
        if not paths:
            return
        try:
            sync_files(paths, self._folder)
        except OSError as error:
            if not is_unwritable(error):
                raise
            self._unsaved.say(error)

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

    def _write(self, key: ResultKey, epoch: int, content: bytes) -> Path:
        folder = key_folder(self._run, key)
        if isinstance(folder, RemotePath):
            raise read_only(folder)
        self._clean_once()
        parameters = folder / PARAMETERS
        if read_small_file(parameters) != key.text.encode():
            atomic_write(parameters, lambda temporary: temporary.write_bytes(key.text.encode()))
        path = folder / file_name(epoch)
        atomic_write(path, lambda temporary: temporary.write_bytes(content), flush=False)
        return path

    def _source_of(self, path: str | RemotePath) -> str | None:
        source = read_source(path)
        if source is None:
            self._refuse_outside(path)
        return source

    def _refuse_outside(self, path: str | RemotePath) -> None:
        """Raise RunError if a file that was not read is a link that leads out of the run."""
        if isinstance(path, str) and os.path.islink(path):  # noqa: PTH114, faster than a Path
            inside(self._run, path)

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
        run = os.path.realpath(str(self._folder))
        if run in _searched_for_old_results:
            return
        _searched_for_old_results.add(run)
        if sentence := self.old_results():
            warnings.warn(sentence, stacklevel=3)
