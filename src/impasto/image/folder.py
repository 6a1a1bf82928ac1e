"""The pictures in a folder, recognised by suffix or content, and the files that are left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from impasto.image.formats import HEAD, READABLE, recognise

SYSTEM = frozenset({".ds_store", "thumbs.db", "desktop.ini", "icon\r", "__macosx"})
"""Files of file managers, in lower case."""

APPLE_DOUBLE = "._"
"""Prefix of files in which macOS stores the attributes of other files, on disks without attributes."""

SHOWN = 3
"""Number of names in a notice."""


@dataclass(frozen=True)
class Folder:
    """The contents of a folder.

    pictures: the files that are pictures.
    others: the files that are not.
    folders: the folders inside, which were not searched.
    """

    path: Path
    pictures: tuple[Path, ...]
    others: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()

    def notices(self, remedy: str = "") -> list[str]:
        """Return one line about other files and one about folders; `remedy` says how to include the folders."""
        notices = []
        if self.others:
            are = "is no picture" if len(self.others) == 1 else "are no pictures"
            notices.append(f"left out of '{self.path}': {self._names(self.others)} {are}")
        if self.folders:
            what = "the folder" if len(self.folders) == 1 else "the folders"
            notices.append(f"left out of '{self.path}': {what} {self._names(self.folders)}{remedy}")
        return notices

    def _names(self, paths: tuple[Path, ...]) -> str:
        names = [str(path.relative_to(self.path)) for path in paths[:SHOWN]]
        more = [f"{len(paths) - SHOWN} more"] if len(paths) > SHOWN else []
        *first, last = [*names, *more]
        return f"{', '.join(first)} and {last}" if first else last


def survey(path: str | Path, *, recursive: bool = False, without: Path | None = None) -> Folder:
    """Return the contents of the folder `path`, sorted by name.

    recursive: also search the folders inside, except links and hidden ones.
    without: a folder to skip.

    A file is a picture if its suffix or its first bytes are those of a picture. Files of file managers and hidden
    folders are skipped. Raises OSError if the folder cannot be read.
    """
    path = Path(path)
    pictures, others, folders = list[Path](), list[Path](), list[Path]()
    for entry in _entries(path, recursive, None if without is None else without.resolve()):
        if entry.is_dir():
            folders.append(entry)
        elif _is_picture(entry):
            pictures.append(entry)
        elif not entry.name.startswith(APPLE_DOUBLE):
            others.append(entry)
    return Folder(path, tuple(sorted(pictures)), tuple(sorted(others)), tuple(sorted(folders)))


def _entries(path: Path, recursive: bool, without: Path | None) -> Iterator[Path]:
    for entry in path.iterdir():
        if entry.name.lower() in SYSTEM:
            continue
        if not entry.is_dir():
            yield entry
        elif entry.name.startswith(".") or entry.resolve() == without:
            continue
        elif recursive and not entry.is_symlink() and os.access(entry, os.R_OK | os.X_OK):
            yield from _entries(entry, recursive, without)
        else:
            yield entry


def _is_picture(path: Path) -> bool:
    if not path.is_file():  # opening a pipe may block
        return False
    if path.suffix.lower() in READABLE and not path.name.startswith(APPLE_DOUBLE):
        return True
    try:
        with path.open("rb") as file:
            return recognise(file.read(HEAD)) is not None
    except OSError:
        return False
