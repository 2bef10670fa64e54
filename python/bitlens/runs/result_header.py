"""The header of a stored result. Names, types and sizes in it are checked before any array is made."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bitlens.runs.result_types import StoredArray

if TYPE_CHECKING:
    from bitlens.arrays import NDArray

MAX_FILE_BYTES = 2**30
MAX_HEADER_BYTES = 2**22
MAX_TEXT = 4096
"""Characters of a name, an attribute or a text in an array."""
MAX_TEXT_BYTES = 2**26
"""Bytes of one array of texts in memory."""
SOURCE_BYTES = 64
TAIL = struct.Struct(f"<{SOURCE_BYTES}sd4sI")
"""Source, seconds since 1970, format, CRC-32."""
FORMAT = b"BLR1"

TAIL_NAME = "bitlens.tail"
_EPOCH = "epoch"
TEXT = "text"
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
}
TYPE_NAMES = {text: name for name, text in _DTYPES.items()}
_PYTHON_TYPES = {"b": bool, "i": int, "u": int, "f": float}


class DamagedResultError(ValueError):
    """A file is not a result, or not one that is safe to read."""


@dataclass(frozen=True)
class Variable:
    """Where a variable lies in the body, as the header describes it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    dims: tuple[str, ...]
    attributes: dict[str, str]
    table: NDArray | None
    """The texts that the numbers stand for, if the variable holds texts."""

    @property
    def largest(self) -> int | None:
        """The largest number that a truth value or the place of a text may be; None for other variables."""
        if self.table is not None:
            return len(self.table) - 1
        return 1 if self.dtype.kind == "b" else None

    @property
    def number_dtype(self) -> np.dtype[Any]:
        """Type of the values as numbers: a truth value is a byte."""
        return np.dtype(np.uint8) if self.dtype.kind == "b" else self.dtype


@dataclass(frozen=True)
class Header:
    """What all files of a series have in common."""

    variables: dict[str, Variable]
    coordinates: dict[str, StoredArray]


def decode_header(text: bytes, row_bytes: int, key: str) -> Header:
    """Read and check the header of a file of `key`, whose body and tail take `row_bytes`.

    Raises
    ------
    DamagedResultError
        If it is not the header of such a file.
    """
    header = _json_object(text)
    metadata = header.pop("__metadata__", None)
    _require(
        isinstance(metadata, dict) and metadata.keys() == {"format", "key", "variables", "coordinates"}, "metadata"
    )
    _require(metadata["format"] == FORMAT.decode() and metadata["key"] == key, "it is of another key or format")
    described, coordinates = _json_object(metadata["variables"]), _json_object(metadata["coordinates"])
    tail = header.pop(TAIL_NAME, None)
    _require(tail == tensor_entry("U8", (TAIL.size,), row_bytes - TAIL.size, TAIL.size), "the tail")
    _require(described.keys() == header.keys(), "variables")
    _require(not described.keys() & coordinates.keys(), "a variable has the name of a coordinate")
    _require(_EPOCH not in described.keys() | coordinates.keys(), "the name 'epoch' is that of the first axis")
    entries = {name: _checked_entry(name, header[name]) for name in described}
    end = 0
    for dtype, shape, offset in sorted(entries.values(), key=lambda entry: (entry[2], prod(entry[1]))):
        _require(offset == end, "its tensors do not tile the body")
        end = offset + prod(shape) * dtype.itemsize
    _require(end == row_bytes - TAIL.size, "its tensors do not tile the body")
    variables = {name: _variable(name, described[name], *entries[name]) for name in described}
    labels = {name: _decoded_coordinate(name, entry) for name, entry in coordinates.items()}
    sizes: dict[str, int] = {}
    for named, shape in [
        *((variable.dims, variable.shape) for variable in variables.values()),
        *((label.dims, label.values.shape) for label in labels.values()),
    ]:
        for dim, size in zip(named, shape, strict=True):
            _require(sizes.setdefault(dim, size) == size, f"dimension {dim!r} has two sizes")
    return Header(variables, labels)


