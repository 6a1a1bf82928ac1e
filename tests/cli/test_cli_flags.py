from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from typing import Any

import pytest
import typer

from impasto import encoders, synthesis
from impasto.cli import app, flags
from impasto.cli.options import RunOptions
from impasto.settings import synthesis as options
from impasto.settings.base import Settings, option
from impasto.settings.recipe import TASKS


def parameters(task: str) -> dict[str, Any]:
    command = typer.main.get_command(app).commands[task]  # type: ignore[attr-defined]
    return {parameter.name: parameter for parameter in command.params}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("own", [True, False], ids=["settings", "run options"])
def test_every_field_is_a_flag(task: str, own: bool) -> None:
    known = parameters(task)
    for field in dataclasses.fields(TASKS[task].settings if own else RunOptions):
        assert f"--{field.name.replace('_', '-')}" in known[field.name].opts
        assert known[field.name].default is None, "a default here would hide what a settings file says"
        assert str(field.metadata["help"]) in known[field.name].help


def test_no_setting_is_called_like_a_run_option() -> None:
    ours = {field.name for field in dataclasses.fields(RunOptions)}
    for task in TASKS.values():
        assert ours.isdisjoint(field.name for field in dataclasses.fields(task.settings))
        assert ours.isdisjoint(task.inputs)


def test_the_tables_that_options_repeats_are_those_of_the_modules_with_torch() -> None:
    assert encoders.NETWORKS == options.NETWORKS
    assert tuple(synthesis.OPTIMIZERS) == options.OPTIMIZERS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example(Settings):
    tiles: bool = option(True, "work in tiles")
    mode: str = option("b", "which", choices=("a", "b"))
    rate: float = option(0.5, "how fast", minimum=0, maximum=1)
    count: int | None = option(None, "how many", minimum=2, maximum=2**63)
    part: tuple[str, ...] = option((), "a part; may be repeated")


def app_of(seen: list[dict[str, Any]], reversible: bool = True) -> typer.Typer:
    example = typer.Typer()
    made = flags.parameters(Example, lambda _: "All", short={"rate": "-r"}, reversible=reversible)
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in made)
    example.command()(
        flags.command("go", "Go.", made, lambda **values: seen.append(flags.explicit_values(Example, values)))
    )
    return example


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--no-tiles", "-r", "0.25"], {"tiles": False, "rate": 0.25}),
        (["--part", "a=1", "--part", "b,c"], {"part": ["a=1", "b,c"]}),
        (["--tiles", "--mode", "a", "--count", "3"], {"tiles": True, "mode": "a", "count": 3}),
    ],
)
def test_only_what_was_on_the_command_line_is_given(words: list[str], expected: dict[str, Any]) -> None:
    seen: list[dict[str, Any]] = []
    typer.main.get_command(app_of(seen)).main(words, standalone_mode=False)
    assert seen == [expected]


def test_help_tells_choices_bounds_and_defaults() -> None:
    command = typer.main.get_command(app_of([]))
    help = {parameter.name: getattr(parameter, "help", None) for parameter in command.params}
    assert help["mode"] == "which: a, b (default b)"
    assert help["rate"] == "how fast (0 to 1; default 0.5)"
    assert help["count"] == "how many (at least 2)"


def test_choices_are_completed() -> None:
    made = flags.parameters(Example, lambda _: "All")
    about = next(p.annotation.__metadata__[0] for p in made if p.name == "mode")
    assert about.autocompletion("a") == ["a"]
    assert about.autocompletion("") == ["a", "b"]


QUICK = [
    *([], ["--help"], ["stylize", "--help"], ["apply", "--help"], ["plan", "--help"], ["--version"], ["presets"]),
    *(["stylize", "--nonsense"], ["stylize", "a", "b", "--canvas", "c"], ["stylize", "a", "b", "--preset", "c"]),
    *(["stylize", "a", "b", "--settings", "c.toml"], ["apply", "a", "--strength", "2"], ["train", "any", "--nonsense"]),
    *(["sweep", "--list"], ["sweep", "nonsense"]),
]


@pytest.mark.parametrize("words", QUICK, ids=" ".join)
def test_help_and_what_cannot_be_understood_do_not_import_torch(words: list[str]) -> None:
    heavy = {"torch", "numpy", "PIL"}
    code = f"import sys; from impasto.cli import main; main({words!r}); sys.exit(bool({heavy!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
