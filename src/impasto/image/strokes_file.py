"""Files of strokes: the drawing of a mask as JSON, for `load_mask("strokes:FILE.json")`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from impasto.errors import UsageError, choose
from impasto.image.formats import MAX_PIXELS, open_file
from impasto.image.strokes import FARTHEST, Stroke, number, shown, strokes_from

VERSION = 1
"""The version of the form of a file."""

MAX_BYTES = 4 << 20
"""Largest size of a file, in bytes. 20,000 points have about half a megabyte."""

NAMES = ("version", "size", "strokes", "feather", "photo")
"""The names in a file; "size" and "strokes" are needed."""


@dataclass(frozen=True)
class Drawing:
    """The content of a file of strokes.

    size: (height, width) of the photo at full size, whose pixels are the unit of all coordinates.
    strokes: the strokes in their order.
    feather: the standard deviation of a Gaussian blur at the end, in pixels of the photo.
    photo: the source of the photo, for floods; None for none.
    """

    size: tuple[int, int]
    strokes: tuple[Stroke, ...]
    feather: float = 0.0
    photo: str | None = None


def read_drawing(path: str | Path) -> Drawing:
    """Return the drawing in a JSON file.

    The file has an object with "size", [height, width], and "strokes", a list of objects with the fields of `Stroke`.
    "feather" (0), "photo" (none) and "version" (1) are optional. The photo is a sample, "sample:NAME", or a file, whose
    path counts from the folder of the JSON file.

    Raises UsageError, in one line, for a file that is missing, too large, no JSON, or of another version, and for
    unknown names and wrong values.
    """
    path = Path(path)
    with open_file(path, "a file of strokes") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UsageError(f"'{path}' has more than {MAX_BYTES} bytes; a file of strokes has at most so many")
    try:
        values = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except RecursionError:
        raise UsageError(f"'{path}' is nested too deep for a file of strokes") from None
    except ValueError as error:  # no UTF-8, no JSON, or an integer of thousands of digits
        reason = str(error).partition(";")[0]
        raise UsageError(f"'{path}' is no JSON: {reason}") from error
    try:
        return _drawing(values, path.parent)
    except UsageError as error:
        raise UsageError(f"'{path}': {error}") from error


def _drawing(values: Any, folder: Path) -> Drawing:
    if not isinstance(values, Mapping):
        raise UsageError(f"it holds {shown(values)}; expected an object with size and strokes")
    for name in values:
        choose(dict.fromkeys(NAMES), name[:100], "name")
    version = values.get("version", VERSION)
    if isinstance(version, bool) or version != VERSION:
        raise UsageError(f"it has version {shown(version)}; this Impasto reads version {VERSION}")
    size, photo = _size(values.get("size")), values.get("photo")
    strokes = strokes_from(values.get("strokes"))
    feather = number(values.get("feather", 0), "feather", 0, FARTHEST)
    if photo is not None:
        if not isinstance(photo, str) or not photo:
            raise UsageError(f"the photo is {shown(photo)}; expected the name of a file, or sample:NAME")
        photo = photo if photo.startswith("sample:") else str(folder / photo)
    return Drawing(size, strokes, feather, photo)


def _size(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(type(side) is int and side > 0 for side in value):
        raise UsageError(f"the size is {shown(value)}; expected [height, width] in whole pixels")
    if value[0] * value[1] > MAX_PIXELS:
        raise UsageError(f"the size has more than {MAX_PIXELS} pixels")
    return value[0], value[1]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
