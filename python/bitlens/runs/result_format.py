"""The bytes of a stored result: a safetensors file whose header is the same at every epoch of a series.

::

    8 bytes   length of the header
    header    JSON: type, shape and place of every tensor; "__metadata__" holds the key, dimensions, attributes,
              coordinates and tables of texts
    body      the variables, those of the largest items first, so that all are aligned
    tail      80 bytes, listed as one more tensor: source, time, format and the CRC-32 of all bytes before it
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bitlens.runs.result_header import (
    FORMAT,
    MAX_FILE_BYTES,
    MAX_HEADER_BYTES,
    MAX_TEXT_BYTES,
    SOURCE_BYTES,
    TAIL,
    TAIL_NAME,
    TEXT,
    TYPE_NAMES,
    DamagedResultError,
    decode_header,
    tensor_entry,
)
from bitlens.runs.result_types import StoredArray, StoredResult

if TYPE_CHECKING:
    from bitlens.arrays import NDArray


def encode_result(key: str, result: StoredResult, source: str) -> bytes:
    """The bytes of a result's file; see the module for its parts.

    Raises
    ------
    TypeError, ValueError
        If an array has a type, a name or a size that cannot be stored.
    """
    described, tensors = {}, {}
    for name, array in result.variables.items():
        values, table = _as_codes(_plain(array.values, name), name, array.texts)
        tensors[name] = values
        described[name] = {"dims": list(array.dims), "attributes": dict(array.attributes)}
        if table is not None:
            described[name]["table"] = table
    metadata = {
        "format": FORMAT.decode(),
        "key": key,
        "variables": json.dumps(described),
        "coordinates": json.dumps({n: _coordinate(n, array) for n, array in result.coordinates.items()}),
    }
    header: dict[str, Any] = {"__metadata__": metadata}
    order = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    offset = 0
    for name in order:
        values = tensors[name]
        header[name] = tensor_entry(TYPE_NAMES[values.dtype.str], values.shape, offset, values.nbytes)
        offset += values.nbytes
    header[TAIL_NAME] = tensor_entry("U8", (TAIL.size,), offset, TAIL.size)
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES or len(text) + offset > MAX_FILE_BYTES - 1024:
        raise ValueError(
            f"result: expected at most {MAX_HEADER_BYTES >> 20} MiB of coordinates and {MAX_FILE_BYTES >> 20} MiB in "
            f"all, got {len(text)} and {offset + len(text)} bytes; measure fewer layers or samples at once"
        )
    try:
        decode_header(text, offset + TAIL.size, key)  # what cannot be read again is not written
    except DamagedResultError as error:
        raise ValueError(f"result: {error}") from None
    content = b"".join([len(text).to_bytes(8, "little"), text, *(tensors[name].tobytes() for name in order)])
    label = source.encode("ascii")
    if len(label) > SOURCE_BYTES:
        raise ValueError(f"source: expected at most {SOURCE_BYTES} characters, got {source!r}")
    tail = TAIL.pack(label, time.time(), FORMAT, 0)[:-4]
    return content + tail + zlib.crc32(tail, zlib.crc32(content)).to_bytes(4, "little")


def _plain(values: NDArray, name: str) -> NDArray:
    """An array in C order and little-endian, or of texts as "<U"; a scalar stays without axes."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an array without a mask; fill or drop what is masked")
    if values.nbytes > MAX_FILE_BYTES:
        raise ValueError(f"{name}: expected at most {MAX_FILE_BYTES >> 20} MiB, got {values.nbytes >> 20} MiB")
    array = np.asarray(values, order="C")
    if array.dtype.kind in "OT":
        if not all(isinstance(text, str) for text in array.flat):
            raise TypeError(f"{name}: expected numbers or texts, got objects")
        texts = array.astype(np.str_)
        if (texts.astype(object) != array.astype(object)).any():
            raise ValueError(f"{name}: a text ends with a NUL character, which NumPy drops; remove it")
        array = texts
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype.kind != "U" and array.dtype.str not in TYPE_NAMES:
        raise TypeError(f"{name}: expected truth values, integers, floats or texts, got {array.dtype}; convert it")
    return array


def _as_codes(values: NDArray, name: str, texts: Sequence[str]) -> tuple[NDArray, list[str] | None]:
    """Texts as numbers and the table of what they stand for; other values as they are."""
    if values.dtype.kind != "U":
        return values, None
    if values.nbytes > MAX_TEXT_BYTES:
        raise ValueError(f"{name}: expected texts of at most {MAX_TEXT_BYTES >> 20} MiB together; shorten the longest")
    table, codes = np.unique(values, return_inverse=True)
    if texts:
        if unknown := set(table.tolist()) - set(texts):
            raise ValueError(f"{name}: expected one of {', '.join(texts)}, got {min(unknown)!r}")
        codes = np.array([texts.index(text) for text in table])[codes]
        table = np.array(texts)
    dtype = np.min_scalar_type(max(len(table) - 1, 0))
    return np.asarray(codes.reshape(values.shape), dtype, order="C"), table.tolist()


def _coordinate(name: str, array: StoredArray) -> dict[str, Any]:
    values = _plain(array.values, name)
    return {
        "dims": list(array.dims),
        "attributes": dict(array.attributes),
        "dtype": TEXT if values.dtype.kind == "U" else TYPE_NAMES[values.dtype.str],
        "shape": list(values.shape),
        "values": values.reshape(-1).tolist(),
    }
