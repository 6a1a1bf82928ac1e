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
    """Print a line for each network: size, source or the command that fetches the file, path."""
    rows = [("lite", "inside the package", "", "")]
    for entry in status():
        source = entry.source if entry.present else f"impasto weights fetch {entry.name}"
        rows.append((entry.name, f"{entry.size / 1e6:.0f} MB", source, str(entry.path) if entry.present else ""))
    show_rows(rows)


def get(networks: Sequence[str], watcher: Watcher) -> None:
    """Download missing files, and print the path of each.

    A file inside an installed package comes before a download; a notice says which file is in use. Raises UsageError
    for an unknown network, DownloadError for errors of the connection.
    """
    for name in networks:
        path = fetch(name, on_progress=partial(watcher.fetching, name))
        if (used := find(name)) not in (None, path):
            watcher.notice(f"{name} is read from {used}; to use the download, give --weights {path}")
        typer.echo(str(path))


def verify(networks: Sequence[str]) -> None:
    """Compare the hashes of the files of `networks`, or of all networks with a file, with the published ones.

    Raises ImpastoError for a file that is missing or damaged.
    """
    names = networks or [entry.name for entry in status() if entry.present]
    if not names:
        typer.echo("no weights are here but those inside the package")
    for name in names:
        typer.echo(f"{name}: {check(name)} is sound")


def fetch_weights(name: str, weights: str | None, watcher: Watcher) -> None:
    """Download the weights of the network `name`, if missing; before the run, which would show no progress."""
    if weights is None and name in PUBLISHED and find(name) is None:
        watcher.notice(f"fetching the weights of {name}, {PUBLISHED[name].megabytes} MB, once")
        fetch(name, on_progress=partial(watcher.fetching, name))
