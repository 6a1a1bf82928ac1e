"""The settings that a visitor may set, as fields of forms, and settings from a request.

Forms and requests derive from the dataclasses of settings, as flags of the command line do. Settings that name files,
or that are a matter of the machine, are not a visitor's.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from impasto.encoders.weights import find
from impasto.errors import UsageError, choose, nearest
from impasto.settings.base import Settings, plain_type
from impasto.settings.recipe import EDITS, TASKS, Task
from impasto.settings.studio import StudioSettings
from impasto.settings.synthesis import SynthesisSettings
from impasto.studio.schemas import FieldAnswer

FORMS: dict[str, Task[Any]] = {**TASKS, "apply": EDITS["apply"], "blend": EDITS["blend"]}
"""The tasks of the studio."""

STRUCTURED = {"mix", "region", "segmentation", "style", "mask"}
"""Settings that name pictures; requests have fields of their own for these."""

MACHINE = {"weights", "scratch", "memory", "device", "compile"}
"""Settings that are decided by whoever starts the studio."""

STARTS: dict[str, tuple[str, ...]] = {
    "stylize": ("recolored", "photo", "noise", "pink", "painting"),
    "reconstruct": ("noise", "pink", "photo"),
    "texture": ("noise", "pink", "painting"),
}
"""Starting points by name; a picture to start from is a field of the request."""

TYPES = {int: "integer", float: "number", bool: "boolean", str: "text", tuple: "texts"}

ARGUMENTS = {"SOURCE's": "the inset's", "SOURCE": "the inset", "TARGET": "the photo", "PAINTING": "the painting"}
"""Names of arguments of the command line, and their names on the page."""

LONGEST = 300
"""Most characters of a text."""

LARGEST = 65_536
"""Largest number in a text such as `sliced(samples=2048)`, which would take memory beyond the plan."""

ROTATIONS = 12
STEPS = 5000
"""Most rotations of a painting, and most steps of a size."""


def fields_of(task: str) -> list[FieldAnswer]:
    """Return the fields of the form of a task. Raises UsageError for an unknown task."""
    kind = choose(FORMS, task, "task").settings
    hints = typing.get_type_hints(kind)
    return [_field(task, field, hints[field.name]) for field in dataclasses.fields(kind) if _is_free(task, field.name)]


def settings_of(task: str, values: Mapping[str, Any], limits: StudioSettings) -> Settings:
    """Return the settings of a request, with those of the machine.

    Raises UsageError for an unknown name, an invalid value, a setting that is not a visitor's, and beyond the limits.
    """
    kind = choose(FORMS, task, "task").settings
    allowed = [field.name for field in dataclasses.fields(kind) if _is_free(task, field.name)]
    for name, value in values.items():
        if name not in allowed:
            raise UsageError(
                f"there is no setting '{name[:40]}'{nearest(name, allowed)}; allowed: {', '.join(allowed)}"
            )
        _check_limit(task, name, value, limits)
    machine = {"device": limits.device, "memory": limits.memory}
    own = {field.name for field in dataclasses.fields(kind)}
    return typing.cast(Settings, kind.from_mapping({n: v for n, v in machine.items() if n in own} | dict(values)))


def help_text(text: str) -> str:
    """Return a help text of the command line for a form: without flags, marks and names of arguments.

    >>> help_text("match the painting's luminance, with --keep-color; see `impasto losses`")
    "match the painting's luminance, with keep color"
    """
    text = re.sub(r"; see `[^`]*`", "", text).replace("`", "")
    text = re.sub(r"--([a-z-]+)", lambda flag: flag[1].replace("-", " "), text)
    for argument, name in ARGUMENTS.items():
        text = text.replace(argument, name)
    return text


@cache
def networks() -> tuple[str, ...]:
    """Return the networks whose weights are on this machine."""
    names = SynthesisSettings.__dataclass_fields__["network"].metadata["choices"]
    return tuple(name for name in names if name == "lite" or find(name) is not None)


def _is_free(task: str, name: str) -> bool:
    return name not in STRUCTURED | MACHINE and (task, name) != ("apply", "network")


def _choices(task: str, field: dataclasses.Field[Any]) -> tuple[str, ...] | None:
    if field.name == "network":
        return networks()
    if field.name == "init":
        return STARTS[task]
    return field.metadata["choices"]  # type: ignore[no-any-return]


def _field(task: str, field: dataclasses.Field[Any], hint: Any) -> FieldAnswer:
    plain, optional = plain_type(hint)
    choices, computing = _choices(task, field), {*SynthesisSettings.__dataclass_fields__} - {"size", "quality", "steps"}
    return FieldAnswer.model_validate(
        {
            "name": field.name,
            "type": TYPES[plain],
            "optional": optional,
            "default": list(field.default) if isinstance(field.default, tuple) else field.default,
            "help": help_text(field.metadata["help"]),
            "minimum": field.metadata["minimum"],
            "maximum": _maximum(field),
            "choices": None if choices is None else list(choices),
            "section": "computing" if field.name in computing | {"tile", "thumbnail"} else "painting",
        }
    )


def _maximum(field: dataclasses.Field[Any]) -> float | None:
    """Return the bound of a field; None where it is technical, such as that of an integer type."""
    most = field.metadata["maximum"]
    return None if most is None or most > 10**9 else float(most)


def _check_limit(task: str, name: str, value: Any, limits: StudioSettings) -> None:
    if name in {"size", "width", "height"} and isinstance(value, int) and value > limits.side:
        raise UsageError(f"{name} is {value}; this studio makes pictures of at most {limits.side} pixels a side")
    if name == "steps" and isinstance(value, int) and value > STEPS:
        raise UsageError(f"steps is {value}; at most {STEPS}")
    if name == "init":
        choose(dict.fromkeys(STARTS[task]), str(value), "start")
    if name == "network":
        choose(dict.fromkeys(networks()), str(value), "network")
    if isinstance(value, str) and name not in {"init", "network"}:
        _check_text(name, value)


def _check_text(name: str, text: str) -> None:
    if len(text) > LONGEST:
        raise UsageError(f"{name} has {len(text)} characters; at most {LONGEST}")
    if any(float(number) > LARGEST for number in re.findall(r"\d{5,}", text)):
        raise UsageError(f"{name} has a number above {LARGEST}")
    if name == "rotations" and text.count(",") >= ROTATIONS:
        raise UsageError(f"rotations are {text.count(',') + 1}; at most {ROTATIONS}")
