"""Blind comparison on paper: a sheet for each pair with two results in random order, and a key file apart.

A sheet shows photo and painting above, the two results below. The question is `QUESTION`. Whoever answers sees the
sheets, never the key.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

from benchmarks.judges.pictures import open_rgb
from benchmarks.judges.results import Result, Run
from impasto.errors import UsageError, choose

QUESTION = "Which would you rather keep as this photo, painted in the style of this painting?"

INPUT, RESULT, GAP = 256, 512, 16
"""Sides of the squares and the space between them, in pixels."""


class Sheet(NamedTuple):
    """One comparison: two methods' results of a pair. `left`: the method whose result is on the left."""

    pair: str
    a: str
    b: str
    left: str


def matches(run: Run, names: Sequence[tuple[str, str]]) -> list[tuple[Result, Result]]:
    """Return the results of both methods for every pair that both have, for all `names` of two methods.

    Raises UsageError for an unknown method, for a method against itself, and where no pair is in common.
    """
    found: list[tuple[Result, Result]] = []
    for a, b in names:
        ours, theirs = ({result.pair: result for result in run.of(_known(run, name))} for name in (a, b))
        if a == b:
            raise UsageError(f"'{a}' cannot be compared with itself")
        common = [(ours[pair], theirs[pair]) for pair in run.pairs if pair in ours and pair in theirs]
        if not common:
            raise UsageError(f"no pair has a picture of both {a} and {b}")
        found += common
    return found


def draw_sheet(left: Result, right: Result) -> Image.Image:
    """Return the sheet as a picture. Results that are not square stand on white, whole."""
    sheet = Image.new("RGB", (2 * RESULT + GAP, INPUT + GAP + RESULT), "white")
    for column, (above, result) in enumerate(((left.photo, left), (left.painting, right))):
        x = column * (RESULT + GAP)
        sheet.paste(_square(above, INPUT), (x + (RESULT - INPUT) // 2, 0))
        sheet.paste(_square(result.picture, RESULT), (x, INPUT + GAP))
    return sheet


def make_sheets(found: Sequence[tuple[Result, Result]], folder: Path, key: Path, seed: int = 0) -> int:
    """Write a PNG for each comparison into `folder`, in random order with random sides, and the key.

    Returns the number of sheets. Raises UsageError for a key inside the folder, where whoever answers would see it.
    """
    if folder.resolve() in key.resolve().parents:
        raise UsageError(f"the key {key} must not be in the folder of the sheets")
    generator, entries = random.Random(seed), dict[str, dict[str, str]]()
    order = list(found)
    generator.shuffle(order)
    folder.mkdir(parents=True, exist_ok=True)
    for index, (a, b) in enumerate(order):
        left, right = generator.sample((a, b), 2)
        name = f"q{index:03d}"
        draw_sheet(left, right).save(folder / f"{name}.png")
        entries[name] = Sheet(a.pair, a.method, b.method, left.method)._asdict()
    key.write_text(json.dumps({"question": QUESTION, "seed": seed, "sheets": entries}, indent=1), encoding="utf-8")
    return len(entries)


def read_key(file: Path) -> dict[str, Sheet]:
    """Return the sheets of a key by name. Raises UsageError for another file."""
    try:
        return {name: Sheet(**entry) for name, entry in json.loads(file.read_text(encoding="utf-8"))["sheets"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is not the key of sheets") from error


def _known(run: Run, name: str) -> str:
    choose({method: method for method in run.methods}, name, "method")
    return name


def _square(path: Path, side: int) -> Image.Image:
    return ImageOps.pad(open_rgb(path), (side, side), method=Image.Resampling.LANCZOS, color="white")
