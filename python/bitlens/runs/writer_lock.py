"""The lock by which a run has one writer at a time. Readers, and the writers of results, do not take it.

The operating system ends the lock when its process ends, however that happens, so no lock is ever left behind. The
content of the file is only for messages.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time
import warnings
import weakref
from pathlib import Path

from bitlens.runs.layout import LOCK, RunError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_NOT_SUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_LOCKED_BYTE = 2**30
"""Windows locks bytes, which nobody else can read then: this one lies far behind the text."""
_MAX_TEXT_BYTES = 4096

# Descriptors of the locks of this process, by device and inode: some file systems grant a lock to the process that
# holds it already.
_held: dict[tuple[int, int], int] = {}


class WriterLock:
    """The lock of a run's folder, held from its creation until `release`, or until it is collected as garbage.

    A process that is forked from the holder does not hold the lock.

    Parameters
    ----------
    run : Path
        Folder of the run, which exists.

    Raises
    ------
    RunError
        If another writer, of this or another process, holds the lock. The message names it.
    OSError
        If the lock file cannot be written.

    Warns
    -----
    UserWarning
        If the file system has no locks: then a second writer cannot be recognised, and this one continues.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from bitlens.runs.writer_lock import WriterLock
    >>> lock = WriterLock(Path(tempfile.mkdtemp()))
    >>> lock.check()
    >>> lock.release()
    """

    def __init__(self, run: Path) -> None:
        self._path = run / LOCK
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(self._path, flags, 0o666)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise RunError(f"store: {self._path} is a link; expected a file, so remove the link") from None
            raise
        try:
            self._supported = _acquire(descriptor, self._path)
            status = os.fstat(descriptor)
            self._key = status.st_dev, status.st_ino
            if self._key in _held:
                raise _refusal(self._path, descriptor)
            _write_holder(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._process = os.getpid()
        self._release = weakref.finalize(self, _release, descriptor, self._key, self._process)
        _held[self._key] = descriptor

    def check(self) -> None:
        """Raise RunError if this process does not hold the lock any more, so that it must not write."""
        if os.getpid() != self._process:
            raise RunError(
                f"store: {self._path.parent} is being recorded by process {self._process}, from which this process "
                f"({os.getpid()}) was forked; record in that one"
            )
        if not self._release.alive:
            raise RunError(f"store: the writer of {self._path.parent} is closed; open the run with a new one")
        try:
            status = self._path.stat()
        except FileNotFoundError:
            status = None
        if status is None or (self._supported and (status.st_dev, status.st_ino) != self._key):
            raise RunError(
                f"store: {self._path} was removed or replaced while the run was being recorded, so another process may "
                "write to it; open the run with a new writer"
            )

    def release(self) -> None:
        """Give the lock back; nothing happens if it was given back already."""
        self._release()


def _acquire(descriptor: int, path: Path) -> bool:
    """Take the lock; False with a warning if the file system has no locks."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            raise _refusal(path, descriptor) from None
        if error.errno not in _NOT_SUPPORTED:
            raise
        warnings.warn(
            f"{path.parent} is on a file system without file locks ({error.strerror}), so a second writer cannot be "
            "recognised; record into this folder from one process only",
            stacklevel=4,
        )
        return False
    return True


def _release(descriptor: int, key: tuple[int, int], process: int) -> None:
    if os.getpid() != process:  # the lock belongs to the process from which this one was forked
        return
    _held.pop(key, None)
    with contextlib.suppress(OSError):  # on a full disk the old text stays, which is only for messages
        os.ftruncate(descriptor, 0)
    if sys.platform == "win32":
        with contextlib.suppress(OSError):  # there was nothing to unlock on a file system without locks
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    os.close(descriptor)


def _close_in_child() -> None:
    """A forked process keeps no descriptor of the lock, which would hold the lock after the end of its owner."""
    for descriptor in _held.values():
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def _write_holder(descriptor: int) -> None:
    """Name the holder in the file, if the disk has space for it."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    holder = json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": since}).encode() + b"\n"
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, holder)


def _refusal(path: Path, descriptor: int) -> RunError:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        text = json.loads(os.read(descriptor, _MAX_TEXT_BYTES))
        own = (text["process"], text["host"]) == (os.getpid(), socket.gethostname())
        holder = f"{'this process, ' if own else ''}process {text['process']} on {text['host']}, since {text['since']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        holder = "another writer, which has not written its name yet"
    return RunError(
        f"store: {path.parent} is being recorded by {holder}; wait until that recording is closed, stop it, or choose "
        "a new folder"
    )