def tensor_entry(dtype: str, shape: tuple[int, ...], offset: int, size: int) -> dict[str, Any]:
    """How the header lists one tensor."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise DamagedResultError(f"not a result that can be stored: {what}")


def _json_object(text: Any) -> dict[str, Any]:
    _require(isinstance(text, (str, bytes)), "expected JSON text")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    _require(isinstance(value, dict) and all(0 < len(name) <= MAX_TEXT for name in value), "expected a JSON object")
    assert isinstance(value, dict)
    return value


def _checked_shape(name: str, shape: Any) -> tuple[int, ...]:
    _require(isinstance(shape, list) and len(shape) <= 32, f"shape of {name!r}")
    _require(all(type(size) is int and 0 <= size <= MAX_FILE_BYTES for size in shape), f"shape of {name!r}")
    _require(prod(size for size in shape if size) <= MAX_FILE_BYTES, f"shape of {name!r}")
    return tuple(shape)


def _checked_entry(name: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    _require(isinstance(entry, dict) and entry.keys() == {"dtype", "shape", "data_offsets"}, f"entry of {name!r}")
    _require(isinstance(entry["dtype"], str) and entry["dtype"] in _DTYPES, f"type of {name!r}")
    dtype, shape, offsets = (
        np.dtype(_DTYPES[entry["dtype"]]),
        _checked_shape(name, entry["shape"]),
        entry["data_offsets"],
    )
    _require(isinstance(offsets, list) and len(offsets) == 2, f"place of {name!r}")
    _require(all(type(offset) is int and 0 <= offset <= MAX_FILE_BYTES for offset in offsets), f"place of {name!r}")
    _require(offsets[1] - offsets[0] == prod(shape) * dtype.itemsize, f"size of {name!r}")
    return dtype, shape, offsets[0]


def _checked_labels(name: str, entry: Any, axes: int) -> tuple[tuple[str, ...], dict[str, str]]:
    dims, attributes = entry["dims"], entry["attributes"]
    _require(isinstance(dims, list) and len(dims) == axes, f"dimensions of {name!r}")
    _require(all(_is_text(dim) and dim != _EPOCH for dim in dims) and len(set(dims)) == axes, f"dimensions of {name!r}")
    _require(isinstance(attributes, dict), f"attributes of {name!r}")
    _require(all(_is_text(text) for item in attributes.items() for text in item), f"attributes of {name!r}")
    return tuple(dims), attributes


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _texts(name: str, values: Any, count: int) -> NDArray:
    """Texts as an array, after a look at what `count` of the longest would take."""
    _require(isinstance(values, list) and all(_is_text(text) for text in values), f"texts of {name!r}")
    longest = max(map(len, values), default=0)
    _require(4 * longest * max(count, len(values)) <= MAX_TEXT_BYTES, f"texts of {name!r}")
    return np.array(values, np.dtype(f"<U{max(longest, 1)}"))


def _variable(name: str, entry: Any, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> Variable:
    _require(isinstance(entry, dict) and {"dims", "attributes"} <= entry.keys(), f"entry of {name!r}")
    dims, attributes = _checked_labels(name, entry, len(shape))
    table = _texts(name, entry["table"], prod(shape)) if "table" in entry else None
    _require(table is None or dtype.kind == "u", f"type of {name!r}")
    return Variable(dtype, shape, offset, dims, attributes, table)


def _decoded_coordinate(name: str, entry: Any) -> StoredArray:
    _require(isinstance(entry, dict) and entry.keys() == {"dims", "attributes", "dtype", "shape", "values"}, repr(name))
    shape, values, kind = _checked_shape(name, entry["shape"]), entry["values"], entry["dtype"]
    dims, attributes = _checked_labels(name, entry, len(shape))
    _require(isinstance(values, list) and len(values) == prod(shape), f"values of {name!r}")
    if kind == TEXT:
        return StoredArray(dims, _texts(name, values, len(values)).reshape(shape), attributes)
    _require(isinstance(kind, str) and kind in _DTYPES, f"type of {name!r}")
    dtype = np.dtype(_DTYPES[kind])
    _require(all(type(value) is _PYTHON_TYPES[dtype.kind] for value in values), f"values of {name!r}")
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        _require(all(limits.min <= value <= limits.max for value in values), f"values of {name!r}")
    with np.errstate(over="ignore"):
        return StoredArray(dims, np.array(values, dtype).reshape(shape), attributes)
