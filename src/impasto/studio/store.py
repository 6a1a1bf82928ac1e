"""The store: pictures and runs of all visitors, in one folder, bounded in bytes and in age.

    FOLDER/VISITOR/pictures/ID.json   a record; the file of the picture is beside it, without a suffix that it chose
    FOLDER/VISITOR/runs/ID/           run.json, checkpoint, preview.jpg, frames/

Ids are random, and a visitor's folder is the only place where they are looked up: no id of one visitor leads to a file
of another. Names that visitors give are stored in records, and never become a part of a path.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from impasto.errors import ImpastoError, UsageError
from impasto.image.atomic import replace_file

ID = re.compile("[0-9a-f]{32}")
"""An id of a picture, a run or a visitor."""

SUFFIX = ".picture"
"""Suffix of the files of uploaded pictures, whose format is recognised by their first bytes."""

RECENT = 60.0
"""Seconds for which an item that was just used is safe from deletion for space."""


class MissingError(ImpastoError):
    """A picture or a run that the visitor does not have."""


class FullError(ImpastoError):
    """No space is left in the store."""


@dataclass(frozen=True)
class StoredPicture:
    """The record of a picture.

    kind: "upload", "mask" or "result".
    width, height: in pixels, after orientation.
    bytes: the size of the file.
    recipe: the settings inside the file, if Impasto made the picture.
    created: seconds since 1970.
    """

    id: str
    name: str
    kind: str
    width: int
    height: int
    alpha: bool
    bytes: int
    notices: tuple[str, ...] = ()
    recipe: dict[str, Any] | None = None
    created: float = field(default_factory=time.time)

    @property
    def source(self) -> str:
        """The text that stands for the picture in a request."""
        return f"picture:{self.id}"


def new_id() -> str:
    """Return a new random id, 128 bits in hex.

    >>> len(new_id())
    32
    """
    return secrets.token_hex(16)


class Store:
    """The folder of pictures and runs; `most` bytes in all, kept for `age` seconds."""

    def __init__(self, folder: Path, most: float, age: float) -> None:
        self.folder, self.most, self.age = folder, most, age
        self.used = self.arriving = 0  # bytes of finished files, and of uploads on their way
        self.is_busy: Callable[[Path], bool] = lambda _: False
        """Whether a run still reads or writes the folder or file; the scheduler sets this."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.clean()

    def room(self, visitor: str) -> Path:
        """Return the folder of a visitor, which may not exist yet. Raises MissingError for an id of another form."""
        if not ID.fullmatch(visitor):
            raise MissingError("there is no such visitor")
        return self.folder / visitor

    def visitors(self) -> list[str]:
        """Return the ids of all visitors with a folder."""
        return [path.name for path in self.folder.iterdir() if ID.fullmatch(path.name) and path.is_dir()]

    def new_path(self, visitor: str, suffix: str = SUFFIX) -> tuple[str, Path]:
        """Return a new id, and the path for the file of a picture. Raises FullError without space."""
        self.check_space(0)
        pictures = self.room(visitor) / "pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        number = new_id()
        return number, pictures / f"{number}{suffix}"

    def add(self, visitor: str, picture: StoredPicture) -> StoredPicture:
        """Store the record of a picture whose file is there; return the record. Raises FullError without space."""
        path = self.path_of(visitor, picture.id)
        size = path.stat().st_size
        try:
            self.check_space(size)
            picture = replace(picture, bytes=size)
            self._write(self.room(visitor) / "pictures" / f"{picture.id}.json", asdict(picture))
        except ImpastoError:
            path.unlink(missing_ok=True)
            raise
        self.used += size
        return picture

    def picture(self, visitor: str, number: str) -> StoredPicture:
        """Return the record of a picture. Raises MissingError."""
        if ID.fullmatch(number):
            with suppress(OSError, ValueError, TypeError):
                about = json.loads((self.room(visitor) / "pictures" / f"{number}.json").read_text(encoding="utf-8"))
                about["notices"] = tuple(about["notices"])
                return StoredPicture(**about)
        raise MissingError(f"there is no picture {number[:40]!r} here; it may have been deleted after {self._hours()}")

    def pictures(self, visitor: str) -> list[StoredPicture]:
        """Return the records of all pictures of a visitor, newest first."""
        found = []
        for path in (self.room(visitor) / "pictures").glob("*.json"):
            with suppress(MissingError):
                found.append(self.picture(visitor, path.stem))
        return sorted(found, key=lambda picture: -picture.created)

    def path_of(self, visitor: str, number: str) -> Path:
        """Return the file of a picture. Raises MissingError."""
        if ID.fullmatch(number):
            for path in (self.room(visitor) / "pictures").glob(f"{number}.*"):
                if path.suffix != ".json":
                    return path
        raise MissingError(f"there is no picture {number[:40]!r} here; it may have been deleted after {self._hours()}")

    def delete(self, visitor: str, number: str) -> None:
        """Delete a picture and its record. Raises MissingError, and UsageError while a run reads the picture."""
        path = self.path_of(visitor, number)
        if self.is_busy(path):
            raise UsageError("a run still needs this picture; cancel the run first")
        self.used -= path.stat().st_size
        path.with_name(f"{number}.json").unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def run_folder(self, visitor: str, number: str) -> Path:
        """Return the folder of a run, which may not exist yet. Raises MissingError for an id of another form."""
        if not ID.fullmatch(number):
            raise MissingError("there is no such run")
        return self.room(visitor) / "runs" / number

    def run_folders(self) -> Iterator[tuple[str, Path]]:
        """Yield visitor and folder of every run."""
        for visitor in self.visitors():
            for path in (self.room(visitor) / "runs").glob("*"):
                if ID.fullmatch(path.name):
                    yield visitor, path

    @contextmanager
    def upload(self, visitor: str) -> Iterator[tuple[str, Path, Callable[[bytes], None]]]:
        """Give a new id, the path of its file, and a function that writes a part of an upload to the file.

        The file is deleted if the upload breaks off. Raises FullError where it takes more than the space that is left.
        """
        number, path = self.new_path(visitor)
        arrived = 0

        def take(part: bytes) -> None:
            nonlocal arrived
            arrived += len(part)
            self.arriving += len(part)
            self.check_space(self.arriving)
            file.write(part)

        try:
            with path.open("wb") as file:
                yield number, path, take
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            self.arriving -= arrived

    def check_space(self, more: float) -> None:
        """Raise Full unless `more` bytes fit; old pictures and runs are deleted first."""
        if self.used + more > self.most:
            self.clean(more)
        if self.used + more > self.most:
            raise FullError(
                f"the studio keeps at most {self.most / 1e9:.3g} GB, and is full; delete some pictures or runs"
            )

    def clean(self, more: float = 0) -> None:
        """Delete files without a record, items that are too old, and the oldest ones until `more` bytes fit."""
        now = time.time()
        items = sorted((max(p.stat().st_mtime for p in files), files) for files in self._items() if files)
        self.used = sum(_size(files) for _, files in items)
        for used_at, files in items:
            old = now - used_at > self.age
            if not old and (self.used + more <= self.most or now - used_at < RECENT):
                continue
            if any(self.is_busy(path) for path in files):
                continue
            self.used -= _size(files)
            for path in files:
                remove(path)
        for visitor in self.visitors():
            for path in (self.room(visitor) / "pictures", self.room(visitor) / "runs", self.room(visitor)):
                with suppress(OSError):
                    path.rmdir()  # if it is empty

    def forget(self) -> None:
        """Delete everything."""
        for visitor in self.visitors():
            remove(self.room(visitor))
        self.used = 0

    def _items(self) -> Iterator[list[Path]]:
        """Yield the paths of each item: record and file of a picture, or the folder of a run."""
        for visitor in self.visitors():
            files: dict[str, list[Path]] = {}
            for path in (self.room(visitor) / "pictures").glob("*"):
                files.setdefault(path.name.partition(".")[0], []).append(path)
            for paths in files.values():
                if any(path.suffix == ".json" for path in paths):
                    yield paths
                elif not self._is_fresh(paths):  # not on its way: the remains of a server that was killed
                    for path in paths:
                        remove(path)
            for path in (self.room(visitor) / "runs").glob("*"):
                yield [path]

    @staticmethod
    def _is_fresh(paths: list[Path]) -> bool:
        return any(time.time() - path.stat().st_mtime < RECENT for path in paths)

    def _hours(self) -> str:
        return f"{self.age / 3600:g} hours"

    @staticmethod
    def _write(path: Path, about: dict[str, Any]) -> None:
        replace_file(path, json.dumps(about, allow_nan=False).encode())


def _size(paths: list[Path]) -> int:
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in files if file.is_file())


def remove(path: Path) -> None:
    """Delete a file, or a folder with everything in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
