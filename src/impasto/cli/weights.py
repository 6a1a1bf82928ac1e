"""`impasto weights`: list, download and check weight files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import typer

from impasto.cli.lists import show_rows
from impasto.cli.progress import Watcher
from impasto.encoders.weights import PUBLISHED, fetch, find, status, where
from impasto.encoders.weights import verify as check

__all__ = ["fetch_weights", "get", "show", "verify", "where"]


def show() -> None:
    """Print a line for each network."""
    rows = [("lite", "inside the package", "", "")]
    for known in status():
        here = known.source if known.present else f"impasto weights fetch {known.name}"
        rows.append((known.name, f"{known.size / 1e6:.0f} MB", here, str(known.path) if known.present else ""))
    show_rows(rows)


def get(networks: Sequence[str], watcher: Watcher) -> None:
    """Download missing files and print where each is. A package's file stays in use, and a notice says so."""
    for name in networks:
        path = fetch(name, on_progress=partial(watcher.fetching, name))
        if (used := find(name)) not in (None, path):
            watcher.notice(f"{name} is read from {used}; to use the download, give --weights {path}")
        typer.echo(str(path))


def verify(networks: Sequence[str]) -> None:
    """Check the files of these networks, or of all with a file."""
    names = networks or [known.name for known in status() if known.present]
    if not names:
        typer.echo("no weights are here but those inside the package")
    for name in names:
        typer.echo(f"{name}: {check(name)} is sound")


def fetch_weights(name: str, weights: str | None, watcher: Watcher) -> None:
    """Download weights before the run, because a download inside it would show no progress."""
    if weights is None and name in PUBLISHED and find(name) is None:
        watcher.notice(f"fetching the weights of {name}, {PUBLISHED[name].megabytes} MB, once")
        fetch(name, on_progress=partial(watcher.fetching, name))
