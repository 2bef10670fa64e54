"""Checks of the fields of a manifest, whose JSON may be damaged or come from a newer version of bitlens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from math import prod
from typing import Any

Check = Callable[[Any], Any]
"""Turns the value of a field in JSON into the value that the class takes; ValueError says what was expected."""

_MAX_AXES = 32
_MAX_CHANNELS = 2**24
_MAX_VALUES = 2**40
"""Values of one sample in one layer."""


def read_fields(entry: Any, cls: type[Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    """The arguments of a dataclass from a JSON object, each checked.

    Fields that have a default may be missing, and fields that the class does not have are ignored: a newer minor
    version may have added them.

    Raises
    ------
    ValueError
        If a field is missing, or its value is not what its check expects.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"expected an object with the fields of a {cls.__name__}, got {shortened(entry)}")
    arguments = {}
    for declared in fields(cls):
        name = declared.name
        if name in entry:
            try:
                arguments[name] = checks[name](entry[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        elif declared.default is MISSING and declared.default_factory is MISSING:
            raise ValueError(f"{name}: is missing")
    return arguments


def text(value: Any) -> str:
    """A text that can be written as UTF-8."""
    if not isinstance(value, str) or value != value.encode("utf-8", "replace").decode("utf-8"):
        raise ValueError(f"expected a text, got {shortened(value)}")
    return value


def name(value: Any) -> str:
    """A text that is not empty."""
    if not text(value):
        raise ValueError("expected a name, got an empty text")
    return str(value)


def truth(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {shortened(value)}")
    return value


def integer(low: int, high: int) -> Check:
    """A check of an integer from `low` to `high`; true and 1.0 are refused."""

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"expected an integer from {low} to {high}, got {shortened(value)}")
        return value

    return check


def one_of(*options: str) -> Check:
    """A check of a text among some options."""

    def check(value: Any) -> str:
        if value not in options:
            raise ValueError(f"expected one of {options}, got {shortened(value)}")
        return str(value)

    return check


def list_of(item: Check) -> Check:
    """A check of a list, which becomes a tuple; the place of a wrong item is named."""

    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"expected a list, got {shortened(value)}")
        items = []
        for place, each in enumerate(value):
            try:
                items.append(item(each))
            except ValueError as error:
                raise ValueError(f"item {place}: {error}") from None
        return tuple(items)

    return check


def texts_by_name(value: Any) -> dict[str, str]:
    """An object whose values are texts."""
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {shortened(value)}")
    return {text(key): text(each) for key, each in value.items()}


def sample_shape(value: Any) -> tuple[int, ...]:
    """The shape of one sample, (channels, ...), of a size that an array can have."""
    shape: tuple[int, ...] = list_of(integer(0, _MAX_VALUES))(value)
    if not 1 <= len(shape) <= _MAX_AXES or shape[0] > _MAX_CHANNELS or prod(shape) > _MAX_VALUES:
        raise ValueError(f"expected (channels, ...) with at most {_MAX_CHANNELS} channels, got {shortened(value)}")
    return shape


def interval(value: Any) -> tuple[int, int]:
    """The ends [first, end) of an interval of lines."""
    ends: tuple[int, ...] = list_of(integer(0, _MAX_VALUES))(value)
    if len(ends) != 2 or ends[0] > ends[1]:
        raise ValueError(f"expected first and end, got {shortened(value)}")
    return ends[0], ends[1]


def shortened(value: Any) -> str:
    """A value for a message, cut where it is long."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # an integer of more than 4300 digits
        shown = f"a {type(value).__name__}"
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
