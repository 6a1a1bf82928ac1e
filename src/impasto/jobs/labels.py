"""Texts of the page of a sweep: short labels, names of pictures without folders, and a notice about layers.

Labels are changed for display only, because the keys of results depend on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from impasto.jobs.results import Axis, Plan, Record

LONG = 20
"""Largest number of characters of a list of layers that is not shortened."""

PLAIN = 7
"""Largest number of characters of a number without exponent."""

SCHEMES = ("sample:", "blend:", "generator:")
LAYERS = re.compile(r"(?:conv|relu)\w+(?:,(?:conv|relu)\w+){2,}")
FOLDERS = re.compile(r"(?:\b[A-Za-z]:(?=[/\\]))?[^\s,:=?&]*[/\\]")
ENDS = re.compile(r"(?<=[\s,=+])|(?<=_)(?=[^\W\d_])")

NETWORK = "lite"
LAST = 13
"""The deepest convolution of `lite`, which replaces the deeper ones of VGG-19; see `encoders/lite.py`."""

SETTINGS = ("layers", "style_layers", "content_layers")
COUNTED = re.compile(r"(?:(?:conv|relu)_)?(\d+)(?:-(\d+))?")


def tidy(plan: Plan, records: Mapping[str, Record]) -> tuple[Plan, dict[str, Record]]:
    """Return the plan and its records with labels for display."""
    short = {axis.name: shown(axis.labels) for axis in plan.axes}
    axes = tuple(Axis(axis.name, tuple(short[axis.name].values())) for axis in plan.axes)

    def moved(record: Record) -> Record:
        place = {name: short.get(name, {}).get(label, label) for name, label in record.place.items()}
        return replace(record, place=place)

    return replace(plan, axes=axes), {key: moved(record) for key, record in records.items()}


def shown(labels: Sequence[str]) -> dict[str, str]:
    """Return the labels for display of the labels of an axis; different labels stay different.

    >>> shown(["10000", "1e5"])
    {'10000': '10000', '1e5': '100000'}
    """
    texts = dict(zip(labels, _numbers(labels) or [_ends(label) for label in labels], strict=True))
    return texts if len(set(texts.values())) == len(texts) else {label: label for label in labels}


def name_of(source: str) -> str:
    """Return the name of a picture without folders.

    >>> name_of("photos/sea.jpg"), name_of("blend:sample:coffee,photos/sea.jpg?mask=cup.png")
    ('sea.jpg', 'blend:sample:coffee,sea.jpg?mask=cup.png')
    """
    return FOLDERS.sub("", source) if source.startswith(SCHEMES) else re.split(r"[/\\]", source.rstrip("/\\"))[-1]


def pieces(text: str) -> list[str]:
    """Return the parts of a text between which a line may end: after spaces, commas, `=`, `+`, and underscores between
    words.

    >>> pieces("style_weight 1e4,1e5")
    ['style_', 'weight ', '1e4,', '1e5']
    """
    return [piece for piece in ENDS.split(text) if piece]


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, of at most `width` characters; longer pieces are cut.

    >>> wrapped("style_weight 1e4", 10)
    ['style_', 'weight 1e4']
    """
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
    """Return numbers all with or all without exponents, if some have exponents; None for other labels."""
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
    """Return the ends of a long list of layers, such as `relu1_1 … relu5_1 (5)`; any other label unchanged."""
    if len(label) <= LONG or not LAYERS.fullmatch(label):
        return label
    parts = label.split(",")
    return f"{parts[0]} … {parts[-1]} ({len(parts)})"


def layer_notices(records: Iterable[Record]) -> list[str]:
    """Return a line for the page if a cell with `lite` names convolutions that `lite` does not have.

    >>> layer_notices([Record("key", 0, settings={"layers": "conv_1-16"})])
    ['lite ends with conv_13, which stands for conv_14, conv_15, conv_16 here; network vgg19 has them all']
    """
    cells = (record for record in records if (record.network or record.settings.get("network", NETWORK)) == NETWORK)
    deeper = {k for cell in cells for name in SETTINGS for k in _counted(cell.settings.get(name)) if k > LAST}
    if not deeper:
        return []
    names = ", ".join(f"conv_{k}" for k in sorted(deeper))
    return [f"{NETWORK} ends with conv_{LAST}, which stands for {names} here; network vgg19 has them all"]


def _counted(text: str | None) -> Iterator[int]:
    """Yield the numbers of layers, as `tasks/objective/layers.py` parses them: 1, 6 and 14 of `conv_1,6,14`."""
    for part in (text or "").split(","):
        if match := COUNTED.fullmatch(part.partition("=")[0].strip()):
            yield from range(int(match[1]), int(match[2] or match[1]) + 1)
