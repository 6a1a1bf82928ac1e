"""Rows of text in columns, on standard output."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def show_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with their columns aligned; the same in a terminal and in a pipe."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
