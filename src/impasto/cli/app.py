"""The commands. Those that work import what they need when they are called: `--help` must not wait for torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from impasto.cli import flags
from impasto.cli.failures import INTERRUPTED, explain
from impasto.cli.interrupts import only_the_first
from impasto.cli.options import SHORT, WITHOUT_STEPS, RunOptions
from impasto.process import prepare_process
from impasto.tasks.editing import BlendSettings, CompareSettings
from impasto.tasks.options import SynthesisSettings
from impasto.tasks.presets import preset
from impasto.tasks.recipe import EDITS, TASKS
from impasto.tasks.tables import read_table
from impasto.version import __version__

app = typer.Typer(
    help="Neural style transfer: a photograph and a painting in, the photograph painted that way out.",
    pretty_exceptions_enable=False,
)
weights = typer.Typer(help="List, fetch and check the weights of the networks that are not in the package.")
app.add_typer(weights, name="weights")
plan = typer.Typer(help="Tell the memory and the time that a run would take, size by size.")
app.add_typer(plan, name="plan")

ARGUMENTS = {"content": "photo", "style": "painting"}
"""The words of the command line for what the papers call content and style."""

HELP = {
    "stylize": "Paint PHOTO the way of PAINTING.",
    "reconstruct": "Make PHOTO again from nothing but its features.",
    "texture": "Make a new picture with the texture of PAINTING.",
}


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line (by default the one of this process); returns the exit code."""
    if args is None:
        prepare_process()  # it is ours
    words = list(sys.argv[1:] if args is None else args) or ["--help"]
    with only_the_first():
        try:
            code = typer.main.get_command(app).main(words, prog_name="impasto", standalone_mode=False)
            if code == INTERRUPTED:  # what typer, or in older versions Abort, makes of a KeyboardInterrupt
                raise KeyboardInterrupt
        except (Exception, KeyboardInterrupt) as error:
            line, code = explain(error)
            sys.stderr.write(f"impasto: {line}\n")
    return code if isinstance(code, int) else 0


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"impasto {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="show the version and exit")
    ] = False,
) -> None:
    """Options before the command."""


