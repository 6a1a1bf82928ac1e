"""Loss curves as lines in a rectangle, with a logarithmic scale of losses; the page draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from impasto.jobs.grid import caption
from impasto.jobs.results import Record

WIDTH, HEIGHT = 720, 320
"""Size of the chart, in pixels."""

LEFT, RIGHT, TOP, BOTTOM = 64, 20, 14, 30
"""Margins around the lines, in pixels."""

POINTS = 240
"""Largest number of points of a line: a point for two or three pixels."""

FEW = 10
"""Largest number of curves that readers can distinguish by hue."""

Point = tuple[float, float]
"""A step and its loss."""


@dataclass(frozen=True)
class Tick:
    """A position on an axis, and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """The curve of one cell: points for SVG, hue in degrees, and additional lightness in per cent."""

    key: str
    label: str
    points: str
    hue: int
    lighter: int = 0


@dataclass(frozen=True)
class Chart:
    """Lines and ticks in a rectangle of `WIDTH` by `HEIGHT`; `scales` are the first steps of larger sizes."""

    lines: tuple[Line, ...]
    steps: tuple[Tick, ...]
    losses: tuple[Tick, ...]
    scales: tuple[float, ...] = ()


def chart(records: Sequence[Record]) -> Chart | None:
    """Return the losses of the records over their steps; None if no record has two losses.

    Losses without a logarithm are left out, and straight lines connect the points beside them.
    """
    curves = [(record, points) for record in records if len(points := list(_points(record))) > 1]
    if not curves:
        return None
    every = [point for _, points in curves for point in points]
    last = max(step for step, _ in every)
    low, high = (bound(loss for _, loss in every) for bound in (min, max))
    low, high = (low, high) if high > low * 1.01 else (low / 1.1, high * 1.1)

    def x(step: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * step / last, 1)

    def y(loss: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (math.log(high) - math.log(loss)) / math.log(high / low), 1)

    lines = (
        Line(record.key, caption(record.place), " ".join(f"{x(s)},{y(loss)}" for s, loss in points), *color)
        for (record, points), color in zip(curves, _colors(len(curves)), strict=True)
    )
    return Chart(
        tuple(lines),
        tuple(Tick(x(step), f"{step:g}") for step in _even(last)),
        tuple(Tick(y(loss), f"{loss:g}") for loss in _decades(low, high)),
        tuple(x(first - 0.5) for first in sorted({first for record, _ in curves for first in record.scales})),
    )


def _points(record: Record) -> Iterator[Point]:
    """Yield at most `POINTS` losses with a logarithm, and the last one."""
    usable = [(step, loss) for step, loss in record.losses if math.isfinite(loss) and loss > 0]
    every = max(1, math.ceil(len(usable) / POINTS))
    yield from usable[::every]
    if usable and (len(usable) - 1) % every:
        yield usable[-1]


def _colors(count: int) -> list[tuple[int, int]]:
    """Return hues and lightness in the order of the cells.

    A few curves have hues from red to violet. Many curves go from dark violet to light amber, so that a curve is
    similar to those of the neighbouring cells.
    """
    shares = [index / max(1, count - 1) for index in range(count)]
    if count <= FEW:
        return [(round(300 * share), 0) for share in shares]
    return [(round(260 + 140 * share) % 360, round(-14 + 24 * share)) for share in shares]


def _even(last: float) -> list[float]:
    """Return about five round numbers from 0 to `last`."""
    power = 10 ** math.floor(math.log10(last / 5))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if last / step <= 6)
    return [step * k for k in range(math.floor(last / step) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Return powers of ten from `low` to `high`; if there are few, also their multiples, in finer and finer steps."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for digits in ((1,), (1, 2, 5), tuple(range(1, 10)), tuple(k / 10 for k in range(10, 100))):
        values = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
        values = [value for value in values if low <= value <= high]
        if len(values) >= 3:
            break
    return values[:: math.ceil(len(values) / 8)] if values else [low, high]
