"""The files in the folder of a sweep: the plan, and the results with a line for each cell."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from impasto.errors import ImpastoError, UsageError, choose
from impasto.image.atomic import replace_file

PLAN = "sweep.json"
RESULTS = "results.jsonl"

DONE, FAILED = "done", "failed"

ORIGINAL = "original"
"""The name in `Plan.differences` of the difference between result and original."""


@dataclass(frozen=True)
class Axis:
    """A setting or an input with several values, and the labels of these values, in order."""

    name: str
    labels: Sequence[str]


@dataclass(frozen=True)
class Plan:
    """The plan of a sweep.

    rows, columns: the axes of the grid, or None; further axes divide it into groups.
    differences: "original", and axes, for the difference between their first two values.
    notices: lines for the page.
    impasto: the version.
    """

    title: str
    axes: Sequence[Axis] = ()
    rows: str | None = None
    columns: str | None = None
    about: str = ""
    source: str = ""
    task: str = ""
    differences: Sequence[str] = ()
    notices: Sequence[str] = ()
    impasto: str = ""


@dataclass(frozen=True)
class Record:
    """The result of one cell.

    place: the label on each axis. status: "done", or "failed" with an `error` of one line.
    picture, original: paths in the folder. paintings: paths by the names of the paintings.
    network: the network of the computation. instead_of: the network of the settings, if it is another one.
    shared: the key of the cell that was computed, if it is another cell with the same work.
    losses: pairs of step and total loss. scales: the first steps of larger sizes, or of other losses.
    loss, terms: those of the picture, the least at its size; those of the last step for stochastic losses.
    style, content: normalised distances to the paintings and to the photo, by layer.
    apart: mean difference, in levels of 255, between the results of one network for the photo with another contrast or
        light and for the unchanged photo.
    """

    key: str
    index: int
    place: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    status: str = DONE
    error: str | None = None
    picture: str | None = None
    original: str | None = None
    paintings: Mapping[str, str] = field(default_factory=dict)
    network: str = ""
    instead_of: str = ""
    shared: str | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    seconds: float | None = None
    peak_mb: float | None = None
    losses: Sequence[tuple[int, float]] = ()
    scales: Sequence[int] = ()
    loss: float | None = None
    terms: Mapping[str, float] = field(default_factory=dict)
    style: Mapping[str, float] = field(default_factory=dict)
    content: Mapping[str, float] = field(default_factory=dict)
    apart: float | None = None

    @property
    def last_loss(self) -> float | None:
        """The total loss of the last step."""
        return self.losses[-1][1] if self.losses else None

    @property
    def style_distance(self) -> float | None:
        """The mean of `style` over its layers."""
        return _mean(self.style)

    @property
    def content_distance(self) -> float | None:
        """The mean of `content` over its layers."""
        return _mean(self.content)


def write_plan(folder: Path, plan: Plan) -> None:
    """Write `sweep.json` atomically. Raises ImpastoError for a file that cannot be written."""
    replace_file(folder / PLAN, (json.dumps(asdict(plan), indent=1) + "\n").encode())


def read_plan(folder: Path) -> Plan:
    """Return the plan in `sweep.json`. Raises UsageError for a missing or damaged file, and for unknown axes."""
    path = folder / PLAN
    try:
        content = json.loads(path.read_bytes())
        axes = tuple(Axis(axis["name"], tuple(map(str, axis["labels"]))) for axis in content.pop("axes", ()))
        lists: dict[str, Any] = {name: tuple(content.pop(name, ())) for name in ("differences", "notices")}
        plan = Plan(axes=axes, **lists, **_known_fields(Plan, content))
    except OSError as error:
        raise UsageError(f"'{folder}' is no folder of a sweep: '{path}': {error.strerror or error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"'{path}' is damaged, or no plan of a sweep") from error
    names = {axis.name: axis for axis in axes}
    for name in (plan.rows, plan.columns):
        if name is not None:
            choose(names, name, f"axis in '{path}':")
    if plan.rows is not None and plan.rows == plan.columns:
        raise UsageError(f"rows and columns of '{path}' are both '{plan.rows}'; they have to be two axes")
    for name in plan.differences:
        choose({ORIGINAL: None, **names}, name, f"difference in '{path}':")
    return plan


def append_result(folder: Path, record: Record) -> None:
    """Append a line to `results.jsonl` and sync it to the disk; several processes may append at the same time.

    The line is one write. After an incomplete line of a killed process, the record begins a new line. NaN and infinity
    become null, because JSON does not have them. Raises ImpastoError for a file that cannot be written.
    """
    path = folder / RESULTS
    line = json.dumps(_finite(asdict(record)), allow_nan=False).encode() + b"\n"
    try:
        binary = getattr(os, "O_BINARY", 0)  # Windows would write each line break as two bytes
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | binary, 0o666)
        try:
            line = _break(file) + line
            if os.write(file, line) != len(line):
                raise ImpastoError(f"'{path}' was not written: the disk is full")
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise ImpastoError(f"'{path}' was not written: {error.strerror or error}") from error


def read_results(folder: Path) -> dict[str, Record]:
    """Return the records in `results.jsonl` by key, in the order of `index`; an empty dictionary without the file.

    Of several lines with the same key the last one counts. An incomplete line of a killed process is ignored, so its
    cell has no result. Raises UsageError for a file that cannot be read, and for a JSON line that is no record.
    """
    path = folder / RESULTS
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror or error}") from error
    records = dict[str, Record]()
    for number, line in enumerate(lines, 1):
        try:
            content = json.loads(line)
        except ValueError:  # incomplete, or empty after the last line
            continue
        try:
            record = _record(content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"line {number} of '{path}' is no result of a cell") from error
        records.pop(record.key, None)  # so that the last record of a place comes last
        records[record.key] = record
    return dict(sorted(records.items(), key=lambda item: item[1].index))


def _record(content: dict[str, Any]) -> Record:
    """Return the record of a JSON object. Raises an exception for an object that is no record."""
    values = _known_fields(Record, content)
    values["losses"] = tuple((int(step), _number(loss)) for step, loss in values.get("losses") or ())
    values["scales"] = tuple(int(step) for step in values.get("scales") or ())
    for name in ("place", "inputs", "settings", "paintings"):
        values[name] = dict(values.get(name) or {})
    for name in ("terms", "style", "content"):
        values[name] = {key: _number(value) for key, value in (values.get(name) or {}).items()}
    values["place"] = {name: str(label) for name, label in values["place"].items()}
    record = Record(**values)
    choose({DONE: None, FAILED: None}, record.status, "status of a cell")
    return record


def _known_fields(kind: type[Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries that are fields of the class; a later version may have written others."""
    names = {entry.name for entry in fields(kind)}
    return {name: value for name, value in content.items() if name in names}


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _finite(tree: Any) -> Any:
    """Return the value with None for NaN and infinity."""
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


def _break(file: int) -> bytes:
    """Return the separator before a new line: a line break after an incomplete line, otherwise nothing."""
    size = os.fstat(file).st_size
    if not size:
        return b""
    os.lseek(file, size - 1, os.SEEK_SET)
    return b"" if os.read(file, 1) == b"\n" else b"\n"


def _mean(values: Mapping[str, float]) -> float | None:
    return sum(values.values()) / len(values) if values else None
