"""Reading many result files at once: those with equal headers go into one buffer, one row an epoch."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitlens.runs.remote import RemotePath, content_of
from bitlens.runs.result_header import (
    FORMAT,
    MAX_FILE_BYTES,
    MAX_HEADER_BYTES,
    TAIL,
    DamagedResultError,
    Header,
    Variable,
    decode_header,
)
from bitlens.runs.result_types import StoredArray, StoredSeries

if TYPE_CHECKING:
    from bitlens.arrays import NDArray

# A link is not followed, and a pipe without a writer does not block.
_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)

_ReadInto = Callable[[list[Any]], int]
"""Fills buffers from the start of a file, and returns the number of bytes."""

_FIRST_BUFFER = 2**28
"""Bytes that the buffer of the first series may reserve at once; the others begin with less and grow."""
_NEXT_BUFFER = 2**20


class SeriesReader:
    """Reads the files of one key.

    Parameters
    ----------
    key : str
        Text of the key; files of another key are left out.
    files : int
        How many files will be read at most.
    is_current : callable
        Of a source and an epoch: whether its results are still valid. Others are left out.
    """

    def __init__(self, key: str, files: int, is_current: Callable[[str, int], bool]) -> None:
        self._key = key
        self._files = files
        self._is_current = is_current
        self._rows: list[_Rows] = []

    def read(self, path: str | RemotePath, epoch: int) -> bool:
        """Read the file of an epoch; False if it is missing, damaged, stale or not a regular file."""
        if isinstance(path, RemotePath):
            content = content_of(path, MAX_FILE_BYTES)
            return content is not None and len(content) > 8 + TAIL.size and self.read_content(content, epoch)
        try:
            descriptor = os.open(path, _FLAGS)
        except OSError:  # missing, a link, or not permitted
            return False
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not 8 + TAIL.size < status.st_size <= MAX_FILE_BYTES:
                return False
            return self._read(partial(_read_into, descriptor), status.st_size, epoch)
        except OSError:  # the disk or the file server failed
            return False
        finally:
            os.close(descriptor)

    def read_content(self, content: bytes, epoch: int) -> bool:
        """Read the content of a file that could not be written; False if it is stale."""
        return self._read(partial(_copy_into, content), len(content), epoch)

    def series(self) -> list[StoredSeries]:
        """What was read, one series for each header."""
        return [series for rows in self._rows if (series := rows.series())]

    def _read(self, read_into: _ReadInto, size: int, epoch: int) -> bool:
        for rows in self._rows:
            if rows.file_bytes == size and rows.fill(read_into):
                return self._keep(rows, epoch)
        new_rows = self._new_rows(read_into, size)
        if new_rows is None or not new_rows.fill(read_into) or not self._keep(new_rows, epoch):
            return False
        self._rows.append(new_rows)
        return True

    def _new_rows(self, read_into: _ReadInto, size: int) -> _Rows | None:
        """Rows for the header of a file; None if it is damaged."""
        length = bytearray(8)
        read_into([length])
        header_bytes = 8 + int.from_bytes(length, "little")
        if header_bytes > min(MAX_HEADER_BYTES, size - TAIL.size):
            return None
        start = bytearray(header_bytes)
        read_into([start])
        try:
            header = decode_header(bytes(start[8:]), size - header_bytes, self._key)
        except DamagedResultError:
            return None
        reserve = _NEXT_BUFFER if self._rows else _FIRST_BUFFER
        return _Rows(start, header, size, self._files, reserve)

    def _keep(self, rows: _Rows, epoch: int) -> bool:
        source = rows.checked_source()
        if source is None or not self._is_current(source, epoch):
            return False
        rows.epochs.append(epoch)
        return True


class _Rows:
    """Files of one header and size: the header once, and a row for the body and tail of each file."""

    def __init__(self, start: bytearray, header: Header, file_bytes: int, files: int, reserve: int) -> None:
        self.file_bytes = file_bytes
        self.epochs: list[int] = []
        self._header = header
        self._known_start = bytes(start)
        self._start = start
        self._crc = zlib.crc32(start)
        self._files = files
        self._row_bytes = file_bytes - len(start)
        stride = -(-self._row_bytes // 8) * 8  # so that every row is aligned
        self._buffer = np.empty((min(files, max(1, reserve // stride)), stride), np.uint8)

    def fill(self, read_into: _ReadInto) -> bool:
        """Read a file into the next row; False if it does not have the header of these rows."""
        count = len(self.epochs)
        if count == len(self._buffer):
            longer = np.empty((min(self._files, 2 * count), self._buffer.shape[1]), np.uint8)
            longer[:count] = self._buffer
            self._buffer = longer
        self._row = memoryview(self._buffer[count])[: self._row_bytes]
        return read_into([self._start, self._row]) == self.file_bytes and self._start == self._known_start

    def checked_source(self) -> str | None:
        """The source of the file just read; None if its checksum is wrong."""
        source, _, form, crc = TAIL.unpack_from(self._row, self._row_bytes - TAIL.size)
        if form != FORMAT or zlib.crc32(self._row[:-4], self._crc) != crc:
            return None
        return _source_text(source)

    def series(self) -> StoredSeries | None:
        """All rows as arrays along the epoch, which are views of the buffer; None without rows.

        Rows whose truth values are not 0 or 1, or whose texts are not in the table, are left out.
        """
        if not self.epochs:
            return None
        valid = np.ones(len(self.epochs), bool)
        for variable in self._header.variables.values():
            limit = variable.largest
            if limit is not None:
                numbers = self._view(variable).view(variable.number_dtype)
                valid &= (numbers <= limit).reshape(len(valid), -1).all(axis=1)
        if not valid.all():
            self._buffer = self._buffer[: len(valid)][valid]
            self.epochs = [epoch for epoch, good in zip(self.epochs, valid, strict=True) if good]
        if not self.epochs:
            return None
        variables = {name: self._array(variable) for name, variable in self._header.variables.items()}
        return StoredSeries(self.epochs, variables, self._header.coordinates)

    def _view(self, variable: Variable) -> NDArray:
        stride, shape = self._buffer.shape[1], (len(self.epochs), *variable.shape)
        strides = [variable.dtype.itemsize]
        for size in variable.shape[:0:-1]:
            strides.insert(0, strides[0] * size)
        return np.ndarray(
            shape, variable.dtype, self._buffer, variable.offset, (stride, *strides[: len(variable.shape)])
        )

    def _array(self, variable: Variable) -> StoredArray:
        values = self._view(variable)
        if variable.table is not None:
            values = variable.table[values]
        return StoredArray(("epoch", *variable.dims), values, variable.attributes)


def read_source(path: str | RemotePath) -> str | None:
    """The source that a file's tail names, without a look at the rest; None if it is not a result's file."""
    if isinstance(path, RemotePath):
        return _source_in(content_of(path, MAX_FILE_BYTES, TAIL.size) or b"")
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size < TAIL.size:
            return None
        tail = bytearray(TAIL.size)
        if _read_into(descriptor, [tail], status.st_size - TAIL.size) != TAIL.size:
            return None
        return _source_in(tail)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _source_in(tail: bytes | bytearray) -> str | None:
    if len(tail) != TAIL.size:
        return None
    source, _, form, _ = TAIL.unpack(tail)
    return _source_text(source) if form == FORMAT else None


def read_small_file(path: str | Path) -> bytes:
    """Content of a regular file of at most 4 MiB; empty if there is no such file."""
    if isinstance(path, RemotePath):
        return content_of(path, MAX_HEADER_BYTES) or b""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return b""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_HEADER_BYTES:
            return b""
        return os.read(descriptor, status.st_size)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _source_text(source: bytes) -> str:
    return source.rstrip(b"\0").decode("ascii", "replace")


def content_source(content: bytes) -> str:
    """The source that the tail of a file's content names."""
    return _source_text(TAIL.unpack_from(content, len(content) - TAIL.size)[0])


def _copy_into(content: bytes, buffers: list[Any]) -> int:
    total = 0
    for buffer in buffers:
        part = content[total : total + len(buffer)]
        buffer[: len(part)] = part
        total += len(part)
    return total


def _read_into(descriptor: int, buffers: list[Any], offset: int = 0) -> int:
    """Fill buffers from a place in a file; gives the number of bytes, fewer if the file is shorter."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, buffers, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)  # on Windows
    total = 0
    for buffer in buffers:
        content = os.read(descriptor, len(buffer))
        buffer[: len(content)] = content
        total += len(content)
    return total
