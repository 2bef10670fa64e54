"""Options of several commands, and those of `bitlens measure` that the parameters of the measures declare."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from bitlens.measures import COMPUTED, parameter_fields
from bitlens.measures.parameters import as_text

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a recorded run.")]
Csv = Annotated[Path | None, typer.Option(help="Folder for the results as CSV files.")]


def with_parameter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each parameter of the measures; it receives the given ones as ``parameters``.

    A value that is not given is None, so that each measure keeps its own default.
    """
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "parameters"]
    declared = {name: _option(name, fields) for name, fields in parameter_fields(list(COMPUTED.values())).items()}

    def generated(**given: Any) -> None:
        texts = {name: given.pop(name) for name in declared}
        command(**given, parameters={name: _parsed(name, v) for name, v in texts.items() if v is not None})

    generated.__doc__ = command.__doc__
    generated.__signature__ = inspect.Signature([*own, *declared.values()])  # type: ignore[attr-defined]
    generated.__annotations__ = {p.name: p.annotation for p in [*own, *declared.values()]}
    return generated


def _option(name: str, fields: list[Any]) -> inspect.Parameter:
    """The option of a parameter: its help, and the default of every measure that has it."""
    field = fields[0][1]
    defaults: dict[str, list[str]] = {}
    for measure, declared in fields:
        defaults.setdefault(as_text(declared.default), []).append(measure.name)
    used = "; ".join(f"{', '.join(names)}: {default}" for default, names in defaults.items())
    bounds = f" {field.bounds.capitalize()}." if field.bounds else ""
    text = f"{field.help}{bounds} Default of {used}."
    flag = _flag(name)
    annotation: Any
    if field.annotation is bool:
        annotation = Annotated[bool | None, typer.Option(f"{flag}/--no-{flag[2:]}", help=text)]
    else:
        annotation = Annotated[str | None, typer.Option(flag, help=text, metavar=_metavar(field))]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=None, annotation=annotation)


def _parsed(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    field = parameter_fields(list(COMPUTED.values()))[name][0][1]
    try:
        return field.parse(value)
    except (ValueError, TypeError) as error:
        raise typer.BadParameter(str(error).partition(": ")[2], param_hint=f"'{_flag(name)}'") from None


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _metavar(field: Any) -> str:
    if field.choices:
        return f"[{'|'.join(field.choices)}]"
    kinds = {int: "INTEGER", float: "NUMBER", int | None: "INTEGER"}
    options = get_args(field.annotation) or (field.annotation,)
    return kinds.get(field.annotation, "RULE" if float in options else "TEXT")
