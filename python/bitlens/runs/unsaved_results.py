"""Results that could not be written, because the run is read-only or the disk is full: kept while the run is open."""

from __future__ import annotations

import warnings
from pathlib import Path

from bitlens.runs.result_key import ResultKey


class UnsavedResults:
    """The contents of result files that exist in memory alone.

    Parameters
    ----------
    folder : Path
        Where the results should have been written, for the warning.

    Examples
    --------
    >>> import warnings
    >>> from pathlib import Path
    >>> from bitlens.runs.result_key import ResultKey
    >>> from bitlens.runs.unsaved_results import UnsavedResults
    >>> unsaved, key = UnsavedResults(Path("results")), ResultKey("example", 1, {})
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     unsaved.keep(key, 0, b"content", OSError(28, "No space left on device"))
    >>> unsaved.epochs(key), unsaved.content(key, 0)
    ([0], b'content')
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contents: dict[ResultKey, dict[int, bytes]] = {}
        self._is_said = False

    def keep(self, key: ResultKey, epoch: int, content: bytes, reason: OSError) -> None:
        """Keep the content of a file, with a warning the first time."""
        self._contents.setdefault(key, {})[epoch] = content
        self.say(reason)

    def say(self, reason: OSError) -> None:
        """Warn that results are not kept, once for an opened run."""
        if self._is_said:
            return
        self._is_said = True
        warnings.warn(
            f"{self._folder} cannot be written ({reason.strerror or reason}), so results are not stored and are lost "
            "when the run is closed; make the folder writable or free some space, or copy the run",
            stacklevel=5,
        )

    def discard(self, key: ResultKey, epoch: int) -> None:
        """Forget a result that was written after all."""
        self._contents.get(key, {}).pop(epoch, None)

    def content(self, key: ResultKey, epoch: int) -> bytes | None:
        """The content of the file of an epoch, if it could not be written."""
        return self._contents.get(key, {}).get(epoch)

    def epochs(self, key: ResultKey) -> list[int]:
        """Epochs of a key, in the order in which they were kept."""
        return list(self._contents.get(key, ()))

    def keys(self) -> list[ResultKey]:
        """Keys that have results here."""
        return [key for key, contents in self._contents.items() if contents]
