"""Write the pages of commands, settings, presets and losses from the code.

python docs/reference/generate.py            (writes the pages beside this file)
python docs/reference/generate.py --check    (exits with 1 where a page is out of date)
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer.main

from impasto.cli.app import app
from impasto.losses import CONTENT_LOSSES, STYLE_LOSSES
from impasto.settings.base import Settings, plain_type
from impasto.settings.editing import ApplySettings, BlendSettings, CompareSettings
from impasto.settings.presets import PRESETS
from impasto.settings.recipe import TASKS
from impasto.settings.studio import StudioSettings
from impasto.settings.synthesis import QUALITIES, ReconstructSettings, StylizeSettings, TextureSettings
from impasto.settings.train import TrainAnySettings, TrainStyleSettings, TrainTextureSettings

HERE = Path(__file__).resolve().parent

MADE = "<!-- Written by docs/reference/generate.py. Change the code, then run the script. -->"

SETTINGS: Sequence[type[Settings]] = (
    StylizeSettings,
    TextureSettings,
    ReconstructSettings,
    ApplySettings,
    BlendSettings,
    CompareSettings,
    TrainStyleSettings,
    TrainAnySettings,
    TrainTextureSettings,
    StudioSettings,
)

DISTANCES = {"style": STYLE_LOSSES, "content": CONTENT_LOSSES}


def cell(text: str) -> str:
    """Text as a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table, and an empty line after it."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def commands() -> str:
    """Every command with its arguments and options."""
    lines = [
        "# Commands",
        "",
        MADE,
        "",
        "Every command and every option, as `impasto COMMAND --help` shows them. `--no-x` switches off an option that",
        "is shown as `--x/--no-x`. The exit code is 0 for success, 1 for a failure and 2 for wrong use. A run that",
        "Ctrl-C stops ends with 130.",
        "",
    ]
    root = typer.main.get_command(app)
    for name, command in walk(root, "impasto"):
        lines += [f"## {name}", "", sentence(command.help or ""), "", "```", usage(name, command), "```", ""]
        lines += arguments(command)
        for panel, options in panels(command).items():
            lines += [f"**{panel}**", ""] if panel else []
            lines += table(["option", "value", "meaning"], [row(option) for option in options])
    return "\n".join(lines)


def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """All commands below `command`, with their names in full."""
    below: Mapping[str, Any] = getattr(command, "commands", {})
    if not below:
        yield name, command
    for word, found in below.items():
        yield from walk(found, f"{name} {word}")


def sentence(text: str) -> str:
    return " ".join(text.split())


def usage(name: str, command: Any) -> str:
    """The line `impasto stylize [OPTIONS] PHOTO PAINTING`."""
    return " ".join([name, "[OPTIONS]", *(argument(p) for p in command.params if p.param_type_name == "argument")])


def argument(param: Any) -> str:
    """An argument as the line of usage shows it."""
    if param.metavar:
        word = str(param.metavar)
        return word if word.endswith("...") or param.nargs == 1 else f"{word}..."
    return param.name.upper() if param.required else f"[{param.name.upper()}]"


def arguments(command: Any) -> list[str]:
    """The table of the arguments, if there are any."""
    rows = [[f"`{argument(p)}`", cell(p.help or "")] for p in command.params if p.param_type_name == "argument"]
    return table(["argument", "meaning"], rows) if rows else []


def panels(command: Any) -> dict[str, list[Any]]:
    """The options by the section of the help that they are in."""
    found: dict[str, list[Any]] = {}
    for param in command.params:
        if param.param_type_name == "option":
            found.setdefault(getattr(param, "rich_help_panel", None) or "", []).append(param)
    return found


def row(option: Any) -> list[str]:
    """Names, value and meaning of an option."""
    names = sorted(option.opts, key=len, reverse=True)
    names[0] = "/".join([names[0], *option.secondary_opts])
    low, high = getattr(option, "min", None), getattr(option, "max", None)
    value = option.metavar or ("TEXT" if low is None else "INTEGER")
    facts = [] if low is None else [f"{low} to {high}" if high is not None else f"at least {low}"]
    if option.default not in (None, False):
        facts.append(f"default {option.default}")
    if option.required:
        facts.append("required")
    meaning = (option.help or "") + (f" ({'; '.join(facts)})" if facts else "")
    return [", ".join(f"`{name}`" for name in names), "" if option.is_flag else f"`{value}`", cell(meaning)]


