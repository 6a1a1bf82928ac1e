"""Settings: one frozen dataclass a task, the only source of its options.

Command-line flags, the metadata inside a picture and (later) forms and manifests are all derived from the fields: a
field's `option` carries its help, bounds and choices, `from_mapping` refuses unknown keys, `__post_init__` refuses bad
values.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from impasto.errors import UsageError, choose, nearest

S = TypeVar("S", bound="Settings")


def option(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] | None = None,
) -> Any:
    """A dataclass field with what a person has to know about it."""
    about = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices}
    return dataclasses.field(default=default, metadata=about)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The base of every task's settings: checked when made."""

    def __post_init__(self) -> None:
        """Refuse values of a wrong type, out of bounds or not among the choices, with a UsageError that names the
        field."""
        kinds = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked(field, kinds[field.name], getattr(self, field.name)))

    @classmethod
    def from_mapping(cls: type[S], values: Mapping[str, Any]) -> S:
        """Settings from a mapping such as a parsed TOML table; unknown keys are refused with the nearest valid name."""
        names = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in names:
                raise UsageError(f"unknown setting '{key}'{nearest(key, names)}; allowed: {', '.join(names)}")
        return cls(**values)

    def to_mapping(self, *, defaults: bool = True) -> dict[str, Any]:
        """The settings as plain values; without those left at their defaults if `defaults` is False.

        A function comes out as its name, which tells what it was but does not bring it back.
        """
        fields = [f for f in dataclasses.fields(self) if defaults or getattr(self, f.name) != f.default]
        return {field.name: _plain(getattr(self, field.name)) for field in fields}


def plain_type(kind: Any) -> tuple[type, bool]:
    """The type behind an annotation such as `int | None`, and whether None is allowed.

    `tuple[str, ...]`, a list of texts, comes out as `tuple`; `str | Callable`, a name or a function, as `str`.
    """
    optional = False
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = typing.get_args(kind)
        kind, optional = next(part for part in parts if part is not type(None)), type(None) in parts
    return (tuple if typing.get_origin(kind) is tuple else kind), optional


def parse_weight(part: str, value: str, example: str) -> float:
    """Return the weight `value` at the end of the text `part`, 1 for an empty value.

    Raises UsageError, with `example` in the message, for anything but a number of at least 0.
    """
    try:
        weight = float(value) if value else 1.0
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise UsageError(f"'{part}' does not end in a weight of at least 0; write for example {example}")
    return weight


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return getattr(value, "__name__", type(value).__name__) if callable(value) else value


def takes_function(kind: Any) -> bool:
    """Whether an annotation such as `str | Callable[..., Any]` allows a function."""
    return any(typing.get_origin(part) is collections.abc.Callable for part in typing.get_args(kind))


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise UsageError(f"{name} must be a list of texts, not {value!r}")
    if "" in value:
        raise UsageError(f"{name} has an empty text in it; leave it out, or give it a value")
    return tuple(value)


def _checked(field: dataclasses.Field[Any], kind: Any, value: Any) -> Any:
    if callable(value) and takes_function(kind):
        return value
    kind, optional = plain_type(kind)
    if value is None:
        if optional:
            return None
        raise UsageError(f"{field.name} must be given")
    if kind is tuple:
        return _texts(field.name, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UsageError(f"{field.name} must be {kind.__name__}, not {value!r}")
    if value == "":
        raise UsageError(f"{field.name} is an empty text; leave it out, or give it a value")
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{field.name} must be a finite number, not {value}")
    about = field.metadata
    if about.get("minimum") is not None and value < about["minimum"]:
        raise UsageError(f"{field.name} must be at least {about['minimum']}, not {value}")
    if about.get("maximum") is not None and value > about["maximum"]:
        raise UsageError(f"{field.name} must be at most {about['maximum']}, not {value}")
    if about.get("choices"):
        choose(dict.fromkeys(about["choices"]), value, field.name)
    return value
