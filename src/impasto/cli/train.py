"""`impasto train`: commands whose flags are derived from the settings of training."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from impasto.cli import flags
from impasto.cli.help import App
from impasto.cli.options import RunOptions, TrainOptions
from impasto.settings.files import read_table
from impasto.settings.train import SHARED, TrainAnySettings, TrainSettings, TrainStyleSettings, TrainTextureSettings

LOSSES = {*SHARED} - {"seed", "device", "precision"}
"""Settings in the section Losses of the help."""

COMPUTING = {"seed", "device", "precision", "checkpoint_every"}
"""Settings in the section Computing of the help."""

HELP = {
    "style": "Train a network to paint photos after each PAINTING, or add paintings to a trained network (--base).",
    "any": "Train a network to paint photos after any painting, on a folder PAINTINGS; --base: from a trained network.",
    "texture": "Train a network to make textures like PAINTING, or to paint photos after PAINTING (--photos).",
}

SETTINGS: dict[str, type[TrainSettings]] = {
    "style": TrainStyleSettings,
    "any": TrainAnySettings,
    "texture": TrainTextureSettings,
}


def add_commands(app: typer.Typer) -> None:
    """Add `train` and the commands of `train`."""
    train = App(help="Train a network that paints in one pass.")
    app.add_typer(train, name="train")
    about = typer.Argument(
        metavar="PAINTING", help="paintings: files, sample:flow, or NAME=FILE to name the style", show_default=False
    )
    photos = flags.positional("photos", "a folder of photos for training")
    many = inspect.Parameter("paintings", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[list[str], about])
    inputs = {
        "style": [photos, many],
        "any": [photos, flags.positional("paintings", "a folder of paintings for training")],
        "texture": [flags.positional("painting", "a picture: a file, sample:flow")],
    }
    for name, arguments in inputs.items():
        _command(train, name, arguments)


def _command(app: typer.Typer, name: str, inputs: list[inspect.Parameter]) -> None:
    def call(**values: Any) -> None:
        options = TrainOptions(**flags.explicit_values(TrainOptions, values))
        file = read_table(options.settings) if options.settings else {}
        settings = SETTINGS[name].from_mapping(file | flags.explicit_values(SETTINGS[name], values))
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(RunOptions(json=options.json, quiet=options.quiet)) as watching:
            from impasto.cli.training import run  # noqa: PLC0415

            run(name, [values[argument.name] for argument in inputs], settings, options, watching)

    app.command(name)(flags.command(name, HELP[name], [*inputs, *_parameters(SETTINGS[name])], call))


def _parameters(kind: type[TrainSettings]) -> list[inspect.Parameter]:
    files = flags.parameters(
        TrainOptions, lambda _: "Files and reports", short={"output": "-o", "quiet": "-q"}, reversible=False
    )
    order = ["Training", "Losses", "Computing"]
    settings = flags.parameters(kind, _panel)
    return files + sorted(settings, key=lambda parameter: order.index(_panel(parameter.name)))


def _panel(name: str) -> str:
    return "Losses" if name in LOSSES else "Computing" if name in COMPUTING else "Training"
