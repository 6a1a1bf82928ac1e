"""The records of a sweep in tables of rows and columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from impasto.jobs.results import ORIGINAL, Axis, Plan, Record

ONE = Axis("", ("",))
"""The axis of rows or columns of a sweep with too few axes."""


@dataclass(frozen=True)
class Group:
    """The cells with the same labels on further axes, `place`: lines of records, or None for a missing result."""

    place: Mapping[str, str]
    lines: tuple[tuple[Record | None, ...], ...]


@dataclass(frozen=True)
class Grid:
    """A sweep as a grid; all groups have the same rows and columns."""

    rows: Axis
    columns: Axis
    groups: tuple[Group, ...]

    @property
    def records(self) -> list[Record]:
        """All records in reading order: group by group, line by line."""
        return [record for group in self.groups for line in group.lines for record in line if record is not None]


@dataclass(frozen=True)
class Pair:
    """A difference: picture `a` minus picture `b`, as paths in the folder; `what` is the caption."""

    what: str
    a: str
    b: str


def arrange(plan: Plan, records: Mapping[str, Record]) -> Grid:
    """Return the grid of a plan with its records.

    If the plan has no columns or no rows, the last of the other axes take their place. Records of an earlier plan in
    the same folder, with other axes or labels, are left out. Of two records with the same place the last one counts.
    """
    free = [axis for axis in plan.axes if axis.name not in (plan.rows, plan.columns)]
    by_name = {axis.name: axis for axis in plan.axes}
    columns = by_name[plan.columns] if plan.columns is not None else free.pop() if free else ONE
    rows = by_name[plan.rows] if plan.rows is not None else free.pop() if free else ONE
    by_place = {frozenset(record.place.items()): record for record in records.values()}

    def group(labels: tuple[str, ...]) -> Group:
        place = {axis.name: label for axis, label in zip(free, labels, strict=True)}
        lines = tuple(
            tuple(by_place.get(frozenset(_place(place, rows, row, columns, column))) for column in columns.labels)
            for row in rows.labels
        )
        return Group(place, lines)

    return Grid(rows, columns, tuple(group(labels) for labels in itertools.product(*(axis.labels for axis in free))))


def caption(place: Mapping[str, str]) -> str:
    """Return the labels of a place as text.

    >>> caption({"style_weight": "1e4", "seed": "7"})
    'style_weight 1e4, seed 7'
    """
    return ", ".join(f"{name} {label}" for name, label in place.items())


def pairs(plan: Plan, grid: Grid) -> Iterator[tuple[str, list[Pair]]]:
    """Yield the name and the pairs of pictures of each difference of the plan; failed cells are left out."""
    axes = {axis.name: axis for axis in plan.axes}
    for name in plan.differences:
        differences = _from_originals(grid) if name == ORIGINAL else _along(axes[name], grid)
        yield name, list(differences)


def _from_originals(grid: Grid) -> Iterator[Pair]:
    """Yield the pairs of each picture and its original."""
    for record in grid.records:
        if record.picture and record.original:
            yield Pair(caption(record.place), record.picture, record.original)


def _along(axis: Axis, grid: Grid) -> Iterator[Pair]:
    """Yield the pairs of pictures with the first and the second label of an axis."""
    if len(axis.labels) < 2:
        return
    first, second = axis.labels[:2]
    places = {frozenset(record.place.items()): record for record in grid.records}
    for record in grid.records:
        other = places.get(frozenset({**record.place, axis.name: second}.items()))
        if record.place[axis.name] == first and other and record.picture and other.picture:
            rest = {name: label for name, label in record.place.items() if name != axis.name}
            yield Pair(caption({axis.name: f"{first} − {second}", **rest}), record.picture, other.picture)


def _place(place: Mapping[str, str], rows: Axis, row: str, columns: Axis, column: str) -> Iterator[tuple[str, str]]:
    yield from place.items()
    yield from ((axis.name, label) for axis, label in ((rows, row), (columns, column)) if axis is not ONE)
