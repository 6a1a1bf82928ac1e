"""Labels and names for people: numbers in one format, long lists of layers by their ends, names without folders.

For display only: results keep the labels that their keys are made of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from impasto.jobs.results import Axis, Plan, Record

LONG = 20
"""Number of characters above which lists of layers are shortened."""

PLAIN = 7
"""Largest number of characters of a number that is written out."""

SCHEMES = ("sample:", "blend:", "generator:")
LAYERS = re.compile(r"(?:conv|relu)\w+(?:,(?:conv|relu)\w+){2,}")
FOLDERS = re.compile(r"(?:\b[A-Za-z]:(?=[/\\]))?[^\s,:=?&]*[/\\]")
ENDS = re.compile(r"(?<=[\s,=+])|(?<=_)(?=[^\W\d_])")


def tidy(plan: Plan, records: Mapping[str, Record]) -> tuple[Plan, dict[str, Record]]:
    """Return the plan and its records with the labels of every axis for display."""
    short = {axis.name: shown(axis.labels) for axis in plan.axes}
    axes = tuple(Axis(axis.name, tuple(short[axis.name].values())) for axis in plan.axes)

    def moved(record: Record) -> Record:
        place = {name: short.get(name, {}).get(label, label) for name, label in record.place.items()}
        return replace(record, place=place)

    return replace(plan, axes=axes), {key: moved(record) for key, record in records.items()}


def shown(labels: Sequence[str]) -> dict[str, str]:
    """Return the label for display of each label of an axis; different labels stay different."""
    found = dict(zip(labels, _numbers(labels) or [_ends(label) for label in labels], strict=True))
    return found if len(set(found.values())) == len(found) else {label: label for label in labels}


def name_of(source: str) -> str:
    """Return a picture's name without folders: `sea.jpg`, `blend:sample:coffee,sea.jpg?mask=cup.png`."""
    return FOLDERS.sub("", source) if source.startswith(SCHEMES) else re.split(r"[/\\]", source.rstrip("/\\"))[-1]


def pieces(text: str) -> list[str]:
    """Split the text where a line may end: behind spaces, commas, `=`, `+`, and underscores between words."""
    return [piece for piece in ENDS.split(text) if piece]


def wrapped(text: str, width: int) -> list[str]:
    """Return lines of at most `width` characters; longer pieces are cut."""
    width, lines = max(1, width), [""]
    for piece in (part for whole in pieces(text) for part in _cut(whole, width)):
        if len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _cut(piece: str, width: int) -> list[str]:
    if len(piece.rstrip()) <= width:
        return [piece]
    return [piece[k : k + width] for k in range(0, len(piece), width)]


def _numbers(labels: Sequence[str]) -> list[str] | None:
    """Return numbers, some of which have exponents, all with or all without; None for other labels."""
    try:
        values = [Decimal(label) for label in labels]
    except InvalidOperation:
        return None
    if not any("e" in label.lower() for label in labels) or not all(value.is_finite() for value in values):
        return None
    plain = [f"{value:f}" for value in values]
    every = all("e" in label.lower() for label in labels)
    if not every and all(len(text) <= PLAIN for text in plain):
        return plain
    return [_scientific(value) for value in values]


def _scientific(value: Decimal) -> str:
    digits, _, power = f"{value.normalize():e}".partition("e")
    return f"{digits}e{int(power)}" if value else "0"


def _ends(label: str) -> str:
    """Return `relu1_1 … relu5_1 (5)` for a list of five."""
    if len(label) <= LONG or not LAYERS.fullmatch(label):
        return label
    parts = label.split(",")
    return f"{parts[0]} … {parts[-1]} ({len(parts)})"
