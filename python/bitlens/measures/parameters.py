"""Parameters of a measure: each is declared once, with its default, its bounds and a line of help.

A value is normalized by the declared type of its field when the parameters are made, so that the key of a stored
result and the computation see the same value: ``np.float32(1.01)`` is 1.01, 2 is 2.0 in a float field.
"""

from __future__ import annotations

import ast
import dataclasses
import math
import types
import typing
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self, Union, get_args, get_origin

import numpy as np

from bitlens.arrays import check_integer

_METADATA = "bitlens"
_NOT_GIVEN: Any = object()


@dataclass(frozen=True)
class Field:
    """The declaration of one parameter."""

    name: str
    annotation: Any
    default: Any
    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    absent: Any = _NOT_GIVEN
    """The value that the absence of the field means in results of before it was declared."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that a Literal allows; empty for other types."""
        options = [option for option in _options(self.annotation) if get_origin(option) is Literal]
        return tuple(choice for option in options for choice in get_args(option))

    def normalize(self, value: object) -> Any:
        """The value as the declared type of the field; TypeError or ValueError names the field."""
        normalized = _normalized(value, _options(self.annotation), self.name)
        number = isinstance(normalized, int | float) and not isinstance(normalized, bool)
        too_small = number and self.minimum is not None and normalized < self.minimum
        if too_small or (number and self.maximum is not None and normalized > self.maximum):
            raise ValueError(f"{self.name}: expected {self.bounds}, got {normalized}")
        return normalized

    @property
    def bounds(self) -> str:
        """The allowed range in plain text; empty where every number is allowed."""
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"at least {self.minimum:g}"
        return f"at most {self.maximum:g}" if self.maximum is not None else ""

    def parse(self, text: str) -> Any:
        """A value from the text of a command line or an address, such as ``32``, ``renyi`` or ``Silverman(5)``."""
        for option in _options(self.annotation):
            if option is str or get_origin(option) is Literal:
                return self.normalize(text)
        try:
            return self.normalize(_literal(text, _options(self.annotation)))
        except (SyntaxError, ValueError) as error:
            if str(error).startswith(f"{self.name}:"):
                raise
            raise ValueError(f"{self.name}: expected {self.kind}, got {text!r}") from None

    @property
    def kind(self) -> str:
        """The type in plain text, for documentation and error messages."""
        return " or ".join(_kind(option) for option in _options(self.annotation))


def parameter(
    default: Any,
    help: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    absent: Any = _NOT_GIVEN,
) -> Any:
    """Declare a field of `Parameters`: its default, a line of help, its unit and its bounds.

    A field that is added to a measure which has results already also declares the value that its absence means.
    """
    declared = {"help": help, "unit": unit, "minimum": minimum, "maximum": maximum, "absent": absent}
    return dataclasses.field(default=default, metadata={_METADATA: declared})


