"""Which pictures are judged: the pairs of photo and painting, and the methods that stylize them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.one_pass import PICTURES
from impasto.errors import UsageError
from impasto.settings.files import read_table

NAME = re.compile(r"\w[\w.+-]*")
"""What a method may be called: its name is a folder, a column and part of an answer."""

PLACES = ("{photo}", "{painting}", "{out}", "{size}")
"""Placeholders of a command. `{photo}`, `{painting}` and `{out}` are paths; `{size}` is the longer side in pixels."""


@dataclass(frozen=True)
class Pair:
    """A photo to be painted and the painting whose style it should have. `name`: `PHOTO-PAINTING`, from the files."""

    photo: Path
    painting: Path

    @property
    def name(self) -> str:
        """The stems of both files."""
        return f"{self.photo.stem}-{self.painting.stem}"


@dataclass(frozen=True)
class Method:
    """A method has a command that stylizes a pair, a folder of finished pictures, or a picture to copy.

    `command`: words with placeholders (`PLACES`), run without a shell. `folder`: pictures named after the pairs.
    `copy_of`: "photo" or "painting". `environment`: variables set for the command. `most`: the number of pairs that are
    stylized, spread evenly over all, or None for all.
    """

    name: str
    command: tuple[str, ...] = ()
    folder: Path | None = None
    copy_of: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    most: int | None = None

    def words(self, pair: Pair, out: Path, size: int) -> list[str]:
        """Return the command for a pair. Placeholders are replaced within words, so paths may have spaces."""
        values = dict(zip(PLACES, (str(pair.photo), str(pair.painting), str(out), str(size)), strict=True))
        pattern = re.compile("|".join(map(re.escape, PLACES)))
        return [pattern.sub(lambda match: values[match[0]], word) for word in self.command]

    def chosen(self, pairs: list[Pair]) -> list[Pair]:
        """Return the pairs that this method stylizes."""
        if self.most is None or self.most >= len(pairs):
            return pairs
        last = max(1, self.most - 1)
        return [pairs[round(k * (len(pairs) - 1) / last)] for k in range(self.most)]


def read_pairs(file: Path) -> list[Pair]:
    """Read lines of `PHOTO<TAB>PAINTING`, paths relative to the folder of `file`; empty lines are skipped.

    Raises UsageError for a line with other columns, a file that is not there, and two pairs with one name.
    """
    pairs: list[Pair] = []
    for number, line in enumerate(_text(file).splitlines(), 1):
        if not line.strip():
            continue
        columns = line.rstrip("\r").split("\t")
        if len(columns) != 2:
            raise UsageError(f"{file}, line {number}: expected PHOTO, a tab, PAINTING; found {len(columns)} columns")
        paths = [(file.parent / column).resolve() for column in columns]
        if missing := [path for path in paths if not path.is_file()]:
            raise UsageError(f"{file}, line {number}: there is no {missing[0]}")
        pair = Pair(*paths)
        if pair.name in {known.name for known in pairs}:
            raise UsageError(f"{file}, line {number}: a second pair is called {pair.name}; rename a picture")
        pairs.append(pair)
    if not pairs:
        raise UsageError(f"{file} has no pairs")
    return pairs


def read_methods(file: Path, python: str, reserved: Iterable[str] = ()) -> list[Method]:
    """Read a TOML table of methods: `name = "COMMAND"`, or `name = {folder = "FOLDER"}` relative to the file's folder.

    A command is split into words as a shell would; a list of words is taken as it is. The first word `impasto` stands
    for `PYTHON -m impasto` and `python` for `PYTHON`. Raises UsageError for anything else, and for `reserved` names.
    """
    taken = set(reserved)
    methods = []
    for name, value in read_table(file).items():
        if not NAME.fullmatch(name) or name in taken:
            raise UsageError(
                f"{file}: a method cannot be called '{name}'" + (", which is an anchor" if name in taken else "")
            )
        methods.append(_method(file, name, value, python))
    if not methods:
        raise UsageError(f"{file} has no methods")
    return methods


def picture_in(folder: Path, pair: Pair) -> Path | None:
    """Return the finished picture of a pair in a folder, of any usual suffix, or None."""
    return next((path for suffix in PICTURES if (path := folder / f"{pair.name}{suffix}").is_file()), None)


def _method(file: Path, name: str, value: Any, python: str) -> Method:
    if isinstance(value, dict) and set(value) == {"folder"} and isinstance(value["folder"], str):
        return Method(name, folder=(file.parent / value["folder"]).resolve())
    words = shlex.split(value) if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise UsageError(f'{file}: {name} should be a command, "impasto ...", or {{folder = "..."}}')
    joined = " ".join(words)
    if missing := [place for place in PLACES[:3] if place not in joined]:
        raise UsageError(f"{file}: the command of {name} lacks {', '.join(missing)}")
    programs = {"impasto": [python, "-m", "impasto"], "python": [python]}
    return Method(name, tuple(programs.get(words[0], words[:1]) + words[1:]))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
