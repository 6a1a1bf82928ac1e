"""The outputs of a run: checked before the work begins, never one of the inputs, written with the recipe of the run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypedDict

from torch import Tensor

from impasto.cli.options import RunOptions
from impasto.errors import UsageError
from impasto.image import NOTHING, Origin, check_writable, files_in, read_metadata, resize, write
from impasto.settings.recipe import WRITING, Recipe, recipe
from impasto.settings.synthesis import SynthesisSettings
from impasto.synthesis import Step

MOST_NAMES = 3
"""Largest number of files in a message."""

IDENTITY = ("task", "inputs", "settings")
"""Parts of a recipe that distinguish commands; threads and the quality of a file do not."""


def check(path: Path, options: RunOptions, read: Iterable[str]) -> None:
    """Raise UsageError if `path` cannot be written, or if `path` or a snapshot of the run is a file to `read`."""
    check_writable(path, bits=options.bits)
    try_folder(path)
    snapshot = snapshots_of(path)
    for name in (file for source in read for file in files_in(source)):
        refuse_input(path, name)
        beside = options.save_every and _same(Path(name).parent, path.parent)
        if beside and snapshot.fullmatch(Path(name).name):
            raise UsageError(f"--save-every could overwrite the input '{name}'; choose another --output")


@dataclass(frozen=True)
class Output:
    """Place, format and metadata of the pictures of a run."""

    path: Path
    options: RunOptions
    task: str
    inputs: Mapping[str, str]
    settings: SynthesisSettings
    alpha: Tensor | None = None
    origin: Origin = NOTHING

    def check_free(self, *, resumed: bool, film: Path | None) -> None:
        """Raise UsageError where the run would replace a file that Impasto did not make.

        A `resumed` run replaces its own files. `film`: the file of the timelapse.
        """
        if resumed or is_made_by(self.path, {}):
            return
        snapshots = snapshots_of(self.path) if self.options.save_every else None
        beside = [path for path in self.path.parent.iterdir() if snapshots and snapshots.fullmatch(path.name)]
        refuse_existing([self.path, *([film] if film else []), *sorted(beside)], self.options)

    def save(self, step: Step) -> tuple[str, ...]:
        """Write the finished picture; return notices."""
        return self._write(self.path, step, None)

    def save_unfinished(self, step: Step) -> tuple[str, ...]:
        """Write the picture of a stopped run, with the number of the step in its recipe; return notices."""
        return self._write(self.path, step, step.index)

    def snapshot(self, step: Step) -> Path:
        """Write the picture of one step under the number of the step; return the path."""
        path = self.path.with_name(f"{self.path.stem}-{step.index:04d}{self.path.suffix}")
        self._write(path, step, step.index)
        return path

    def _write(self, path: Path, step: Step, stopped: int | None) -> tuple[str, ...]:
        picture = step.image()
        size = (picture.shape[-2], picture.shape[-1])
        return write(
            path,
            picture,
            alpha=None if self.alpha is None else resize(self.alpha, size).clamp(0, 1),
            bits=self.options.bits,
            quality=self.options.output_quality,
            metadata=self._recipe(stopped),
            **photo_metadata(self.options, self.origin),
        )

    def _recipe(self, stopped: int | None) -> Recipe:
        return recipe(self.task, self.inputs, self.settings, writing=file_settings(self.options), stopped=stopped)


class PhotoMetadata(TypedDict):
    """Arguments of `write` about the metadata of the photo."""

    origin: Origin
    location: bool


def photo_metadata(options: RunOptions, origin: Origin) -> PhotoMetadata:
    """Return the metadata of the photo that the result takes over, after `--photo-metadata`."""
    return {
        "origin": NOTHING if options.photo_metadata == "none" else origin,
        "location": options.photo_metadata == "location",
    }


def file_settings(options: RunOptions) -> dict[str, Any]:
    """Return the options in a recipe: those that change the bytes of the file and differ from their defaults."""
    return {name: value for name, value in options.to_mapping(defaults=False).items() if name in WRITING}


def snapshots_of(path: Path) -> re.Pattern[str]:
    """Return a pattern of the names of the snapshots of a run that writes `path`."""
    return re.compile(re.escape(path.stem) + r"-\d{4,}" + re.escape(path.suffix))


def is_made_by(path: Path, recipe: Recipe) -> bool:
    """Return whether the picture at `path` has the same `recipe`, finished or not: the same command made the picture.

    An empty `recipe` stands for any recipe.
    """
    try:
        stored = read_metadata(path)
    except UsageError:  # no picture, or an unreadable one
        return False
    return stored is not None and all(stored.get(name) == recipe[name] for name in IDENTITY if name in recipe)


def free_name(name: str, recipe: Recipe) -> Path:
    """Return `photo-painting.png`, or `photo-painting-2.png` and so on if another command made that file."""
    path, number = Path(name), 2
    while os.path.lexists(path) and not is_made_by(path, recipe):
        path = Path(name).with_stem(f"{Path(name).stem}-{number}")
        number += 1
    return path


def refuse_existing(paths: Iterable[Path], options: RunOptions) -> None:
    """Raise UsageError with the files of `paths` that exist, unless `options` allow replacement."""
    existing = [] if options.overwrite else [f"'{path}'" for path in paths if os.path.lexists(path)]
    if existing:
        more = f" and {len(existing) - MOST_NAMES} more" if len(existing) > MOST_NAMES else ""
        are, carry = ("are", "carry") if len(existing) > 1 else ("is", "carries")
        raise UsageError(
            f"{', '.join(existing[:MOST_NAMES])}{more} {are} there already, and {carry} no settings of this command; "
            "choose another name, or replace by --overwrite"
        )


def try_folder(path: Path) -> None:
    """Raise UsageError if no file can be created beside `path`. Creates one, because permissions are not all."""
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror or error}") from error


def refuse_input(path: Path, name: str) -> None:
    """Raise UsageError if the output `path` is the file `name`, or a file of the source `name`."""
    if any(_same(path, Path(file)) for file in files_in(name)):
        raise UsageError(f"the output '{path}' is also an input; choose another --output")


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)  # follows links, and ignores case where the file system does
    except (OSError, ValueError):
        return os.path.realpath(a) == os.path.realpath(b)
