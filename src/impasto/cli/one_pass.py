"""The commands of networks that paint in one pass: `impasto apply` and `impasto export`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from impasto.cli import flags
from impasto.cli.options import SHORT, WITHOUT_STEPS, FolderOptions
from impasto.settings.editing import ApplySettings

HELP = "Paint PHOTO, or all photos of a folder, in one pass of a trained network."

COMPUTING = ("device", "memory", "tile", "thumbnail")
"""Settings in the section Computing of the help; all others are about painting."""


def add_commands(app: typer.Typer) -> None:
    """Add `apply` and `export` to `app`."""
    photo = flags.positional("photo", "a picture: a file, sample:chelsea; or a folder of pictures")
    files = flags.parameters(FolderOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    settings = flags.parameters(ApplySettings, lambda name: "Computing" if name in COMPUTING else "Painting")
    parameters = [
        photo,
        *settings,
        *(parameter for parameter in files if parameter.name in (*WITHOUT_STEPS, "recursive")),
    ]
    app.command("apply")(flags.command("apply", HELP, parameters, _apply))
    app.command("export")(_export)


def _apply(**values: Any) -> None:
    options = FolderOptions(**flags.explicit_values(FolderOptions, values))
    settings = ApplySettings.from_mapping(flags.explicit_values(ApplySettings, values))
    from impasto.cli.progress import watcher  # noqa: PLC0415

    with watcher(options) as watching:  # first: the user sees a bar while torch is imported
        from impasto.cli.apply import run  # noqa: PLC0415

        run(values["photo"], settings, options, watching)


def _export(
    network: Annotated[str, typer.Argument(help="a network of the package by its name, or a file", show_default=False)],
    output: Annotated[
        str, typer.Option("--output", "-o", help="a folder, or a name that ends in .onnx", show_default=False)
    ],
    style: Annotated[
        list[str] | None,
        typer.Option(help="NAME:STYLE, a further style: a mixture, or a painting; may be repeated"),
    ] = None,
    style_size: Annotated[int, typer.Option(min=32, max=4096, help="longer side of the paintings, in pixels")] = 512,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="show nothing but errors")] = False,
) -> None:
    """Write NETWORK as ONNX, for other programs and for browsers, and its styles as JSON beside it."""
    from impasto.errors import UsageError  # noqa: PLC0415
    from impasto.tasks.export import export  # noqa: PLC0415

    pairs = [text.partition(":")[::2] for text in style or []]
    for text, (name, mixture) in zip(style or [], pairs, strict=True):
        if not name or not mixture:
            raise UsageError(f"a style to export is NAME:STYLE, such as dawn:starry=0.7,wave=0.3, not '{text}'")
    for path in export(network, output, dict(pairs), style_image_size=style_size):
        if not quiet:
            typer.echo(str(path))