def _add_task(name: str) -> None:
    """A command whose flags are the fields of the task's settings, then those of RunOptions."""
    task = TASKS[name]
    shared = {*SynthesisSettings.__dataclass_fields__}
    words = [ARGUMENTS[given] for given in task.inputs]

    def call(**values: Any) -> None:
        options = RunOptions(**flags.given(RunOptions, values))
        file = read_table(options.settings) if options.settings else {}
        beneath = preset(options.preset, name) if options.preset else {}
        settings = task.settings.from_mapping(beneath | file | flags.given(task.settings, values))
        inputs = {given: values[ARGUMENTS[given]] for given in task.inputs}
        from impasto.cli.watch import watcher  # noqa: PLC0415

        with watcher(options) as watching:  # first, so that a person sees something while torch is being imported
            from impasto.cli.run import run  # noqa: PLC0415

            run(name, inputs, settings, options, watching)

    parameters = [
        flags.positional(word, "a picture: a file, sample:chelsea, blend:A,B?mask=M, generator:faces?seed=7")
        for word in words
    ]
    parameters += flags.parameters(RunOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    settings = flags.parameters(task.settings, lambda field: "Computing" if field in shared else "Painting")
    parameters += sorted(settings, key=lambda parameter: parameter.name in shared)  # the task's own first
    app.command(name)(flags.command(name, HELP[name], parameters, call))


def _add_plan(name: str) -> None:
    """A command of `impasto plan` whose flags are the fields of the task's settings."""
    task = TASKS[name]
    words = [ARGUMENTS[given] for given in task.inputs]

    def call(**values: Any) -> None:
        settings = task.settings.from_mapping(flags.given(task.settings, values))
        from impasto.cli.plan import show  # noqa: PLC0415

        show(name, [values[ARGUMENTS[given]] for given in task.inputs], settings)

    parameters = [flags.positional(word, "a picture: a file, or sample:chelsea") for word in words]
    parameters += flags.parameters(task.settings, lambda _: "Settings")
    plan.command(name)(flags.command(name, f"What `impasto {name}` would take.", parameters, call))


for _name in TASKS:
    _add_task(_name)
    _add_plan(_name)


def _add_blend() -> None:
    """A command whose flags are the fields of BlendSettings, then those that say where to write."""

    def call(**values: Any) -> None:
        options = RunOptions(**flags.given(RunOptions, values))
        settings = BlendSettings.from_mapping(flags.given(BlendSettings, values))
        from impasto.cli.watch import watcher  # noqa: PLC0415

        with watcher(options) as watching:
            from impasto.cli.blend import run  # noqa: PLC0415

            run({given: values[given] for given in EDITS["blend"].inputs}, settings, options, watching)

    about = "a picture: a file, sample:chelsea, blend:A,B?mask=M, generator:faces?seed=7"
    parameters = [flags.positional(given, about) for given in EDITS["blend"].inputs]
    parameters += flags.parameters(BlendSettings, lambda _: "Blending")
    files = flags.parameters(RunOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    parameters += [parameter for parameter in files if parameter.name in WITHOUT_STEPS]
    app.command("blend")(flags.command("blend", "Set SOURCE into TARGET without a seam.", parameters, call))


_add_blend()


def _add_compare() -> None:
    """A command whose flags are the fields of CompareSettings, then those that say where to write."""

    def call(**values: Any) -> None:
        options = RunOptions(**flags.given(RunOptions, values))
        settings = CompareSettings.from_mapping(flags.given(CompareSettings, values))
        from impasto.cli.watch import watcher  # noqa: PLC0415

        with watcher(options) as watching:
            from impasto.cli.compare import run, show  # noqa: PLC0415

            found = run({given: values[given] for given in EDITS["compare"].inputs}, settings, options, watching)
        show(found, options)  # after the bar, which has standard output to itself

    about = {"a": "a picture, most often a result", "b": "the picture to compare it with: its photo, its painting"}
    parameters = [flags.positional(given, about[given]) for given in EDITS["compare"].inputs]
    parameters += flags.parameters(CompareSettings, lambda _: "Comparing")
    files = flags.parameters(RunOptions, lambda _: "Files and reports", short=SHORT, reversible=False)
    parameters += [parameter for parameter in files if parameter.name in WITHOUT_STEPS]
    words = "Tell how alike A and B are: PSNR, SSIM, and the distances of style and content by layer."
    app.command("compare")(flags.command("compare", words, parameters, call))


_add_compare()


@app.command()
def samples(
    folder: Annotated[str | None, typer.Argument(help="write them as files into this folder")] = None,
) -> None:
    """List the pictures that come with Impasto, or write them into FOLDER."""
    from impasto.cli.samples import show, write  # noqa: PLC0415

    write(folder) if folder else show()


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
    """Make a grid of pictures over settings and inputs, and a page to look at."""
    from impasto.cli import sweep as sweeps  # noqa: PLC0415

    if list or spec is None:
        sweeps.show()
    else:
        name, wanted = sweeps.read(spec, content or [], style or [], set or [])
        sweeps.run(name, wanted, output, workers, sweeps.Reporter(quiet, json))


@app.command()
def losses() -> None:
    """List what --style-loss and --content-loss can be."""
    from impasto.cli.losses import show  # noqa: PLC0415

    show()


@app.command()
def presets() -> None:
    """List the settings of papers and courses, by name."""
    from impasto.cli.presets import show  # noqa: PLC0415

    show()


@app.command()
def info(
    picture: Annotated[str, typer.Argument(help="a picture that Impasto made", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="print what is stored, as JSON")] = False,
) -> None:
    """Show the settings stored in PICTURE, and the command that makes it again."""
    from impasto.cli.info import show  # noqa: PLC0415

    show(picture, json)


@app.command()
def doctor() -> None:
    """Show versions, devices, memory and weights: what to look at, and to send along, when something is wrong."""
    from impasto.cli.doctor import show  # noqa: PLC0415

    show()


Names = Annotated[list[str], typer.Argument(metavar="NETWORK...", help="vgg16, vgg19 or resnet50", show_default=False)]
AnyNames = Annotated[
    list[str] | None, typer.Argument(metavar="[NETWORK]...", help="vgg16, vgg19 or resnet50; all by default")
]


@weights.command("list")
def weights_list() -> None:
    """List the networks and whether their weights are here."""
    from impasto.cli.weights import show  # noqa: PLC0415

    show()


@weights.command("fetch")
def weights_fetch(networks: Names, quiet: Annotated[bool, typer.Option("--quiet", "-q")] = False) -> None:
    """Download the weights of NETWORK, unless they are here."""
    from impasto.cli.watch import watcher  # noqa: PLC0415
    from impasto.cli.weights import get  # noqa: PLC0415

    with watcher(RunOptions(quiet=quiet)) as watching:
        get(networks, watching)


@weights.command("verify")
def weights_verify(networks: AnyNames = None) -> None:
    """Compute the hash of weights that are here, and compare."""
    from impasto.cli.weights import verify  # noqa: PLC0415

    verify(networks or [])


@weights.command("where")
def weights_where(network: Annotated[str | None, typer.Argument(help="vgg16, vgg19 or resnet50")] = None) -> None:
    """Print the folder of the weights, or the file of NETWORK."""
    from impasto.cli.weights import where  # noqa: PLC0415

    typer.echo(str(where(network)))
