"""The settings of a run inside its picture: JSON in a text chunk of a PNG, in the EXIF description elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import tifffile
from PIL import Image

from impasto.errors import UsageError
from impasto.image.formats import MAX_BYTES, PNG, TIFF, Format, opened
from impasto.image.origin import DESCRIPTION, EXIF_IFD, NOTHING, RESOLUTION, RESOLUTION_UNIT, Origin

KEY = "impasto"
SOFTWARE = "Impasto"
LONGEST = 1 << 20
"""Largest number of bytes of JSON that are written and read."""

EXIF_SOFTWARE, USER_COMMENT = 0x0131, 0x9286
_BEFORE, _AFTER = f'{{"{KEY}": ', "}"


def to_text(settings: Mapping[str, object]) -> str:
    """Return `settings` as one line of JSON in ASCII, which every format can hold. Raises UsageError."""
    try:
        text = json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the settings cannot be stored as JSON: {error}") from error
    return _checked(text, "the settings")


def description(text: str) -> str:
    """Return the EXIF or TIFF description with the settings `text`: JSON under the key "impasto"."""
    return f"{_BEFORE}{text}{_AFTER}"


def tags(text: str | None, origin: Origin) -> dict[int, Any]:
    """Return EXIF tags of the photo and the settings `text`; the EXIF and GPS IFDs are under the numbers of their tags.

    The settings replace the description, which becomes the user's comment if there is none.
    """
    found = dict(origin.exif)
    if _described(found.get(DESCRIPTION)) is not None:  # the settings of the photo, itself a result
        del found[DESCRIPTION]
    if text is not None:
        if DESCRIPTION in found:
            inner = dict(found.get(EXIF_IFD, {}))
            comment = found[DESCRIPTION]
            comment = comment if isinstance(comment, str) else bytes(comment).decode("utf-8", "replace")
            inner.setdefault(USER_COMMENT, b"UNICODE\0" + comment.encode("utf-16-be"))
            found[EXIF_IFD] = inner
        found[DESCRIPTION] = description(text)
    return found


def exif(text: str | None, origin: Origin = NOTHING) -> bytes:
    """Return an EXIF block with the name of the software, the settings `text`, if any, and the tags of the photo."""
    block = Image.Exif()
    for tag, value in tags(text, origin).items():
        if isinstance(value, dict):
            block.get_ifd(tag).update(value)
        else:
            block[tag] = text_bytes(value)
    if origin.dpi:
        block[RESOLUTION[0]], block[RESOLUTION[1]] = origin.dpi
        block[RESOLUTION_UNIT] = 2
    block[EXIF_SOFTWARE] = SOFTWARE
    return block.tobytes()


def text_bytes(value: object) -> object:
    """Return a text that is not ASCII as its original bytes; Pillow would write question marks."""
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def read_metadata(path: str | Path, *, max_bytes: int = MAX_BYTES) -> dict[str, object] | None:
    """Return the settings that `write` stored in the picture at `path`, or None.

    No pixel is decoded. Raises UsageError, in one line, for files that `read` refuses, and for settings that are longer
    than a mebibyte or no JSON object.
    """
    path = Path(path)
    with opened(path, max_bytes) as (file, form):
        text = _stored(file, form)
    return None if text is None else _parsed(_checked(text, f"the settings in '{path}'"), path)


def _stored(file: BinaryIO, form: Format) -> str | None:
    if form is TIFF:
        with tifffile.TiffFile(file) as tiff:
            return _described(tiff.pages.first.tags.valueof(DESCRIPTION))
    image = form.open(file)
    if form is PNG:
        stored = image.info.get(KEY)
        return str(stored) if stored is not None else None
    return _described(image.getexif().get(DESCRIPTION))


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
