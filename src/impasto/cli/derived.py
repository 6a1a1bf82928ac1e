"""The commands whose flags are derived from the settings of a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from impasto.cli import flags
from impasto.cli.options import SHORT, WITHOUT_STEPS, RunOptions
from impasto.settings.editing import BlendSettings, CompareSettings
from impasto.settings.files import read_table
from impasto.settings.presets import preset
from impasto.settings.recipe import EDITS, TASKS
from impasto.settings.synthesis import SynthesisSettings

ARGUMENTS = {"content": "photo", "style": "painting"}
"""Names of content and style on the command line."""

HELP = {
    "stylize": "Paint PHOTO the way of PAINTING.",
    "reconstruct": "Make PHOTO again from nothing but its features.",
    "texture": "Make a new picture with the texture of PAINTING.",
}


PHOTO = "photo_metadata"
"""The option of RunOptions that does not apply to a picture of differences."""

ABOUT = "a picture: a file, sample:chelsea, blend:A,B?mask=M, generator:faces?seed=7"

PLANNED = ("settings", "preset", "threads", "json")
"""Flags of RunOptions that `impasto plan` has."""


def add_commands(app: typer.Typer, plan: typer.Typer) -> None:
    """Add a command for each task to `app`, and for those with steps one to `plan`."""
    for name in TASKS:
        _task(app, name)
        _plan(plan, name)
    _blend(app)
    _compare(app)


def _asked(name: str, values: dict[str, Any]) -> tuple[RunOptions, SynthesisSettings]:
    """Return options and settings of a command line: flags over a file's settings over a preset's."""
    task, options = TASKS[name], RunOptions(**flags.given(RunOptions, values))
    file = read_table(options.settings) if options.settings else {}
    beneath = preset(options.preset, name) if options.preset else {}
    return options, task.settings.from_mapping(beneath | file | flags.given(task.settings, values))


def _parameters(name: str, options: Sequence[str] | None = None) -> list[Any]:
    """Return the inputs of a task, `options` (by default all of RunOptions), and its settings, its own first."""
    task, shared = TASKS[name], {*SynthesisSettings.__dataclass_fields__}
    found = [flags.positional(ARGUMENTS[given], ABOUT) for given in task.inputs]
    files = flags.parameters(RunOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    found += [parameter for parameter in files if options is None or parameter.name in options]
    settings = flags.parameters(task.settings, lambda field: "Computing" if field in shared else "Painting")
    return found + sorted(settings, key=lambda parameter: parameter.name in shared)


def _task(app: typer.Typer, name: str) -> None:
    """Add a command with the fields of the task's settings and of RunOptions as flags."""

    def call(**values: Any) -> None:
        options, settings = _asked(name, values)
        inputs = {given: values[ARGUMENTS[given]] for given in TASKS[name].inputs}
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(options) as watching:  # first, so that a person sees something while torch is being imported
            from impasto.cli.run import run  # noqa: PLC0415

            run(name, inputs, settings, options, watching)

    app.command(name)(flags.command(name, HELP[name], _parameters(name), call))


def _plan(plan: typer.Typer, name: str) -> None:
    """Add a command of `impasto plan` with the task's flags that change memory or time."""

    def call(**values: Any) -> None:
        options, settings = _asked(name, values)
        from impasto.cli.plan import show  # noqa: PLC0415
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(options) as watching:
            show(name, [values[ARGUMENTS[given]] for given in TASKS[name].inputs], settings, options, watching)

    about = f"What `impasto {name}` would take."
    plan.command(name)(flags.command(name, about, _parameters(name, PLANNED), call))


def _blend(app: typer.Typer) -> None:
    """Add a command with the fields of BlendSettings as flags, then the flags of the output."""

    def call(**values: Any) -> None:
        options = RunOptions(**flags.given(RunOptions, values))
        settings = BlendSettings.from_mapping(flags.given(BlendSettings, values))
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(options) as watching:
            from impasto.cli.blend import run  # noqa: PLC0415

            run({given: values[given] for given in EDITS["blend"].inputs}, settings, options, watching)

    parameters = [flags.positional(given, ABOUT) for given in EDITS["blend"].inputs]
    parameters += flags.parameters(BlendSettings, lambda _: "Blending")
    files = flags.parameters(RunOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    parameters += [parameter for parameter in files if parameter.name in WITHOUT_STEPS]
    app.command("blend")(flags.command("blend", "Set SOURCE into TARGET without a seam.", parameters, call))


def _compare(app: typer.Typer) -> None:
    """Add a command with the fields of CompareSettings as flags, then the flags of the output."""

    def call(**values: Any) -> None:
        options = RunOptions(**flags.given(RunOptions, values))
        settings = CompareSettings.from_mapping(flags.given(CompareSettings, values))
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(options) as watching:
            from impasto.cli.compare import run, show  # noqa: PLC0415

            found = run({given: values[given] for given in EDITS["compare"].inputs}, settings, options, watching)
        show(found, options)  # after the bar, which uses standard output

    about = {"a": "a picture, most often a result", "b": "the picture to compare it with: its photo, its painting"}
    parameters = [flags.positional(given, about[given]) for given in EDITS["compare"].inputs]
    parameters += flags.parameters(CompareSettings, lambda _: "Comparing")
    files = flags.parameters(RunOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    parameters += [parameter for parameter in files if parameter.name in WITHOUT_STEPS and parameter.name != PHOTO]
    words = "Tell how alike A and B are: PSNR, SSIM, and the distances of style and content by layer."
    app.command("compare")(flags.command("compare", words, parameters, call))
