"""The commands, and `main`. A command imports its modules when it is called: `--help` must not wait for torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from impasto.cli import derived, lists, one_pass, processes, studio, train
from impasto.cli.failures import INTERRUPTED, dashed_file, explain, is_of_click, refuse_empty
from impasto.cli.help import App
from impasto.cli.interrupts import stop_once
from impasto.cli.options import RunOptions
from impasto.process import prepare_process
from impasto.version import __version__

app = App(
    help="Neural style transfer: a photograph and a painting in, the photograph painted that way out.",
    pretty_exceptions_enable=False,
)
weights = App(help="List, fetch and check the weights of the networks that are not in the package.")
app.add_typer(weights, name="weights")
plan = App(help="Show the memory and the time that a run would take, size by size.")
app.add_typer(plan, name="plan")


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of this process, and return the exit code.

    0 after success, 1 after an error, 2 after an error of use, 128 plus its number after a signal. An error is one line
    on standard error.

    >>> main(["--version"])
    impasto 0...
    0
    """
    if args is None:
        prepare_process()  # not in the process of a program that calls this function
    words = list(sys.argv[1:] if args is None else args) or ["--help"]
    with stop_once() as stop:
        try:
            refuse_empty(words)
            if not processes.takes_part(words):
                return 0
            code = typer.main.get_command(app).main(words, prog_name="impasto", standalone_mode=False)
            if code == INTERRUPTED:  # Typer, or Abort in older versions, catches KeyboardInterrupt
                raise KeyboardInterrupt
            processes.leave()
        except (Exception, KeyboardInterrupt) as error:
            line, code = explain(error)
            line += dashed_file(words) if is_of_click(error) else ""
            code = stop.exit_code if code == INTERRUPTED else code
            if processes.reports(error):
                sys.stderr.write(f"impasto: {line}\n")
            with suppress(RuntimeError):  # other processes may have ended
                processes.leave()
    return code if isinstance(code, int) else 0


def _version(show: bool) -> None:
    if show:
        typer.echo(f"impasto {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="show the version and exit")
    ] = False,
) -> None:
    """Options before the command."""


derived.add_commands(app, plan)
one_pass.add_commands(app)
train.add_commands(app)
studio.add_command(app)


@app.command()
def samples(
    folder: Annotated[str | None, typer.Argument(help="write the samples as files into this folder")] = None,
) -> None:
    """List the sample pictures of the package, or write them into FOLDER."""
    lists.write_samples(folder) if folder else lists.show_samples()


@app.command()
def sweep(  # noqa: PLR0917 (each is a flag)
    spec: Annotated[str | None, typer.Argument(help="a .toml file, or the name of a built-in sweep")] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="the folder to fill; SPEC-sweep by default")
    ] = None,
    content: Annotated[list[str] | None, typer.Option(help="photo instead of the spec's; may be repeated")] = None,
    style: Annotated[list[str] | None, typer.Option(help="painting instead of the spec's; may be repeated")] = None,
    set: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, a setting instead of the spec's; a list is an axis")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes at a time, instead of what fits")] = None,
    list: Annotated[bool, typer.Option("--list", help="list the built-in sweeps")] = False,
    json: Annotated[bool, typer.Option("--json", help="report each cell as a line of JSON on standard output")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="show nothing but errors")] = False,
) -> None:
    """Make a grid of pictures over settings and inputs, and a page of the grid."""
    from impasto.cli import sweep as sweeps  # noqa: PLC0415

    if list or spec is None:
        sweeps.show()
    else:
        name, grid = sweeps.read(spec, content or [], style or [], set or [])
        sweeps.run(name, grid, output, workers, sweeps.Reporter(quiet, json))


@app.command()
def losses() -> None:
    """List the losses for --style-loss and --content-loss."""
    lists.show_losses()


@app.command()
def presets() -> None:
    """List the presets: settings of papers and courses, by name."""
    lists.show_presets()


@app.command()
def info(
    picture: Annotated[str, typer.Argument(help="a picture that Impasto made", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="print the stored settings as JSON")] = False,
) -> None:
    """Show the settings stored in PICTURE, and the command that makes PICTURE again."""
    from impasto.cli.reports import show_info  # noqa: PLC0415

    show_info(picture, json)


@app.command()
def doctor() -> None:
    """Show versions, devices, memory and weights, for a report of a problem."""
    from impasto.cli.reports import show_doctor  # noqa: PLC0415

    show_doctor()


Names = Annotated[list[str], typer.Argument(metavar="NETWORK...", help="vgg16, vgg19 or resnet50", show_default=False)]
AnyNames = Annotated[
    list[str] | None, typer.Argument(metavar="[NETWORK]...", help="vgg16, vgg19 or resnet50; all by default")
]


@weights.command("list")
def weights_list() -> None:
    """List the networks and the sources of their weights."""
    from impasto.cli.weights import show  # noqa: PLC0415

    show()


@weights.command("fetch")
def weights_fetch(networks: Names, quiet: Annotated[bool, typer.Option("--quiet", "-q")] = False) -> None:
    """Download torchvision's weights of NETWORK, unless the file exists."""
    from impasto.cli.progress import watcher  # noqa: PLC0415
    from impasto.cli.weights import get  # noqa: PLC0415

    with watcher(RunOptions(quiet=quiet)) as watching:
        get(networks, watching)


@weights.command("verify")
def weights_verify(networks: AnyNames = None) -> None:
    """Compare the hash of weight files with the published one."""
    from impasto.cli.weights import verify  # noqa: PLC0415

    verify(networks or [])


@weights.command("where")
def weights_where(network: Annotated[str | None, typer.Argument(help="vgg16, vgg19 or resnet50")] = None) -> None:
    """Print the folder of downloaded weights, or the path of NETWORK's download."""
    from impasto.cli.weights import where  # noqa: PLC0415

    typer.echo(str(where(network)))
