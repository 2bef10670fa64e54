"""Tensor files of a run in the safetensors format: written in one pass, and checked before any array is made.

The format is 8 bytes with the length of the header, a header in JSON, and the bytes of the tensors without gaps. The
files are read without a memory map: the process would end if a mapped file were cut.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from math import prod
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from bitlens.arrays import NDArray
from bitlens.runs.files import atomic_write
from bitlens.runs.layout import RunError
from bitlens.runs.run_files import open_file

_DTYPES = {
    "BOOL": "|b1",
    "I8": "|i1",
    "U8": "|u1",
    "I16": "<i2",
    "U16": "<u2",
    "F16": "<f2",
    "I32": "<i4",
    "U32": "<u4",
    "F32": "<f4",
    "I64": "<i8",
    "U64": "<u8",
    "F64": "<f8",
    "C64": "<c8",
}
_TYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_BFLOAT16 = "BF16"
"""The upper half of a float32, which NumPy does not have."""
_METADATA = "__metadata__"
_MAX_HEADER_BYTES = 100_000_000  # the limit of the format
_MAX_AXES = 32


def write_tensors(path: Path, tensors: Mapping[str, NDArray], metadata: Mapping[str, str]) -> None:
    """Write a file that appears whole or not at all.

    Raises
    ------
    TypeError
        If an array has a type that the format does not have.
    OSError
        If the folder cannot be written, or the disk is full.
    """
    arrays = {name: _storable(array, name) for name, array in tensors.items()}
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # so that every tensor is aligned
    header: dict[str, Any] = {_METADATA: dict(metadata)}
    offset = 0
    for name in order:
        array = arrays[name]
        end = offset + array.nbytes
        header[name] = {
            "dtype": _TYPE_NAMES[array.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                file.write(arrays[name].reshape(-1).view(np.uint8).data)

    atomic_write(path, write)


def _storable(values: NDArray, name: str) -> NDArray:
    """The array in C order and little-endian."""
    if values.dtype.newbyteorder("<").str not in _TYPE_NAMES:
        raise TypeError(f"{name}: expected truth values, integers, floats or complex64, got {values.dtype}; convert it")
    return np.asarray(values, values.dtype.newbyteorder("<"), order="C")


@dataclass(frozen=True)
class TensorEntry:
    """A tensor as the header describes it."""

    type_name: str
    shape: tuple[int, ...]
    start: int
    """The place of its first byte in the file."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the array that is read: float32 for bfloat16."""
        return np.dtype(np.float32 if self.type_name == _BFLOAT16 else _DTYPES[self.type_name])


