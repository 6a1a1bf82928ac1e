"""The settings of a run inside its picture: JSON in a text chunk of a PNG, in the EXIF description elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import tifffile
from PIL import Image

from impasto.errors import UsageError
from impasto.image.formats import MAX_BYTES, PNG, TIFF, Format, opened

KEY = "impasto"
SOFTWARE = "Impasto"
LONGEST = 1 << 20
"""Bytes of JSON that are written and read at most."""

EXIF_DESCRIPTION, EXIF_SOFTWARE = 0x010E, 0x0131
_BEFORE, _AFTER = f'{{"{KEY}": ', "}"


def to_text(settings: Mapping[str, object]) -> str:
    """`settings` as JSON of one line, in ASCII so that every format holds it. Raises UsageError."""
    try:
        text = json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the settings cannot be stored as JSON: {error}") from error
    return _checked(text, "the settings")


def description(text: str) -> str:
    """The EXIF or TIFF description that carries the settings `text`: JSON again, under the key "impasto"."""
    return f"{_BEFORE}{text}{_AFTER}"


def exif(text: str | None) -> bytes:
    """An EXIF block that names the software and carries the settings `text`, if any."""
    block = Image.Exif()
    block[EXIF_SOFTWARE] = SOFTWARE
    if text is not None:
        block[EXIF_DESCRIPTION] = description(text)
    return block.tobytes()


def read_metadata(path: str | Path, *, max_bytes: int = MAX_BYTES) -> dict[str, object] | None:
    """The settings that `write` put into the picture at `path`; None if it carries none.

    No pixel is decoded. Raises UsageError, in one line, for whatever `read` refuses, and for settings that are longer
    than a mebibyte or no JSON object.
    """
    path = Path(path)
    with opened(path, max_bytes) as (file, form):
        text = _stored(file, form)
    return None if text is None else _parsed(_checked(text, f"the settings in '{path}'"), path)


def _stored(file: BinaryIO, form: Format) -> str | None:
    if form is TIFF:
        with tifffile.TiffFile(file) as tiff:
            return _described(tiff.pages.first.tags.valueof(EXIF_DESCRIPTION))
    image = form.open(file)
    if form is PNG:
        stored = image.info.get(KEY)
        return str(stored) if stored is not None else None
    return _described(image.getexif().get(EXIF_DESCRIPTION))


def _described(text: object) -> str | None:
    ours = isinstance(text, str) and text.startswith(_BEFORE)
    return str(text)[len(_BEFORE) : -len(_AFTER)] if ours else None


def _parsed(text: str, path: Path) -> dict[str, object]:
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the settings in '{path}' are not valid JSON: {error}") from error
    if not isinstance(settings, dict):
        raise UsageError(f"the settings in '{path}' are a {type(settings).__name__}; expected a JSON object")
    return settings


def _checked(text: str, what: str) -> str:
    if len(text) > LONGEST:
        raise UsageError(f"{what} have {len(text)} characters of JSON; at most {LONGEST} are stored")
    return text
