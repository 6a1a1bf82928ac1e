"""The base class of settings: a frozen dataclass for each task, the only source of its options.

Command-line flags and the metadata inside a picture derive from the fields, as forms and manifests will. `option`
defines the help, bounds and choices of a field. `from_mapping` rejects unknown names, `__post_init__` rejects invalid
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
    """Return a dataclass field with its help text, bounds (inclusive) and allowed values as metadata.

    >>> option(8, "longer side in pixels", minimum=1).metadata["minimum"]
    1
    """
    metadata = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The base class of the settings of a task.

    The constructor checks all values. It raises UsageError, with the name of the field, for a value of a wrong type,
    out of bounds or not among the choices.

    >>> from impasto.settings.synthesis import StylizeSettings
    >>> StylizeSettings.from_mapping({"size": 512}).size
    512
    >>> StylizeSettings(strength=2)
    Traceback (most recent call last):
    ...
    impasto.errors.UsageError: strength must be at most 1, not 2.0
    """

    def __post_init__(self) -> None:
        """Check all values, and convert integers to floats and lists to tuples where the type asks for it."""
        types_by_name = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = _validate(field, types_by_name[field.name], getattr(self, field.name))
            object.__setattr__(self, field.name, value)

    @classmethod
    def from_mapping(cls: type[S], values: Mapping[str, Any]) -> S:
        """Return settings from a mapping, such as a parsed TOML table.

        Raises UsageError for an unknown name, with the nearest valid one, and for an invalid value.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in names:
                raise UsageError(f"unknown setting '{key}'{nearest(key, names)}; allowed: {', '.join(names)}")
        return cls(**values)

    def to_mapping(self, *, defaults: bool = True) -> dict[str, Any]:
        """Return the settings as a dictionary of JSON values; without default values if `defaults` is False.

        A function is replaced by its name, from which `from_mapping` cannot restore the function.
        """
        fields = [f for f in dataclasses.fields(self) if defaults or getattr(self, f.name) != f.default]
        return {field.name: _json_value(getattr(self, field.name)) for field in fields}


def plain_type(kind: Any) -> tuple[type, bool]:
    """Return the type of an annotation such as `int | None`, and whether None is allowed.

    The type of `tuple[str, ...]`, a list of texts, is `tuple`. The type of `str | Callable`, a name or a function, is
    `str`.

    >>> plain_type(int | None)
    (<class 'int'>, True)
    """
    optional = False
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = typing.get_args(kind)
        kind, optional = next(part for part in parts if part is not type(None)), type(None) in parts
    return (tuple if typing.get_origin(kind) is tuple else kind), optional


def parse_weight(part: str, value: str, example: str) -> float:
    """Return the weight `value` at the end of the text `part`; 1 for an empty value.

    Raises UsageError, with `example` in the message, if the value is not a number of at least 0.

    >>> parse_weight("relu4_2=0.5", "0.5", "relu4_2=1")
    0.5
    """
    try:
        weight = float(value) if value else 1.0
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise UsageError(f"'{part}' does not end in a weight of at least 0; write for example {example}")
    return weight


def _json_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return getattr(value, "__name__", type(value).__name__) if callable(value) else value


def takes_function(kind: Any) -> bool:
    """Return whether an annotation, such as `str | Callable[..., Any]`, allows a function."""
    return any(typing.get_origin(part) is collections.abc.Callable for part in typing.get_args(kind))


def _validate_texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise UsageError(f"{name} must be a list of texts, not {value!r}")
    if "" in value:
        raise UsageError(f"{name} contains an empty text; leave it out, or give it a value")
    return tuple(value)


def _validate(field: dataclasses.Field[Any], kind: Any, value: Any) -> Any:
    """Return the value, converted to the type of the field. Raises UsageError for an invalid value."""
    if callable(value) and takes_function(kind):
        return value
    kind, optional = plain_type(kind)
    if value is None:
        if optional:
            return None
        raise UsageError(f"{field.name} must be given")
    if kind is tuple:
        return _validate_texts(field.name, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UsageError(f"{field.name} must be {kind.__name__}, not {value!r}")
    if value == "":
        raise UsageError(f"{field.name} is an empty text; leave it out, or give it a value")
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{field.name} must be a finite number, not {value}")
    metadata = field.metadata
    if metadata.get("minimum") is not None and value < metadata["minimum"]:
        raise UsageError(f"{field.name} must be at least {metadata['minimum']}, not {value}")
    if metadata.get("maximum") is not None and value > metadata["maximum"]:
        raise UsageError(f"{field.name} must be at most {metadata['maximum']}, not {value}")
    if metadata.get("choices"):
        choose(dict.fromkeys(metadata["choices"]), value, field.name)
    return value