@dataclass(frozen=True)
class Parameters:
    """Base class of the parameters of a measure; subclasses are frozen dataclasses whose fields use `parameter`."""

    def __post_init__(self) -> None:
        for field in self.fields():
            object.__setattr__(self, field.name, field.normalize(getattr(self, field.name)))

    @classmethod
    def fields(cls) -> tuple[Field, ...]:
        """The declarations, in order."""
        declared: Any = cls
        return _declared_fields(declared)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values by name. A value that equals the declared meaning of absence is left out."""
        values = {field.name: (field, getattr(self, field.name)) for field in self.fields()}
        return {name: _to_json(value) for name, (field, value) in values.items() if value != field.absent}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """The parameters that were stored, and the fields that this version does not know.

        Raises
        ------
        ValueError, TypeError
            If a field is missing that has no declared meaning of absence, or a value does not fit its field.
        """
        values = {}
        for field in cls.fields():
            if field.name in stored:
                values[field.name] = _from_json(stored[field.name], _options(field.annotation))
            elif field.absent is not _NOT_GIVEN:
                values[field.name] = field.absent
            else:
                raise ValueError(f"{field.name}: expected a stored value, got none")
        return cls(**values), {name: value for name, value in stored.items() if name not in values}

    def changed(self) -> dict[str, Any]:
        """The values that differ from their defaults."""
        return {f.name: getattr(self, f.name) for f in self.fields() if getattr(self, f.name) != f.default}

    def __str__(self) -> str:
        return ", ".join(f"{field.name} {as_text(getattr(self, field.name))}" for field in self.fields())


def as_text(value: object) -> str:
    """A value as `Field.parse` reads it again."""
    if isinstance(value, str):
        return value
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


def as_code(value: object) -> str:
    """A value as Python that runs after ``import bitlens``."""
    if dataclasses.is_dataclass(value):
        return f"bitlens.{value!r}"
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


@cache
def _declared_fields(cls: Any) -> tuple[Field, ...]:
    hints = typing.get_type_hints(cls)
    # What the class itself declares comes before what it inherits: it is what callers set most often.
    ordered = sorted(dataclasses.fields(cls), key=lambda field: field.name not in cls.__annotations__)
    return tuple(Field(f.name, hints[f.name], f.default, **f.metadata[_METADATA]) for f in ordered)


def _records(options: tuple[Any, ...]) -> dict[str, Any]:
    """The dataclasses among the options, such as rules and quantizers, by name."""
    return {_kind(option): option for option in options if dataclasses.is_dataclass(option)}


def _options(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the one type."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _kind(option: Any) -> str:
    if option is type(None):
        return "None"
    if get_origin(option) is Literal:
        return " or ".join(map(repr, get_args(option)))
    if get_origin(option) is tuple:
        return f"list of {get_args(option)[0].__name__}"
    return str(option.__name__)


def _normalized(value: Any, options: tuple[Any, ...], name: str) -> Any:
    value = _as_python(value)
    for option in options:
        if option is type(None) and value is None:
            return None
        if dataclasses.is_dataclass(option) and type(value) is option:
            return _normalized_record(value, name)
    plain = [option for option in options if option is not type(None) and not dataclasses.is_dataclass(option)]
    if value is not None and plain:
        # If there are several plain types, a sequence goes to the list and everything else to the first other type.
        lists = [option for option in plain if get_origin(option) is tuple]
        scalars = [option for option in plain if get_origin(option) is not tuple]
        chosen = lists if isinstance(value, list | tuple | range) and lists else scalars or lists
        return _normalized_plain(value, chosen[0], name, " or ".join(map(_kind, options)))
    raise TypeError(f"{name}: expected {' or '.join(map(_kind, options))}, got {value!r}")


def _normalized_plain(value: Any, option: Any, name: str, expected: str) -> Any:
    if get_origin(option) is Literal:
        if value not in get_args(option):
            raise ValueError(f"{name}: expected {' or '.join(map(repr, get_args(option)))}, got {value!r}")
        return value
    if get_origin(option) is tuple:
        if isinstance(value, str) or not isinstance(value, list | tuple | range):
            raise TypeError(f"{name}: expected {expected}, got {value!r}")
        return tuple(_normalized(item, (get_args(option)[0],), name) for item in value)
    if option is int:
        return check_integer(value, name)
    if option is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ValueError(f"{name}: expected a finite number, got {value}")
        return float(value) + 0.0  # -0.0 becomes 0.0
    if option is bool and isinstance(value, bool):
        return value
    if option is str and isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    raise TypeError(f"{name}: expected {expected}, got {value!r}")


def _normalized_record(value: Any, name: str) -> Any:
    """A rule or quantizer, with its own fields normalized."""
    hints = typing.get_type_hints(type(value))
    changed = {}
    for field in dataclasses.fields(value):
        options = _options(hints[field.name])
        given = getattr(value, field.name)
        if not any(option in (int, float, str, bool) for option in options) and given is not None:
            raise ValueError(f"{name}: {field.name} of {type(value).__name__} cannot be stored; leave it out")
        plain = tuple(option for option in options if option in (int, float, str, bool, type(None)))
        changed[field.name] = _normalized(given, plain or (type(None),), f"{name}: {field.name}")
    return dataclasses.replace(value, **changed)


def _as_python(value: Any) -> Any:
    """Scalars of NumPy and PyTorch as the Python number that prints the same."""
    if hasattr(value, "detach") and getattr(value, "ndim", None) == 0:
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        value = value[()] if value.ndim == 0 else value.tolist()
    if isinstance(value, np.floating):
        return float(str(value))  # the shortest decimal: 1.01 for np.float32(1.01)
    return value.item() if isinstance(value, np.generic) else value


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **{name: v for name, v in fields.items() if v is not None}}
    return list(value) if isinstance(value, tuple) else value


def _from_json(stored: Any, options: tuple[Any, ...]) -> Any:
    if not isinstance(stored, dict):
        return stored
    record = _records(options).get(str(stored.get("type")))
    if record is not None:
        return record(**{name: value for name, value in stored.items() if name != "type"})
    raise ValueError(f"expected one of {', '.join(map(_kind, options))}, got {stored!r}")


def _literal(text: str, options: tuple[Any, ...]) -> Any:
    """A number, a list, None, or a rule with plain arguments; the names of rules may be in lower case."""
    node = ast.parse(text.strip(), mode="eval").body
    call = node if isinstance(node, ast.Call) else None
    name = call.func if call else node
    if isinstance(name, ast.Name) and name.id.lower() not in ("none", "true", "false"):
        record = {known.lower(): option for known, option in _records(options).items()}.get(name.id.lower())
        if record is None:
            raise ValueError(f"expected one of {', '.join(map(_kind, options))}")
        arguments = [ast.literal_eval(argument) for argument in (call.args if call else [])]
        keywords = {k.arg or "": ast.literal_eval(k.value) for k in (call.keywords if call else [])}
        try:
            return record(*arguments, **keywords)
        except TypeError as error:
            raise ValueError(str(error)) from None
    return ast.literal_eval({"none": "None", "true": "True", "false": "False"}.get(text.strip().lower(), text))
