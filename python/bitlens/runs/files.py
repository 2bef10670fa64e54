"""Files that appear whole or not at all, although threads, processes and machines write to one folder at once."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from bitlens.runs.remote import RemotePath, read_only

_LEFTOVER_AGE = 3600.0
"""Seconds after which a temporary file is taken for one of a writer that was killed."""
_ATTEMPTS = 5
# Names of `atomic_write`, and those of safetensors 0.8, which earlier versions of bitlens called to write files.
_TEMPORARY = re.compile(r"\..*\.tmp|\.tmp[A-Za-z0-9]{6}", re.DOTALL)
_UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT}


def atomic_write(path: Path, write: Callable[[Path], object], *, flush: bool = True) -> None:
    """Write a file under a temporary name that no other writer can have, then rename it.

    Parameters
    ----------
    path : Path
        The final name. A file that has it is replaced. Missing folders are made.
    write : callable
        Called with the path of an empty temporary file in the same folder, which it fills.
    flush : bool
        Whether the content is on disk before the file gets its name. Without it, a loss of power may leave a damaged
        file under the final name, so the reader must be able to recognise one.

    Raises
    ------
    OSError
        If the folder cannot be written, or the disk is full.
    """
    for attempt in range(_ATTEMPTS):
        temporary = _new_temporary(path)
        try:
            write(temporary)
            if flush:
                _sync(temporary)
            temporary.replace(path)
            break
        except FileNotFoundError:  # the temporary file, or its folder, was removed meanwhile
            if temporary.exists() or attempt == _ATTEMPTS - 1:
                raise
        finally:
            temporary.unlink(missing_ok=True)
    if flush:
        _sync_folder(path.parent)


def _new_temporary(path: Path) -> Path:
    """Create an empty file in the folder of the final one, with host, process and a random part in its name."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32]
    temporary = path.with_name(f".{path.name}.{host}.{os.getpid()}.{secrets.token_hex(8)}.tmp")
    for attempt in range(_ATTEMPTS):
        try:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            break
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
            path.parent.mkdir(parents=True, exist_ok=True)
    return temporary


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that a file of a run has before it is complete."""
    return _TEMPORARY.fullmatch(name) is not None


def is_unwritable(error: OSError) -> bool:
    """Whether writing failed because the folder is read-only or the disk is full."""
    return isinstance(error, PermissionError) or error.errno in _UNWRITABLE


def why_unwritable(folder: Path) -> OSError | None:
    """The error of an attempt to create a file in a folder, which may be absent; None if it succeeds."""
    if isinstance(folder, RemotePath):
        return read_only(folder)
    try:
        _new_temporary(folder / "attempt").unlink(missing_ok=True)
    except OSError as error:
        if not is_unwritable(error):
            raise
        return error
    return None


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove the temporary files that killed writers have left in some folders.

    Only files older than an hour are removed, because a younger one may belong to a writer that is at work on any
    machine. The age is taken from the clock of the file server, which all machines that share a folder have in common.
    """
    for folder in folders:
        if not folder.is_symlink():
            _remove_leftovers(folder)


def _remove_leftovers(folder: Path) -> None:
    try:
        leftovers = [path for path in folder.iterdir() if is_temporary(path.name)]
        if not leftovers:
            return
        now = _server_time(folder)
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError) or is_unwritable(error):
            return  # nothing can be removed here
        raise
    for path in leftovers:
        # Another process may clean at the same time, and a file of another user stays.
        with contextlib.suppress(FileNotFoundError, PermissionError, IsADirectoryError):
            if now - path.lstat().st_mtime > _LEFTOVER_AGE:
                path.unlink()


def _server_time(folder: Path) -> float:
    clock = _new_temporary(folder / "clock")
    try:
        return clock.stat().st_mtime
    finally:
        clock.unlink(missing_ok=True)


def sync_files(paths: Iterable[Path], top: Path) -> None:
    """Flush some files to disk, and the folders that name them, up to `top`. Files that are gone are passed over."""
    folders = {top}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            _sync(path)
        folders.update(parent for parent in path.parents if parent.is_relative_to(top))
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            _sync_folder(folder)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # on Windows a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
