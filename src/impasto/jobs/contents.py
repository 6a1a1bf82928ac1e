"""Hashes of the files that a cell names: a cell is made again after a change of its photo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


class Contents:
    """SHA-256 of files, cached: one object for one expansion of a sweep, during which files do not change."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def of(self, values: Any) -> dict[str, str]:
        """Return hashes, by name, of the files in the texts of `values`, in lists and mappings too.

        A file that cannot be read is left out: the cell that reads it reports the error.
        """
        found = dict[str, str]()
        for name in names_in(values):
            with suppress(OSError):
                found[name] = self._file(Path(name))
        return found

    def of_folder(self, folder: str | None) -> dict[str, str]:
        """Return a hash of the pictures in `folder`, by its name; empty if it cannot be read, or is None."""
        if not folder:
            return {}
        from impasto.image.folder import survey  # noqa: PLC0415 (its package imports torch)

        path = Path(folder)
        try:
            pictures = survey(path, recursive=True).pictures
            about = [(picture.relative_to(path).as_posix(), self._file(picture)) for picture in pictures]
        except OSError:
            return {}
        return {folder: hashlib.sha256(repr(about).encode("utf-8", "surrogateescape")).hexdigest()}

    def _file(self, path: Path) -> str:
        if path not in self._known:
            found = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    found.update(block)
            self._known[path] = found.hexdigest()
        return self._known[path]


def names_in(values: Any) -> list[str]:
    """Return the files in the texts of `values`."""
    from impasto.image.schemes import files_named  # noqa: PLC0415 (its package imports torch)

    return files_named(_texts(values))


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        yield from _texts([*values.values()])
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _texts(value)
