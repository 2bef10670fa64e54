"""Parameters of measures: what is normalized and refused, JSON and text forms, fields of other versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
import torch

from bitlens import Alignment, EqualWidth, Median, OneBit, Silverman
from bitlens.measures import MEASURES
from bitlens.measures.parameters import Parameters, as_code, as_text, parameter


@dataclass(frozen=True)
class Example(Parameters):
    count: int = parameter(3, "How many.", minimum=2, maximum=9)
    rate: float = parameter(1.01, "How fast.", unit="1/s")
    rule: float | Median | Silverman | Alignment = parameter(Median(), "Which rule.")
    kind: Literal["red", "blue"] = parameter("red", "Which kind.")
    flag: bool = parameter(False, "Whether.")
    note: str | None = parameter(None, "Any text.")
    layers: tuple[str, ...] | None = parameter(None, "Which layers.")
    samples: int | tuple[int, ...] = parameter(10, "How many, or which.")


@dataclass(frozen=True)
class Grown(Example):
    added: int = parameter(5, "A field of a later version.", absent=1)


SAME = [
    ("rate", [1.01, np.float32(1.01), np.float64(1.01), np.array(1.01, np.float32), torch.tensor(1.01)], 1.01),
    ("rate", [2, 2.0, np.int64(2), np.float16(2)], 2.0),
    ("rate", [-0.0, 0, 0.0, np.float32(-0.0)], 0.0),
    ("count", [4, np.int64(4), np.uint8(4), torch.tensor(4)], 4),
    ("layers", [("a", "b"), ["a", "b"], np.array(["a", "b"])], ("a", "b")),
    ("samples", [[1, 2], (1, 2), np.array([1, 2]), range(1, 3)], (1, 2)),
    ("samples", [7, np.int32(7)], 7),
    ("note", ["\u00e9", "e\u0301"], "\u00e9"),
    ("rule", [Silverman(5), Silverman(5.0), Silverman(np.float32(5))], Silverman(5.0)),
    ("rule", [2, np.float64(2)], 2.0),
]


@pytest.mark.parametrize(("name", "given", "expected"), SAME)
def test_equal_values_are_one_value(name: str, given: list[object], expected: object) -> None:
    made = [Example(**{name: value}) for value in given]
    assert all(getattr(one, name) == expected and type(getattr(one, name)) is type(expected) for one in made)
    assert len({str(one.to_json()) for one in made}) == 1


REFUSED = [
    ("count", 1, ValueError, "count: expected 2 to 9, got 1"),
    ("count", 10, ValueError, "count: expected 2 to 9, got 10"),
    ("count", True, TypeError, "count: expected an integer, got True"),
    ("count", 3.0, TypeError, r"count: expected an integer, got 3\.0"),
    ("count", None, TypeError, "count: expected int, got None"),
    ("rate", float("nan"), ValueError, "rate: expected a finite number, got nan"),
    ("rate", np.inf, ValueError, "rate: expected a finite number, got inf"),
    ("rate", "fast", TypeError, "rate: expected float, got 'fast'"),
    ("rate", True, TypeError, "rate: expected float, got True"),
    ("kind", "green", ValueError, "kind: expected 'red' or 'blue', got 'green'"),
    ("flag", 1, TypeError, "flag: expected bool, got 1"),
    ("layers", "conv1", TypeError, "layers: expected list of str or None, got 'conv1'"),
    ("rule", Alignment(labels=np.arange(3)), ValueError, "rule: labels of Alignment cannot be stored; leave it out"),
    ("rule", Silverman(float("inf")), ValueError, "rule: h: expected a finite number, got inf"),
    ("rule", OneBit(), TypeError, "rule: expected float or Median or Silverman or Alignment, got OneBit"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), REFUSED)
def test_refused(name: str, value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Example(**{name: value})


CHANGED = Example(rule=Silverman(0.1), layers=["a"], samples=[3, 1], note="x", flag=True, kind="blue")


@pytest.mark.parametrize("example", [Example(), CHANGED, Example(rule=Alignment(smallest=0.1)), Example(rule=0.5)])
def test_json_gives_the_same_parameters(example: Example) -> None:
    assert Example.from_json(example.to_json()) == (example, {})


def test_unknown_fields_are_returned() -> None:
    parameters, unknown = Example.from_json(Example().to_json() | {"newer": [1, 2]})
    assert (parameters, unknown) == (Example(), {"newer": [1, 2]})


def test_an_absent_field_has_its_declared_meaning() -> None:
    old = Example().to_json()
    parameters, _ = Grown.from_json(old)
    assert parameters.added == 1
    assert parameters.to_json() == old  # so that the key of results of before stays the same
    assert Grown().to_json()["added"] == 5
    with pytest.raises(ValueError, match="rate: expected a stored value, got none"):
        Example.from_json({name: value for name, value in old.items() if name != "rate"})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("count", "4", 4),
        ("rate", "1e-3", 0.001),
        ("rule", "Silverman(5)", Silverman(5.0)),
        ("rule", "silverman(h=0.1)", Silverman(0.1)),
        ("rule", "median", Median()),
        ("rule", "2.5", 2.5),
        ("kind", "blue", "blue"),
        ("flag", "true", True),
        ("layers", "none", None),
        ("samples", "[1, 2]", (1, 2)),
    ],
)
def test_text_of_a_command_line(name: str, text: str, expected: object) -> None:
    (field,) = [field for field in Example.fields() if field.name == name]
    value = field.parse(text)
    assert value == expected
    assert field.parse(as_text(value)) == expected


@pytest.mark.parametrize("text", ["four", "__import__('os')", "Silverman(open('x'))", "Median(", "Unknown(3)", ""])
def test_text_that_is_not_a_value_is_refused(text: str) -> None:
    (field,) = [field for field in Example.fields() if field.name == "rule"]
    with pytest.raises(ValueError, match=r"^rule: expected float or Median or Silverman or Alignment, got"):
        field.parse(text)


def test_code_of_a_value_runs() -> None:
    import bitlens

    for value in (Silverman(0.1), EqualWidth(3), 1.5, "text", ("a", "b")):
        assert eval(as_code(value), {"bitlens": bitlens}) == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_every_measure_documents_its_parameters(measure) -> None:
    assert measure.__doc__.index("Parameters\n----------\nrun : Run") < measure.__doc__.index("Returns\n-------")
    for field in measure.Parameters.fields():
        assert field.help.endswith((".", ")"))
        assert f"\n{field.name} : " in measure.__doc__
        assert field.normalize(field.default) == field.default
