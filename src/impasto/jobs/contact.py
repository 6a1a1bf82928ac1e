"""The contact sheet of a sweep: one picture of the grid, with the labels of rows and columns."""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.errors import ImpastoError
from impasto.image.atomic import replace_file
from impasto.jobs.grid import Grid, Group, arrange, caption
from impasto.jobs.labels import tidy, wrapped
from impasto.jobs.previews import Pixels, load_small
from impasto.jobs.results import Record, read_plan, read_results

FILE = "contact.png"

DPI = 100
"""Pixels of an inch."""

CELL = 2.4
"""Width of a cell, in inches."""

LARGEST = 120.0
"""Approximate limit of the sides of the sheet, in inches; cells of large sweeps are smaller."""

GAP, EDGE, LINE = 0.08, 0.25, 0.22
"""Space between cells, margin of the sheet, and height of a line of text, in inches."""

LABEL, HEADING, TITLE = 9, 11, 14
"""Font sizes, in points."""

WIDTH, HEIGHT = 0.0092, 0.0185
"""Mean width of a character, and height of a line, in inches for each point of the font size."""

INK, MUTED, WRONG = "#22201c", "#6d675d", "#a32020"


def write_sheet(folder: Path) -> Path:
    """Write `contact.png`, the grid of a sweep with its labels, into its folder; return its path.

    Groups are below each other, under headings. A failed cell is hatched and has the text of its error. A cell without
    a result is an empty frame. Raises UsageError for a folder without a sweep, ImpastoError without the extra `sweep`
    and for a file that cannot be written.
    """
    figure_of = _figure()
    plan, records = tidy(read_plan(folder), read_results(folder))
    grid = arrange(plan, records)
    width = min(CELL, LARGEST / (len(grid.groups) * len(grid.rows.labels)), LARGEST / len(grid.columns.labels))
    names = {record.picture: None for record in grid.records if record.picture}
    pictures = load_small(folder, names, round(2 * width * DPI))
    sheet = _Sheet(figure_of, grid, pictures, width, plan.title)
    for group in grid.groups:
        sheet.draw(group)
    path = folder / FILE
    replace_file(path, sheet.png())
    return path


@dataclass(frozen=True)
class _Layout:
    """Positions in inches, and the lines of the title and of the labels of columns."""

    left: float
    cell: tuple[float, float]
    title: list[str]
    columns: list[list[str]]
    whole: tuple[float, float]

    @property
    def step(self) -> tuple[float, float]:
        return self.cell[0] + GAP, self.cell[1] + GAP


