"""`impasto info`: the settings stored in a picture."""

from __future__ import annotations

import json
import os
import re
import shlex

import typer

from impasto.errors import ImpastoError
from impasto.image import read_metadata
from impasto.settings.recipe import command

WINDOWS = os.name == "nt"

THREADS = "threads: torch's choice; other numbers of them may change single levels, and --threads fixes the number"


def show(picture: str, as_json: bool) -> None:
    """Print the recipe as lines and as a command, or as JSON."""
    recipe = read_metadata(picture)
    if recipe is None:
        raise ImpastoError(f"'{picture}' carries no settings of Impasto (BMP never does; many programs drop them)")
    if as_json:
        typer.echo(json.dumps(recipe, indent=2))
        return
    words = command(recipe, picture)  # first, because it checks the values that are printed
    for name, value in recipe.items():
        typer.echo(f"{name}: {_text(value)}")
    if "threads" not in dict(recipe.get("writing") or {}):  # type: ignore[call-overload]
        typer.echo(THREADS)
    typer.echo("")
    typer.echo(" ".join(map(_quoted, words)))
    if "stopped" in recipe:
        typer.echo("# this picture was saved on the way; the command goes on to the end")


def _text(value: object) -> str:
    """Return JSON, which escapes control characters, without its brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{json.dumps(key)[1:-1]} {json.dumps(item)}" for key, item in value.items()) or "all default"
    return json.dumps(value).strip('"')


def _quoted(word: str) -> str:
    """Return the word for a shell; bytes that are not UTF-8 as in bash, zsh and ksh: $'\\xff.png'.

    The shells of Windows know double quotes only, and no name there contains one.
    """
    if WINDOWS:
        return word if re.fullmatch(r"[\w=:./\\+-]+", word) else f'"{word}"'
    if word.isprintable():
        return shlex.quote(word)
    safe = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\" else f"\\x{byte:02x}" for byte in os.fsencode(word)
    )
    return f"$'{''.join(safe)}'"
