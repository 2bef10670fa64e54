"""Ids of the files that results are measured from, by which a result of a replaced file is recognised.

`RunWriter` gives every file a random id. A file without one, such as those of bitlens 0.1.0, is identified by its
content.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from bitlens.runs.remote import RemotePath

_NAME = "bitlens_id"
_ID = re.compile(r"[0-9a-f]{32}")
_MAX_HEADER_BYTES = 2**24
_SAMPLE_BYTES = 2**16


def new_id() -> str:
    """A random id."""
    return secrets.token_hex(16)


def id_metadata(identity: str) -> dict[str, str]:
    """The metadata of a safetensors file that has an id."""
    return {_NAME: identity}


def file_id(path: str | os.PathLike[str] | RemotePath) -> str | None:
    """The id of a safetensors file, 32 hexadecimal digits; None if there is no such regular file.

    The file is read again only when its inode, modification time or size has changed; one at a URL, when fsspec sees a
    change.
    """
    if isinstance(path, RemotePath):
        version = path.version()
        return None if version is None else _read_remote_id(path, version)
    try:
        status = os.stat(path)  # noqa: PTH116, faster than a Path
        if not stat.S_ISREG(status.st_mode):
            return None
        return _read_id(os.fspath(path), status.st_ino, status.st_mtime_ns, status.st_size)
    except (FileNotFoundError, NotADirectoryError):
        return None


@lru_cache(maxsize=2**16)
def _read_id(path: str, inode: int, mtime_ns: int, size: int) -> str:
    with Path(path).open("rb") as file:
        return _id_in(file, size)


@lru_cache(maxsize=2**16)
def _read_remote_id(path: RemotePath, version: Any) -> str:
    with path.open_to_read() as file:
        return _id_in(file, file.seek(0, os.SEEK_END))


def _id_in(file: IO[bytes], size: int) -> str:
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    header = file.read(length) if length <= _MAX_HEADER_BYTES else b""
    try:
        identity = json.loads(header)["__metadata__"][_NAME]
    except (ValueError, KeyError, TypeError, RecursionError):
        identity = None
    if isinstance(identity, str) and _ID.fullmatch(identity):
        return identity
    file.seek(0)
    first = file.read(_SAMPLE_BYTES)
    file.seek(max(size - _SAMPLE_BYTES, 0))
    last = file.read(_SAMPLE_BYTES)
    digest = hashlib.sha256(f"{size} {len(header)} ".encode())
    for content in (header, first, last):
        digest.update(content)
    return digest.hexdigest()[:32]
