"""Flags from dataclass fields: a setting defines name, type, default, help, choices and bounds once."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import typer

from impasto.settings.base import Settings, plain_type

METAVARS = {int: "INTEGER", float: "NUMBER", str: "TEXT", tuple: "TEXT"}


def parameters(
    kind: type[Settings],
    panel: Callable[[str], str],
    *,
    short: Mapping[str, str] = MappingProxyType({}),
    reversible: bool = True,
) -> list[inspect.Parameter]:
    """Return one keyword parameter for each field, for Typer.

    `panel` returns the section of a field in the help, `short` has the short flags. All defaults are None, so that a
    flag on the command line differs from a default. With `reversible`, a bool is a pair `--x/--no-x`.
    """
    hints = typing.get_type_hints(kind)
    return [
        _parameter(field, plain_type(hints[field.name])[0], panel(field.name), short.get(field.name), reversible)
        for field in dataclasses.fields(kind)
    ]


def positional(name: str, help: str) -> inspect.Parameter:
    """Return a required argument for a picture."""
    about = typer.Argument(metavar=name.upper(), help=help, show_default=False)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str, about])


def command(
    name: str, help: str, parameters: list[inspect.Parameter], call: Callable[..., None]
) -> Callable[..., None]:
    """Return a function with these parameters, for a command of Typer."""

    def function(**values: Any) -> None:
        call(**values)

    function.__name__, function.__doc__ = name, help
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


def explicit_values(kind: type[Settings], values: dict[str, Any]) -> dict[str, Any]:
    """Return the `values` that are fields of `kind` and stand on the command line.

    >>> from impasto.settings.synthesis import StylizeSettings
    >>> explicit_values(StylizeSettings, {"size": 64, "steps": None, "mix": [], "output": "a.png"})
    {'size': 64}
    """
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in values.items() if name in names and value is not None and value != []}


def _parameter(
    field: dataclasses.Field[Any], kind: type, panel: str, short: str | None, reversible: bool
) -> inspect.Parameter:
    dashed = field.name.replace("_", "-")
    choices = field.metadata["choices"]
    about = typer.Option(
        f"--{dashed}/--no-{dashed}" if kind is bool and reversible else f"--{dashed}",
        *([short] if short else []),
        help=_help(field),
        metavar="NAME" if choices else METAVARS.get(kind),
        show_default=False,  # Typer's default would be None
        rich_help_panel=panel,
        autocompletion=_completion(choices),
    )
    kind = list[str] if kind is tuple else kind  # a flag that may be repeated
    annotation = Annotated[kind | None, about]  # type: ignore[valid-type]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _help(field: dataclasses.Field[Any]) -> str:
    """Return the help text, such as `how long to work: draft, standard, fine (default standard)`."""
    choices = field.metadata["choices"]
    facts = [fact for fact in (_bounds(field.metadata["minimum"], field.metadata["maximum"]), _default(field)) if fact]
    words = field.metadata["help"] + (f": {', '.join(choices)}" if choices else "")
    return f"{words} ({'; '.join(facts)})" if facts else str(words)


def _bounds(low: float | None, high: float | None) -> str:
    if high is None or high > 10**9:  # a technical bound, such as that of an integer type
        return "" if low is None else f"at least {low:g}"
    return f"at most {high:g}" if low is None else f"{low:g} to {high:g}"


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default
    if value is None or value is False or value == ():
        return ""
    return f"default {value:g}" if isinstance(value, float) else f"default {value}"


def _completion(choices: Sequence[str] | None) -> Callable[[str], list[str]] | None:
    return (lambda incomplete: [name for name in choices if name.startswith(incomplete)]) if choices else None