def settings() -> str:
    """Every dataclass of settings with its fields."""
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        "The options of a task are the fields of one dataclass. The same names, values and limits hold in Python, in",
        "files for `--settings`, in sweeps, and as flags: the field `style_scale` is the flag `--style-scale`.",
        "",
        "```python",
        "impasto.stylize(photo, painting, impasto.StylizeSettings(size=512, strength=0.4))",
        "```",
        "",
        "## Qualities",
        "",
        "What `quality` means. The sizes of a run are halved from the full size down; the first number of steps is for",
        "the smallest size, the last for all that follow.",
        "",
    ]
    lines += table(
        ["quality", "longer side of `stylize`", "steps from a photo", "steps from noise"],
        [
            [f"`{name}`", str(q.size), ", ".join(map(str, q.steps)), ", ".join(map(str, q.unaided))]
            for name, q in QUALITIES.items()
        ],
    )
    for kind in SETTINGS:
        hints = typing.get_type_hints(kind)
        rows = [field_row(field, hints[field.name]) for field in dataclasses.fields(kind)]
        lines += [f"## {kind.__name__}", "", sentence(kind.__doc__ or ""), ""]
        lines += table(["field", "type", "default", "allowed", "meaning"], rows)
    return "\n".join(lines)


def field_row(field: dataclasses.Field[Any], hint: Any) -> list[str]:
    """Name, type, default, limits and meaning of a field."""
    kind, optional = plain_type(hint)
    name = "texts" if kind is tuple else kind.__name__
    about = field.metadata
    return [
        f"`{field.name}`",
        name + (" or None" if optional else ""),
        f"`{field.default!r}`",
        allowed(about.get("minimum"), about.get("maximum"), about.get("choices")),
        cell(about.get("help", "")),
    ]


def allowed(low: float | None, high: float | None, choices: Sequence[str] | None) -> str:
    """What values a field takes, as text."""
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if high is None or high > 10**9:
        return "" if low is None else f"at least {low:g}"
    return f"at most {high:g}" if low is None else f"{low:g} to {high:g}"


def presets() -> str:
    """Every preset with its settings for each task."""
    lines = [
        "# Presets",
        "",
        MADE,
        "",
        "A preset is a table of settings with the name of its source. `--preset NAME` puts it beneath the other flags:",
        'each of these overrides it. In Python: `impasto.StylizeSettings(**impasto.preset(NAME, "stylize"))`.',
        "",
    ]
    rows = []
    for name, found in PRESETS.items():
        tasks = ", ".join(f"`{task}`" for task in TASKS if getattr(found, task, None))
        rows.append([f"[`{name}`](#{name})", tasks, cell(found.about)])
    lines += table(["preset", "tasks", "source"], rows)
    for name, found in PRESETS.items():
        lines += [f"## {name}", "", found.about + ".", ""]
        for task in TASKS:
            if values := getattr(found, task, None):
                flags = " \\\n".join(f"    {flag(key, value)}" for key, value in values.items())
                given = " ".join("PHOTO" if kind == "content" else "PAINTING" for kind in TASKS[task].inputs)
                lines += [f"`impasto {task} {given} --preset {name}` does the same as", ""]
                lines += ["```", f"impasto {task} {given} \\\n{flags}", "```", ""]
    return "\n".join(lines)


def flag(name: str, value: Any) -> str:
    """A setting as it is typed."""
    dashed = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return dashed if value else dashed.replace("--", "--no-", 1)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{dashed} '{text}'" if "(" in text else f"{dashed} {text}"


def losses() -> str:
    """Every loss with its settings and its docstring."""
    lines = [
        "# Losses",
        "",
        MADE,
        "",
        "What `--style-loss` and `--content-loss` may be. A loss is a name, settings in brackets, and a weight after",
        "`=`. Commas join several losses: `gram,histogram(samples=4096)=0.5`. Every loss also takes `layers`,",
        "such as `sliced(layers=relu3_1)`. [From equation to function](../method.md) has the formulas.",
        "",
    ]
    for kind, known in DISTANCES.items():
        lines += [f"## {kind.capitalize()} losses", ""]
        for name, factory in known.items():
            lines += [f"### {kind}: {name}", ""]
            lines += [f"`{name}({given})`" if (given := parameters(factory)) else f"`{name}`", ""]
            lines += [plain(inspect.cleandoc(factory.__doc__ or "")), ""]
            lines += [f"Function: [`{factory.__module__}.{factory.__name__}`][]", ""]
    return "\n".join(lines)


def plain(text: str) -> str:
    """Text of a docstring in which an asterisk outside of code is no emphasis."""
    parts = text.split("`")
    return "`".join(part if k % 2 else part.replace("*", "\\*") for k, part in enumerate(parts))


def parameters(factory: Callable[..., Any]) -> str:
    """The settings of a loss with their defaults."""
    found = inspect.signature(factory).parameters.values()
    return ", ".join(f"{p.name}={p.default}" for p in found)


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "settings.md": settings,
    "presets.md": presets,
    "losses.md": losses,
}


def outdated() -> list[str]:
    """The names of the pages that are not what this script writes."""
    return [
        name
        for name, page in PAGES.items()
        if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != page()
    ]


def main(args: Sequence[str]) -> int:
    if "--check" in args:
        old = outdated()
        print("\n".join(f"{name} is out of date" for name in old) or "all pages are up to date")
        return int(bool(old))
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
