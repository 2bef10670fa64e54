"""A safetensors file that is written row by row, so that its tensors need not be in memory together."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from bitlens.arrays import NDArray

_DTYPES = {"float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64"}


class RowFile:
    """Tensors of given shapes, [row, ...], whose rows are written in any order.

    Parameters
    ----------
    path : Path
        The file, which is replaced.
    shapes : mapping of str to tuple
        Shape of every tensor.
    dtype : str
        Type of all tensors.
    metadata : mapping of str to str
        Texts to keep in the header.
    """

    def __init__(
        self, path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: str, metadata: Mapping[str, str]
    ) -> None:
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._shapes = dict(shapes)
        header: dict[str, object] = {"__metadata__": dict(metadata)}
        self._starts: dict[str, int] = {}
        end = 0
        for name, shape in shapes.items():
            start, end = end, end + math.prod(shape) * self._dtype.itemsize
            self._starts[name] = start
            header[name] = {"dtype": _DTYPES[dtype], "shape": list(shape), "data_offsets": [start, end]}
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)  # the format asks for values at multiples of 8
        self._values = 8 + len(text)
        self._file = path.open("wb")
        self._file.write(len(text).to_bytes(8, "little") + text)
        self._file.truncate(self._values + end)

    def __enter__(self) -> RowFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, name: str, first: int, rows: NDArray) -> None:
        """Write consecutive rows of a tensor, from the row `first` on."""
        shape = self._shapes[name]
        if rows.shape[1:] != shape[1:] or first + len(rows) > shape[0]:
            raise ValueError(f"rows: expected rows of shape {shape[1:]} up to row {shape[0]}, got {rows.shape}")
        row_bytes = math.prod(shape[1:]) * self._dtype.itemsize
        self._file.seek(self._values + self._starts[name] + first * row_bytes)
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)