class TensorFile:
    """A tensor file that is open for reading; use it in a with statement.

    Parameters
    ----------
    run : Path
        The folder that links may not lead out of.
    path : Path
        The file.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    RunError
        If it is damaged, or cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from bitlens.runs.tensor_file import TensorFile, write_tensors
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_tensors(folder / "a.safetensors", {"a": np.arange(6.0).reshape(2, 3)}, {})
    >>> with TensorFile(folder, folder / "a.safetensors") as file:
    ...     file.entries["a"].shape, file.read_channels("a", [2]).tolist()
    ((2, 3), [[2.0], [5.0]])
    """

    def __init__(self, run: Path, path: Path) -> None:
        self.path = path
        self._file = open_file(run, path)
        try:
            self.entries = _entries(self._file, path)
            """The tensors by their names."""
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> TensorFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def entry(self, name: str, shape: tuple[int, ...] | None = None, dtype: str | None = None) -> TensorEntry:
        """The entry of a tensor; RunError if it is not in the file, or has another shape or type than expected."""
        if name not in self.entries:
            raise RunError(f"{self.path} does not contain {name!r}")
        entry = self.entries[name]
        if (shape or entry.shape) != entry.shape or (dtype or entry.dtype) != entry.dtype:
            wanted = " ".join(map(str, filter(None, (dtype, shape))))
            raise RunError(
                f"{self.path} is damaged: {name!r}: expected {wanted}, got {entry.dtype} {entry.shape}; "
                "it does not belong to this run, or the manifest was changed"
            )
        return entry

    def read(self, name: str) -> NDArray:
        """A whole tensor."""
        entry = self.entry(name)
        if entry.type_name == _BFLOAT16:
            halves = np.empty(entry.shape, np.uint16)
            self._fill(halves, entry.start)
            return np.left_shift(halves.astype(np.uint32), 16).view(np.float32)
        values = np.empty(entry.shape, entry.dtype)
        self._fill(values, entry.start)
        return values if entry.type_name != "BOOL" else values.view(np.uint8) != 0  # a damaged byte may be neither

    def read_channels(self, name: str, channels: Sequence[int]) -> NDArray:
        """Some channels of a tensor [sample, channel, ...]; only these, and those between them, are read."""
        entry = self.entry(name)
        first, last = min(channels), max(channels)
        samples, count, *places = entry.shape
        part = np.empty((samples, last + 1 - first, *places), entry.dtype)
        if part.shape == entry.shape:
            self._fill(part, entry.start)
        elif part.size:
            channel_bytes = prod(places) * entry.dtype.itemsize
            start = entry.start + first * channel_bytes
            starts = range(start, start + samples * count * channel_bytes, count * channel_bytes)
            self._fill_rows(part.reshape(-1).view(np.uint8).data, starts)
        return part[:, np.asarray(channels) - first]

    def _fill(self, values: NDArray, start: int) -> None:
        if values.size:
            self._fill_rows(values.reshape(-1).view(np.uint8).data, [start])

    def _fill_rows(self, buffer: memoryview, starts: Sequence[int]) -> None:
        """Fill a buffer row by row from places in the file; the rows have equal lengths."""
        size = len(buffer) // len(starts)
        try:
            for row, start in enumerate(starts):
                end, place = (row + 1) * size, row * size
                while place < end:  # the system reads at most 2 GiB at once
                    count = self._read_into(buffer[place:end], start + place - row * size)
                    if not count:
                        raise RunError(f"{self.path} is damaged: it was cut while it was read")
                    place += count
        except OSError as error:
            raise RunError(f"{self.path} cannot be read: {error.strerror or error}") from None

    def _read_into(self, buffer: memoryview, start: int) -> int:
        if hasattr(os, "preadv") and isinstance(self._file, FileIO):
            return os.preadv(self._file.fileno(), [buffer], start)
        self._file.seek(start)  # on Windows, or at a URL
        return int(self._file.readinto(buffer))  # type: ignore[attr-defined]


def _entries(file: IO[bytes], path: Path) -> dict[str, TensorEntry]:
    """The header's entries, after a check that the tensors fill the file without gaps."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(_MAX_HEADER_BYTES, size - 8):
        raise RunError(f"{path} is damaged: expected a header and tensors, got {size} bytes of something else")
    try:
        header = json.loads(file.read(length))
        if not isinstance(header, dict):
            raise ValueError(f"expected an object, got {type(header).__name__}")
        header.pop(_METADATA, None)
        entries = {name: _entry(name, entry) for name, entry in header.items()}
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: its header: {error}") from None
    end = 8 + length
    for start, stop in sorted((8 + length + start, 8 + length + stop) for _, start, stop in entries.values()):
        if start != end:
            raise RunError(f"{path} is damaged: its tensors overlap or leave gaps")
        end = stop
    if end != size:
        raise RunError(f"{path} is damaged: expected {end} bytes, got {size}")
    return {
        name: TensorEntry(entry.type_name, entry.shape, 8 + length + start)
        for name, (entry, start, _) in entries.items()
    }


def _entry(name: str, entry: Any) -> tuple[TensorEntry, int, int]:
    """An entry of the header with the ends of its bytes."""
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise ValueError(f"{name!r}: expected type, shape and place")
    kind, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or (kind not in _DTYPES and kind != _BFLOAT16):
        raise ValueError(f"{name!r}: expected a type that NumPy has, got {str(kind)[:20]!r}")
    if not _are_sizes(shape) or len(shape) > _MAX_AXES or not _are_sizes(place) or len(place) != 2:
        raise ValueError(f"{name!r}: expected a shape and two ends")
    itemsize = 2 if kind == _BFLOAT16 else np.dtype(_DTYPES[kind]).itemsize
    if place[1] - place[0] != prod(shape) * itemsize:
        raise ValueError(f"{name!r}: expected {prod(shape) * itemsize} bytes, got {place[1] - place[0]}")
    if any(shape) and prod(size for size in shape if size) > 2**60:
        raise ValueError(f"{name!r}: expected a shape that an array can have")
    return TensorEntry(kind, tuple(shape), 0), place[0], place[1]


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and 0 <= size < 2**63 for size in value)
