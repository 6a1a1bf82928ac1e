"""The page of a sweep: one self-contained HTML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from impasto.errors import ImpastoError
from impasto.image.atomic import replace_file
from impasto.jobs import curves, deepest
from impasto.jobs.grid import Grid, Pair, arrange, caption, pairs
from impasto.jobs.labels import name_of, pieces, tidy
from impasto.jobs.previews import Pixels, Preview, difference, embed, load_small
from impasto.jobs.results import FAILED, ORIGINAL, Axis, Plan, Record, read_plan, read_results

FILE = "index.html"
TEMPLATE = "page.html.j2"

MISSING = "no result yet"
UNREADABLE = "its picture cannot be read"

COLUMNS = (
    ("seconds", "seconds"),
    ("steps taken", "steps"),
    ("peak MB", "peak_mb"),
    ("loss", "loss"),
    ("last loss", "last_loss"),
    ("style distance", "style_distance"),
    ("content distance", "content_distance"),
    ("levels apart", "apart"),
)
"""Numbers of a record and their names on the page; numbers that no record has are left out."""

CHANGES = ("contrast", "light")
"""Settings that change a photo before it is painted."""


@dataclass(frozen=True)
class Cell:
    """A cell on the page: a picture, or `trouble`, the reason for none."""

    label: str
    record: Record | None
    picture: Preview | None
    trouble: str


@dataclass(frozen=True)
class Figure:
    """A picture beside the grid, with its caption; cells refer to it by `name`, and `title` is the whole label."""

    label: str
    picture: Preview
    name: str = ""
    title: str = ""


@dataclass(frozen=True)
class Part:
    """A group of cells under a heading, line by line."""

    heading: str
    lines: list[list[Cell]]


def write_page(folder: Path, *, max_side: int = 512) -> Path:
    """Write the page of a sweep to `index.html` in its folder; return the path.

    Pictures on the page are at most `max_side` pixels a side. Raises UsageError for a folder without a sweep,
    ImpastoError without the extra `sweep`.

    >>> from pathlib import Path
    >>> import impasto
    >>> impasto.write_page(Path("nowhere"))
    Traceback (most recent call last):
    ...
    impasto.errors.UsageError: 'nowhere' is no folder of a sweep...
    """
    text = page(folder, max_side=max_side)
    path = folder / FILE
    replace_file(path, text.encode())
    return path


def page(folder: Path, *, max_side: int = 512) -> str:
    """Return the sweep in `folder` as one self-contained HTML page.

    Pictures are inside, as JPEGs of at most `max_side` pixels a side, smaller if there are many (see `previews`).
    Raises UsageError for a folder without a sweep, ImpastoError without the extra `sweep`.
    """
    template = _template()
    plan, found = tidy(read_plan(folder), read_results(folder))
    grid = arrange(plan, found)
    asked = list(pairs(plan, grid))
    previews = _previews(folder, grid, asked, max_side)
    text: str = template.render(
        plan=plan,
        grid=grid,
        records=grid.records,
        notices=[*plan.notices, *deepest.notices(grid.records)],
        axes=_axes(plan, grid),
        columns=[(name, of) for name, of in COLUMNS if any(getattr(record, of) is not None for record in grid.records)],
        failures=sum(record.status == FAILED for record in grid.records),
        originals=_originals(grid, previews),
        paintings=_paintings(grid, previews),
        shape=next((f"{picture.width} / {picture.height}" for picture in previews.values()), "3 / 2"),
        parts=_parts(grid, {record.key: previews.get(record.picture or "") for record in grid.records}),
        from_originals=_from_originals(grid, dict(asked), previews),
        differences=[(name, _figures(found, previews)) for name, found in asked if name != ORIGINAL],
        chart=curves.chart(grid.records),
        frame=curves,
    )
    return text


def _previews(
    folder: Path, grid: Grid, asked: list[tuple[str, list[Pair]]], max_side: int
) -> dict[str | Pair, Preview]:
    """Return all pictures of the page, by path or as a pair of paths."""
    of_each = ((record.picture, record.original, *record.paintings.values()) for record in grid.records)
    paths = [path for paths in of_each for path in paths if path]
    small = load_small(folder, dict.fromkeys(paths), max_side)
    shown: dict[str | Pair, Pixels] = dict(small.items())
    for _, found in asked:
        shown |= {pair: difference(small[pair.a], small[pair.b]) for pair in found if {pair.a, pair.b} <= set(small)}
    return embed(shown)


def _parts(grid: Grid, shown: Mapping[str, Preview | None]) -> list[Part]:
    """Return the grid with the pictures `shown` of each cell, by its key."""
    names = [axis.name for axis in (grid.rows, grid.columns)]

    def cell(place: Mapping[str, str], record: Record | None) -> Cell:
        picture = shown.get(record.key) if record else None
        trouble = MISSING if record is None else record.error or UNREADABLE
        return Cell(caption(place), record, picture, "" if picture else trouble)

    def line(place: Mapping[str, str], row: str, found: tuple[Record | None, ...]) -> list[Cell]:
        cells = zip(grid.columns.labels, found, strict=True)
        return [cell(_named({**place, names[0]: row, names[1]: column}), record) for column, record in cells]

    return [
        Part(
            caption(group.place),
            [line(group.place, row, found) for row, found in zip(grid.rows.labels, group.lines, strict=True)],
        )
        for group in grid.groups
    ]


def _named(place: Mapping[str, str]) -> dict[str, str]:
    """Without the rows or columns of a grid that has none."""
    return {name: label for name, label in place.items() if name}


def _axes(plan: Plan, grid: Grid) -> list[Axis]:
    """Return the axes in the order of the grid: those of its groups, rows, columns."""
    free = [axis for axis in plan.axes if axis.name not in (grid.rows.name, grid.columns.name)]
    return [*free, *(axis for axis in (grid.rows, grid.columns) if axis.name)]


def _originals(grid: Grid, previews: Mapping[Any, Preview]) -> list[Figure]:
    """Return the originals of the cells, each once, by the name of the first input and the differences between them."""
    found: dict[str, tuple[str, Record]] = {}
    for record in grid.records:
        if record.original and record.original in previews:
            found.setdefault(record.original, (_first(record), record))
    sources = [source for source, _ in found.values()]
    differing = {
        path: _differing(record) if sources.count(source) > 1 else "" for path, (source, record) in found.items()
    }
    return [
        Figure(name_of(source) + differing[path], previews[path], path, source) for path, (source, _) in found.items()
    ]


def _paintings(grid: Grid, previews: Mapping[Any, Preview]) -> list[Figure]:
    """Return the paintings of the cells, each once, without those that are originals."""
    shown = {_first(record) for record in grid.records if record.original in previews}
    found = {source: path for record in grid.records for source, path in record.paintings.items()}
    return [
        Figure(name_of(source), previews[path], title=source)
        for source, path in found.items()
        if path in previews and source not in shown
    ]


def _first(record: Record) -> str:
    return str(next(iter(record.inputs.values()), record.original))


def _differing(record: Record) -> str:
    size = f", {record.width} × {record.height}" if record.width and record.height else ""
    return size + "".join(f", {name} {record.settings[name]:g}" for name in CHANGES if name in record.settings)


def _from_originals(grid: Grid, asked: Mapping[str, list[Pair]], previews: Mapping[Any, Preview]) -> list[Part]:
    """Return the grid of differences to the originals; empty if the plan has none."""
    by_picture = {pair.a: previews[pair] for pair in asked.get(ORIGINAL, ()) if pair in previews}
    shown = {record.key: by_picture.get(record.picture or "") for record in grid.records}
    return _parts(grid, shown) if by_picture else []


def _figures(found: list[Pair], previews: Mapping[Any, Preview]) -> list[Figure]:
    return [Figure(pair.what, previews[pair]) for pair in found if pair in previews]


def _template() -> Any:
    try:
        from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 (an extra)
    except ImportError:
        raise ImpastoError('the page of a sweep needs the extra "sweep": pip install "impasto[sweep]"') from None
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": _number, "order": _order, "caption": caption, "plain": _plain, "breaks": _breaks}
    return environment.from_string((files("impasto.jobs") / TEMPLATE).read_text(encoding="utf-8"))


def _plain(text: str) -> str:
    """Return the text as one paragraph, without the line breaks of the spec."""
    return " ".join(text.split())


def _breaks(text: str) -> Any:
    """Markup that lets a line end behind the pieces of a label."""
    from markupsafe import Markup  # noqa: PLC0415 (jinja's own)

    return Markup("<wbr>").join(pieces(text))


def _number(value: float | None, digits: int = 4) -> str:
    """Return significant digits; a dash for None."""
    return "–" if value is None else f"{value:.{digits}g}"


def _order(value: float | None) -> str:
    """Return the sort key of the browser; empty for anything but a number."""
    return "" if value is None or not math.isfinite(value) else repr(value)
