"""The key of a stored series of results: measure, version and settings as one canonical text."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEASURE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, eq=False)
class ResultKey:
    """What identifies a series of results over epochs; keys are equal if their texts are equal.

    Parameters
    ----------
    measure : str
        Name of the measure: letters, digits, "-" and "_".
    version : int
        Version of the measure's numbers.
    settings : mapping of str
        What it was measured of ("layer", or "a" and "b") and every parameter, as values that JSON has. The measure
        gives equal values in one form: 2.0 for a float field, not 2 or ``np.float32(2)``.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a value that JSON has. NaN and infinity are refused.

    Examples
    --------
    >>> from bitlens.runs import ResultKey
    >>> ResultKey("channel_entropies", 1, {"layer": "conv1", "bins": 32}).text
    '{"measure":"channel_entropies","settings":{"bins":32,"layer":"conv1"},"version":1}'
    """

    measure: str
    version: int
    settings: Mapping[str, Any]
    text: str = field(init=False, repr=False)
    """Canonical JSON of measure, version and settings."""
    digest: str = field(init=False, repr=False)
    """16 hexadecimal digits of the text's SHA-256."""

    def __post_init__(self) -> None:
        if not isinstance(self.measure, str) or not MEASURE_NAME.fullmatch(self.measure):
            raise ValueError(f"measure: expected a name of letters, digits, '-' and '_', got {self.measure!r}")
        if type(self.version) is not int or not 0 <= self.version < 10**9:
            raise ValueError(f"version: expected an integer from 0 on, got {self.version!r}")
        _check_names(self.settings)
        content = {"measure": self.measure, "settings": dict(self.settings), "version": self.version}
        try:
            text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise type(error)(f"settings: expected values that JSON has, got {self.settings!r}; {error}") from None
        object.__setattr__(self, "settings", json.loads(text)["settings"])
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "digest", hashlib.sha256(text.encode()).hexdigest()[:16])

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, ResultKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)


def _check_names(value: Any) -> None:
    """JSON would turn other names into texts, so that two keys would look equal."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                raise TypeError(f"settings: expected names that are texts, got {name!r}")
            _check_names(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_names(item)
