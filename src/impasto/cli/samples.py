"""`impasto samples`: the pictures that come with Impasto."""

from __future__ import annotations

import typer

from impasto.cli.table import show_rows
from impasto.image import bundled, write_samples


def show() -> None:
    """A line a sample, by the name that the other commands take."""
    show_rows([(f"sample:{name}", sample.kind, sample.about) for name, sample in bundled().items()])


def write(folder: str) -> None:
    """Write them all; files that are there already stay as they are."""
    for path in write_samples(folder):
        typer.echo(str(path))
