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

COMPUTING = {"seed", "device", "precision", "checkpoint_every"}


HELP = {
    "style": "Train a network to paint photos after each PAINTING, or add these to a trained one (--base).",
    "any": "Train a network to paint photos after any painting, on the folder PAINTINGS; from a trained one (--base).",
    "texture": "Train a network to make textures like PAINTING, or to paint photos after it (--photos).",
}

SETTINGS: dict[str, type[TrainSettings]] = {
    "style": TrainStyleSettings,
    "any": TrainAnySettings,
    "texture": TrainTextureSettings,
}


def add_commands(app: typer.Typer) -> None:
    """Add `train` and its commands."""
    train = App(help="Train a network that paints in one pass.")
    app.add_typer(train, name="train")
    about = typer.Argument(
        metavar="PAINTING", help="paintings: files, sample:flow, or NAME=FILE to name the style", show_default=False
    )
    photos = flags.positional("photos", "a folder with photos to learn from")
    many = inspect.Parameter("paintings", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[list[str], about])
    inputs = {
        "style": [photos, many],
        "any": [photos, flags.positional("paintings", "a folder with paintings to learn from")],
        "texture": [flags.positional("painting", "a picture: a file, sample:flow")],
    }
    for name, given in inputs.items():
        _command(train, name, given)


def _command(app: typer.Typer, name: str, inputs: list[inspect.Parameter]) -> None:
    def call(**values: Any) -> None:
        options = TrainOptions(**flags.given(TrainOptions, values))
        file = read_table(options.settings) if options.settings else {}
        settings = SETTINGS[name].from_mapping(file | flags.given(SETTINGS[name], values))
        from impasto.cli.progress import watcher  # noqa: PLC0415

        with watcher(RunOptions(json=options.json, quiet=options.quiet)) as watching:
            from impasto.cli.training import run  # noqa: PLC0415

            run(name, [values[given.name] for given in inputs], settings, options, watching)

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
