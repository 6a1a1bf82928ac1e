"""The commands whose flags are derived from the settings of a task: runs, `plan`, `blend` and `compare`."""

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
    "reconstruct": "Make PHOTO again from its features alone.",
    "texture": "Make a new picture with the texture of PAINTING.",
}


PHOTO = "photo_metadata"
"""The option of RunOptions that does not apply to a picture of differences."""

SOURCE = "a picture: a file, sample:chelsea, blend:A,B?mask=M, generator:faces?seed=7"

PLANNED = ("settings", "preset", "threads", "json")
"""Flags of RunOptions that `impasto plan` has."""


def add_commands(app: typer.Typer, plan: typer.Typer) -> None:
    """Add a command for each task to `app`, and for those with steps one to `plan`."""
    for name in TASKS:
        _task(app, name)
        _plan(plan, name)
    _blend(app)
    _compare(app)


def _read_settings(name: str, values: dict[str, Any]) -> tuple[RunOptions, SynthesisSettings]:
    """Return options and settings of a command line. Flags override the settings file, which overrides the preset."""
    task, options = TASKS[name], RunOptions(**flags.explicit_values(RunOptions, values))
    file = read_table(options.settings) if options.settings else {}
    base = preset(options.preset, name) if options.preset else {}
    return options, task.settings.from_mapping(base | file | flags.explicit_values(task.settings, values))


def _parameters(name: str, options: Sequence[str] | None = None) -> list[Any]:
    """Return the inputs of a task, `options` (by default all of RunOptions), and its settings, its own first."""
    task, shared = TASKS[name], {*SynthesisSettings.__dataclass_fields__}
    arguments = [flags.positional(ARGUMENTS[each], SOURCE) for each in task.inputs]
    files = flags.parameters(RunOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    arguments += [parameter for parameter in files if options is None or parameter.name in options]
    settings = flags.parameters(task.settings, lambda field: "Computing" if field in shared else "Painting")
    return arguments + sorted(settings, key=lambda parameter: parameter.name in shared)


def _task(app: typer.Typer, name: str) -> None:
    """Add a command with the fields of the task's settings and of RunOptions as flags."""

    def call(**values: Any) -> None:
        options, settings = _read_settings(name, values)
        inputs = {each: values[ARGUMENTS[each]] for each in TASKS[name].inputs}
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(options) as watching:  # first: the user sees a bar while torch is imported
            from impasto.cli.run import run  # noqa: PLC0415

            run(name, inputs, settings, options, watching)

    app.command(name)(flags.command(name, HELP[name], _parameters(name), call))


def _plan(plan: typer.Typer, name: str) -> None:
    """Add a command to `impasto plan`, with the flags of the task that change memory or time."""

    def call(**values: Any) -> None:
        options, settings = _read_settings(name, values)
        from impasto.cli.plan import show  # noqa: PLC0415
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(options) as watching:
            show(name, [values[ARGUMENTS[each]] for each in TASKS[name].inputs], settings, options, watching)

    about = f"Show the memory and the time of `impasto {name}`, without a run."
    plan.command(name)(flags.command(name, about, _parameters(name, PLANNED), call))


def _blend(app: typer.Typer) -> None:
    """Add a command with the fields of BlendSettings as flags, then the flags of the output."""

    def call(**values: Any) -> None:
        options = RunOptions(**flags.explicit_values(RunOptions, values))
        settings = BlendSettings.from_mapping(flags.explicit_values(BlendSettings, values))
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(options) as watching:
            from impasto.cli.editing import run_blend  # noqa: PLC0415

            run_blend({each: values[each] for each in EDITS["blend"].inputs}, settings, options, watching)

    parameters = [flags.positional(each, SOURCE) for each in EDITS["blend"].inputs]
    parameters += flags.parameters(BlendSettings, lambda _: "Blending")
    files = flags.parameters(RunOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    parameters += [parameter for parameter in files if parameter.name in WITHOUT_STEPS]
    app.command("blend")(flags.command("blend", "Set SOURCE into TARGET without a seam.", parameters, call))


def _compare(app: typer.Typer) -> None:
    """Add a command with the fields of CompareSettings as flags, then the flags of the output."""

    def call(**values: Any) -> None:
        options = RunOptions(**flags.explicit_values(RunOptions, values))
        settings = CompareSettings.from_mapping(flags.explicit_values(CompareSettings, values))
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(options) as watching:
            from impasto.cli.editing import run_compare, show_comparison  # noqa: PLC0415

            inputs = {each: values[each] for each in EDITS["compare"].inputs}
            comparison = run_compare(inputs, settings, options, watching)
        show_comparison(comparison, options)  # after the bar, which uses standard output

    about = {"a": "a picture, most often a result", "b": "the picture to compare A with: a photo, a painting"}
    parameters = [flags.positional(each, about[each]) for each in EDITS["compare"].inputs]
    parameters += flags.parameters(CompareSettings, lambda _: "Comparing")
    files = flags.parameters(RunOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    parameters += [parameter for parameter in files if parameter.name in WITHOUT_STEPS and parameter.name != PHOTO]
    words = "Compare A and B: PSNR, SSIM, and the distances of style and content by layer."
    app.command("compare")(flags.command("compare", words, parameters, call))