class _Sheet:
    """A figure that is filled from top to bottom."""

    def __init__(self, figure_of: Any, grid: Grid, pictures: dict[str, Pixels], width: float, title: str) -> None:
        self.grid, self.pictures = grid, pictures
        self.layout = _layout(grid, pictures, width, title)
        self.figure = figure_of(figsize=self.layout.whole, dpi=DPI, facecolor="white")
        self.y = EDGE  # height of the content so far
        self._text(EDGE, self.y, self.layout.title, size=TITLE, va="top")
        self.y += _tall(self.layout.title, TITLE) + LINE

    def draw(self, group: Group) -> None:
        """Add a group: heading, labels of columns, and lines of cells."""
        left, (step_x, step_y), (width, height) = self.layout.left, self.layout.step, self.layout.cell
        if group.place:
            heading = _lines(caption(group.place), self.layout.whole[0] - 2 * EDGE, HEADING)
            self._text(EDGE, self.y, heading, size=HEADING, va="top")
            self.y += _tall(heading, HEADING) + GAP
        if self.grid.columns.name:
            self.y += max(_tall(label, LABEL) for label in self.layout.columns)
            self._text(EDGE, self.y, [f"{self.grid.columns.name} →"], color=MUTED, size=8)
            for k, lines in enumerate(self.layout.columns):
                for above, text in enumerate(reversed(lines)):  # line by line, so that the lines of all labels align
                    base = self.y - above * _tall([text], LABEL)
                    self._text(left + k * step_x + width / 2, base, [text], ha="center")
            self.y += GAP
        if self.grid.rows.name:
            self._text(EDGE, self.y, [f"{self.grid.rows.name} ↓"], color=MUTED, size=8, va="top")
        for label, line in zip(self.grid.rows.labels, group.lines, strict=True):
            name = _lines(label, left - EDGE - GAP, LABEL)
            self._text(left - GAP, self.y + height / 2, name, ha="right", va="center", multialignment="right")
            for k, record in enumerate(line):
                self._cell(left + k * step_x, record)
            self.y += step_y
        self.y += 2 * GAP

    def png(self) -> bytes:
        """Return the sheet as a PNG file."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DPI)
        return buffer.getvalue()

    def _cell(self, x: float, record: Record | None) -> None:
        (across, down), (width, height) = self.layout.whole, self.layout.cell
        axes = self.figure.add_axes((x / across, 1 - (self.y + height) / down, width / across, height / down))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#ded8cc")
        pixels = self.pictures.get(record.picture or "") if record else None
        if pixels is not None:
            axes.imshow(pixels, interpolation="lanczos")
            axes.spines[:].set_visible(False)
        elif record is not None:
            axes.patch.set(hatch="///", edgecolor="#ded8cc")
            error = textwrap.fill(record.error or "its picture cannot be read", max(8, int(width * 11)))
            wrong = {"color": WRONG, "size": 7, "ha": "center", "va": "center", "parse_math": False}
            axes.text(0.5, 0.5, error, transform=axes.transAxes, clip_on=True, **wrong)

    def _text(
        self, x: float, y: float, lines: list[str], *, size: float = LABEL, color: str = INK, **more: Any
    ) -> None:
        across, down = self.layout.whole
        # With `parse_math`, a dollar sign would begin a formula.
        look = {"size": size, "color": color, "parse_math": False, "linespacing": 1.1, **more}
        self.figure.text(x / across, 1 - y / down, "\n".join(lines), **look)


def _layout(grid: Grid, pictures: dict[str, Pixels], width: float, title: str) -> _Layout:
    shapes = [pixels.shape for pixels in pictures.values()] or [(1, 1)]
    # the proportions of the tallest picture, so that no picture is cropped
    height = width * min(2.5, max(shape[0] / shape[1] for shape in shapes))
    labels = [*grid.rows.labels, f"{grid.rows.name} ↓", f"{grid.columns.name} →" if grid.columns.name else ""]
    left = EDGE + (min(2.0, 0.09 * max(map(len, labels)) + GAP) if grid.rows.name or grid.columns.name else 0)
    across = max(4.0, left + len(grid.columns.labels) * (width + GAP) + EDGE)
    titles = _lines(title, across - 2 * EDGE, TITLE)
    columns = [_lines(label, width, LABEL) for label in grid.columns.labels]
    headings = [_lines(caption(group.place), across - 2 * EDGE, HEADING) for group in grid.groups]
    head = max(_tall(label, LABEL) for label in columns) + GAP if grid.columns.name else 0.0
    above = sum(_tall(heading, HEADING) + GAP for heading in headings) if grid.groups[0].place else 0.0
    lines = len(grid.groups) * (head + len(grid.rows.labels) * (height + GAP) + 2 * GAP)
    down = 2 * EDGE + _tall(titles, TITLE) + LINE + above + lines
    return _Layout(left, (width, height), titles, columns, (across, down))


def _lines(text: str, inches: float, size: float) -> list[str]:
    """Return the lines of a text that fit into a width in inches, at a font size in points."""
    return wrapped(text, int(inches / (WIDTH * size)))


def _tall(lines: list[str], size: float) -> float:
    """Return the height of lines, in inches, at a font size in points."""
    return len(lines) * HEIGHT * size


def _figure() -> Any:
    """Return a function that makes figures for the renderer Agg, without the global state of matplotlib.

    Raises ImpastoError without the extra `sweep`.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (an extra)
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise ImpastoError('a contact sheet needs the extra "sweep": pip install "impasto[sweep]"') from None

    def figure(**options: Any) -> Figure:
        result = Figure(**options)
        FigureCanvasAgg(result)
        return result

    return figure
