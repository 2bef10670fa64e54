"""Opening the files of a run, whose content is not trusted: never through a link that leads out of the run's folder."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import IO, cast

from bitlens.runs.layout import EPOCHS, RunError
from bitlens.runs.remote import RemotePath

EPOCH_FILE = re.compile(r"([0-9]{4}|[1-9][0-9]{4,17})\.safetensors")

# A pipe without a writer does not block.
_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)


def inside(run: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """The path of a file or folder of a run, which need not exist; RunError if a link leads out of the run.

    The run's folder may be a link itself, and links within the run to other places in it are followed.
    """
    if isinstance(path, RemotePath):
        return cast(Path, path)
    place, full = Path(run), Path(path)
    for part in full.relative_to(place).parts:
        place = place / part
        if place.is_symlink():
            _check_target(run, place)
    return full


def _check_target(run: str | os.PathLike[str], link: Path) -> None:
    target = Path(os.path.realpath(link))  # does not raise where links form a ring
    if not target.is_relative_to(os.path.realpath(run)):
        raise RunError(
            f"{link} is a link that leads out of the run, to {target}; it is not followed, so replace it by a copy"
        )


def open_file(run: str | os.PathLike[str], path: Path) -> IO[bytes]:
    """Open a regular file of a run for reading, without a buffer, or a file at a URL.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    RunError
        If it cannot be read, is not a regular file, or a link leads out of the run.
    """
    try:
        if isinstance(path, RemotePath):
            return path.open_to_read()
        descriptor = os.open(inside(run, path), _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RunError(f"{path} is damaged: expected a file, got a folder or a device; remove it")
    return os.fdopen(descriptor, "rb", buffering=0)


def read_file(run: str | os.PathLike[str], path: Path, limit: int) -> bytes:
    """The content of a regular file of a run, of at most `limit` bytes; raises as `open_file` does."""
    with open_file(run, path) as file:
        try:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if size > limit:
                raise RunError(f"{path} is damaged: expected at most {limit} bytes, got {size}")
            return file.read()
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror or error}") from None


def recorded_epochs(run: Path, what: str = EPOCHS) -> list[int]:
    """Epochs whose activations, or weights, are complete on disk, ascending."""
    folder = inside(run, run / what)
    try:
        return listed_epochs(folder)
    except OSError as error:
        raise RunError(f"{folder} cannot be read: {error.strerror or error}") from None


def listed_epochs(folder: Path) -> list[int]:
    """Epochs that a folder has files of, ascending."""
    try:
        # PTH208: faster than a Path for each file
        names = folder.names("file") if isinstance(folder, RemotePath) else os.listdir(folder)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(match[1]) for match in map(EPOCH_FILE.fullmatch, names) if match)
