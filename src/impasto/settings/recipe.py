"""The recipe of a picture: the metadata inside the file, and the command that makes the picture again.

A recipe has no times and no dates, so the same command writes the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from impasto.errors import UsageError, choose
from impasto.settings.base import Settings
from impasto.settings.editing import ApplySettings, BlendSettings, CompareSettings
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, SynthesisSettings, TextureSettings
from impasto.version import __version__

Recipe = dict[str, Any]
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Task(Generic[S]):
    """The settings class of a task, and the names of its inputs in the order of the command line."""

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
"""Tasks that compute their result at once, without optimisation."""

BYTES = re.compile("[\udc80-\udcff]")
"""Surrogates, which replace bytes of file names that are not UTF-8 (PEP 383)."""

WRITING = {"bits": int, "output_quality": int, "photo_metadata": str, "threads": int}
"""Flags and their types that are not settings of a task but change the bytes of the file.

The number of threads changes the order of sums, and so their rounding."""


def recipe(
    task: str,
    inputs: Mapping[str, str],
    settings: Settings,
    *,
    writing: Mapping[str, int | str] | None = None,
    stopped: int | None = None,
) -> Recipe:
    """Return the metadata of a picture, as a dictionary of JSON values.

    inputs: the inputs by name, as on the command line.
    writing: the options of the file that are not at their defaults, such as `{"bits": 16}`.
    stopped: the last step of a run that did not finish.

    >>> recipe("stylize", {"content": "photo.jpg", "style": "sea.jpg"}, StylizeSettings(size=512))["settings"]
    {'size': 512}
    """
    content: Recipe = {
        "impasto": __version__,
        "task": task,
        "inputs": dict(inputs),
        "settings": settings.to_mapping(defaults=False),
    }
    if writing:
        content["writing"] = dict(writing)
    if stopped is not None:
        content["stopped"] = stopped
    return content


def command(recipe: Mapping[str, Any], output: str) -> list[str]:
    """Return the words of the command line that makes the picture again, as the file `output`.

    A recipe may come from an untrusted picture. Raises UsageError for an unknown task, for invalid inputs, settings and
    options, and for characters that cannot be printed, such as the escape codes of a terminal.

    >>> command(recipe("texture", {"style": "sea.jpg"}, TextureSettings(seed=1)), "new.png")
    ['impasto', 'texture', '--seed', '1', '--output', 'new.png', 'sea.jpg']
    """
    tasks: dict[str, Task[Any]] = {**TASKS, **EDITS}
    task = choose(tasks, str(_entry(recipe, "task", str)), "task in the recipe:")
    sources = _entry(recipe, "inputs", dict)
    inputs = [str(_entry(sources, name, str)) for name in task.inputs]
    settings = task.settings.from_mapping(_entry(recipe, "settings", dict)).to_mapping(defaults=False)
    writing = _entry({"writing": {}} | dict(recipe), "writing", dict)
    for name, value in writing.items():
        if type(value) is not WRITING.get(name):
            raise UsageError(f"this is no recipe of Impasto: its 'writing' has {name!r}: {value!r}")
    words = ["impasto", str(recipe["task"])]
    for name, value in (settings | writing).items():
        words += flag(name, value)
    words += ["--output", output]
    words += ["--", *inputs] if any(name.startswith("-") for name in inputs) else inputs
    if odd := next((word for word in words if not BYTES.sub("", word).isprintable()), None):
        raise UsageError(f"the recipe contains characters that cannot be printed: {odd!a}")
    return words


def flag(name: str, value: object) -> list[str]:
    """Return a setting as words of a command line.

    >>> flag("style_scale", 0.5), flag("compile", False), flag("mix", ["a.jpg=0.2", "b.jpg=0.3"])
    (['--style-scale', '0.5'], ['--no-compile'], ['--mix', 'a.jpg=0.2', '--mix', 'b.jpg=0.3'])
    """
    dashed = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{dashed}" if value else f"--no-{dashed}"]
    if isinstance(value, list | tuple):
        return [word for part in value for word in flag(name, part)]
    return [f"--{dashed}", str(value)]


def _entry(mapping: Mapping[str, Any], key: str, kind: type) -> Any:
    """Return an entry of a recipe. Raises UsageError for an entry of another type."""
    value = mapping.get(key)
    if not isinstance(value, kind):
        raise UsageError(f"this is no recipe of Impasto: its '{key}' is {value!r}")
    return value
