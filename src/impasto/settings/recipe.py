"""The recipe of a picture: what is stored inside it, and the command that would make it again.

No times and no dates, so that the same command gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from impasto.errors import UsageError, choose
from impasto.settings.apply import ApplySettings
from impasto.settings.base import Settings
from impasto.settings.editing import BlendSettings, CompareSettings
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, SynthesisSettings, TextureSettings
from impasto.version import __version__

Recipe = dict[str, Any]
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Task(Generic[S]):
    """What a recipe has to know about a task: its settings and its inputs, in the order of the command line."""

    settings: type[S]
    inputs: tuple[str, ...]


TASKS: dict[str, Task[SynthesisSettings]] = {
    "stylize": Task(StylizeSettings, ("content", "style")),
    "reconstruct": Task(ReconstructSettings, ("content",)),
    "texture": Task(TextureSettings, ("style",)),
}

EDITS: dict[str, Task[Any]] = {
    "blend": Task(BlendSettings, ("source", "target")),
    "compare": Task(CompareSettings, ("a", "b")),
    "apply": Task(ApplySettings, ("content",)),
}
"""Tasks that make their picture at once, in no steps."""

BYTES = re.compile("[\udc80-\udcff]")
"""What stands in a text for a byte of a file's name that is no UTF-8."""

WRITING = {"bits": int, "output_quality": int, "photo_metadata": str, "threads": int}
"""Flags that are no settings of the task, but without which the file would have other bytes: sums are rounded otherwise
in another number of threads."""


def recipe(
    task: str,
    inputs: Mapping[str, str],
    settings: Settings,
    *,
    writing: Mapping[str, int | str] | None = None,
    stopped: int | None = None,
) -> Recipe:
    """The mapping to store in a picture.

    `inputs` are kept as a person typed them. `writing` is what was not the default of the file itself, such as
    `{"bits": 16}`. `stopped` is the step after which an unfinished picture was saved.
    """
    made: Recipe = {
        "impasto": __version__,
        "task": task,
        "inputs": dict(inputs),
        "settings": settings.to_mapping(defaults=False),
    }
    if writing:
        made["writing"] = dict(writing)
    if stopped is not None:
        made["stopped"] = stopped
    return made


def command(recipe: Mapping[str, Any], output: str) -> list[str]:
    """The command line that would make the picture again as `output`.

    A recipe may come from anybody's picture: whatever in it is no setting, no number, or could play tricks in a
    terminal is refused with a UsageError.
    """
    tasks: dict[str, Task[Any]] = {**TASKS, **EDITS}
    task = choose(tasks, str(_part(recipe, "task", str)), "task in the recipe:")
    given = _part(recipe, "inputs", dict)
    inputs = [str(_part(given, name, str)) for name in task.inputs]
    settings = task.settings.from_mapping(_part(recipe, "settings", dict)).to_mapping(defaults=False)
    writing = _part({"writing": {}} | dict(recipe), "writing", dict)
    for name, value in writing.items():
        if type(value) is not WRITING.get(name):
            raise UsageError(f"this is no recipe of Impasto: its 'writing' has {name!r}: {value!r}")
    words = ["impasto", str(recipe["task"])]
    for name, value in (settings | writing).items():
        words += flag(name, value)
    words += ["--output", output]
    words += ["--", *inputs] if any(name.startswith("-") for name in inputs) else inputs
    if odd := next((word for word in words if not BYTES.sub("", word).isprintable()), None):
        raise UsageError(f"the recipe holds characters that cannot be printed: {odd!a}")
    return words


def flag(name: str, value: object) -> list[str]:
    """A setting as words of a command line: `--style-scale 0.5`, `--no-tiles`."""
    dashed = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{dashed}" if value else f"--no-{dashed}"]
    if isinstance(value, list | tuple):
        return [word for part in value for word in flag(name, part)]
    return [f"--{dashed}", str(value)]


def _part(mapping: Mapping[str, Any], key: str, kind: type) -> Any:
    value = mapping.get(key)
    if not isinstance(value, kind):
        raise UsageError(f"this is no recipe of Impasto: its '{key}' is {value!r}")
    return value
