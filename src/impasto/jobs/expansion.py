"""The cells of a sweep: the expansion of a spec, with hashes of the settings and of the files of each cell."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.errors import UsageError
from impasto.jobs.kinds import KINDS, OnePassSettings
from impasto.jobs.spec import BESIDE, CASE, Sweep, axes, axis_values
from impasto.settings.presets import preset


@dataclass(frozen=True)
class Cell:
    """One picture of a sweep.

    place: the label on each axis. folder: the folder of the spec. contents: hashes of the files of the cell, by name.
    """

    index: int
    place: Mapping[str, str]
    task: str
    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    folder: Path = Path()
    contents: Mapping[str, str] = field(default_factory=dict)

    @property
    def work(self) -> str:
        """A hash of the computation: cells with equal work have the same picture."""
        facts = [self.task, _portable(self.inputs, self.folder), _portable(self.settings, self.folder)]
        return _hash(facts + self._hashes(self.contents))

    @property
    def key(self) -> str:
        """The name of the cell: a hash of its work and its place."""
        return _hash([self.work, self.place])

    @property
    def network(self) -> str | None:
        """A hash of everything that affects the training of the cell's network; None without a training."""
        settings = KINDS[self.task].settings.from_mapping(self.settings)
        if not isinstance(settings, OnePassSettings):
            return None
        training = settings.training().to_mapping(defaults=False)
        facts = [self.inputs["style"], settings.photos, training]
        names = {*names_in(facts), settings.photos}
        hashes = self._hashes({name: value for name, value in self.contents.items() if name in names})
        return _hash(_portable(facts, self.folder) + hashes)

    def _hashes(self, contents: Mapping[str, str]) -> list[Any]:
        """Return `contents` by portable names, as a list; an empty list without files."""
        return [{_portable(name, self.folder): value for name, value in contents.items()}] if contents else []


def expand(sweep: Sweep) -> list[Cell]:
    """Return all cells of the grid, with valid settings. Raises UsageError for invalid settings and missing inputs.

    >>> from impasto.jobs.spec import read_sweep
    >>> len(expand(read_sweep("weights"))) > 1
    True
    """
    lists, labels = axis_values(sweep), axes(sweep)
    fixed = {name: value for name, value in (*sweep.inputs.items(), *sweep.settings.items()) if name not in lists}
    choices: list[list[tuple[str, str, dict[str, Any]]]] = [
        [(name, label, {name: value}) for label, value in zip(labels[name], values, strict=True)]
        for name, values in lists.items()
    ]
    if sweep.cases:
        own = [{name: value for name, value in case.items() if name != "name"} for case in sweep.cases]
        choices.append([(CASE, label, values) for label, values in zip(labels[CASE], own, strict=True)])
    contents = Contents()
    return [_cell(sweep, index, fixed, choice, contents) for index, choice in enumerate(itertools.product(*choices))]


def _cell(
    sweep: Sweep,
    index: int,
    fixed: Mapping[str, Any],
    choice: Sequence[tuple[str, str, dict[str, Any]]],
    contents: Contents,
) -> Cell:
    """Return the cell of a choice: an axis, a label and the values of the label for each axis."""
    task, values = KINDS[sweep.task], dict(fixed)
    for _, _, more in choice:
        values |= more
    values = {name: _beside(value, sweep.folder) for name, value in values.items()}
    inputs = {name: str(values.pop(name)) for name in task.inputs if name in values}
    if len(inputs) < len(task.inputs):
        raise UsageError(
            f"{sweep.task} needs {' and '.join(task.inputs)}; a cell has {', '.join(inputs) or 'none'} only"
        )
    beneath = preset(str(values.pop("preset")), sweep.task) if "preset" in values else {}
    settings = task.settings.from_mapping(beneath | values).to_mapping(defaults=False)
    place, hashes = {name: label for name, label, _ in choice}, contents.of([inputs, settings])
    photos = contents.of_folder(settings.get("photos"))
    return Cell(index, place, sweep.task, inputs, settings, sweep.folder, hashes | photos)


class Contents:
    """SHA-256 hashes of the files that cells name, so that a cell is computed again after a change of its photo.

    The hashes are cached: an object is for one expansion of a sweep, during which files do not change.
    """

    def __init__(self) -> None:
        self._cache: dict[Path, str] = {}

    def of(self, values: Any) -> dict[str, str]:
        """Return hashes, by name, of the files in the texts of `values`, and of its lists and mappings.

        A file that cannot be read is left out, because the cell reports the error.
        """
        hashes = dict[str, str]()
        for name in names_in(values):
            with suppress(OSError):
                hashes[name] = self._file(Path(name))
        return hashes

    def of_folder(self, folder: str | None) -> dict[str, str]:
        """Return a hash of the pictures in `folder`, by the name of the folder; an empty dictionary for None, and for a
        folder that cannot be read."""
        if not folder:
            return {}
        from impasto.image.folder import survey  # noqa: PLC0415 (its package imports torch)

        path = Path(folder)
        try:
            pictures = survey(path, recursive=True).pictures
            hashes = [(picture.relative_to(path).as_posix(), self._file(picture)) for picture in pictures]
        except OSError:
            return {}
        return {folder: hashlib.sha256(repr(hashes).encode("utf-8", "surrogateescape")).hexdigest()}

    def _file(self, path: Path) -> str:
        if path not in self._cache:
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
            self._cache[path] = digest.hexdigest()
        return self._cache[path]


def names_in(values: Any) -> list[str]:
    """Return the names of files in the texts of `values`."""
    from impasto.image.schemes import files_named  # noqa: PLC0415 (its package imports torch)

    return files_named(_texts(values))


def _texts(values: Any) -> Iterator[str]:
    """Yield the texts of `values`, and of its lists and mappings."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        yield from _texts([*values.values()])
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _texts(value)


def _beside(value: Any, folder: Path) -> Any:
    """Return the value with the paths of files `spec:FILE`."""
    if isinstance(value, list):
        return [_beside(part, folder) for part in value]
    return value.replace(BESIDE, f"{folder}/") if isinstance(value, str) else value


def _portable(value: Any, folder: Path) -> Any:
    """Return the value with `spec:FILE` for paths, so that the cells of a spec are the same in any folder."""
    if isinstance(value, Mapping):
        return {name: _portable(part, folder) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(part, folder) for part in value]
    return value.replace(f"{folder}/", BESIDE) if isinstance(value, str) and folder != Path() else value


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
