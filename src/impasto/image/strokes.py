"""Vector strokes of a mask, with checks of every value: they may come from an untrusted client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, TypeGuard

from impasto.errors import UsageError, choose

Point = tuple[float, float]
"""A point (x, y) in pixels of the photo; (0, 0) is the upper left corner of the upper left pixel."""

MAX_STROKES = 2_000
"""Largest number of strokes in a mask."""

MAX_POINTS = 20_000
"""Largest number of points in all strokes of a mask."""

FARTHEST = 1e6
"""Largest distance of a point from an axis, and largest radius, in pixels."""

LEAST_RADIUS = 0.05
"""Smallest radius of a brush, in pixels."""

TOOLS: dict[str, tuple[str, ...]] = {
    "brush": ("erase", "radius", "points"),
    "polygon": ("erase", "points"),
    "flood": ("erase", "points", "tolerance"),
    "all": ("erase", "points"),
    "invert": ("erase", "points"),
}
"""The values of each tool, besides "tool"."""

COUNTS = {"brush": (1, MAX_POINTS), "polygon": (3, MAX_POINTS), "flood": (1, 1), "all": (0, 0), "invert": (0, 0)}
"""Smallest and largest number of points of each tool."""


@dataclass(frozen=True)
class Stroke:
    """A stroke of a mask; see `draw_mask`.

    tool: "brush" is a line through `points` with round caps and joins, and a disc for one point. "polygon" is the
        inside of a closed outline by the even-odd rule. "flood" is the connected area around one point whose colours
        are similar to its colour. "all" is everything. "invert" swaps inside and outside.
    points: points (x, y) in pixels of the photo at full size: at least 1 of a brush, at least 3 of a polygon, 1 of a
        flood, none of the others.
    erase: whether the stroke removes its area from the mask, instead of adding it. "invert" has no such choice.
    radius: half the width of a brush, in pixels of the photo; None for other tools.
    tolerance: the largest distance of similar colours, 0 to 1, of a flood; None for other tools. The distance is that
        of OKLab, in which black and white are 1 apart.

    Raises UsageError for any other value.

    >>> Stroke("brush", [(10, 20), (30, 20)], radius=4).points
    ((10.0, 20.0), (30.0, 20.0))
    """

    tool: str
    points: Sequence[Point] = ()
    erase: bool = False
    radius: float | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.tool, str):
            raise UsageError(f"the tool is {shown(self.tool)}; allowed: {', '.join(TOOLS)}")
        own = choose(TOOLS, self.tool[:100], "tool")
        if not isinstance(self.erase, bool) or (self.erase and self.tool == "invert"):
            allowed = "false" if self.tool == "invert" else "true or false"
            raise UsageError(f"erase of {self.tool} is {shown(self.erase)}; allowed: {allowed}")
        object.__setattr__(self, "points", _points(self.points, self.tool))
        for name, low, high in (("radius", LEAST_RADIUS, FARTHEST), ("tolerance", 0, 1)):
            value = getattr(self, name)
            if name in own:
                object.__setattr__(self, name, number(value, f"{name} of {self.tool}", low, high))
            elif value is not None:
                raise UsageError(f"{self.tool} has no {name}; it has: tool, {', '.join(own)}")

    @classmethod
    def from_mapping(cls, values: object) -> Stroke:
        """Return the stroke with `values`, a mapping of names to values, as in JSON.

        Raises UsageError for another object, for an unknown name, with the nearest one, and for wrong values.

        >>> Stroke.from_mapping({"tool": "all", "erase": True})
        Stroke(tool='all', points=(), erase=True, radius=None, tolerance=None)
        """
        if not isinstance(values, Mapping):
            raise UsageError(f"it is {shown(values)}; expected an object with a tool and points")
        known = {field.name: field.name for field in fields(cls)}
        arguments: dict[str, Any] = {choose(known, str(name)[:100], "name"): value for name, value in values.items()}
        if "tool" not in arguments:
            raise UsageError(f"it has no tool; allowed: {', '.join(TOOLS)}")
        return cls(**arguments)


def strokes_from(values: object) -> tuple[Stroke, ...]:
    """Return the strokes of a list of mappings, as in JSON.

    Raises UsageError for another object, for too many strokes or points, and for a wrong stroke, with its number.

    >>> strokes_from([{"tool": "all"}, {"tool": "invert", "points": []}])[1].tool
    'invert'
    """
    if not _is_list(values):
        raise UsageError(f"the strokes are {shown(values)}; expected a list")
    _check_count(len(values), MAX_STROKES, "strokes")
    lists = (value.get("points") for value in values if isinstance(value, Mapping))
    _check_count(sum(len(points) for points in lists if _is_list(points)), MAX_POINTS, "points")
    strokes = []
    for place, value in enumerate(values, 1):
        try:
            strokes.append(Stroke.from_mapping(value))
        except UsageError as error:
            raise UsageError(f"stroke {place}: {error}") from error
    return tuple(strokes)


def check_strokes(strokes: Iterable[Stroke]) -> tuple[Stroke, ...]:
    """Return `strokes` as a tuple. Raises UsageError for too many strokes or points."""
    strokes = tuple(strokes)
    _check_count(len(strokes), MAX_STROKES, "strokes")
    _check_count(sum(len(stroke.points) for stroke in strokes), MAX_POINTS, "points")
    return strokes


def number(value: Any, name: str, low: float, high: float) -> float:
    """Return `value` as a float. Raises UsageError unless it is a number from `low` to `high`, both included."""
    # NaN fails the comparison, and an integer of any length is compared exactly.
    valid = isinstance(value, Real) and not isinstance(value, bool)
    if not valid or not low <= value <= high:
        raise UsageError(f"{name} is {shown(value)}; allowed: numbers from {low:g} to {high:g}")
    return float(value)


def shown(value: object) -> str:
    """Return a short text of any value, for messages.

    >>> shown("brush"), shown(10**400), shown(None), shown([1, 2])
    ("'brush'", 'a huge number', 'missing', 'a list')
    """
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.6g}" if not isinstance(value, int) or abs(value) < FARTHEST**2 else "a huge number"
    return repr(value[:40]) if isinstance(value, str) else f"a {type(value).__name__}"


def _points(points: object, tool: str) -> tuple[Point, ...]:
    """Return `points` as pairs of floats. Raises UsageError for another number of them, and for other values."""
    if not _is_list(points):
        raise UsageError(f"points of {tool} is {shown(points)}; expected a list of [x, y]")
    least, most = COUNTS[tool]
    if not least <= len(points) <= most:
        allowed = f"{least}" if least == most else f"{least} to {most}"
        raise UsageError(f"{tool} has {len(points)} points; allowed: {allowed}")
    return tuple(_point(point, f"point {place} of {tool}") for place, point in enumerate(points, 1))


def _point(point: Any, name: str) -> Point:
    if not _is_list(point) or len(point) != 2:
        raise UsageError(f"{name} is {shown(point)}; expected [x, y]")
    x, y = (number(value, f"{axis} of {name}", -FARTHEST, FARTHEST) for axis, value in zip("xy", point, strict=True))
    return x, y


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return hasattr(value, "__len__") and hasattr(value, "__iter__") and not isinstance(value, str | bytes | Mapping)


def _check_count(count: int, most: int, what: str) -> None:
    if count > most:
        raise UsageError(f"the mask has {count} {what}; at most {most}")
