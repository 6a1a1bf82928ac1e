"""The text of `--help`: plain, in sections, without rich, whose import would take most of the time.

The `rich_help_panel` of an option, in Typer and in `flags.parameters`, is the name of the section. Square brackets stay
as they are; rich would read them as markup.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer.models import CommandFunctionType

WIDEST = 100
"""Largest width of the help, in characters; a narrower terminal has narrower lines."""


class SectionedCommand(TyperCommand):
    """A command whose help lists arguments, options, then the options of each section."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write all parameters to `formatter`."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
            sections.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(record)
        sections["Options"] = sections.pop("Options")  # last: --help and the like
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


class SectionedGroup(TyperGroup):
    """A group of commands whose help has the whole description of each command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words up to the name of a command.

        Before a command there are no options to parse. Typer would import pydantic to check them, which takes as long
        as everything else until an error of use.
        """
        if args and not args[0].startswith("-"):
            self.params, self.add_help_option = [], False
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write name and description of all commands to `formatter`."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help or "") for name, command in commands if command is not None])


class App(typer.Typer):
    """A Typer application whose commands have their help in sections."""

    def __init__(self, **settings: Any) -> None:
        context = {"max_content_width": WIDEST, **settings.pop("context_settings", {})}
        super().__init__(cls=SectionedGroup, rich_markup_mode=None, context_settings=context, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """Like `Typer.command`, for a SectionedCommand."""
        return super().command(name, cls=SectionedCommand, **settings)
