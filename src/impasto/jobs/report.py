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
from impasto.jobs import curves
from impasto.jobs.grid import Grid, Pair, arrange, caption, pairs
from impasto.jobs.labels import layer_notices, name_of, pieces, tidy
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
"""Columns of the table: names on the page and attributes of `Record`; columns without any number are left out."""

CHANGES = ("contrast", "light")
"""Settings that change the photo, the input of the network."""


@dataclass(frozen=True)
class Cell:
    """A cell on the page: a picture, or `trouble`, the reason why there is no picture."""

    label: str
    record: Record | None
    picture: Preview | None
    trouble: str


@dataclass(frozen=True)
class Figure:
    """A picture beside the grid: `label` is the caption, `title` the whole label, `name` the reference of cells."""

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

    Pictures on the page have at most `max_side` pixels a side. Raises UsageError for a folder without a sweep,
    ImpastoError without the extra `sweep` and for a file that cannot be written.

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

    The page contains the pictures, as JPEGs of at most `max_side` pixels a side, smaller for large sweeps (see
    `previews`).
    Raises UsageError for a folder without a sweep, ImpastoError without the extra `sweep`.
    """
    template = _template()
    plan, records = tidy(read_plan(folder), read_results(folder))
    grid = arrange(plan, records)
    differences = list(pairs(plan, grid))
    previews = _previews(folder, grid, differences, max_side)
    text: str = template.render(
        plan=plan,
        grid=grid,
        records=grid.records,
        notices=[*plan.notices, *layer_notices(grid.records)],
        axes=_axes(plan, grid),
        columns=[(name, of) for name, of in COLUMNS if any(getattr(record, of) is not None for record in grid.records)],
        failures=sum(record.status == FAILED for record in grid.records),
        originals=_originals(grid, previews),
        paintings=_paintings(grid, previews),
        shape=next((f"{picture.width} / {picture.height}" for picture in previews.values()), "3 / 2"),
        parts=_parts(grid, {record.key: previews.get(record.picture or "") for record in grid.records}),
        from_originals=_from_originals(grid, dict(differences), previews),
        differences=[(name, _figures(own, previews)) for name, own in differences if name != ORIGINAL],
        chart=curves.chart(grid.records),
        frame=curves,
    )
    return text


def _previews(
    folder: Path, grid: Grid, differences: list[tuple[str, list[Pair]]], max_side: int
) -> dict[str | Pair, Preview]:
    """Return all pictures of the page, by path or, for differences, by pair of paths."""
    of_each = ((record.picture, record.original, *record.paintings.values()) for record in grid.records)
    paths = [path for paths in of_each for path in paths if path]
    small = load_small(folder, dict.fromkeys(paths), max_side)
    pictures: dict[str | Pair, Pixels] = dict(small.items())
    for _, own in differences:
        pictures |= {pair: difference(small[pair.a], small[pair.b]) for pair in own if {pair.a, pair.b} <= set(small)}
    return embed(pictures)


def _parts(grid: Grid, pictures: Mapping[str, Preview | None]) -> list[Part]:
    """Return the groups of the grid; `pictures` are those of the cells, by key."""
    names = [axis.name for axis in (grid.rows, grid.columns)]

    def cell(place: Mapping[str, str], record: Record | None) -> Cell:
        picture = pictures.get(record.key) if record else None
        trouble = MISSING if record is None else record.error or UNREADABLE
        return Cell(caption(place), record, picture, "" if picture else trouble)

    def line(place: Mapping[str, str], row: str, records: tuple[Record | None, ...]) -> list[Cell]:
        cells = zip(grid.columns.labels, records, strict=True)
        return [cell(_without_unnamed({**place, names[0]: row, names[1]: column}), record) for column, record in cells]

    return [
        Part(
            caption(group.place),
            [line(group.place, row, records) for row, records in zip(grid.rows.labels, group.lines, strict=True)],
        )
        for group in grid.groups
    ]


def _without_unnamed(place: Mapping[str, str]) -> dict[str, str]:
    """Return the place without the label of rows or columns that are no axis."""
    return {name: label for name, label in place.items() if name}


def _axes(plan: Plan, grid: Grid) -> list[Axis]:
    """Return the axes in the order of the grid: axes of groups, rows, columns."""
    free = [axis for axis in plan.axes if axis.name not in (grid.rows.name, grid.columns.name)]
    return [*free, *(axis for axis in (grid.rows, grid.columns) if axis.name)]


def _originals(grid: Grid, previews: Mapping[Any, Preview]) -> list[Figure]:
    """Return the originals of the cells, each once, with the name of the first input.

    Originals of the same input are distinguished by their sizes and settings.
    """
    originals: dict[str, tuple[str, Record]] = {}
    for record in grid.records:
        if record.original and record.original in previews:
            originals.setdefault(record.original, (_first_input(record), record))
    sources = [source for source, _ in originals.values()]
    suffixes = {
        path: _size_and_changes(record) if sources.count(source) > 1 else ""
        for path, (source, record) in originals.items()
    }
    return [
        Figure(name_of(source) + suffixes[path], previews[path], path, source)
        for path, (source, _) in originals.items()
    ]


def _paintings(grid: Grid, previews: Mapping[Any, Preview]) -> list[Figure]:
    """Return the paintings of the cells, each once, without paintings that are originals."""
    originals = {_first_input(record) for record in grid.records if record.original in previews}
    paintings = {source: path for record in grid.records for source, path in record.paintings.items()}
    return [
        Figure(name_of(source), previews[path], title=source)
        for source, path in paintings.items()
        if path in previews and source not in originals
    ]


def _first_input(record: Record) -> str:
    return str(next(iter(record.inputs.values()), record.original))


def _size_and_changes(record: Record) -> str:
    size = f", {record.width} × {record.height}" if record.width and record.height else ""
    return size + "".join(f", {name} {record.settings[name]:g}" for name in CHANGES if name in record.settings)


def _from_originals(grid: Grid, differences: Mapping[str, list[Pair]], previews: Mapping[Any, Preview]) -> list[Part]:
    """Return the grid of differences to the originals; an empty list if the plan has none."""
    by_picture = {pair.a: previews[pair] for pair in differences.get(ORIGINAL, ()) if pair in previews}
    pictures = {record.key: by_picture.get(record.picture or "") for record in grid.records}
    return _parts(grid, pictures) if by_picture else []


def _figures(pairs: list[Pair], previews: Mapping[Any, Preview]) -> list[Figure]:
    return [Figure(pair.what, previews[pair]) for pair in pairs if pair in previews]


def _template() -> Any:
    """Return the template of the page. Raises ImpastoError without the extra `sweep`."""
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
    """Return a label as markup in which a line may end after each piece."""
    from markupsafe import Markup  # noqa: PLC0415 (a dependency of jinja2)

    return Markup("<wbr>").join(pieces(text))


def _number(value: float | None, digits: int = 4) -> str:
    """Return a number with significant digits; a dash for None."""
    return "–" if value is None else f"{value:.{digits}g}"


def _order(value: float | None) -> str:
    """Return the key by which the browser sorts; an empty text for None, infinity and NaN."""
    return "" if value is None or not math.isfinite(value) else repr(value)
