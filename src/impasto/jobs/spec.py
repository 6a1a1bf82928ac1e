"""Specs of sweeps: a task, its inputs and its settings, any of which may be lists; and the resulting cells.

A spec is a TOML file:

    title = "Style weight against content weight"
    task = "stylize"
    rows = "style_weight"        # axes of the page; others become groups
    columns = "content_weight"
    [inputs]
    content = "sample:chelsea"
    style = ["sample:flow", "sample:glass"]
    [settings]                   # fields of the task's settings, or `preset`
    style_weight = [1e4, 1e5]
    [[cases]]                    # one more axis, "case": inputs and settings that belong together
    name = "from noise"
    init = "noise"

`spec:FILE` in any text is a file beside the spec. Tasks are those of the command line that make a picture step by step,
and `one-pass`, which trains a small network for the painting first (see `one_pass.py`).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from impasto.errors import UsageError, choose, nearest
from impasto.jobs.contents import Contents, names_in
from impasto.jobs.kinds import KINDS, OnePassSettings
from impasto.settings.base import plain_type
from impasto.settings.files import read_table
from impasto.settings.presets import preset

CASE = "case"
BESIDE = "spec:"


@dataclass(frozen=True)
class Sweep:
    """A parsed spec; `folder` is the folder of `spec:FILE`."""

    task: str
    inputs: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    cases: Sequence[Mapping[str, Any]] = ()
    title: str = "A sweep"
    about: str = ""
    source: str = ""
    rows: str | None = None
    columns: str | None = None
    differences: Sequence[str] = ()
    folder: Path = Path()


@dataclass(frozen=True)
class Cell:
    """One picture to make.

    place: labels on the axes. folder: that of the spec. contents: hashes of the files of the cell, by name."""

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
        made_from = [self.task, _portable(self.inputs, self.folder), _portable(self.settings, self.folder)]
        return _hash(made_from + self._hashes(self.contents))

    @property
    def key(self) -> str:
        """The name of the cell: a hash of its work and its place."""
        return _hash([self.work, self.place])

    @property
    def network(self) -> str | None:
        """A hash of everything that the network to train depends on; None without a network."""
        settings = KINDS[self.task].settings.from_mapping(self.settings)
        if not isinstance(settings, OnePassSettings):
            return None
        made = settings.training().to_mapping(defaults=False)
        made_from = [self.inputs["style"], settings.photos, made]
        named = {*names_in(made_from), settings.photos}
        hashes = self._hashes({name: value for name, value in self.contents.items() if name in named})
        return _hash(_portable(made_from, self.folder) + hashes)

    def _hashes(self, contents: Mapping[str, str]) -> list[Any]:
        """`contents` by portable names, as a list; empty without files."""
        return [{_portable(name, self.folder): value for name, value in contents.items()}] if contents else []


def built_in() -> dict[str, Path]:
    """Return the built-in specs, by name."""
    folder = Path(str(files("impasto.jobs") / "specs"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_sweep(spec: str | Path) -> Sweep:
    """Return the sweep of a `.toml` or `.json` file, or the built-in sweep of this name.

    Raises UsageError for a file that cannot be read, and for unknown names, tasks, axes and inputs.

    >>> import impasto
    >>> impasto.read_sweep("weights").task
    'stylize'
    """
    given = str(spec).endswith((".toml", ".json"))
    path = Path(spec) if given else choose(built_in(), str(spec), "sweep")
    return from_mapping(read_table(path), path.parent)


def from_mapping(table: Mapping[str, Any], folder: Path = Path()) -> Sweep:
    """Return a sweep from a parsed spec. Raises UsageError for unknown keys, tasks, axes and inputs."""
    allowed = [f.name for f in fields(Sweep) if f.name != "folder"]
    for key in table:
        if key not in allowed:
            raise UsageError(f"a spec has no '{key}'{nearest(key, allowed)}; allowed: {', '.join(allowed)}")
    if "task" not in table:
        raise UsageError(f"a spec needs a task: {', '.join(KINDS)}")
    task = choose(KINDS, str(table["task"]), "task")
    sweep = Sweep(**{**table, "inputs": dict(table.get("inputs", {}))}, folder=folder)
    tables = [*sweep.cases, sweep.inputs]
    for name in (*task.inputs, *sweep.inputs):
        if name not in task.inputs or not any(name in given for given in tables):
            raise UsageError(
                f"the inputs of {sweep.task} are {' and '.join(task.inputs)}; given: {_names(sweep.inputs)}"
            )
    known = list(axes(sweep))
    for what in ("rows", "columns"):
        wanted = getattr(sweep, what)
        if wanted is not None and wanted not in known:
            raise UsageError(
                f"{what} is '{wanted}'{nearest(wanted, known)}, which is no axis; the axes: {_names(known)}"
            )
    for name in sweep.differences:
        if name not in ("original", *known):
            raise UsageError(f"differences are of original or an axis, not '{name}'; the axes: {_names(known)}")
    return sweep


def axes(sweep: Sweep) -> dict[str, list[str]]:
    """Return the axes in the order of the spec, inputs first, cases last, each with the labels of its values."""
    found = {name: _labels(values) for name, values in _lists(sweep).items()}
    if sweep.cases:
        found[CASE] = _distinct([_case_label(case) for case in sweep.cases])
    return found


def expand(sweep: Sweep) -> list[Cell]:
    """Return every cell of the grid with checked settings. Raises UsageError for settings that are not allowed."""
    lists, labels = _lists(sweep), axes(sweep)
    fixed = {name: value for name, value in (*sweep.inputs.items(), *sweep.settings.items()) if name not in lists}
    choices: list[list[tuple[str, str, dict[str, Any]]]] = [
        [(name, label, {name: value}) for label, value in zip(labels[name], values, strict=True)]
        for name, values in lists.items()
    ]
    if sweep.cases:
        own = [{name: value for name, value in case.items() if name != "name"} for case in sweep.cases]
        choices.append([(CASE, label, values) for label, values in zip(labels[CASE], own, strict=True)])
    contents = Contents()
    return [_cell(sweep, index, fixed, chosen, contents) for index, chosen in enumerate(itertools.product(*choices))]


def _cell(
    sweep: Sweep,
    index: int,
    fixed: Mapping[str, Any],
    chosen: Sequence[tuple[str, str, dict[str, Any]]],
    contents: Contents,
) -> Cell:
    task, values = KINDS[sweep.task], dict(fixed)
    for _, _, more in chosen:
        values |= more
    values = {name: _beside(value, sweep.folder) for name, value in values.items()}
    inputs = {name: str(values.pop(name)) for name in task.inputs if name in values}
    if len(inputs) < len(task.inputs):
        raise UsageError(f"{sweep.task} needs {' and '.join(task.inputs)}; a cell has {_names(inputs)} only")
    beneath = preset(str(values.pop("preset")), sweep.task) if "preset" in values else {}
    settings = task.settings.from_mapping(beneath | values).to_mapping(defaults=False)
    place, found = {name: label for name, label, _ in chosen}, contents.of([inputs, settings])
    photos = contents.of_folder(settings.get("photos"))
    return Cell(index, place, sweep.task, inputs, settings, sweep.folder, found | photos)


def _lists(sweep: Sweep) -> dict[str, list[Any]]:
    """Return inputs and settings that are axes. A setting that is itself a list is an axis if it is a list of lists."""
    kinds = typing.get_type_hints(KINDS[sweep.task].settings)
    found = {}
    for name, value in (*sweep.inputs.items(), *sweep.settings.items()):
        whole = name in kinds and plain_type(kinds[name])[0] is tuple
        if isinstance(value, list) and (not whole or any(isinstance(part, list) for part in value)):
            if not value:
                raise UsageError(f"'{name}' is an empty list: an axis needs values")
            found[name] = value
    return found


def _case_label(case: Mapping[str, Any]) -> str:
    """Return the case's name, or its values."""
    return str(case["name"]) if "name" in case else ", ".join(_label(value) for value in case.values())


def _distinct(labels: Sequence[str]) -> list[str]:
    """Return the labels, with numbers behind repeated ones."""
    counts = [labels[:k].count(label) for k, label in enumerate(labels, 1)]
    return [label if count < 2 else f"{label} ({count})" for label, count in zip(labels, counts, strict=True)]


def _labels(values: Sequence[Any]) -> list[str]:
    """Return short, different names of an axis's values."""
    short = [_label(value) for value in values]
    return short if len(set(short)) == len(short) else [str(value) for value in values]


def _label(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_label(part) for part in value) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return Path(text).stem if "/" in text or "\\" in text else text.removeprefix("sample:")


def _beside(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_beside(part, folder) for part in value]
    return value.replace(BESIDE, f"{folder}/") if isinstance(value, str) else value


def _portable(value: Any, folder: Path) -> Any:
    """Undo `_beside`, so that a spec makes the same cells in any folder."""
    if isinstance(value, Mapping):
        return {name: _portable(part, folder) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(part, folder) for part in value]
    return value.replace(f"{folder}/", BESIDE) if isinstance(value, str) and folder != Path() else value


def _names(names: object) -> str:
    return ", ".join(map(str, names)) if names else "none"  # type: ignore[call-overload]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
