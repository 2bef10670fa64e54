"""A run at a URL, such as one in an object store: its files are opened by fsspec and never written."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from bitlens.runs.layout import RunError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_URL_AS_PATH = re.compile(r"[a-z][a-z0-9+.-]+:")
"""A Path has lost one of the two slashes."""


def place_of(store: str | os.PathLike[str]) -> Path:
    """The folder of a run: a Path, or for a URL a `RemotePath`, which has the methods of a Path that readers call.

    Raises
    ------
    RunError
        If there is no such folder, or a URL has a protocol for which no library is installed.
    """
    if not isinstance(store, str) or "://" not in store:
        folder = Path(store)
        if not folder.is_dir():
            hint = "; to read a URL, pass it as text to bitlens.open_run" if _URL_AS_PATH.match(str(folder)) else ""
            raise RunError(f"{folder}: there is no such folder{hint}")
        return folder
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(store)
    except ImportError as error:
        raise RunError(f"{store}: expected a URL that fsspec can open, got one without its library: {error}") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{store} cannot be opened: {error}") from None
    return cast(Path, RemotePath(filesystem, path.rstrip("/"), store))


def read_only(path: object) -> OSError:
    """The error of writing to a URL."""
    return OSError(errno.EROFS, "runs at URLs are read-only", str(path))


@dataclass(frozen=True)
class RemotePath:
    """A file or a folder at a URL."""

    filesystem: AbstractFileSystem
    path: str
    url: str
    """What was opened, such as ``zip://my-run::file:///data/runs.zip``, whose path is before the first two colons."""

    def __truediv__(self, name: str) -> RemotePath:
        url, colons, archive = self.url.partition("::")
        path = f"{self.path}/{name}" if self.path else name
        return RemotePath(self.filesystem, path, f"{url.rstrip('/')}/{name}{colons}{archive}")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> RemotePath:
        """The folder that contains it."""
        url, colons, archive = self.url.partition("::")
        path, url = self.path.rpartition("/")[0], url.rstrip("/").rpartition("/")[0]
        return RemotePath(self.filesystem, path, f"{url}{colons}{archive}")

    def open_to_read(self) -> IO[bytes]:
        """Open a file; raises FileNotFoundError, or another OSError if it cannot be opened."""
        try:
            return cast(IO[bytes], self.filesystem.open(self.path, "rb"))
        except (IsADirectoryError, KeyError):  # a zip file does not contain the name
            raise FileNotFoundError(str(self)) from None

    def names(self, kind: str) -> list[str]:
        """Names in a folder that are of a kind, "file" or "directory", ascending; none if there is no such folder."""
        self.filesystem.invalidate_cache()  # the run may be recording
        try:
            entries = self.filesystem.ls(self.path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(Path(entry["name"].rstrip("/")).name for entry in entries if entry["type"] == kind)

    def version(self) -> Any:
        """What changes when the file is replaced; None if there is no such file."""
        try:
            self.filesystem.invalidate_cache()
            return self.filesystem.info(self.path)["size"], self.filesystem.ukey(self.path)
        except (FileNotFoundError, KeyError):
            return None


def content_of(path: RemotePath, limit: int, last: int | None = None) -> bytes | None:
    """The content of a file, or its last bytes; None if it is missing, larger than the limit or cannot be read."""
    try:
        with path.open_to_read() as file:
            size = file.seek(0, os.SEEK_END)
            if size > limit:
                return None
            file.seek(0 if last is None else max(0, size - last))
            return file.read()
    except OSError:
        return None
